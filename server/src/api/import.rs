//! Import: a feed, with all its faults, or what it would change.

use super::{
    caller::Caller,
    hosts::check_policy,
    input::{Params, body},
    problem::Problem,
    view::spec,
};
use crate::{
    app::{App, AppError, Incoming, TokenChange},
    db::{Actor, DbError},
    time::Timestamp,
};
use axum::{
    Extension, Json,
    extract::{Request, State},
    http::header,
};
use bootmint_image_factory::{
    fault::{Fault, Faults},
    feed::{self, Defaults, FeedFormat},
    host::{Host, HostName, ServerUrl},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use utoipa::ToSchema;

/// How a feed is imported.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ImportQuery {
    #[serde(default)]
    dry_run: bool,
    format: Option<String>,
    server: Option<String>,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What an import did, or would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportView {
    /// Whether it was done.
    pub(crate) applied: bool,
    /// New hosts.
    pub(crate) added: Vec<String>,
    /// Hosts whose record or token changed. What they were armed for is over.
    pub(crate) updated: Vec<Updated>,
    /// How many hosts were there already as they are.
    pub(crate) unchanged: usize,
}

/// A host whose record changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Updated {
    pub(crate) name: String,
    pub(crate) changes: Vec<ChangedField>,
}

/// A field before and after.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangedField {
    pub(crate) field: String,
    #[schema(value_type = Object)]
    pub(crate) before: Value,
    #[schema(value_type = Object)]
    pub(crate) after: Value,
}

/// `POST /import`.
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Result<Json<ImportView>, Problem> {
    let format = format_of(&query, &request)?;
    let bytes = body(request, &()).await?;
    let hosts = parse(&bytes, format, query.server.as_deref())?;
    let (view, seen) = look(&app, &caller, &hosts).await?;
    if query.dry_run {
        return Ok(Json(view));
    }
    Ok(Json(apply(&app, &caller, &seen, view, &query.reason).await?))
}

/// The hosts of a feed; `server` is that of hosts that name none.
pub(crate) fn parse(
    bytes: &[u8],
    format: FeedFormat,
    server: Option<&str>,
) -> Result<Vec<Host>, Problem> {
    let server = server.map(str::parse::<ServerUrl>).transpose();
    let server = server.map_err(|error| Problem::bad(error.to_string()))?;
    let defaults = Defaults { server, ..Defaults::default() };
    feed::parse(bytes, format, "body", &defaults).map_err(|faults| Problem::of_feed(&faults))
}

/// Imports what was looked at, if it is still as it was then.
pub(crate) async fn apply(
    app: &App,
    caller: &Caller,
    seen: &[Incoming<'_>],
    mut view: ImportView,
    reason: &str,
) -> Result<ImportView, Problem> {
    let actor: Actor = caller.actor().because(reason);
    let done = match app.import_seen(seen, &actor, Timestamp::now()).await {
        Err(AppError::Db(DbError::Moved(names))) => return Err(moved(seen, &names)),
        done => done?,
    };
    // What happened counts, should it differ from what was foreseen.
    view.added = done.added.iter().map(ToString::to_string).collect();
    view.unchanged = done.unchanged;
    view.applied = true;
    Ok(view)
}

/// Hosts that somebody or something changed meanwhile, each where the feed has it.
fn moved(seen: &[Incoming<'_>], names: &[HostName]) -> Problem {
    let changed = "has changed meanwhile";
    let help = "look at what the feed would change now, and import it again";
    let faults = names.iter().filter_map(|name| {
        let host = seen.iter().find(|one| one.host.name == *name)?.host;
        Some(Fault::new(host.at.clone(), changed).of(Some(name)).help(help))
    });
    let faults = Faults::new(faults.collect());
    let detail = match names.len() {
        1 => "a host has changed since this feed was looked at: nothing was imported".to_owned(),
        n => format!("{n} hosts have changed since this feed was looked at: nothing was imported"),
    };
    Problem { faults: Problem::of_feed(&faults).faults, ..Problem::conflict(detail) }
}

fn format_of(query: &ImportQuery, request: &Request) -> Result<FeedFormat, Problem> {
    if let Some(name) = &query.format {
        return name.parse().map_err(|error| Problem::bad(format!("{error}")));
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok()).and_then(FeedFormat::of_content_type).ok_or_else(
        || Problem::bad("send Content-Type: text/csv or another feed's, or add ?format=csv"),
    )
}

/// What an import would change. The caller must be allowed to change every host of it, both as
/// it is and as it would be.
pub(crate) async fn look<'h>(
    app: &App,
    caller: &Caller,
    hosts: &'h [Host],
) -> Result<(ImportView, Vec<Incoming<'h>>), Problem> {
    let mut view =
        ImportView { applied: false, added: Vec::new(), updated: Vec::new(), unchanged: 0 };
    for host in hosts {
        caller.on(host)?;
    }
    let seen = app.look_at(hosts).await?;
    for one in &seen {
        let (host, stored) = (one.host, one.stored.as_ref().map(|stored| &stored.host));
        check_policy(app, caller, stored, host)?;
        let Some(stored) = stored else {
            view.added.push(host.name.to_string());
            continue;
        };
        caller.on(stored)?;
        let mut changes = differences(&spec(stored), &spec(host));
        // Its value is nobody's to see.
        let (before, after) = match one.change {
            TokenChange::Stays => ("", ""),
            TokenChange::Sealed => ("known by its digest", "kept sealed"),
            TokenChange::Another => ("the one it has", "another"),
        };
        if one.change != TokenChange::Stays {
            let (before, after) = (before.into(), after.into());
            changes.push(ChangedField { field: "token".to_owned(), before, after });
        }
        if changes.is_empty() {
            view.unchanged = view.unchanged.saturating_add(1);
        } else {
            view.updated.push(Updated { name: host.name.to_string(), changes });
        }
    }
    Ok((view, seen))
}

fn differences(before: &Value, after: &Value) -> Vec<ChangedField> {
    let (before, after) = (columns(before), columns(after));
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter()
        .filter(|field| before.get(*field) != after.get(*field))
        .map(|field| ChangedField {
            field: field.clone(),
            before: before.get(field).cloned().unwrap_or(Value::Null),
            after: after.get(field).cloned().unwrap_or(Value::Null),
        })
        .collect()
}

/// The fields of a host, as a CSV feed calls its columns.
pub(crate) fn columns(spec: &Value) -> BTreeMap<String, Value> {
    let mut columns = BTreeMap::new();
    for (name, value) in spec.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("nics", Value::Array(nics)) => {
                for (index, nic) in nics.iter().enumerate() {
                    let prefix = match index {
                        0 => String::new(),
                        _ => format!("nic{}_", index.saturating_add(1)),
                    };
                    let fields = nic.as_object().into_iter().flatten();
                    let fields = fields.map(|(name, value)| (format!("{prefix}{name}"), value));
                    columns.extend(fields.map(|(name, value)| (name, value.clone())));
                }
            }
            ("vars", Value::Object(vars)) => {
                let vars = vars.iter().map(|(name, value)| (format!("var.{name}"), value.clone()));
                columns.extend(vars);
            }
            _ => drop(columns.insert(name.clone(), value.clone())),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_difference_names_its_fields() {
        let (one, mut two) = (testing::host("web-01", 1), testing::host("web-01", 1));
        assert!(differences(&spec(&one), &spec(&two)).is_empty());
        two.serial = Some("X".parse().unwrap());
        two.dns.clear();
        two.vars.insert("rack".parse().unwrap(), "r7".parse().unwrap());
        two.nics[0].mac = Some("52:54:00:00:00:99".parse().unwrap());
        let changes = differences(&spec(&one), &spec(&two));
        let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["dns", "mac", "serial", "var.rack"]);
        assert_eq!((&changes[0].after, &changes[2].before), (&Value::Null, &Value::Null));
    }
}
