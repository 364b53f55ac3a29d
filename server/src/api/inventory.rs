//! The same hosts for other tools: Ansible's dynamic inventory, Salt's `http_json` external
//! pillar, and cloud-init's NoCloud files.

use super::{
    caller::Caller,
    hosts::seen,
    input::{Json as Body, Named, end_of_link},
    problem::Problem,
    view::spec,
};
use crate::{
    app::{App, AppError},
    db::{AuditResult, Note},
    nocloud,
    time::Timestamp,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::{Addressing, Host, HostName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};
use utoipa::ToSchema;

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

/// `GET /inventory/salt/{host}`: the minion's pillar. A minion that is no host is not found.
pub(super) async fn salt(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Json<Value>, Problem> {
    let stored = seen(&app, &name, &caller).await?;
    Ok(Json(json!({ "bootmint": spec(&stored.host) })))
}

/// `GET /inventory/nocloud/{host}/{file}`: for programs, which carry a token. cloud-init can't: it
/// follows a link to the boot listener.
pub(super) async fn nocloud(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((host, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let name: HostName = host.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    let host = seen(&app, &name, &caller).await?.host;
    let text = nocloud::file(&host, &file).map_err(AppError::from)?;
    let kind = [(header::CONTENT_TYPE, "text/yaml; charset=utf-8")];
    Ok((kind, text).into_response())
}

/// How long a link shall live.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoCloudLinkBody {
    /// A week at most, an hour unless given.
    #[serde(default = "an_hour")]
    minutes: u32,
}

fn an_hour() -> u32 {
    60
}

/// A link to NoCloud files.
#[derive(Serialize, ToSchema)]
pub(super) struct NoCloudLink {
    /// Where the machine finds the files: `s` of `ds=nocloud`. Whoever has it gets them.
    url: String,
    expires: String,
}

/// `POST /hosts/{host}/nocloud-link`.
pub(super) async fn make_link(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    Body(body): Body<NoCloudLinkBody>,
) -> Result<(StatusCode, Json<NoCloudLink>), Problem> {
    let stored = app.stored(&name).await?;
    let actor = caller.on(&stored.host)?;
    let now = Timestamp::now();
    let expires = end_of_link(body.minutes, now)?;
    let url = app.nocloud_link(&stored.host, expires)?;
    let note = Note {
        at: now,
        actor: &actor,
        host: name.as_str(),
        event: "nocloud-link",
        detail: &format!("until {expires}"),
        result: AuditResult::Done,
    };
    app.store().note(&note).await?;
    Ok((StatusCode::CREATED, Json(NoCloudLink { url, expires: expires.to_string() })))
}
