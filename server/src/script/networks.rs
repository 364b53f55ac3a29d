//! The network of the record arrives in what the shipped profiles leave behind: all of it, or the
//! host is refused.

use super::{
    snapshots::{sent, shipped_profiles, with_variables},
    *,
};
use crate::network;
use bootmint_image_factory::host::{Addressing, V4, V6};
use std::{fs, path::Path};

fn told(profile: &str, mut host: Host) -> Result<String, String> {
    with_variables(&mut host);
    let profiles = shipped_profiles();
    let text = sent(&profiles, profiles.get(profile).unwrap(), &host);
    text.map_err(|error| format!("{error:#}"))
}

#[test]
fn ubuntu_is_told_of_every_interface() {
    for host in [network::tests::mixed(), network::tests::two_routers()] {
        let text = told("ubuntu", host.clone()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("  network: ")).unwrap();
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(Some(read), network::netplan(&host));
    }
}

/// Runs what stands in the late command before the server is told, with a folder in place of the
/// machine.
fn run_late_command(text: &str, folder: &Path) {
    let (_, late) = text.split_once("d-i preseed/late_command string \\\n").unwrap();
    let (late, _) = late.split_once("    tries=1").unwrap();
    let folder = folder.to_str().unwrap();
    let late = late.replace("/target", &format!("{folder}/target"));
    let late = late.replace(" /etc", &format!(" {folder}/etc"));
    let late = late.replace(">/etc", &format!(">{folder}/etc"));
    // There is no system in that folder to run anything in.
    let late = late.replace("in-target ", ": ");
    let folders = format!("mkdir -p {folder}/etc/network {folder}/target/etc/network");
    let script = format!("set -e; {folders}\n{late}:\n");
    #[allow(clippy::disallowed_methods, reason = "a real shell runs what we write")]
    let run = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(run.status.success(), "{script}\n{run:?}");
}

#[test]
fn debian_and_kali_leave_every_interface_behind() {
    for (profile, host) in [
        ("debian", network::tests::mixed()),
        ("kali", network::tests::mixed()),
        ("debian", network::tests::six()),
        ("debian", network::tests::two_routers()),
    ] {
        let text = told(profile, host.clone()).unwrap();
        assert!(text.contains("\nd-i netcfg/target_network_config select ifupdown\n"));
        let folder = tempfile::tempdir().unwrap();
        run_late_command(&text, folder.path());
        let read = |path: String| fs::read_to_string(folder.path().join(path)).unwrap();
        let lines = network::interfaces(&host).join("\n") + "\n";
        assert_eq!(read("target/etc/network/interfaces".to_owned()), lines);
        assert_eq!(read("etc/network/interfaces".to_owned()), lines, "the installer copies it");
        for link in network::links(&host).unwrap() {
            let text = read(format!("target/etc/systemd/network/{}", link.file));
            assert_eq!(text, link.lines.join("\n") + "\n");
        }
    }
}

#[test]
fn anaconda_is_kept_from_a_default_route_where_no_protocol_has_a_gateway() {
    let v4 = |gateway: Option<&str>| V4 {
        address: "192.0.2.10".parse().unwrap(),
        prefix: 24,
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
    };
    let v6 = |gateway: Option<&str>| V6 {
        address: "2001:db8::10".parse().unwrap(),
        prefix: 64,
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
    };
    let (via4, via6) = (Some("192.0.2.1"), Some("2001:db8::1"));
    for (own4, own6, kept) in [
        (Some(v4(via4)), Some(v6(via6)), false),
        (Some(v4(via4)), Some(v6(None)), false),
        (Some(v4(None)), Some(v6(via6)), false),
        (Some(v4(None)), Some(v6(None)), true),
        (Some(v4(None)), None, true),
        (None, Some(v6(via6)), false),
        (None, Some(v6(None)), true),
    ] {
        let mut host = network::tests::six();
        host.nics[0].addressing = Addressing::Static { v4: own4, v6: own6 };
        let text = told("rhel", host).unwrap();
        let line = text.lines().find(|line| line.starts_with("network --device")).unwrap();
        assert_eq!(line.contains(" --nodefroute"), kept, "{line}");
        assert_eq!(line.contains(" --noipv4"), own4.is_none(), "{line}");
        let gateways = [
            (" --gateway=", own4.and_then(|v| v.gateway).is_some()),
            (" --ipv6gateway=", own6.and_then(|v| v.gateway).is_some()),
        ];
        for (option, there) in gateways {
            assert_eq!(line.contains(option), there, "{line}");
        }
    }
}

#[test]
fn windows_is_told_of_every_interface() {
    let mut host = network::tests::two_routers();
    host.nics.push(network::tests::mixed().nics[1].clone());
    host.nics[2].mac = Some("52:54:00:00:00:03".parse().unwrap());
    let text = told("windows", host).unwrap();
    let (_, xml) = text.split_once("--- unattend.xml\n").unwrap();
    let document = roxmltree::Document::parse(xml).unwrap();
    for (component, inside) in
        [("TCPIP", "UnicastIpAddresses"), ("DNS-Client", "DNSServerSearchOrder")]
    {
        let name = format!("Microsoft-Windows-{component}");
        let node = document.descendants().find(|node| node.attribute("name") == Some(&name));
        let of = |tag: &str| {
            let parents = node.unwrap().descendants().filter(|node| node.has_tag_name(tag));
            let texts = parents.filter_map(|node| node.text()).map(str::trim);
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let cards: Vec<_> = of("Identifier").into_iter().filter(|text| text.len() > 1).collect();
        assert_eq!(cards, ["52-54-00-00-00-01", "52-54-00-00-00-02"], "DHCP needs no word");
        let addresses = match component {
            "TCPIP" => vec!["192.0.2.10/32", "198.51.100.10/24"],
            _ => vec!["192.0.2.53", "192.0.2.53"],
        };
        assert_eq!(of("IpAddress"), addresses, "{inside}");
    }
    assert!(text.contains("MACAddress='52:54:00:00:00:01'"), "{text}");
}

#[test]
fn what_would_be_left_out_is_refused_with_the_reason() {
    let [vlans, mixed] = [network::tests::two_vlans(), network::tests::mixed()];
    let mut nameless = mixed.clone();
    (nameless.nics[1].mac, nameless.nics[1].bus) = (None, Some("00:03.0".parse().unwrap()));
    let (mut bare, mut half) = (vlans.clone(), vlans.clone());
    bare.nics.iter_mut().for_each(|nic| (nic.mac, nic.bus) = (None, None));
    (half.nics[1].mac, half.nics[1].bus) = (None, None);
    for (profile, host, why) in [
        ("debian", &bare, "a VLAN needs the MAC address of its interface"),
        ("rescue", &bare, "a VLAN needs the MAC address of its interface"),
        ("kali", &half, "each interface needs its mac or bus"),
        ("flatcar", &vlans, "hosts with one interface and no VLAN"),
        ("windows", &vlans, "tags no frames"),
        ("windows", &mixed, "tags no frames"),
        ("ubuntu", &nameless, "needs the MAC address of every interface"),
        ("rhel", &nameless, "needs the MAC addresses of all interfaces"),
        ("coreos", &nameless, "needs the MAC addresses of all interfaces"),
    ] {
        let said = told(profile, host.clone()).unwrap_err();
        assert!(said.contains(why), "{profile}: {said}");
    }
    let mut esxi = mixed;
    with_variables(&mut esxi);
    esxi.vars.retain(|name, _| name.as_str() != "other-interfaces");
    let profiles = shipped_profiles();
    let said = sent(&profiles, profiles.get("esxi").unwrap(), &esxi).unwrap_err();
    assert!(format!("{said:#}").contains("other-interfaces"), "{said:#}");
}

#[test]
fn the_rescue_system_has_the_network_of_its_host() {
    let text = told("rescue", network::tests::six()).unwrap();
    assert!(text.contains(" netcfg/get_ipaddress=2001:db8::10/64 "), "{text}");
    let text = told("rescue", network::tests::mixed()).unwrap();
    assert!(text.contains(" netcfg/get_ipaddress=192.0.2.10 "), "{text}");
    assert!(text.contains(" BOOTIF=01-52-54-00-00-00-01 "), "{text}");
}
