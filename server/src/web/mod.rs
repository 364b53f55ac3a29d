//! The console: pages for people, on the console listener.
//!
//! Pages are rendered here and work without scripts; one small script of our own adds what needs
//! one (live updates, marking, reading a file). Every page stands in the same kind of table as the
//! interface, with the permission that it needs, and its handlers call what the interface calls:
//! there is no second way. `gate` finds out whose session it is and that a form is this
//! session's own.

mod accounts;
mod assets;
mod audit;
mod charts;
mod editor;
mod factor;
mod feed;
mod fleet;
mod gate;
mod host;
mod kerberos;
mod openid;
mod orders;
mod page;
mod profiles;
mod routes;
mod secrets;
mod settings;
mod sign_in;
mod tokens;
mod views;
mod workshop;

#[cfg(test)]
mod tests;

pub use routes::TABLE;

use crate::app::App;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    middleware,
    response::Response,
};
use std::sync::Arc;

/// Nothing but what comes from here, no script or style inside a page, nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The console's routes.
pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let mut router = Router::new();
    for route in TABLE {
        let gate = gate::Gate { app: Arc::clone(app), route };
        let guarded = route.methods().route_layer(middleware::from_fn_with_state(gate, gate::pass));
        router = router.route(route.path, guarded);
    }
    router.layer(middleware::map_response(harden))
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What one person may see must not be shown to the next one at the same browser.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
