//! Hosts: read, made, changed, removed.

use super::{
    caller::Caller,
    input::{IfMatch, Named, Params, body, etag, stale},
    pages::{Page, by_time},
    problem::Problem,
    view::{self, BootLine, HostView},
};
use crate::{
    app::App,
    auth::{Permission, Place},
    db::{Committed, END, StoredHost},
    time::Timestamp,
};
use axum::{
    Extension, Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::{Host, HostName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// How many hosts are read at a time where only some of them may be seen.
const BATCH: i64 = 500;

/// A page of hosts.
#[derive(Serialize, ToSchema)]
pub(crate) struct HostPage {
    items: Vec<HostView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which hosts are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostQuery {
    after: Option<String>,
    limit: Option<i64>,
    state: Option<String>,
    site: Option<String>,
}

impl HostQuery {
    fn wants(&self, stored: &StoredHost) -> bool {
        let site = stored.host.site.as_ref().map(|site| site.as_str());
        self.state.as_deref().is_none_or(|state| state == stored.state.name())
            && self.site.as_deref().is_none_or(|wanted| site == Some(wanted))
    }
}

/// `GET /hosts`: those that the caller may see.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<HostQuery>,
) -> Result<Json<HostPage>, Problem> {
    let page = Page { after: query.after.clone(), limit: query.limit };
    let mut after = page.after_name::<HostName>()?;
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    loop {
        let batch = app.store().hosts(after.as_ref(), BATCH).await?;
        let Some(last) = batch.last() else { return Ok(Json(HostPage { items, next: None })) };
        after = Some(last.host.name.clone());
        for stored in batch.iter().filter(|one| query.wants(one) && caller.may(&one.host)) {
            items.push(HostView::new(stored));
            if items.len() == limit {
                let next = Some(stored.host.name.to_string());
                return Ok(Json(HostPage { items, next }));
            }
        }
    }
}

/// The host of that name, if the caller may see it.
pub(crate) async fn seen(
    app: &App,
    name: &HostName,
    caller: &Caller,
) -> Result<StoredHost, Problem> {
    let stored = app.stored(name).await?;
    caller.on(&stored.host)?;
    Ok(stored)
}

/// `GET /hosts/{host}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Named(name): Named,
) -> Result<Response, Problem> {
    let stored = seen(&app, &name, &caller).await?;
    let tag = etag(stored.generation);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(shown(StatusCode::OK, &stored))
}

pub(crate) fn shown(status: StatusCode, stored: &StoredHost) -> Response {
    let tag = [(header::ETAG, etag(stored.generation))];
    (status, tag, Json(HostView::new(stored))).into_response()
}

/// `POST /hosts`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let host = view::read(&body(request, &()).await?, None).map_err(|f| Problem::of_feed(&f))?;
    let actor = caller.on(&host)?;
    check_policy(&app, &caller, None, &host)?;
    let (token, _) = app.token_of_feed(&host, None)?;
    app.store().add_host(&host, token, &actor, Timestamp::now()).await?;
    Ok(shown(StatusCode::CREATED, &app.stored(&host.name).await?))
}

/// `PUT /hosts/{host}`: needs `If-Match`.
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    seen_tag: IfMatch,
    request: Request,
) -> Result<Response, Problem> {
    let body = body(request, &()).await?;
    let host = view::read(&body, Some(&name)).map_err(|faults| Problem::of_feed(&faults))?;
    let stored = seen(&app, &name, &caller).await?;
    // Nor may a host be moved to where the caller may not change it.
    let actor = caller.on(&host)?;
    check_policy(&app, &caller, Some(&stored.host), &host)?;
    let generation = seen_tag.required(stored.generation)?;
    if generation != stored.generation {
        return Err(stale());
    }
    let kept = app.store().kept_token(&name).await?;
    let token = host.token.is_some().then(|| app.token_of_feed(&host, kept.as_ref()));
    let token = token.transpose()?.map(|(token, _)| token);
    match app.store().replace_host(&host, token, generation, &actor, Timestamp::now()).await? {
        Committed::Done => Ok(shown(StatusCode::OK, &app.stored(&name).await?)),
        _ => Err(stale()),
    }
}

/// A host's policy says when it installs: who changes that must be allowed to arm it, as it is and
/// as it would be.
pub(crate) fn check_policy(
    app: &App,
    caller: &Caller,
    before: Option<&Host>,
    after: &Host,
) -> Result<(), Problem> {
    app.check_policy(after)?;
    let may_arm = |host: &Host| {
        caller.principal.role_for(Permission::HostsReimage, Place::Host(host)).is_some()
    };
    match app.records_differ(before, after) && !before.into_iter().chain([after]).all(may_arm) {
        true => Err(Problem::denied(Permission::HostsReimage)),
        false => Ok(()),
    }
}

/// `DELETE /hosts/{host}`: needs `If-Match`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    seen_tag: IfMatch,
) -> Result<StatusCode, Problem> {
    let stored = app.stored(&name).await?;
    let actor = caller.on(&stored.host)?;
    let generation = seen_tag.required(stored.generation)?;
    if generation != stored.generation {
        return Err(stale());
    }
    if stored.state.due().is_some() {
        let state = stored.state.name();
        return Err(Problem::conflict(format!("the host is {state}: disarm or hold it first")));
    }
    match app.store().remove_host(&name, generation, &actor, Timestamp::now()).await? {
        Committed::Done => Ok(StatusCode::NO_CONTENT),
        _ => Err(stale()),
    }
}

/// Boots, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct BootPage {
    pub(crate) items: Vec<BootLine>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /hosts/{host}/boots`.
pub(crate) async fn boots(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    Params(page): Params<Page>,
) -> Result<Json<BootPage>, Problem> {
    seen(&app, &name, &caller).await?;
    let before = page.after_time()?.unwrap_or(END);
    let boots = app.store().boots_before(&name, before, page.limit()).await?;
    let next = page.last(&boots).map(|(id, boot)| by_time(boot.0, id));
    let items = boots.into_iter().map(|(_, boot)| BootLine::new(boot)).collect();
    Ok(Json(BootPage { items, next }))
}

/// A text that a host would be sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct TextView {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// Every text that a host would be sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct Texts {
    pub(crate) items: Vec<TextView>,
}

/// `GET /hosts/{host}/render`: secrets are hidden.
pub(crate) async fn render(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Json<Texts>, Problem> {
    let stored = seen(&app, &name, &caller).await?;
    let texts = app.preview_without_secrets(&stored.host).await?;
    let view = |text: crate::app::Text| TextView { title: text.title, text: text.text };
    Ok(Json(Texts { items: texts.into_iter().map(view).collect() }))
}

/// A machine that asked and is no host.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiscoveredView {
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
    pub(crate) boots: i64,
    pub(crate) peer: String,
    #[schema(value_type = Object)]
    pub(crate) facts: Value,
}

/// Machines that asked and are no hosts, the latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiscoveredPage {
    pub(crate) items: Vec<DiscoveredView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// `GET /discovered`.
pub(crate) async fn discovered(
    State(app): State<Arc<App>>,
    Params(page): Params<Page>,
) -> Result<Json<DiscoveredPage>, Problem> {
    let before = page.after_time::<String>()?;
    let before = before.as_ref().map_or((END.0, ""), |(at, id)| (*at, id.as_str()));
    let found = app.store().discovered_before(before, page.limit()).await?;
    let next = page.last(&found).map(|one| by_time(one.last_seen, &one.id));
    let items = found
        .into_iter()
        .map(|one| DiscoveredView {
            first_seen: one.first_seen.to_string(),
            last_seen: one.last_seen.to_string(),
            boots: one.boots,
            peer: one.peer,
            facts: serde_json::from_str(&one.facts).unwrap_or(Value::Null),
        })
        .collect();
    Ok(Json(DiscoveredPage { items, next }))
}
