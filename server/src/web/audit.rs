//! The audit log: filtered, verified, exported.

use super::{
    feed::line,
    page::{self, Frame, Visitor},
};
use crate::{
    api::{
        audit::{AuditQuery, AuditView, Verified, verify as look},
        input::Params,
        problem::Problem,
    },
    app::App,
    db::AuditRow,
};
use askama::Template;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many rows a page shows.
const PAGE: i64 = 100;
/// How many rows are read at a time for an export.
const BATCH: i64 = 1000;

/// The query of the rows that are shown; nothing if they are all.
fn address(query: &AuditQuery) -> String {
    let filters = [
        ("actor", &query.actor),
        ("host", &query.host),
        ("event", &query.event),
        ("result", &query.result),
        ("from", &query.from),
        ("until", &query.until),
    ];
    let mut address = String::new();
    for (name, value) in filters.into_iter().filter(|(_, value)| !value.is_empty()) {
        let before = if address.is_empty() { '?' } else { '&' };
        address.push_str(&format!("{before}{name}={}", page::encode(value)));
    }
    address
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    query: AuditQuery,
    rows: Vec<AuditRow>,
    head: i64,
    older: Option<String>,
    /// What leads to what is shown, whichever page.
    address: String,
    verified: Option<Verified>,
}

/// `GET /audit`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, Problem> {
    page::show(&read(&app, &visitor, query, None).await?)
}

/// `GET /audit/verify`.
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let verified = look(State(Arc::clone(&app))).await?.0;
    page::show(&read(&app, &visitor, AuditQuery::default(), Some(verified)).await?)
}

async fn read(
    app: &App,
    visitor: &Visitor,
    query: AuditQuery,
    verified: Option<Verified>,
) -> Result<AuditPage, Problem> {
    let filter = query.filter()?;
    let address = address(&query);
    let before = query.before.unwrap_or(i64::MAX);
    let rows = app.store().audit_back(&filter, before, PAGE).await?;
    let full = i64::try_from(rows.len()).unwrap_or(0) == PAGE;
    let older = rows.last().filter(|_| full).map(|row| {
        let sign = if address.is_empty() { '?' } else { '&' };
        format!("{address}{sign}before={}", row.seq)
    });
    let head = app.store().audit_head().await?;
    let frame = Frame::new(visitor, "/audit", "Audit");
    Ok(AuditPage { frame, query, rows, head, older, address, verified })
}

/// `GET /audit/export.csv`.
pub(super) async fn csv(
    State(app): State<Arc<App>>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, Problem> {
    let header = "seq,at,actor,host,event,was,became,detail,role,token,source,request,reason,\
                  result,previous,hash\r\n";
    export(app, query, "text/csv; charset=utf-8", "audit.csv", header, |row| {
        let (seq, at) = (row.seq.to_string(), row.at.to_string());
        let cells = [
            &seq,
            &at,
            &row.actor,
            &row.host,
            &row.event,
            &row.was,
            &row.became,
            &row.detail,
            &row.role,
            &row.token,
            &row.source,
            &row.request,
            &row.reason,
            &row.result,
            &row.previous,
            &row.hash,
        ];
        let cells = cells.map(|cell| inert(cell));
        line(cells.iter().map(String::as_str))
    })
}

/// A cell that no spreadsheet takes for a formula.
fn inert(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// `GET /audit/export.ndjson`.
pub(super) async fn ndjson(
    State(app): State<Arc<App>>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, Problem> {
    export(app, query, "application/x-ndjson", "audit.ndjson", "", |row| {
        let text = serde_json::to_string(&AuditView::new(row)).unwrap_or_default();
        format!("{text}\n")
    })
}

/// Sends all rows that are wanted, the oldest first, a batch at a time, so that memory does not
/// grow with the log.
fn export(
    app: Arc<App>,
    query: AuditQuery,
    kind: &'static str,
    name: &str,
    header: &'static str,
    text: impl Fn(AuditRow) -> String + Send + Sync + 'static,
) -> Result<Response, Problem> {
    let filter = query.filter()?;
    let (to, batches) = mpsc::channel(2);
    tokio::spawn(async move {
        let mut after = 0;
        let mut part = header.to_owned();
        loop {
            let rows = match app.store().audit_on(&filter, after, BATCH).await {
                Ok(rows) => rows,
                // The body ends early, which its receiver sees: it has no proper end.
                Err(error) => {
                    tracing::error!(%error, "an export of the audit log broke off");
                    let _ = to.send(Err(std::io::Error::other("broken off"))).await;
                    return;
                }
            };
            let Some(last) = rows.last() else { break };
            after = last.seq;
            part.extend(rows.into_iter().map(&text));
            if to.send(Ok(Bytes::from(std::mem::take(&mut part)))).await.is_err() {
                return;
            }
        }
        let _ = to.send(Ok(Bytes::from(part))).await;
    });
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::new(crate::api::events::Channel(batches))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(inert("=HYPERLINK(\"http://a\")"), "'=HYPERLINK(\"http://a\")");
        assert_eq!(inert("user:alice"), "user:alice");
        for sign in ["+", "-", "@", "\t", "\r"] {
            assert_eq!(inert(&format!("{sign}1")), format!("'{sign}1"));
        }
    }
}
