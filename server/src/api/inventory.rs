//! The same hosts for other tools: Ansible's dynamic inventory, Salt's `http_json` external
//! pillar, and cloud-init's NoCloud files.

use super::{caller::Caller, hosts::seen, input::Named, problem::Problem, view::spec};
use crate::{app::App, network::netplan};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::{Addressing, Host, HostName};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// How many hosts are read at a time.
const BATCH: i64 = 500;

/// `GET /inventory/ansible`: groups by site, group and state, with all variables in `_meta`.
pub(super) async fn ansible(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Problem> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut vars = Map::new();
    let mut after: Option<HostName> = None;
    loop {
        let batch = app.store().hosts(after.as_ref(), BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.host.name.clone());
        for stored in batch.iter().filter(|stored| caller.may(&stored.host)) {
            let (host, name) = (&stored.host, stored.host.name.to_string());
            let mut own = vec![format!("state_{}", stored.state.name())];
            own.extend(host.site.as_ref().map(|site| group("site", site.as_str())));
            own.extend(var(host, "group").map(|value| group("group", value)));
            for one in own {
                groups.entry(one).or_default().push(name.clone());
            }
            vars.insert(name, ansible_vars(host));
        }
    }
    let mut inventory = Map::new();
    inventory.insert("_meta".to_owned(), json!({ "hostvars": vars }));
    let all: Vec<&String> = groups.keys().collect();
    inventory.insert("all".to_owned(), json!({ "children": all }));
    for (name, hosts) in &groups {
        inventory.insert(name.clone(), json!({ "hosts": hosts }));
    }
    Ok(Json(inventory.into()))
}

/// A group's name as Ansible likes it.
fn group(kind: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("{kind}_{}", name.chars().map(plain).collect::<String>())
}

fn var<'h>(host: &'h Host, wanted: &str) -> Option<&'h str> {
    let found = host.vars.iter().find(|(name, _)| name.as_str() == wanted);
    found.map(|(_, value)| value.as_str())
}

fn ansible_vars(host: &Host) -> Value {
    let mut vars = Map::new();
    if let Some(address) = address(host) {
        vars.insert("ansible_host".to_owned(), address.to_string().into());
    }
    vars.insert("bootmint".to_owned(), spec(host));
    vars.into()
}

/// The first static address.
fn address(host: &Host) -> Option<IpAddr> {
    host.nics.iter().find_map(|nic| match nic.addressing {
        Addressing::Dhcp => None,
        Addressing::Static { v4, v6 } => {
            v4.map(|v| v.address.into()).or(v6.map(|v| v.address.into()))
        }
    })
}

/// `GET /inventory/salt/{host}`: the minion's pillar. A minion that is no host has an empty one.
pub(super) async fn salt(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Json<Value>, Problem> {
    let stored = seen(&app, &name, &caller).await?;
    Ok(Json(json!({ "bootmint": spec(&stored.host) })))
}

/// `GET /inventory/nocloud/{host}/{file}`: `meta-data`, `user-data`, `vendor-data` or
/// `network-config`. JSON is YAML, too.
pub(super) async fn nocloud(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((host, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let name: HostName = host.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    let host = seen(&app, &name, &caller).await?.host;
    let (head, content) = match file.as_str() {
        "meta-data" => {
            ("", json!({ "instance-id": name.as_str(), "local-hostname": name.as_str() }))
        }
        "user-data" => ("#cloud-config\n", user_data(&host)),
        "vendor-data" => ("#cloud-config\n", json!({})),
        "network-config" => ("", network(&host)?),
        _ => {
            return Err(Problem::not_found(
                "NoCloud has meta-data, user-data, vendor-data and network-config",
            ));
        }
    };
    let text = serde_json::to_string_pretty(&content).unwrap_or_default();
    let kind = [(header::CONTENT_TYPE, "text/yaml; charset=utf-8")];
    Ok((kind, format!("{head}{text}\n")).into_response())
}

fn network(host: &Host) -> Result<Value, Problem> {
    netplan(host).ok_or_else(|| {
        Problem::conflict(format!(
            "an interface of host \"{}\" has no MAC address, by which cloud-init would find it: \
             add it to the record",
            host.name
        ))
    })
}

fn user_data(host: &Host) -> Value {
    let name = host.name.as_str();
    let mut data = json!({ "hostname": name, "preserve_hostname": false });
    if let (Some(domain), false) = (&host.domain, name.contains('.')) {
        data["fqdn"] = format!("{name}.{domain}").into();
    }
    if let Some(timezone) = var(host, "timezone") {
        data["timezone"] = timezone.into();
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn cloud_config_names_the_host() {
        let data = user_data(&testing::host("web-01", 1));
        assert_eq!(
            (&data["hostname"], &data["fqdn"]),
            (&json!("web-01"), &json!("web-01.example.net"))
        );
    }
}
