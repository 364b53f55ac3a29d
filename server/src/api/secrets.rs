//! Secrets that answers may hold: set and removed, never shown.

use super::{
    caller::Caller,
    input::{Json as Body, Params, Rests, tagged},
    pages::Page,
    problem::Problem,
};
use crate::{
    app::{App, AppError},
    auth::Place as Reach,
    db::{Actor, SealedSecret},
    seal::{Place, SecretName},
    time::Timestamp,
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Where {
    /// `site:NAME`, `host:NAME`, or nothing for everywhere.
    #[serde(default)]
    pub(crate) place: String,
}

/// Where, and which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretQuery {
    /// As in [`Where`].
    #[serde(default)]
    pub(crate) place: String,
    #[serde(default)]
    pub(crate) after: Option<String>,
    #[serde(default)]
    pub(crate) limit: Option<i64>,
}

impl SecretQuery {
    /// The first page of a place.
    pub(crate) fn of(place: &str) -> Self {
        Self { place: place.to_owned(), after: None, limit: None }
    }
}

/// A secret that is set. Its value is not shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    pub(crate) place: String,
    pub(crate) name: String,
    /// What its `ETag` holds.
    pub(crate) etag: String,
    pub(crate) changed: String,
    pub(crate) changed_by: String,
}

impl SecretView {
    fn new(secret: SealedSecret) -> Self {
        Self {
            place: secret.place.to_string(),
            name: secret.name.to_string(),
            etag: secret.mark().as_str().to_owned(),
            changed: secret.changed.to_string(),
            changed_by: secret.changed_by,
        }
    }
}

/// A page of the secrets of a place, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretPage {
    pub(crate) items: Vec<SecretView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A secret's new value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretBody {
    pub(crate) value: String,
    /// Why, for the audit log.
    #[serde(default)]
    pub(crate) reason: String,
}

/// The place, if the caller may set its secrets, and who they are for the audit log.
pub(crate) async fn place(
    app: &App,
    caller: &Caller,
    text: &str,
) -> Result<(Place, Actor), Problem> {
    let place = text.parse().map_err(|error| Problem::bad(format!("place: {error}")))?;
    let actor = match &place {
        Place::Host(name) => caller.on(&app.stored(name).await?.host)?,
        // What counts for several hosts is for who may change all of them.
        Place::Everywhere | Place::Site(_) => {
            let role = caller.principal.role_for(caller.permission, Reach::Everywhere);
            role.ok_or_else(|| Problem::denied(caller.permission))?;
            caller.actor()
        }
    };
    Ok((place, actor))
}

fn named(name: &str) -> Result<SecretName, Problem> {
    name.parse().map_err(|error| Problem::bad(format!("name: {error}")))
}

/// `GET /secrets`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<SecretQuery>,
) -> Result<Json<SecretPage>, Problem> {
    let (place, _) = place(&app, &caller, &query.place).await?;
    let page = Page { after: query.after, limit: query.limit };
    let after = page.after_name()?;
    let found = app.store().secrets_after(&place, after.as_ref(), page.limit()).await?;
    let next = page.last(&found).map(|secret| secret.name.to_string());
    Ok(Json(SecretPage { items: found.into_iter().map(SecretView::new).collect(), next }))
}

/// `GET /secrets/{secret}`: which it is, without its value.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Params(at): Params<Where>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (place, _) = place(&app, &caller, &at.place).await?;
    let name = named(&name)?;
    let secret = app.store().secret(&place, &name).await?.ok_or(AppError::NoSecret(name))?;
    Ok(tagged(&headers, &secret.mark(), SecretView::new(secret)))
}

/// `PUT /secrets/{secret}`.
pub(crate) async fn set(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Params(at): Params<Where>,
    Rests(seen): Rests,
    Body(body): Body<SecretBody>,
) -> Result<StatusCode, Problem> {
    let (place, actor) = place(&app, &caller, &at.place).await?;
    let (name, actor) = (named(&name)?, actor.because(&body.reason));
    app.set_secret((&place, &name), &body.value, &seen, &actor, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /secrets/{secret}`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Params(at): Params<Where>,
    Rests(seen): Rests,
) -> Result<StatusCode, Problem> {
    let (place, actor) = place(&app, &caller, &at.place).await?;
    app.remove_secret((&place, &named(&name)?), &seen, &actor, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
