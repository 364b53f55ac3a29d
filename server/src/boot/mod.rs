//! The boot listener: what a booting machine needs, and nothing else.
//!
//! Tokens and secrets stand in paths, so no path is ever logged: only its route.

mod handlers;
mod listener;
mod sendfile;
mod status;
mod tftp;
mod watch;

pub(crate) use handlers::ready;
pub(crate) use listener::Peer;
pub use listener::{HEAD, Limits, Transport, serve};
pub(crate) use status::{chain, status};
pub use tftp::{Tftp, TftpError};
pub(crate) use watch::watch;

use crate::{
    api::{Source, images},
    app::App,
    db::Trace,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use std::sync::Arc;
use tower_http::services::ServeDir;

/// The largest request body, in bytes: a form of facts.
const MAX_BODY: usize = 8 << 10;

/// The routes of the boot listener.
pub fn router(app: Arc<App>) -> Router {
    let files = ServeDir::new(&app.config().files).append_index_html_on_directories(false);
    let nameless = get(handlers::boot_without_token).post(handlers::boot_without_token);
    let nameless = without_head(nameless, "GET, POST");
    let named = get(handlers::boot).post(handlers::boot);
    let image = get(images::by_link).layer(middleware::from_fn(follow_link));
    Router::new()
        .route("/boot", nameless.clone())
        // What firmware from elsewhere may have been told to ask for.
        .route("/boot.php", nameless)
        .route("/boot/{token}", without_head(named, "GET, POST"))
        .route("/boot/{token}/{answer}", get(handlers::signed_answer))
        .route("/attempt/{id}/{report}", post(handlers::report))
        .route("/answer/{secret}/{file}", without_head(get(handlers::answer), "GET"))
        .route("/nocloud/{signature}/{expires}/{host}/{file}", get(handlers::nocloud))
        .route("/images/{signature}/{expires}/{image}", image)
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(handlers::ready))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .nest_service("/files", files)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), watch))
        .with_state(app)
}

/// Tells the handler of a link where its follower comes from. No proxy stands before machines.
async fn follow_link(mut request: Request, next: Next) -> Response {
    let trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
    request.extensions_mut().insert(Source(trace));
    next.run(request).await
}

/// Refuses HEAD, which would do what GET does: begin an install, or use up an answer file. `allow`
/// names the methods that are left.
fn without_head(methods: MethodRouter<Arc<App>>, allow: &'static str) -> MethodRouter<Arc<App>> {
    methods.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        let refused = || StatusCode::METHOD_NOT_ALLOWED.into_response();
        let head = request.method() == Method::HEAD;
        let mut response = if head { refused() } else { next.run(request).await };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }))
}
