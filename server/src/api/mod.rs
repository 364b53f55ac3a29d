//! The interface for people and programs: REST under `/api/v1`, on the console listener.
//!
//! Every route stands in one table (`routes`), with the permission that it needs; the router is
//! made of that table, so that there is no route without one. `gate` finds out who asks and
//! whether they may; handlers look at the host in question and call the application.

pub(crate) mod accounts;
pub(crate) mod archives;
pub(crate) mod arrival;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod events;
pub(crate) mod gate;
pub(crate) mod hosts;
pub(crate) mod images;
pub(crate) mod import;
pub(crate) mod input;
mod inventory;
pub(crate) mod limit;
mod metrics;
mod once;
mod openapi;
pub(crate) mod orders;
pub(crate) mod pages;
pub(crate) mod problem;
pub(crate) mod profiles;
pub(crate) mod publish;
pub(crate) mod route;
mod routes;
pub(crate) mod scripts;
pub(crate) mod secrets;
pub(crate) mod view;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use caller::Source;
pub use openapi::document;
pub use route::{Access, Method, Reach, Route};
pub use routes::TABLE;

use crate::{app::App, boot::watch};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};
use std::sync::Arc;

/// The largest body of a request, in bytes: a feed that is imported.
pub(crate) const MAX_BODY: usize = 16 << 20;

/// The routes of the console listener.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in TABLE {
        let gate = gate::Gate { app: Arc::clone(app), route };
        let guarded = route.methods().route_layer(middleware::from_fn_with_state(gate, gate::pass));
        router = router.route(route.path, guarded);
    }
    let router = router
        .fallback(|| async { problem::Problem::nothing_there() })
        .merge(crate::web::router(app))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(app), watch));
    let router = match app.config().console.is_secure() {
        true => router.layer(middleware::map_response(stay_secure)),
        false => router,
    };
    router.with_state(Arc::clone(app))
}

/// Tells browsers to come by HTTPS alone, for a year.
async fn stay_secure(mut response: Response) -> Response {
    let value = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    response
}
