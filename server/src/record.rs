//! Hosts as the database holds them: one JSON object each, read back through the same checks as
//! a feed. The token is not part of it: only its digest is stored.

use bootmint_image_factory::{
    fault::Location,
    format::Format,
    host::{Addressing, Host, HostName, Nic, V4, V6},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    net::IpAddr,
    str::FromStr,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawHost {
    server: String,
    nics: Vec<RawNic>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dns: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    formats: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    console: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    vars: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawNic {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vlan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v4: Option<RawAddress<std::net::Ipv4Addr>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v6: Option<RawAddress<std::net::Ipv6Addr>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAddress<A> {
    address: A,
    prefix: u8,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    gateway: Option<A>,
}

/// A stored host that does not read back.
#[derive(Debug, thiserror::Error)]
#[error("the stored record of host \"{host}\" is damaged; import the host again")]
pub struct Damaged {
    host: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The record of a host. It is the same for the same host, byte by byte.
pub fn write(host: &Host) -> Result<String, Damaged> {
    let text = |value: &dyn Display| value.to_string();
    let raw = RawHost {
        server: text(&host.server),
        nics: host.nics.iter().map(raw_nic).collect(),
        dns: host.dns.clone(),
        domain: host.domain.as_ref().map(|v| text(v)),
        profile: host.profile.as_ref().map(|v| text(v)),
        formats: host.formats.iter().map(|v| text(v)).collect(),
        site: host.site.as_ref().map(|v| text(v)),
        asset: host.asset.as_ref().map(|v| text(v)),
        serial: host.serial.as_ref().map(|v| text(v)),
        uuid: host.uuid.as_ref().map(|v| text(v)),
        console: host.console.as_ref().map(|v| text(v)),
        vars: host.vars.iter().map(|(name, value)| (text(name), text(value))).collect(),
    };
    serde_json::to_string(&raw)
        .map_err(|error| Damaged { host: host.name.to_string(), source: error.into() })
}

fn raw_nic(nic: &Nic) -> RawNic {
    let (v4, v6) = match nic.addressing {
        Addressing::Dhcp => (None, None),
        Addressing::Static { v4, v6 } => (v4, v6),
    };
    RawNic {
        mac: nic.mac.map(|v| v.to_string()),
        bus: nic.bus.as_ref().map(|v| v.to_string()),
        vlan: nic.vlan.map(|v| v.to_string()),
        v4: v4.map(|v| RawAddress { address: v.address, prefix: v.prefix, gateway: v.gateway }),
        v6: v6.map(|v| RawAddress { address: v.address, prefix: v.prefix, gateway: v.gateway }),
    }
}

/// Reads the record of the host `name`.
pub fn read(name: &str, record: &str) -> Result<Host, Damaged> {
    let damaged = |source| Damaged { host: name.to_owned(), source };
    let raw: RawHost = serde_json::from_str(record).map_err(|error| damaged(error.into()))?;
    checked(name, raw).map_err(damaged)
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn one<T: FromStr>(text: Option<String>) -> Result<Option<T>, AnyError>
where
    T::Err: Into<AnyError>,
{
    text.map(|text| text.parse()).transpose().map_err(Into::into)
}

fn checked(name: &str, raw: RawHost) -> Result<Host, AnyError> {
    let name: HostName = name.parse()?;
    let mut vars = BTreeMap::new();
    for (key, value) in raw.vars {
        vars.insert(key.parse()?, value.parse()?);
    }
    let formats = raw.formats.iter().map(|f| f.parse::<Format>()).collect::<Result<_, _>>()?;
    Ok(Host {
        at: Location { file: "database".into(), line: 1, column: 1 },
        name,
        nics: raw.nics.into_iter().map(checked_nic).collect::<Result<_, _>>()?,
        dns: raw.dns,
        domain: one(raw.domain)?,
        server: raw.server.parse()?,
        token: None,
        profile: one(raw.profile)?,
        formats,
        site: one(raw.site)?,
        asset: one(raw.asset)?,
        serial: one(raw.serial)?,
        uuid: one(raw.uuid)?,
        console: one(raw.console)?,
        vars,
    })
}

fn checked_nic(raw: RawNic) -> Result<Nic, AnyError> {
    let v4 =
        raw.v4.map(|v| V4 { address: v.address, prefix: v.prefix.min(32), gateway: v.gateway });
    let v6 =
        raw.v6.map(|v| V6 { address: v.address, prefix: v.prefix.min(128), gateway: v.gateway });
    let addressing = match (v4, v6) {
        (None, None) => Addressing::Dhcp,
        (v4, v6) => Addressing::Static { v4, v6 },
    };
    Ok(Nic { mac: one(raw.mac)?, bus: one(raw.bus)?, vlan: one(raw.vlan)?, addressing })
}

/// Each field that differs between two records, with both values.
pub fn changes(old: &str, new: &str) -> Vec<String> {
    // A record is a JSON object; were it none, it would have no fields.
    let fields = |record| serde_json::from_str::<Map<String, Value>>(record).unwrap_or_default();
    let (old, new) = (fields(old), fields(new));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| format!("{name}: {} -> {}", shown(old.get(name)), shown(new.get(name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_host_reads_back_as_it_was() {
        let host = testing::full_host();
        let record = write(&host).unwrap();
        let mut back = read("web-01", &record).unwrap();
        assert_eq!(write(&back).unwrap(), record);
        back.token = host.token.clone();
        back.at = host.at.clone();
        assert_eq!(format!("{back:?}"), format!("{host:?}"));
        assert!(!record.contains(host.token.unwrap().as_str()), "tokens are not stored");
    }

    #[test]
    fn a_damaged_record_names_the_host() {
        for bad in ["", "{}", r#"{"server":"http://a","nics":[{"mac":"x"}]}"#] {
            let error = read("web-01", bad).unwrap_err().to_string();
            assert!(error.contains("web-01"), "{error}");
        }
    }

    #[test]
    fn each_field_that_differs_is_shown_with_both_values() {
        let old = testing::full_host();
        let mut new = old.clone();
        let told = |new: &Host| changes(&write(&old).unwrap(), &write(new).unwrap());
        assert_eq!(told(&new), [""; 0]);
        new.domain = None;
        new.serial = Some("other".parse().unwrap());
        let expected = ["domain: \"example.net\" -> none", "serial: \"SN 4711\" -> \"other\""];
        assert_eq!(told(&new), expected);
    }
}
