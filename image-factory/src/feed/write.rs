//! Writes hosts as a feed that reads back as the same hosts.

use super::{
    FeedFormat,
    csv::{FORMULA, MARK},
};
use crate::host::{Addressing, Host, Nic};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Display};

/// A host in the words of feeds.
#[derive(Serialize)]
struct Written {
    name: String,
    server: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    formats: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    console: Option<String>,
    nics: Vec<WrittenNic>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    vars: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct WrittenNic {
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dhcp: Option<bool>,
}

/// A TOML document, where a host's table is called so.
#[derive(Serialize)]
struct Document {
    host: Vec<Written>,
}

/// A feed that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the hosts could not be written as {}", format.name())]
pub struct WriteError {
    format: FeedFormat,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The feed of `hosts` in `format`. [`super::parse`] gives the same hosts for it.
pub fn write(hosts: &[Host], format: FeedFormat) -> Result<String, WriteError> {
    let written: Vec<Written> = hosts.iter().map(host).collect();
    let text = match format {
        FeedFormat::Csv => csv(&written),
        FeedFormat::Json => {
            serde_json::to_string_pretty(&written).map(|text| text + "\n").map_err(Into::into)
        }
        FeedFormat::Ndjson => {
            let lines = written.iter().map(|host| serde_json::to_string(host).map(|l| l + "\n"));
            lines.collect::<Result<String, _>>().map_err(Into::into)
        }
        FeedFormat::Toml => toml::to_string(&Document { host: written }).map_err(Into::into),
    };
    text.map_err(|source| WriteError { format, source })
}

fn text(value: &impl Display) -> String {
    value.to_string()
}

fn host(host: &Host) -> Written {
    Written {
        name: text(&host.name),
        server: text(&host.server),
        dns: host.dns.iter().map(text).collect(),
        domain: host.domain.as_ref().map(text),
        token: host.token.as_ref().map(|token| token.as_str().to_owned()),
        profile: host.profile.as_ref().map(text),
        formats: host.formats.iter().map(text).collect(),
        site: host.site.as_ref().map(text),
        asset: host.asset.as_ref().map(text),
        serial: host.serial.as_ref().map(text),
        uuid: host.uuid.as_ref().map(text),
        console: host.console.as_ref().map(text),
        nics: host.nics.iter().map(nic).collect(),
        vars: host.vars.iter().map(|(name, value)| (text(name), text(value))).collect(),
    }
}

fn nic(nic: &Nic) -> WrittenNic {
    let (v4, v6) = match &nic.addressing {
        Addressing::Dhcp => (None, None),
        Addressing::Static { v4, v6 } => (v4.as_ref(), v6.as_ref()),
    };
    WrittenNic {
        mac: nic.mac.as_ref().map(text),
        bus: nic.bus.as_ref().map(text),
        vlan: nic.vlan.map(|vlan| vlan.get()),
        address: v4.map(|v4| format!("{}/{}", v4.address, v4.prefix)),
        gateway: v4.and_then(|v4| v4.gateway).as_ref().map(text),
        address6: v6.map(|v6| format!("{}/{}", v6.address, v6.prefix)),
        gateway6: v6.and_then(|v6| v6.gateway).as_ref().map(text),
        dhcp: (nic.addressing == Addressing::Dhcp).then_some(true),
    }
}

/// A host's values by the names of their columns.
fn cells(host: &Written) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        cells.extend(value.map(|value| (name.to_owned(), value)));
    };
    let list = |list: &[String]| (!list.is_empty()).then(|| list.join(" "));
    add("name", Some(host.name.clone()));
    add("server", Some(host.server.clone()));
    add("dns", list(&host.dns));
    add("domain", host.domain.clone());
    add("token", host.token.clone());
    add("profile", host.profile.clone());
    add("formats", list(&host.formats));
    add("site", host.site.clone());
    add("asset", host.asset.clone());
    add("serial", host.serial.clone());
    add("uuid", host.uuid.clone());
    add("console", host.console.clone());
    for (at, nic) in host.nics.iter().enumerate() {
        let prefix = if at == 0 { String::new() } else { format!("nic{}_", at + 1) };
        let mut add = |name: &str, value: Option<String>| add(&format!("{prefix}{name}"), value);
        add("mac", nic.mac.clone());
        add("bus", nic.bus.clone());
        add("vlan", nic.vlan.as_ref().map(text));
        add("address", nic.address.clone());
        add("gateway", nic.gateway.clone());
        add("address6", nic.address6.clone());
        add("gateway6", nic.gateway6.clone());
        add("dhcp", nic.dhcp.as_ref().map(text));
    }
    for (name, value) in &host.vars {
        // The prefix keeps a variable one, whatever it is called.
        add(&format!("var.{name}"), Some(value.clone()));
    }
    cells
}

/// A value that no spreadsheet takes for a formula. Reading takes the mark away again: no value of
/// a host begins with one.
fn inert(value: String) -> String {
    match value.starts_with(FORMULA) {
        true => format!("{MARK}{value}"),
        false => value,
    }
}

/// The columns are those that any host has a value for, in the order in which hosts have them.
fn csv(hosts: &[Written]) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut columns: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let rows: Vec<Vec<(String, String)>> = hosts.iter().map(cells).collect();
    for (name, _) in rows.iter().flatten() {
        if !places.contains_key(name) {
            places.insert(name.clone(), columns.len());
            columns.push(name.clone());
        }
    }
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&columns)?;
    for row in rows {
        let mut record = vec![String::new(); columns.len()];
        for (name, value) in row {
            if let Some(&at) = places.get(&name) {
                record[at] = inert(value);
            }
        }
        out.write_record(&record)?;
    }
    Ok(String::from_utf8(out.into_inner().map_err(|error| error.to_string())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Defaults, parse};
    use proptest::prelude::*;

    fn content(mut host: Host) -> String {
        host.at = crate::fault::Location { file: "f".into(), line: 1, column: 1 };
        format!("{host:?}")
    }

    /// A host's JSON object, of which each part may be there or not.
    fn any_host() -> impl Strategy<Value = serde_json::Value> {
        let address =
            (any::<bool>(), any::<bool>(), any::<bool>(), proptest::option::of(1..4095_u16));
        let texts =
            proptest::collection::vec("[A-Za-z0-9=+@][A-Za-z0-9._:/@+,=()%!?*~^-]{0,20}", 3);
        let vars = proptest::collection::btree_map(
            "[a-z][a-z0-9_-]{0,12}",
            "[A-Z][A-Z ,=]{0,9}[A-Z]",
            0..4,
        );
        (address, texts, vars, any::<[bool; 8]>(), 0..4_usize).prop_map(
            |((v6, gateway, dhcp, vlan), texts, vars, has, more)| {
                let mut host = serde_json::json!({ "name": "n-1", "server": "http://b.example" });
                let mut set = |has: bool, name: &str, value: serde_json::Value| {
                    if has {
                        host[name] = value;
                    }
                };
                set(has[0], "dns", serde_json::json!(["192.0.2.2", "2001:db8::2"]));
                set(has[1], "domain", "example.net".into());
                set(has[2], "token", "0123456789abcdef-_X".into());
                set(has[3], "formats", serde_json::json!(["usb", "iso"]));
                set(has[4], "asset", texts[0].clone().into());
                set(has[5], "serial", texts[1].clone().into());
                set(has[6], "uuid", "4C4C4544-0050-3510-8043-B4C04F4D3132".into());
                set(has[7], "console", "ttyS1,9600".into());
                set(has[0], "site", "berlin".into());
                set(has[1], "profile", "slim.2".into());
                set(!vars.is_empty(), "vars", serde_json::json!(vars));
                let mut nics = Vec::new();
                for at in 0..=more {
                    let mut nic = serde_json::json!({ "mac": format!("52:54:00:00:00:{at:02x}") });
                    if let Some(vlan) = vlan {
                        nic["vlan"] = vlan.into();
                    }
                    if dhcp && at > 0 {
                        nic["dhcp"] = true.into();
                    } else {
                        nic["address"] = format!("10.{at}.0.5/24").into();
                        if gateway && at == 0 {
                            nic["gateway"] = "10.0.0.1".into();
                        }
                        if v6 {
                            nic["address6"] = format!("2001:db8:{at}::5/64").into();
                            nic["gateway6"] = "fe80::1".into();
                        }
                    }
                    nics.push(nic);
                }
                host["nics"] = nics.into();
                host
            },
        )
    }

    #[test]
    fn a_cell_is_no_formula() {
        let feed = r#"[{"name": "a", "address": "10.0.0.5/24", "server": "http://10.0.0.1",
            "asset": "@SUM(A1)", "vars": {"rack": "=1+1", "row": "+7", "seat": "7=7"}}]"#;
        let read = |feed: &[u8], format| parse(feed, format, "f", &Defaults::default()).unwrap();
        let hosts = read(feed.as_bytes(), FeedFormat::Json);
        let written = write(&hosts, FeedFormat::Csv).unwrap();
        for cell in [",'@SUM(A1),", ",'=1+1,", ",'+7,", ",7=7\n"] {
            assert!(written.contains(cell), "{cell}: {written}");
        }
        let back = read(written.as_bytes(), FeedFormat::Csv);
        assert_eq!(
            write(&back, FeedFormat::Json).unwrap(),
            write(&hosts, FeedFormat::Json).unwrap()
        );
        let marked = written.replace("'=1+1", "'1");
        let refused = parse(marked.as_bytes(), FeedFormat::Csv, "f", &Defaults::default());
        assert!(refused.is_err(), "the mark is for formulas alone");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_hosts(one in any_host(), two in any_host()) {
            let mut two = two;
            two["name"] = "n-2".into();
            for unique in ["token", "serial", "uuid", "asset"] {
                two.as_object_mut().unwrap().remove(unique);
            }
            for (at, nic) in two["nics"].as_array_mut().unwrap().iter_mut().enumerate() {
                nic["mac"] = format!("52:54:00:00:01:{at:02x}").into();
                if nic.get("address").is_some() {
                    nic["address"] = format!("10.{at}.0.6/24").into();
                }
                if nic.get("address6").is_some() {
                    nic["address6"] = format!("2001:db8:{at}::6/64").into();
                }
            }
            let feed = serde_json::json!([one, two]).to_string();
            let read = |feed: &str, format| parse(feed.as_bytes(), format, "f", &Defaults::default());
            let Ok(hosts) = read(&feed, FeedFormat::Json) else {
                // A variable's name may be one that other tools use for a field.
                return Err(TestCaseError::reject("no feed"));
            };
            for format in FeedFormat::ALL {
                let written = write(&hosts, format).unwrap();
                let back = read(&written, format).map_err(|e| TestCaseError::fail(format!("{e}\n{written}")))?;
                let [told, back] = [hosts.clone(), back].map(|h| h.into_iter().map(content).collect::<Vec<_>>());
                prop_assert_eq!(told, back, "{}", written);
            }
        }
    }
}
