//! Hosts in and out: a feed that is pasted or read from a file, with all its faults, or what it
//! would change; and all hosts as a feed.

use super::{
    fleet::FleetQuery,
    page::{self, Fields, Frame, Visitor},
};
use crate::{
    api::{
        hosts,
        import::{ImportView, apply, look, parse},
        input::Params,
        problem::Problem,
        view::spec,
    },
    app::App,
    secret::Digest,
};
use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bootmint_image_factory::{
    feed::{self, FeedFormat},
    host::{Host, HostName},
};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

const FORMATS: [&str; 4] = ["csv", "json", "ndjson", "toml"];

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    frame: Frame,
    text: String,
    format: String,
    formats: [&'static str; 4],
    server: String,
    /// Why, as it was typed.
    reason: String,
    wrong: Option<Problem>,
    foreseen: Option<ImportView>,
    /// What the person saw, should it change before they say yes.
    seen: String,
    moved: bool,
}

impl ImportPage {
    fn new(visitor: &Visitor) -> Self {
        Self {
            frame: Frame::new(visitor, "/import", "Import"),
            text: String::new(),
            format: "csv".to_owned(),
            formats: FORMATS,
            server: String::new(),
            reason: String::new(),
            wrong: None,
            foreseen: None,
            seen: String::new(),
            moved: false,
        }
    }

    /// Whether nothing would change.
    fn idle(&self) -> bool {
        self.foreseen.as_ref().is_some_and(|view| view.added.is_empty() && view.updated.is_empty())
    }
}

/// A value of a record, for people.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a feed begins with: a host that is there, or what a machine said of itself.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Beginning {
    host: String,
    mac: String,
    uuid: String,
    serial: String,
    asset: String,
}

impl Beginning {
    /// One line of a feed, whose name and addresses are missing yet; nothing if nothing is known.
    fn row(&self) -> String {
        let known = [
            ("mac", &self.mac),
            ("uuid", &self.uuid),
            ("serial", &self.serial),
            ("asset", &self.asset),
        ];
        let known: Vec<_> = known.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        if known.is_empty() {
            return String::new();
        }
        let names = known.iter().map(|(name, _)| *name);
        let values = known.iter().map(|(_, value)| value.as_str());
        let header = line(["name", "address", "gateway", "dns"].into_iter().chain(names));
        header + &line(["", "", "", ""].into_iter().chain(values))
    }
}

/// `GET /import`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(beginning): Params<Beginning>,
) -> Result<Response, Problem> {
    let mut page = ImportPage::new(&visitor);
    page.text = beginning.row();
    if !beginning.host.is_empty() {
        let name = beginning.host.parse().map_err(|error| Problem::bad(format!("{error}")))?;
        let host = hosts::seen(&app, &name, &visitor.caller).await?.host;
        let record = serde_json::to_string_pretty(&[spec(&host)]);
        page.text = record.map_err(|error| Problem::bad(error.to_string()))?;
        "json".clone_into(&mut page.format);
    }
    page::show(&page)
}

/// `POST /import`: shows what a feed would change and, if that is what was seen, does it.
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let mut page = ImportPage::new(&visitor);
    page.text = fields.raw("feed").to_owned();
    fields.get("format").clone_into(&mut page.format);
    fields.get("server").clone_into(&mut page.server);
    fields.get("reason").clone_into(&mut page.reason);
    match go_on(&app, &visitor, &fields, &mut page).await {
        Ok(()) => page::show(&page),
        Err(problem) if problem.status.as_u16() == 403 || problem.status.is_server_error() => {
            Err(problem)
        }
        Err(problem) => {
            page.wrong = Some(problem.clone());
            page::refuse(&page, &problem)
        }
    }
}

/// Looks at the feed of `page` and, if the person saw what it would change, imports it.
async fn go_on(
    app: &App,
    visitor: &Visitor,
    fields: &Fields,
    page: &mut ImportPage,
) -> Result<(), Problem> {
    let hosts = hosts_of(page)?;
    let (view, seen) = look(app, &visitor.caller, &hosts).await?;
    let digest = digest(&view)?;
    page.moved = !fields.get("seen").is_empty() && fields.get("seen") != digest;
    page.seen = digest;
    if fields.get("apply") == "yes" && fields.get("seen") == page.seen {
        page.foreseen = Some(apply(app, &visitor.caller, &seen, view, &page.reason).await?);
        page.text.clear();
    } else {
        page.foreseen = Some(view);
    }
    Ok(())
}

/// The hosts of the feed that was typed.
fn hosts_of(page: &ImportPage) -> Result<Vec<Host>, Problem> {
    let format: FeedFormat =
        page.format.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    // Browsers end the lines of a form as Windows does.
    let text = page.text.replace("\r\n", "\n");
    let server = Some(page.server.as_str()).filter(|server| !server.is_empty());
    parse(text.as_bytes(), format, server)
}

fn digest(view: &ImportView) -> Result<String, Problem> {
    let text = serde_json::to_vec(view).map_err(|error| Problem::bad(error.to_string()))?;
    Ok(Digest::of(&text).as_str().to_owned())
}

/// `GET /fleet.csv`: of the hosts that one may see those that the fleet's filter finds, as a feed
/// that can be changed and imported.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(query): Params<FleetQuery>,
) -> Result<Response, Problem> {
    let mut hosts = Vec::new();
    let mut after: Option<HostName> = None;
    loop {
        let batch = app.store().hosts(after.as_ref(), 500).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.host.name.clone());
        let wanted = batch.into_iter().filter(|stored| visitor.caller.may(&stored.host));
        hosts.extend(wanted.filter(|one| query.finds(&app, one)).map(|stored| stored.host));
    }
    let text = feed::write(&hosts, FeedFormat::Csv).map_err(|error| {
        Problem::of_error(axum::http::StatusCode::INTERNAL_SERVER_ERROR, &error)
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"hosts.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// A line of CSV.
pub(super) fn line<'v>(values: impl Iterator<Item = &'v str>) -> String {
    let quoted = values.map(|value| {
        if value.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", value.replace('"', "\"\""))
        } else {
            value.to_owned()
        }
    });
    let mut text = quoted.collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_in_its_column() {
        assert_eq!(line(["a,b", "c\"d", "e"].into_iter()), "\"a,b\",\"c\"\"d\",e\r\n");
    }
}
