//! From requests to the application, and back.

use crate::{
    app::{App, AppError, Facts, Proof, Report},
    db::Trace,
    script::Script,
    secret::Digest,
    time::Timestamp,
};
use axum::{
    Extension, Form,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::sync::Arc;

type Fields = Vec<(String, String)>;

/// `GET|POST /boot/<token>`: the facts come in the query or as a form.
pub(super) async fn boot(
    State(app): State<Arc<App>>,
    Extension(from): Extension<Trace>,
    Path(token): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, AppError> {
    answer_boot(&app, Proof::Token(Digest::of(token.as_bytes())), &from, &fields).await
}

/// `GET|POST /boot`, also as `/boot.php`.
pub(super) async fn boot_without_token(
    State(app): State<Arc<App>>,
    Extension(from): Extension<Trace>,
    Form(fields): Form<Fields>,
) -> Result<Response, AppError> {
    answer_boot(&app, Proof::Nothing, &from, &fields).await
}

async fn answer_boot(
    app: &App,
    proof: Proof,
    from: &Trace,
    fields: &Fields,
) -> Result<Response, AppError> {
    let facts = Facts::from_form(fields.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let choice = fields.iter().find(|(key, _)| key == "choice").map(|(_, value)| value.as_str());
    let script = app.boot_chosen(&proof, &facts, choice, from, Timestamp::now()).await?;
    Ok(plain(&script))
}

fn plain(script: &Script) -> Response {
    text(script.as_str().to_owned())
}

/// Text that no cache may keep: it may hold a secret, and is another one next time.
fn text(text: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}

/// What an installer sends with its report.
#[derive(Deserialize)]
pub(super) struct ReportForm {
    secret: String,
    #[serde(default)]
    message: String,
}

/// `POST /attempt/<id>/<heartbeat|done|fail>`.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Extension(from): Extension<Trace>,
    Path((id, report)): Path<(String, String)>,
    Form(form): Form<ReportForm>,
) -> Result<Response, AppError> {
    let report = match report.as_str() {
        "heartbeat" => Report::Heartbeat,
        "done" => Report::Done,
        "fail" => Report::Fail,
        _ => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    let id = id.parse().map_err(|_| AppError::UnknownAttempt)?;
    app.report(id, &form.secret, report, &form.message, &from, Timestamp::now()).await?;
    Ok(text("noted\n".to_owned()))
}

/// `GET /boot/<token>/<answer>`: what a firmware with `payloads = "signed"` asks for. The key that
/// it trusts is not here, so that nothing can be signed for the machine, which boots its disk.
pub(super) async fn signed_answer(
    State(app): State<Arc<App>>,
    Path((token, _)): Path<(String, String)>,
) -> Result<Response, AppError> {
    let found = app.store().host_by_token(&Digest::of(token.as_bytes())).await?;
    if let Some(stored) = found {
        tracing::warn!(
            host = %stored.host.name,
            "the firmware wants a signed answer (payloads = \"signed\"), which this server does not \
             serve: the machine boots its local disk"
        );
    }
    Ok(StatusCode::NOT_FOUND.into_response())
}

/// `GET /answer/<secret>/<file>`.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Extension(from): Extension<Trace>,
    Path((secret, file)): Path<(String, String)>,
) -> Result<Response, AppError> {
    app.answer(&secret, &file, &from, Timestamp::now()).await.map(text)
}

/// `GET /nocloud/<signature>/<expires>/<host>/<file>`.
pub(super) async fn nocloud(
    State(app): State<Arc<App>>,
    Path((signature, expires, host, file)): Path<(String, i64, String, String)>,
) -> Result<Response, AppError> {
    let expires = Timestamp::from_unix(expires);
    app.nocloud((&signature, expires, &host, &file), Timestamp::now()).await.map(text)
}

/// `GET /readyz`: whether the database answers.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, AppError> {
    app.store().ping().await?;
    Ok("ready\n")
}
