//! Orders: arm, disarm, hold, release.

use super::{
    caller::Caller,
    hosts::shown,
    input::{IfMatch, Json, Named},
    problem::Problem,
};
use crate::{
    app::{App, AppError, Order},
    db::StoredHost,
    time::Timestamp,
};
use axum::{Extension, extract::State, http::StatusCode, response::Response};
use bootmint_image_factory::host::HostName;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What arming needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArmBody {
    /// The host's name again: what is on its disk will be lost.
    confirm: String,
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What the other orders take.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody {
    /// Why, for the audit log.
    #[serde(default)]
    reason: String,
}

/// What every order needs of its request.
type Asked = (State<Arc<App>>, Extension<Caller>, Named, IfMatch);

/// `POST /hosts/{host}/arm`.
pub(crate) async fn arm(asked: Asked, Json(body): Json<ArmBody>) -> Result<Response, Problem> {
    order(asked, &Order::Arm { confirm: body.confirm }, &body.reason).await
}

/// `POST /hosts/{host}/approve`.
pub(crate) async fn approve(asked: Asked, Json(body): Json<ArmBody>) -> Result<Response, Problem> {
    order(asked, &Order::Approve { confirm: body.confirm }, &body.reason).await
}

/// `POST /hosts/{host}/disarm`.
pub(crate) async fn disarm(asked: Asked, Json(body): Json<OrderBody>) -> Result<Response, Problem> {
    order(asked, &Order::Disarm, &body.reason).await
}

/// `POST /hosts/{host}/hold`.
pub(crate) async fn hold(asked: Asked, Json(body): Json<OrderBody>) -> Result<Response, Problem> {
    order(asked, &Order::Hold, &body.reason).await
}

/// `POST /hosts/{host}/release`.
pub(crate) async fn release(
    asked: Asked,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    order(asked, &Order::Release, &body.reason).await
}

async fn order(
    (State(app), Extension(caller), Named(name), seen): Asked,
    order: &Order,
    reason: &str,
) -> Result<Response, Problem> {
    let (status, stored) = carry_out(&app, &caller, &name, order, reason, seen).await?;
    Ok(shown(status, &stored))
}

/// Carries out an order of somebody who saw the host as `seen` says. Accepted is what another
/// person has to approve.
pub(crate) async fn carry_out(
    app: &App,
    caller: &Caller,
    name: &HostName,
    order: &Order,
    reason: &str,
    seen: IfMatch,
) -> Result<(StatusCode, StoredHost), Problem> {
    let stored = app.stored(name).await?;
    let actor = caller.on(&stored.host)?.because(reason);
    let status = match app.order(name, order, seen.named(), &actor, Timestamp::now()).await {
        Ok(_) => StatusCode::OK,
        // Another person has to approve it.
        Err(AppError::AwaitsApproval { .. }) => StatusCode::ACCEPTED,
        Err(error) => return Err(error.into()),
    };
    Ok((status, app.stored(name).await?))
}
