//! Hosts as the interface shows and takes them: like a feed's, so that what was read can be
//! changed and sent back.

use crate::{
    db::{BootView, StoredHost},
    machine::State,
};
use bootmint_image_factory::{
    fault::{Fault, Faults},
    feed::{self, Defaults, FeedFormat},
    host::{Addressing, Host, HostName, Nic},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A host, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostView {
    /// Its name.
    name: String,
    /// Counts its changes; the ETag holds the same.
    generation: i64,
    state: StateView,
    /// When it was imported first.
    created: String,
    /// When it changed last.
    changed: String,
    /// What a feed would say of it, without its token.
    #[schema(value_type = Object)]
    spec: Value,
}

/// Where a host stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateView {
    /// new, armed, installing, installed, failed, stalled or held.
    name: &'static str,
    /// The attempt that it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl StateView {
    pub(crate) fn new(state: &State) -> Self {
        Self {
            name: state.name(),
            attempt: state.attempt().map(|id| id.to_string()),
            until: state.due().map(|at| at.to_string()),
        }
    }
}

impl HostView {
    pub(crate) fn new(stored: &StoredHost) -> Self {
        Self {
            name: stored.host.name.to_string(),
            generation: stored.generation,
            state: StateView::new(&stored.state),
            created: stored.created.to_string(),
            changed: stored.changed.to_string(),
            spec: spec(&stored.host),
        }
    }
}

/// One boot of a host.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BootLine {
    pub(crate) at: String,
    /// What it was told.
    pub(crate) action: String,
    /// Where it asked from.
    pub(crate) peer: String,
    /// What it said of itself; no proof of anything.
    #[schema(value_type = Object)]
    pub(crate) facts: Value,
}

impl BootLine {
    pub(crate) fn new((at, action, peer, facts): BootView) -> Self {
        let facts = serde_json::from_str(&facts).unwrap_or(Value::Null);
        Self { at: at.to_string(), action, peer, facts }
    }
}

/// What a JSON feed would say of `host`.
pub(crate) fn spec(host: &Host) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            map.insert(name.to_owned(), value.into());
        }
    };
    put("name", Some(host.name.to_string()));
    put("server", Some(host.server.to_string()));
    put("domain", host.domain.as_ref().map(ToString::to_string));
    put("profile", host.profile.as_ref().map(ToString::to_string));
    put("site", host.site.as_ref().map(ToString::to_string));
    put("asset", host.asset.as_ref().map(ToString::to_string));
    put("serial", host.serial.as_ref().map(ToString::to_string));
    put("uuid", host.uuid.map(|uuid| uuid.to_string()));
    put("console", host.console.map(|console| console.to_string()));
    map.insert("nics".to_owned(), host.nics.iter().map(nic).collect());
    if !host.dns.is_empty() {
        map.insert("dns".to_owned(), json!(host.dns));
    }
    if !host.formats.is_empty() {
        map.insert("formats".to_owned(), json!(host.formats));
    }
    if !host.vars.is_empty() {
        let vars =
            host.vars.iter().map(|(name, value)| (name.to_string(), Value::from(value.as_str())));
        map.insert("vars".to_owned(), vars.collect::<Map<_, _>>().into());
    }
    map.into()
}

fn nic(nic: &Nic) -> Value {
    let (v4, v6) = match nic.addressing {
        Addressing::Dhcp => (None, None),
        Addressing::Static { v4, v6 } => (v4, v6),
    };
    let text = |name, value: Option<String>| value.map(|value| (name, Value::from(value)));
    let dhcp = matches!(nic.addressing, Addressing::Dhcp);
    let fields = [
        text("mac", nic.mac.map(|mac| mac.to_string())),
        text("bus", nic.bus.as_ref().map(ToString::to_string)),
        nic.vlan.map(|vlan| ("vlan", vlan.get().into())),
        dhcp.then(|| ("dhcp", true.into())),
        text("address", v4.map(|v| format!("{}/{}", v.address, v.prefix))),
        text("gateway", v4.and_then(|v| v.gateway).map(|gateway| gateway.to_string())),
        text("address6", v6.map(|v| format!("{}/{}", v.address, v.prefix))),
        text("gateway6", v6.and_then(|v| v.gateway).map(|gateway| gateway.to_string())),
    ];
    let fields = fields.into_iter().flatten().map(|(name, value)| (name.to_owned(), value));
    fields.collect::<Map<_, _>>().into()
}

/// The one host of a body: an object as a JSON feed has it.
pub(crate) fn read(body: &[u8], expected: Option<&HostName>) -> Result<Host, Faults> {
    // A feed is a list; its first line moves by the bracket.
    let feed = [b"[", body, b"]"].concat();
    let hosts = feed::parse(&feed, FeedFormat::Json, "body", &Defaults::default());
    let mut hosts = hosts.map_err(|faults| {
        let moved = faults.as_slice().iter().cloned().map(|mut fault| {
            if fault.at.line == 1 {
                fault.at.column = fault.at.column.saturating_sub(1).max(1);
            }
            fault
        });
        Faults::new(moved.collect())
    })?;
    let (Some(host), true) = (hosts.pop(), hosts.is_empty()) else {
        let at =
            bootmint_image_factory::fault::Location { file: "body".into(), line: 1, column: 1 };
        return Err(Fault::new(at, "send one host here").help("import takes several").into());
    };
    if let Some(name) = expected.filter(|name| **name != host.name) {
        let fault = Fault::new(host.at.clone(), format!("the path says \"{name}\""));
        return Err(fault.of(Some(&host.name)).help("a host keeps its name").into());
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record, testing};

    #[test]
    fn what_is_shown_can_be_sent_back() {
        for host in [testing::full_host(), testing::host("web-02", 2)] {
            let text = serde_json::to_vec(&spec(&host)).unwrap();
            let back = read(&text, Some(&host.name)).unwrap();
            assert_eq!(record::write(&back).unwrap(), record::write(&host).unwrap());
        }
    }

    #[test]
    fn faults_stand_where_the_sender_wrote_them() {
        let bad = br#"{"name": "web-01", "serial": "a;b"}"#;
        let places = |body: &[u8]| {
            let faults = read(body, None).unwrap_err();
            faults.as_slice().iter().map(|fault| fault.at.column).collect::<Vec<_>>()
        };
        // What stands on a later line does not move, so it stands for what was written.
        assert_eq!(places(bad), places(&[b"\n", &bad[..]].concat()));
        assert!(places(bad).contains(&30), "{:?}", places(bad));
        let two = read(b"{},{}", None).unwrap_err();
        assert!(!two.is_empty());
        let text = serde_json::to_vec(&spec(&testing::host("web-02", 2))).unwrap();
        let other = "web-01".parse().unwrap();
        assert!(read(&text, Some(&other)).unwrap_err().to_string().contains("the path says"));
    }
}
