//! What feeds are accepted, what hosts they give, and that nothing dangerous or broken gets by.

use super::{Defaults, Feed, FeedFormat, MAX_BYTES, MAX_TOML_BYTES, parse};
use crate::{
    format::Format,
    host::{Addressing, Host},
};
use proptest::prelude::*;

fn hosts(format: FeedFormat, feed: &str) -> Vec<Host> {
    parse(feed.as_bytes(), format, "f", &Defaults::default()).unwrap_or_else(|e| panic!("{e}"))
}

const CSV: &str = "\
# two hosts
name,mac,address,gateway,vlan,dns,domain,server,token,profile,formats,site,asset,serial,uuid,console,rack,nic2_mac,nic2_dhcp
Web-01,52-54-00-12-34-56,192.0.2.5/24,192.0.2.1,,192.0.2.2;192.0.2.3,example.net,http://boot.example.net/,0123456789abcdef,slim,iso usb,berlin,A 1,S1,4C4C4544-0050-3510-8043-B4C04F4D3132,\"ttyS0,115200\",r7,,

db-01,,192.0.2.6/24,192.0.2.1,7,192.0.2.2,,http://boot.example.net,,,,,,,,,,,
,,,,,,,,,,,,,,,,,,
lb-01,52:54:00:12:34:58,192.0.2.7/24,192.0.2.1,,192.0.2.2,,http://boot.example.net,,,,,,,,,,52:54:00:12:34:59,yes
";

const JSON: &str = r#"{
  "hosts": [
    {"name": "Web-01", "mac": "52:54:00:12:34:56", "address": "192.0.2.5/24", "gateway": "192.0.2.1",
     "dns": ["192.0.2.2", "192.0.2.3"], "domain": "example.net", "token": "0123456789abcdef",
     "profile": "slim", "formats": ["iso", "usb"], "site": "berlin", "asset": "A 1", "serial": "S1",
     "uuid": "4c4c4544-0050-3510-8043-b4c04f4d3132", "console": "ttyS0,115200", "vars": {"rack": "r7"}},
    {"name": "db-01", "address": "192.0.2.6/24", "gateway": "192.0.2.1", "vlan": 7, "site": null},
    {"name": "lb-01", "nics": [
      {"mac": "52:54:00:12:34:58", "address": "192.0.2.7/24", "gateway": "192.0.2.1"},
      {"mac": "52:54:00:12:34:59", "dhcp": true}]}
  ],
  "defaults": {"server": "http://boot.example.net", "dns": ["192.0.2.2"]}
}"#;

const TOML: &str = r#"
[defaults]
server = "http://boot.example.net"
dns = "192.0.2.2"

[[host]]
name = "Web-01"
mac = "52:54:00:12:34:56"
address = "192.0.2.5/24"
gateway = "192.0.2.1"
dns = ["192.0.2.2", "192.0.2.3"]
domain = "example.net"
token = "0123456789abcdef"
profile = "slim"
formats = ["iso", "usb"]
site = "berlin"
asset = "A 1"
serial = "S1"
uuid = "4c4c4544-0050-3510-8043-b4c04f4d3132"
console = "ttyS0,115200"
vars = { rack = "r7" }

[[host]]
name = "db-01"
address = "192.0.2.6/24"
gateway = "192.0.2.1"
vlan = 7

[[host]]
name = "lb-01"

[[host.nics]]
mac = "52:54:00:12:34:58"
address = "192.0.2.7/24"
gateway = "192.0.2.1"

[[host.nics]]
mac = "52:54:00:12:34:59"
dhcp = true
"#;

/// Many hosts, so that a feed is read in several pieces.
fn many(format: FeedFormat) -> String {
    let host = |n: u32| {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
        let note = format!("[x], {n}{}", ",]".repeat(n as usize % 90));
        (format!("h{n}"), format!("{address}/8"), note)
    };
    let hosts = (1..=2000).map(host);
    let json = |(name, address, note): (String, String, String)| {
        format!(r#"{{"name": "{name}", "vars": {{"note": "{note}"}}, "address": "{address}"}}"#)
    };
    match format {
        FeedFormat::Csv => {
            let rows = hosts.map(|(name, address, note)| format!("{name},{address},\"{note}\"\n"));
            format!("name,address,note\n{}", rows.collect::<Vec<_>>().join("# a comment\n\n,,\n"))
        }
        FeedFormat::Json => {
            let hosts = hosts.map(json).collect::<Vec<_>>().join(" ,\n");
            format!(r#"{{"hosts": [{hosts}], "defaults": {{"site": "berlin"}}}}"#)
        }
        FeedFormat::Ndjson => hosts.map(json).collect::<Vec<_>>().join("\n\n  "),
        FeedFormat::Toml => {
            let hosts = hosts.map(|(name, address, note)| {
                format!("[[host]]\nname = '{name}'\naddress = '{address}'\nvars.note = '{note}'\n")
            });
            hosts.collect()
        }
    }
}

#[test]
fn hosts_that_are_read_again_are_the_same_in_any_order() {
    let defaults =
        Defaults { server: Some("http://10.255.0.1".parse().unwrap()), ..Defaults::default() };
    for format in FeedFormat::ALL {
        for text in [many(format), "\u{feff}".to_owned() + &many(format).replace('\n', "\r\n")] {
            let wanted = parse(text.as_bytes(), format, "f", &defaults).unwrap();
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            let mut shown = Vec::new();
            let mut visit = |host: &Host| shown.push(format!("{host:?}"));
            let feed = Feed::check(file, format, "f", &defaults, &mut visit).unwrap();
            assert_eq!((feed.count(), shown.len(), wanted.len()), (2000, 2000, 2000), "{format}");
            for index in (0..2000).rev() {
                let again = format!("{:?}", feed.host(index).unwrap());
                assert_eq!(again, format!("{:?}", wanted[index]));
                assert_eq!(again, shown[index]);
            }
            assert!(feed.host(2000).unwrap_err().to_string().contains("host 2001 of the feed"));
        }
    }
}

#[test]
fn hosts_far_apart_are_compared() {
    let text = many(FeedFormat::Csv) + "h7,10.0.0.7/8,\nh2001,10.0.9.9/8,\n";
    let defaults =
        Defaults { server: Some("http://10.255.0.1".parse().unwrap()), ..Defaults::default() };
    let faults = parse(text.as_bytes(), FeedFormat::Csv, "f", &defaults).unwrap_err().to_string();
    let lines: Vec<_> = faults.lines().collect();
    assert_eq!(lines.len(), 2, "{faults}");
    assert!(lines[0].contains("name \"h7\" is also that of host \"h7\" at f:"), "{faults}");
    assert!(lines[1].contains("address 10.0.0.7 is also that of host \"h7\" at f:"), "{faults}");
}

/// A host without its place, which differs from format to format.
fn content(host: Host) -> String {
    let text = format!("{host:?}");
    text.split(", at: ").next().unwrap().to_owned()
}

#[test]
fn all_formats_give_the_same_hosts() {
    let csv = hosts(FeedFormat::Csv, CSV);
    assert_eq!(csv.len(), 3);
    let [web, db, lb] = &csv[..] else { panic!() };
    assert_eq!((web.name.as_str(), web.server.as_str()), ("web-01", "http://boot.example.net"));
    assert_eq!((web.formats.as_slice(), web.dns.len()), ([Format::Iso, Format::Usb].as_slice(), 2));
    assert_eq!(web.vars.iter().next().map(|(n, v)| (n.as_str(), v.as_str())), Some(("rack", "r7")));
    assert_eq!(db.nics[0].vlan.map(|vlan| vlan.get()), Some(7));
    assert_eq!((lb.nics.len(), lb.nics[1].addressing), (2, Addressing::Dhcp));
    assert_eq!([web, db, lb].map(|host| host.at.line), [3, 5, 7]);

    let csv: Vec<String> = csv.into_iter().map(content).collect();
    for (format, feed) in [(FeedFormat::Json, JSON), (FeedFormat::Toml, TOML)] {
        let others: Vec<String> = hosts(format, feed).into_iter().map(content).collect();
        assert_eq!(others, csv, "{format}");
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let feed = format!("\u{feff}{}", CSV.replace('\n', "\r\n"));
    let windows: Vec<_> = hosts(FeedFormat::Csv, &feed).into_iter().map(|h| h.at.line).collect();
    assert_eq!(windows, [3, 5, 7]);
}

#[test]
fn the_hosts_own_values_win_over_the_feeds_defaults_and_those_over_the_callers() {
    let caller = Defaults {
        server: "http://192.0.2.1".parse().ok(),
        site: "caller".parse().ok(),
        vars: [("a", "caller"), ("b", "caller"), ("c", "caller")]
            .map(|(name, text)| (name.parse().unwrap(), text.parse().unwrap()))
            .into(),
        ..Defaults::default()
    };
    let feed = r#"{"defaults": {"site": "feed", "vars": {"a": "feed", "b": "feed"}},
        "hosts": [{"name": "x", "dhcp": true, "vars": {"a": 1}}]}"#;
    let host = parse(feed.as_bytes(), FeedFormat::Json, "f", &caller).unwrap().remove(0);
    assert_eq!(host.server.as_str(), "http://192.0.2.1");
    assert_eq!(host.site.unwrap().as_str(), "feed");
    let vars: Vec<&str> = host.vars.values().map(|text| text.as_str()).collect();
    assert_eq!(vars, ["1", "feed", "caller"]);
}

#[test]
fn one_port_may_carry_several_vlans_of_its_host() {
    let feed = r#"[{"name": "a", "server": "http://192.0.2.1", "nics": [
        {"mac": "52:54:00:00:00:01", "vlan": 7, "address": "192.0.2.5/24"},
        {"mac": "52:54:00:00:00:01", "vlan": 8, "address": "198.51.100.5/24"}]}]"#;
    assert_eq!(hosts(FeedFormat::Json, feed)[0].nics.len(), 2);
}

#[test]
fn limits_hold() {
    let nics = |n| {
        let nic = |i| format!(r#"{{"mac": "52:54:00:00:00:{i:02x}", "dhcp": true}}"#);
        let list = (0..n).map(nic).collect::<Vec<_>>().join(",");
        format!(r#"[{{"name": "a", "server": "http://192.0.2.1", "nics": [{list}]}}]"#)
    };
    assert_eq!(hosts(FeedFormat::Json, &nics(16))[0].nics.len(), 16);
    let error = parse(nics(17).as_bytes(), FeedFormat::Json, "f", &Defaults::default());
    assert!(error.unwrap_err().to_string().contains("17 interfaces, more than 16"));

    let vars = |n| {
        let list = (0..n).map(|i| format!(r#""v{i}": 1"#)).collect::<Vec<_>>().join(",");
        format!(
            r#"[{{"name": "a", "server": "http://192.0.2.1", "dhcp": true, "vars": {{{list}}}}}]"#
        )
    };
    assert_eq!(hosts(FeedFormat::Json, &vars(64))[0].vars.len(), 64);
    let error = parse(vars(65).as_bytes(), FeedFormat::Json, "f", &Defaults::default());
    assert!(error.unwrap_err().to_string().contains("65 variables, more than 64"));

    let error = parse(&vec![0; MAX_BYTES + 1], FeedFormat::Csv, "f", &Defaults::default());
    assert!(error.unwrap_err().to_string().ends_with("more than 268435456; split it"));
    let toml = vec![b'\n'; MAX_TOML_BYTES + 1];
    let error = parse(&toml, FeedFormat::Toml, "f", &Defaults::default());
    assert!(error.unwrap_err().to_string().ends_with("use NDJSON or CSV for large feeds"));
}

#[test]
fn hosts_of_one_feed_share_what_they_have_in_common() {
    let hosts = hosts(FeedFormat::Csv, CSV);
    let server = |host: &Host| host.server.as_str().as_ptr();
    assert_eq!(server(&hosts[1]), server(&hosts[2]));
    assert!(size_of::<Host>() <= 320, "{}", size_of::<Host>());
}

#[test]
fn a_deep_structure_is_a_fault_and_no_overflow() {
    let deep =
        format!(r#"[{{"name": "a", "vars": {}1{}}}]"#, "[".repeat(50_000), "]".repeat(50_000));
    assert!(parse(deep.as_bytes(), FeedFormat::Json, "f", &Defaults::default()).is_err());
    let deep = format!("x = {}1{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(parse(deep.as_bytes(), FeedFormat::Toml, "f", &Defaults::default()).is_err());
}

/// A feed of some format, with a few characters put in at random places.
fn mangled() -> impl Strategy<Value = (FeedFormat, String)> {
    let edits =
        proptest::collection::vec((any::<prop::sample::Index>(), "[\\PC\n\"',;{}\\[\\]$#]"), 0..4);
    (0usize..4, edits).prop_map(|(which, edits)| {
        let feed = [CSV, JSON, &JSON[12..], TOML][which];
        let mut text: Vec<char> = feed.chars().collect();
        for (at, insert) in edits {
            let at = at.index(text.len());
            text.splice(at..=at, insert.chars());
        }
        (FeedFormat::ALL[which], text.into_iter().collect())
    })
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, which in 0usize..4) {
        let _ = parse(&bytes, FeedFormat::ALL[which], "f", &Defaults::default());
    }

    #[test]
    fn faults_of_mangled_feeds_lie_inside_them((format, feed) in mangled()) {
        if let Err(faults) = parse(feed.as_bytes(), format, "f", &Defaults::default()) {
            prop_assert!(!faults.is_empty());
            for fault in faults.as_slice() {
                let line = feed.split('\n').nth(fault.at.line as usize - 1);
                let length = line.map(|line| line.chars().count());
                prop_assert!(length.is_some_and(|n| fault.at.column as usize <= n + 1), "{}", fault);
            }
        }
    }

    #[test]
    fn no_accepted_value_means_anything_to_ipxe((format, feed) in mangled()) {
        for host in parse(feed.as_bytes(), format, "f", &Defaults::default()).unwrap_or_default() {
            let mut values = vec![host.name.to_string(), host.server.to_string()];
            values.extend(host.domain.iter().map(ToString::to_string));
            values.extend(host.site.iter().chain(&host.profile).map(ToString::to_string));
            values.extend(host.asset.iter().chain(&host.serial).map(ToString::to_string));
            values.extend(host.token.iter().map(|token| token.as_str().to_owned()));
            values.extend(host.vars.iter().flat_map(|(n, v)| [n.to_string(), v.to_string()]));
            for value in values {
                let syntax = |c: char| c.is_control() || !c.is_ascii() || "${}\"'`\\#;|&<>".contains(c);
                prop_assert_eq!(value.find(syntax), None, "{:?}", value);
                prop_assert!(!value.is_empty() && !value.starts_with('-'), "{:?}", value);
            }
        }
    }
}

#[test]
fn the_examples_are_good_and_say_the_same() {
    let csv = hosts(FeedFormat::Csv, include_str!("../../../examples/hosts.csv"));
    let json = hosts(FeedFormat::Json, include_str!("../../../examples/hosts.json"));
    let toml = hosts(FeedFormat::Toml, include_str!("../../../examples/hosts.toml"));
    let [csv, json, toml] =
        [csv, json, toml].map(|hosts| hosts.into_iter().map(content).collect::<Vec<_>>());
    assert_eq!((&json, &toml), (&csv, &csv));
}
