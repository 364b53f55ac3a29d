//! Hosts with every kind of network, and what each format makes of them.

use super::*;
use crate::testing;
use bootmint_image_factory::host::{Mac, VlanId};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

fn nic(mac: u8, vlan: Option<&str>, addressing: Addressing) -> Nic {
    let mac: Mac = format!("52:54:00:00:00:{mac:02x}").parse().unwrap();
    let vlan: Option<VlanId> = vlan.map(|vlan| vlan.parse().unwrap());
    Nic { mac: Some(mac), bus: None, vlan, addressing }
}

fn fixed(v4: Option<(&str, Option<&str>)>, v6: Option<(&str, Option<&str>)>) -> Addressing {
    let parts = |text: &str| {
        let (address, prefix) = text.split_once('/').unwrap();
        (address.to_owned(), prefix.parse().unwrap())
    };
    let v4 = v4.map(|(text, gateway)| {
        let (address, prefix) = parts(text);
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        bootmint_image_factory::host::V4 { address: address.parse().unwrap(), prefix, gateway }
    });
    let v6 = v6.map(|(text, gateway)| {
        let (address, prefix) = parts(text);
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        bootmint_image_factory::host::V6 { address: address.parse().unwrap(), prefix, gateway }
    });
    Addressing::Static { v4, v6 }
}

fn host(name: &str, nics: Vec<Nic>) -> Host {
    let mut host = testing::host(name, 10);
    host.nics = nics;
    host
}

/// Two VLANs on one card, with IPv4 and IPv6.
pub(crate) fn two_vlans() -> Host {
    let front = fixed(
        Some(("192.0.2.10/24", Some("192.0.2.1"))),
        Some(("2001:db8::10/64", Some("fe80::1"))),
    );
    let back = fixed(Some(("198.51.100.10/24", None)), None);
    host("vlans-01", vec![nic(1, Some("7"), front), nic(1, Some("8"), back)])
}

/// A card with both families; on it a VLAN; and a second card with DHCP.
pub(crate) fn mixed() -> Host {
    let plain = fixed(
        Some(("192.0.2.10/24", Some("192.0.2.1"))),
        Some(("2001:db8::10/64", Some("2001:db8::1"))),
    );
    let tagged = fixed(Some(("198.51.100.10/24", None)), None);
    host(
        "mixed-01",
        vec![nic(1, None, plain), nic(2, None, Addressing::Dhcp), nic(1, Some("9"), tagged)],
    )
}

/// IPv6 alone.
pub(crate) fn six() -> Host {
    let six = fixed(None, Some(("2001:db8::10/64", Some("2001:db8::1"))));
    let mut host = host("six-01", vec![nic(1, None, six)]);
    host.dns = vec!["2001:db8::53".parse().unwrap()];
    host
}

/// Two ways out, one of which is a router beyond its subnet.
pub(crate) fn two_routers() -> Host {
    let first = fixed(Some(("192.0.2.10/32", Some("203.0.113.1"))), None);
    let second = fixed(Some(("198.51.100.10/24", Some("198.51.100.1"))), None);
    host("routers-01", vec![nic(1, None, first), nic(2, None, second)])
}

fn all() -> [Host; 5] {
    [two_vlans(), mixed(), six(), two_routers(), vlan_first()]
}

#[test]
fn two_vlans_share_their_card() {
    let network = netplan(&two_vlans()).unwrap();
    assert_eq!(
        network["ethernets"],
        json!({ "nic0": {
            "match": { "macaddress": "52:54:00:00:00:01" }, "set-name": "nic0", "dhcp4": false,
        } })
    );
    let dns = json!({ "addresses": ["192.0.2.53"], "search": ["example.net"] });
    assert_eq!(
        network["vlans"],
        json!({
            "nic0.7": {
                "id": 7, "link": "nic0", "dhcp4": false,
                "addresses": ["192.0.2.10/24", "2001:db8::10/64"],
                "routes": [
                    { "to": "0.0.0.0/0", "via": "192.0.2.1" },
                    { "to": "::/0", "via": "fe80::1", "on-link": true },
                ],
                "nameservers": dns,
            },
            "nic0.8": {
                "id": 8, "link": "nic0", "dhcp4": false,
                "addresses": ["198.51.100.10/24"], "nameservers": dns,
            },
        })
    );
}

#[test]
fn a_card_may_have_addresses_and_vlans_and_another_dhcp() {
    let network = netplan(&mixed()).unwrap();
    let cards = &network["ethernets"];
    assert_eq!(cards["nic0"]["addresses"], json!(["192.0.2.10/24", "2001:db8::10/64"]));
    assert_eq!(cards["nic1"]["dhcp4"], true);
    assert_eq!(cards["nic1"].get("addresses"), None);
    assert_eq!(network["vlans"]["nic0.9"]["link"], "nic0");
    assert_eq!(network["vlans"].as_object().unwrap().len(), 1);
}

#[test]
fn a_second_default_route_costs_more_and_a_router_may_be_beyond() {
    let network = netplan(&two_routers()).unwrap();
    assert_eq!(
        network["ethernets"]["nic0"]["routes"],
        json!([{ "to": "0.0.0.0/0", "via": "203.0.113.1", "on-link": true }])
    );
    assert_eq!(
        network["ethernets"]["nic1"]["routes"],
        json!([{ "to": "0.0.0.0/0", "via": "198.51.100.1", "metric": 2002 }])
    );
    let lines = interfaces(&two_routers());
    let metrics: Vec<_> = lines.iter().filter(|line| line.contains("metric")).collect();
    assert_eq!(metrics, ["    metric 2002"]);
}

#[test]
fn debians_file_has_every_interface() {
    assert_eq!(
        interfaces(&mixed()),
        [
            "auto lo",
            "iface lo inet loopback",
            "auto nic0",
            "iface nic0 inet6 static",
            "    address 2001:db8::10/64",
            "    accept_ra 0",
            "    autoconf 0",
            "    gateway 2001:db8::1",
            "    dns-search example.net",
            "iface nic0 inet static",
            "    address 192.0.2.10/24",
            "    gateway 192.0.2.1",
            "    dns-nameservers 192.0.2.53",
            "    dns-search example.net",
            "auto nic0.9",
            "iface nic0.9 inet static",
            "    address 198.51.100.10/24",
            "    dns-nameservers 192.0.2.53",
            "    dns-search example.net",
            "auto nic1",
            "iface nic1 inet dhcp",
            "    metric 100",
        ]
    );
    let vlans = interfaces(&two_vlans());
    assert_eq!(vlans[2..5], ["auto nic0", "iface nic0 inet manual", "auto nic0.7"]);
    assert!(interfaces(&six()).contains(&"iface nic0 inet6 static".to_owned()));
    assert!(!interfaces(&six()).iter().any(|line| line.contains("inet static")));
}

/// A card whose VLAN stands before it in the record, both with IPv6 and no gateway.
fn vlan_first() -> Host {
    let six = |address| fixed(None, Some((address, None)));
    let nics = [
        nic(1, Some("9"), six("2001:db8:9::10/64")),
        nic(2, None, Addressing::Dhcp),
        nic(1, None, six("2001:db8::10/64")),
    ];
    host("order-01", nics.into())
}

#[test]
fn a_card_comes_before_its_vlans_whatever_the_record_says() {
    let lines = interfaces(&vlan_first());
    let autos: Vec<_> = lines.iter().filter(|line| line.starts_with("auto ")).collect();
    assert_eq!(autos, ["auto lo", "auto nic0", "auto nic0.9", "auto nic1"]);
    assert_eq!(netplan(&vlan_first()).unwrap()["vlans"]["nic0.9"]["link"], "nic0");
}

#[test]
fn interfaces_are_of_one_card_by_its_mac_address_or_else_by_its_place() {
    let cards = |nics: Vec<(Option<&str>, Option<&str>)>| {
        let nics = nics.into_iter().zip(7..).map(|((mac, bus), vlan)| Nic {
            mac: mac.map(|mac| mac.parse().unwrap()),
            bus: bus.map(|bus| bus.parse().unwrap()),
            vlan: Some(vlan.to_string().parse().unwrap()),
            addressing: Addressing::Dhcp,
        });
        let host = host("cards-01", nics.collect());
        let links = super::links(&host).unwrap();
        links.into_iter().map(|link| link.lines[1].clone()).collect::<Vec<_>>()
    };
    let (one, two) = ("52:54:00:00:00:01", "52:54:00:00:00:02");
    let (here, there) = (Some("00:03.0"), Some("00:04.0"));
    let of = |mac: &str| format!("MACAddress={mac}");
    assert_eq!(cards(vec![(Some(one), None), (Some(one), None)]), [of(one)]);
    assert_eq!(cards(vec![(Some(one), here), (Some(one), None)]), [of(one)]);
    assert_eq!(cards(vec![(None, here), (Some(one), here)]), [of(one)]);
    assert_eq!(cards(vec![(Some(one), here), (Some(two), here)]), [of(one), of(two)]);
    assert_eq!(cards(vec![(None, here), (None, there)]).len(), 2);
}

#[test]
fn no_two_default_routes_of_debians_cost_the_same() {
    let way = |last: u8| {
        let router = format!("192.0.2.{last}");
        fixed(Some((&format!("192.0.{last}.10/32"), Some(&router))), None)
    };
    let nics = [Addressing::Dhcp, way(1), Addressing::Dhcp, way(2)];
    let nics = nics.into_iter().zip(1..).map(|(addressing, mac)| nic(mac, None, addressing));
    let lines = interfaces(&host("ways-01", nics.collect()));
    let metrics: Vec<_> = lines.iter().filter(|line| line.contains("metric")).collect();
    assert_eq!(metrics, ["    metric 100", "    metric 101", "    metric 2002"]);
}

#[test]
fn cards_are_found_by_what_the_record_holds() {
    let links = links(&mixed()).unwrap();
    let files: Vec<_> = links.iter().map(|link| link.file.as_str()).collect();
    assert_eq!(files, ["10-nic0.link", "10-nic1.link"]);
    assert_eq!(
        links[1].lines,
        ["[Match]", "MACAddress=52:54:00:00:00:02", "Type=ether", "[Link]", "Name=nic1"]
    );
    let mut by_bus = six();
    (by_bus.nics[0].mac, by_bus.nics[0].bus) = (None, Some("00:03.0".parse().unwrap()));
    let found = super::links(&by_bus).unwrap();
    assert_eq!(found[0].lines[1], "Path=pci-0000:00:03.0 pci-0000:00:03.0-*");
    assert_eq!(netplan(&by_bus), None, "netplan finds no card by its place");
    by_bus.nics[0].bus = None;
    assert_eq!(super::links(&by_bus), None);
}

/// What `program` says. Where it is not installed, that is passed over, but not in CI.
fn said_by(program: &str, arguments: &[&str]) -> Option<Output> {
    #[allow(clippy::disallowed_methods, reason = "the format's own program reads what we write")]
    let said = Command::new(program).args(arguments).output().ok();
    assert!(said.is_some() || std::env::var_os("CI").is_none(), "{program} is not installed");
    said
}

/// What ifup would do to bring everything up, in its order.
fn brought_up(host: &Host) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("interfaces");
    fs::write(&file, interfaces(host).join("\n") + "\n").unwrap();
    let (file, state) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let arguments = ["--all", "--no-act", "--verbose", "--state-dir", state, "-i", file];
    let said = said_by("ifup", &arguments)?;
    assert!(said.status.success(), "{said:?}");
    Some(String::from_utf8(said.stderr).unwrap())
}

#[test]
fn ifupdown_listens_to_no_router_where_addresses_are_fixed() {
    for host in [vlan_first(), six(), mixed()] {
        let Some(said) = brought_up(&host) else { return };
        let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what}: {said}"));
        let up =
            at("link set dev nic0 ").min(said.find("link set up dev nic0;").unwrap_or(usize::MAX));
        for setting in ["accept_ra=0", "autoconf=0"] {
            assert!(at(&format!("net.ipv6.conf.nic0.{setting}")) < up, "{said}");
        }
    }
    let Some(said) = brought_up(&vlan_first()) else { return };
    let vlan = said.find("link set dev nic0.9 ").unwrap();
    assert!(said.find("net.ipv6.conf.nic0/9.accept_ra=0").is_some_and(|at| at < vlan), "{said}");
}

#[test]
fn ifupdown_reads_debians_file_where_it_is_installed() {
    for host in all() {
        let lines = interfaces(&host);
        let text = format!("{}\n", lines.join("\n"));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, &text).unwrap();
        let arguments = ["--list", "-i", file.path().to_str().unwrap()];
        let Some(read) = said_by("ifquery", &arguments) else { return };
        assert!(read.status.success() && read.stderr.is_empty(), "{text}\n{read:?}");
        let wanted: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("auto ")).collect();
        let found = String::from_utf8(read.stdout).unwrap();
        assert_eq!(found.lines().collect::<Vec<_>>(), wanted, "{text}");
    }
}

#[test]
fn netplan_takes_what_it_is_told_where_it_is_installed() {
    for host in all() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/netplan");
        fs::create_dir_all(&folder).unwrap();
        let text = json!({ "network": netplan(&host).unwrap() }).to_string();
        let file = folder.join("1.yaml");
        fs::write(&file, &text).unwrap();
        // It complains of a file that others can read.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let root = root.path().to_str().unwrap();
        let Some(read) = said_by("netplan", &["generate", "--root-dir", root]) else { return };
        let said = String::from_utf8_lossy(&read.stderr).into_owned();
        assert!(read.status.success() && said.is_empty(), "{text}\n{said}");
    }
}
