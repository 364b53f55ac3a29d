//! The audit log: read and verified.

use super::{input::Params, pages::Page, problem::Problem};
use crate::{
    app::App,
    db::{AuditFilter, AuditRow},
    time::Timestamp,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A row of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditView {
    pub(crate) seq: i64,
    pub(crate) at: String,
    pub(crate) actor: String,
    pub(crate) host: String,
    pub(crate) event: String,
    pub(crate) was: String,
    pub(crate) became: String,
    pub(crate) detail: String,
    /// The role by which a request was allowed.
    pub(crate) role: String,
    /// The id of the token that was shown.
    pub(crate) token: String,
    /// The address that it came from.
    pub(crate) source: String,
    /// Its id.
    pub(crate) request: String,
    pub(crate) reason: String,
    /// done, denied, failed, or nothing where no request was.
    pub(crate) result: String,
    pub(crate) previous: String,
    pub(crate) hash: String,
}

impl AuditView {
    pub(crate) fn new(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at.to_string(),
            actor: row.actor,
            host: row.host,
            event: row.event,
            was: row.was,
            became: row.became,
            detail: row.detail,
            role: row.role,
            token: row.token,
            source: row.source,
            request: row.request,
            reason: row.reason,
            result: row.result,
            previous: row.previous,
            hash: row.hash,
        }
    }
}

/// A page of the audit log, the oldest row first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditPage {
    items: Vec<AuditView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuditQuery {
    pub(crate) actor: String,
    pub(crate) host: String,
    pub(crate) event: String,
    pub(crate) result: String,
    pub(crate) from: String,
    pub(crate) until: String,
    /// Only rows with smaller numbers: of the console's page, the newest first.
    pub(crate) before: Option<i64>,
    /// Only rows with larger numbers: of the interface's page, the oldest first.
    after: Option<i64>,
    limit: Option<i64>,
}

impl AuditQuery {
    /// The filter that it asks for.
    pub(crate) fn filter(&self) -> Result<AuditFilter, Problem> {
        let time = |name: &str, text: &str| match text.trim() {
            "" => Ok(None),
            text => match text.parse::<Timestamp>() {
                Ok(time) => Ok(Some(time)),
                Err(error) => Err(Problem::bad(format!("{name}: {error}"))),
            },
        };
        Ok(AuditFilter {
            actor: self.actor.trim().to_owned(),
            host: self.host.trim().to_ascii_lowercase(),
            event: self.event.trim().to_owned(),
            result: self.result.trim().to_owned(),
            from: time("from", &self.from)?,
            until: time("until", &self.until)?,
        })
    }
}

/// `GET /audit`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    if query.before.is_some() {
        return Err(Problem::bad("before: rows come the oldest first here, so send after"));
    }
    let page = Page { after: None, limit: query.limit };
    let after = query.after.unwrap_or(0);
    let rows = app.store().audit_on(&query.filter()?, after, page.limit()).await?;
    let next = page.last(&rows).map(|row| row.seq.to_string());
    Ok(Json(AuditPage { items: rows.into_iter().map(AuditView::new).collect(), next }))
}

/// What a look at the whole chain found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    /// Whether no row was changed or removed.
    pub(crate) holds: bool,
    /// The number of its last row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<i64>,
    /// The digest of the last of them, to be noted elsewhere: a chain that was computed anew does
    /// not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<String>,
    /// Where it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broken: Option<String>,
}

/// `GET /audit/verify`.
pub(crate) async fn verify(State(app): State<Arc<App>>) -> Result<Json<Verified>, Problem> {
    let (rows, head, broken) = match app.store().verify_audit_for(None).await? {
        Ok(whole) => (Some(whole.end.seq), Some(whole.end.hash), None),
        Err(broken) => (None, None, Some(broken.to_string())),
    };
    Ok(Json(Verified { holds: broken.is_none(), rows, head, broken }))
}
