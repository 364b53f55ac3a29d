//! Tickets as iPXE would read them.

use super::*;
use crate::{
    fault::Location,
    firmware::{BinaryManifest, Capabilities},
    format::Platform,
    host::{Addressing, Nic, V4, V6},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

fn nic(mac: Option<&str>, ip: [u8; 4]) -> Nic {
    Nic {
        mac: mac.map(|mac| mac.parse().unwrap()),
        bus: None,
        vlan: None,
        addressing: Addressing::Static {
            v4: Some(V4 {
                address: ip.into(),
                prefix: 24,
                gateway: Some([ip[0], ip[1], ip[2], 1].into()),
            }),
            v6: None,
        },
    }
}

fn host(name: &str, nics: Vec<Nic>) -> Host {
    Host {
        name: name.parse().unwrap(),
        nics,
        dns: vec![],
        domain: None,
        server: "http://192.0.2.2:8080".parse().unwrap(),
        token: None,
        profile: None,
        formats: vec![],
        site: None,
        asset: None,
        serial: None,
        uuid: None,
        console: None,
        vars: BTreeMap::new(),
        at: Location { file: "hosts.csv".into(), line: 2, column: 1 },
    }
}

fn ticket(host: &Host) -> String {
    Ticket::for_host(host, Facts::Post, &Patience::default()).as_str().to_owned()
}

/// What iPXE demands of a script: known commands, and one label for each `goto`.
fn lint(script: &str) {
    const COMMANDS: &[&str] = &[
        "chain",
        "clear",
        "dhcp",
        "echo",
        "exit",
        "goto",
        "imgexec",
        "imgfetch",
        "imgfree",
        "imgtrust",
        "imgverify",
        "ifopen",
        "iflinkwait",
        "inc",
        "iseq",
        "isset",
        "param",
        "params",
        "sanboot",
        "set",
        "sleep",
        "vcreate",
    ];
    assert!(script.starts_with("#!ipxe\n") && script.ends_with('\n'));
    let mut labels = HashSet::new();
    for label in script.lines().filter_map(|line| line.strip_prefix(':')) {
        assert!(labels.insert(label), "label {label} stands twice");
    }
    for line in script.lines().filter(|line| !line.starts_with(['#', ':'])) {
        let words: Vec<&str> = line.split(' ').collect();
        for command in words.split(|word| matches!(*word, "&&" | "||")) {
            match command {
                [] => assert!(line.ends_with("||"), "{line}"),
                ["goto", "${back}"] => {}
                ["goto", label] => assert!(labels.contains(label), "{line}"),
                [name, ..] => assert!(COMMANDS.contains(name), "{line}"),
            }
        }
    }
}

#[test]
fn a_host_with_everything_says_so_in_its_ticket() {
    let mut full = host("web-01", vec![nic(Some("52:54:00:AA:bb:01"), [192, 0, 2, 10])]);
    full.nics[0].vlan = Some("100".parse().unwrap());
    full.nics.push(Nic {
        mac: None,
        bus: Some("00:03.0".parse().unwrap()),
        vlan: None,
        addressing: Addressing::Static {
            v4: None,
            v6: Some(V6 {
                address: "2001:db8::10".parse().unwrap(),
                prefix: 64,
                gateway: Some("2001:db8::1".parse().unwrap()),
            }),
        },
    });
    full.dns = ["192.0.2.53", "192.0.2.54", "2001:db8::53"].map(|ip| ip.parse().unwrap()).into();
    full.domain = Some("example.org".parse().unwrap());
    full.token = Some("abcdefghijklmnop".parse().unwrap());
    full.vars.insert("role".parse().unwrap(), "web front".parse().unwrap());
    let text = ticket(&full);
    lint(&text);
    for line in [
        "set hostname web-01",
        "set bootmint-url http://192.0.2.2:8080/boot/abcdefghijklmnop",
        "set domain example.org",
        "set dns:hex c0:00:02:35:c0:00:02:36",
        "set dns6 2001:db8::53",
        "set var-role web front",
        "set want 52:54:00:aa:bb:01",
        "vcreate --tag 100 ${nic} || goto nic0-0-end",
        "set ${nic}/ip 192.0.2.10",
        "set ${nic}/netmask 255.255.255.0",
        "set ${nic}/gateway 192.0.2.1",
        "set want 0000:00:03.0",
        "set ${nic}/ip6 2001:db8::10",
        "set ${nic}/len6:uint8 64",
        "set ${nic}/gateway6 2001:db8::1",
        "param mac ${${bootmint-nic}/mac}",
        "chain --timeout 10000 --autofree ${bootmint-url}##params && goto local ||",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
    }
    let found = identities(&text);
    let right = Identity {
        name: "web-01".into(),
        v4: vec!["192.0.2.10".parse().unwrap()],
        v6: vec!["2001:db8::10".parse().unwrap()],
    };
    assert_eq!(found, [right]);
}

#[test]
fn dhcp_runs_only_where_the_host_asks_for_it() {
    let mut one = host("a", vec![nic(None, [192, 0, 2, 10])]);
    assert!(!ticket(&one).contains("dhcp"));
    one.nics[0].addressing = Addressing::Dhcp;
    let text = ticket(&one);
    lint(&text);
    assert!(text.contains("\ndhcp ${nic} || "));
    assert_eq!(identities(&text), [Identity { name: "a".into(), ..Identity::default() }]);
}

#[test]
fn facts_go_in_the_query_where_there_is_no_param_command() {
    let one = host("a", vec![nic(None, [192, 0, 2, 10])]);
    let text = Ticket::for_host(&one, Facts::Query, &Patience::default()).as_str().to_owned();
    lint(&text);
    assert!(!text.contains("param "));
    assert!(text.contains("${bootmint-url}?ticket=1&host=${hostname:uristring}&"));
    assert!(text.contains("&serial=${serial:uristring}&"));
}

#[test]
fn a_signed_answer_is_verified_before_it_runs() {
    let hosts = [host("a", vec![nic(Some("52:54:00:00:00:01"), [192, 0, 2, 10])])];
    let facts = Facts::of_firmware(&[], Payloads::Signed);
    for text in [
        Ticket::for_host(&hosts[0], facts, &Patience::default()),
        Ticket::for_site(&hosts, facts, &Patience::default()),
    ] {
        let text = text.as_str();
        lint(text);
        let at = |line: &str| text.find(line).unwrap_or_else(|| panic!("no {line}: {text}"));
        assert!(at("imgtrust --permanent || goto local\n") < at("imgfetch "));
        assert!(at("imgverify --timeout 10000 answer ${answer}.sig ||") < at("imgexec "));
        assert!(!text.contains("chain "), "{text}");
    }
    let open = Facts::of_firmware(&[&[Capability::Params].into()], Payloads::Any);
    assert_eq!(open, Facts::Post);
}

#[test]
fn a_site_ticket_holds_every_host_and_picks_one() {
    let mut hosts = vec![
        host("a", vec![nic(Some("52:54:00:00:00:01"), [192, 0, 2, 10])]),
        host("b", vec![nic(Some("52:54:00:00:00:02"), [192, 0, 2, 11])]),
        host("c", vec![nic(None, [192, 0, 2, 12])]),
    ];
    hosts[2].serial = Some("AB 12".parse().unwrap());
    hosts[2].uuid = Some("123E4567-e89b-12d3-a456-426614174000".parse().unwrap());
    assert!(hosts.iter().all(can_be_picked));
    let ticket = Ticket::for_site(&hosts, Facts::Post, &Patience::default());
    lint(ticket.as_str());
    for line in [
        "iseq ${net${i}/mac} 52:54:00:00:00:02 && goto host1 ||",
        "iseq ${uuid} 123e4567-e89b-12d3-a456-426614174000 && goto host2 ||",
        "set want AB 12",
        "iseq ${serial} ${want} && goto host2 ||",
    ] {
        assert!(ticket.as_str().lines().any(|l| l == line), "{line}");
    }
    let names: Vec<_> = identities(ticket.as_str()).into_iter().map(|host| host.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    hosts[2].serial = None;
    hosts[2].uuid = None;
    assert!(!can_be_picked(&hosts[2]));
}

#[test]
fn an_image_that_is_nobodys_reads_its_identity_and_says_from_where() {
    for (source, line) in [
        (Source::FwCfg, "set own-ip ${fw_cfg/opt/org.bootmint/ip}"),
        (Source::Guestinfo, "set own-ip ${vmware/bootmint.ip}"),
        (Source::Smbios, "iseq ${oem} org.bootmint.ip && set own-ip ${smbios/11.0.${i}} ||"),
    ] {
        let server = Some("https://boot.example.org".parse().unwrap());
        let common = Common { source, server };
        let ticket = Ticket::for_own(&common, Facts::Post, &Patience::default());
        let text = ticket.as_str();
        lint(text);
        for line in [
            line,
            "isset ${own-server} || set own-server https://boot.example.org",
            "isset ${own-token} && set bootmint-url ${own-server}/boot/${own-token} ||",
            "set want:hex ${own-mac} || goto incomplete",
            "set ${nic}/len6:uint8 ${own-len6} || goto incomplete",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
        assert_eq!((identities(text), own_source(text)), (vec![], Some(source)));

        let lacking = BinaryManifest {
            platform: Platform::Bios,
            file: "f".into(),
            size: 0,
            sha256: String::new(),
            capabilities: [Capability::Ticket, Capability::Http].into(),
            slot: None,
        };
        let lacks: Vec<_> = check_own(&common, &[&lacking]).iter().map(|m| m.capability).collect();
        assert_eq!(lacks, [source.capability(), Capability::Https]);
    }
    let host = ticket(&host("a", vec![nic(None, [192, 0, 2, 10])]));
    assert_eq!(own_source(&host), None);
}

#[test]
fn what_a_firmware_lacks_is_named_with_the_platform() {
    let mut one = host("a", vec![nic(None, [192, 0, 2, 10])]);
    one.server = "https://[2001:db8::2]".parse().unwrap();
    one.nics[0].vlan = Some("7".parse().unwrap());
    let binary = |platform, capabilities: Capabilities| BinaryManifest {
        platform,
        file: "f".into(),
        size: 0,
        sha256: String::new(),
        capabilities,
        slot: None,
    };
    let (bios, efi) = (
        binary(Platform::Bios, [Capability::Ticket, Capability::Http].into()),
        binary(Platform::EfiX64, needs(&one)),
    );
    let missing = check(&one, &[&bios, &efi]);
    let lacks: Vec<_> = missing.iter().map(|m| (m.capability, m.platform)).collect();
    assert_eq!(
        lacks,
        [
            (Capability::Https, Platform::Bios),
            (Capability::Vlan, Platform::Bios),
            (Capability::Ipv6, Platform::Bios)
        ]
    );
    assert_eq!(
        missing[1].to_string(),
        "a NIC is in a VLAN, but the bios firmware lacks \"vlan\": compile a profile that \
         switches this option on"
    );
    assert!(check(&one, &[&efi]).is_empty());
}

proptest! {
    #[test]
    fn whatever_a_checked_value_holds_the_script_stays_sound(
        name in "\\PC{1,20}", text in "\\PC{1,30}", ip in any::<[u8; 4]>(), var in "[a-z$:]{1,8}",
    ) {
        let mut one = host("a", vec![nic(None, ip)]);
        let (Ok(name), Ok(text), Ok(var)) = (name.parse(), text.parse(), var.parse()) else {
            return Ok(());
        };
        one.name = name;
        one.serial = Some(text);
        let text = one.serial.clone().unwrap();
        one.vars.insert(var, text);
        let script = ticket(&one);
        lint(&script);
        let site = Ticket::for_site(&[one.clone()], Facts::Query, &Patience::default());
        lint(site.as_str());
        prop_assert_eq!(identities(&script), identities(site.as_str()));
        prop_assert_eq!(&identities(&script)[0].v4, &[std::net::Ipv4Addr::from(ip)]);
    }
}
