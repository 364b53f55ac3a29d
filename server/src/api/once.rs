//! Changes that are sent with an `Idempotency-Key` are done once, however often they come.

use super::{MAX_BODY, caller::Caller, problem::Problem};
use crate::{
    app::{App, AppError},
    db::Reply,
    reply::ReplyTo,
    secret::Digest,
    time::Timestamp,
};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The largest answer that is kept, in bytes.
const MAX_KEPT: usize = 1 << 20;
/// The longest key, in bytes.
const MAX_KEY: usize = 100;

/// Runs the handler, unless the request is a repetition.
pub(super) async fn run(app: &App, request: Request, next: Next, caller: &Caller) -> Response {
    let key = request.headers().get("idempotency-key").cloned();
    match key {
        Some(key) if ![Method::GET, Method::HEAD].contains(request.method()) => {
            keyed(app, key.as_bytes(), request, next, caller)
                .await
                .unwrap_or_else(IntoResponse::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn keyed(
    app: &App,
    key: &[u8],
    request: Request,
    next: Next,
    caller: &Caller,
) -> Result<Response, Problem> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Problem::bad(format!("an Idempotency-Key has 1 to {MAX_KEY} bytes")));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large, or was cut off")
    })?;
    let user = caller.principal.user().as_str();
    let id = Digest::of(&[user.as_bytes(), b"\n", key].concat());
    let line = format!("{} {}\n", parts.method, parts.uri);
    let asked = Digest::of(&[line.as_bytes(), &body].concat());
    match app.store().claim_reply(&id, &asked, Timestamp::now()).await? {
        Reply::New => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            keep(app, &id, &asked, response).await
        }
        Reply::Running => Err(unknown()),
        Reply::Other => {
            let detail = "this Idempotency-Key was used for another change: take a new one";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
        Reply::Done(status, sealed) => {
            let to = ReplyTo { id: &id, asked: &asked, status };
            // Sealed under a key that the site has no more, it tells nothing.
            let body = app.config().reply_key.open(to, &sealed).ok_or_else(unknown)?;
            let status =
                u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
            let json = [(header::CONTENT_TYPE, "application/json")];
            Ok((status.unwrap_or(StatusCode::OK), json, body).into_response())
        }
    }
}

/// Keeps the answer to a change that was done, and tells it.
async fn keep(
    app: &App,
    id: &Digest,
    asked: &Digest,
    response: Response,
) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_KEPT).await.map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "it was done; its answer is too large")
    })?;
    // Only what was done is kept: a refusal may be mended and sent again.
    match std::str::from_utf8(&bytes) {
        Ok(text) if parts.status.is_success() => {
            let to = ReplyTo { id, asked, status: parts.status.as_u16().into() };
            let sealed = app.config().reply_key.seal(to, text).map_err(AppError::from)?;
            if let Some(sealed) = sealed {
                app.store().keep_reply(id, to.status, &sealed).await?;
            }
        }
        _ => app.store().drop_reply(id).await?,
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// What became of the change is not known, so that nobody sends it again blindly.
fn unknown() -> Problem {
    Problem::conflict("this change is being done, or broke off: look first")
}
