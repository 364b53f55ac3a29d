//! What the gates before the interface and before the console both begin and end with: a request
//! gets an id and a trace, and is logged by its route.

use super::{
    caller::Source,
    problem::Problem,
    route::{Access, Route},
};
use crate::{
    app::AppError,
    auth::{Permission, Place},
    boot::Peer,
    db::Trace,
    proxies::Proxies,
    secret::{hex, random_bytes},
};
use axum::{
    extract::{RawPathParams, Request},
    http::HeaderValue,
    response::Response,
};
use bootmint_image_factory::host::HostName;

/// A request of which it is not known yet who sent it.
pub(crate) struct Arrival {
    /// The request's id, and where it comes from.
    pub(crate) trace: Trace,
    /// The host in its path; what was asked for may be no host's name at all.
    pub(crate) host: Option<HostName>,
}

impl Arrival {
    /// Gives the request an id, and tells its handler where it comes from.
    pub(crate) fn of(
        proxies: &Proxies,
        params: &RawPathParams,
        request: &mut Request,
    ) -> Result<Self, Problem> {
        let id = random_bytes::<8>().map_err(AppError::from)?;
        let peer = request.extensions().get::<Peer>();
        let source = peer.map(|peer| proxies.source(peer.address(), request.headers()).to_string());
        let source = source.unwrap_or_default();
        let trace = Trace { source, request: hex(&id), ..Trace::default() };
        request.extensions_mut().insert(Source(trace.clone()));
        let host = params.iter().find(|(name, _)| *name == "host");
        let host = host.and_then(|(_, text)| text.parse().ok());
        Ok(Self { trace, host })
    }

    /// Tells the id along with the answer, and logs both.
    pub(crate) fn leave(self, route: &Route, response: &mut Response) {
        let (id, status) = (self.trace.request, response.status().as_u16());
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", value);
        }
        let (method, route, quiet) = (route.method.name(), route.path, route.quiet);
        if quiet {
            tracing::debug!(request = id, method, route, status, "console");
        } else {
            tracing::info!(request = id, method, route, status, "console");
        }
    }
}

/// The permission that a route asks for, and where one must have it; none if anybody may pass.
pub(crate) fn asked(route: &Route) -> Option<(Permission, Option<Place<'static>>)> {
    match route.access {
        Access::Anybody => None,
        Access::Known => Some((Permission::TokensOwn, None)),
        Access::Needs(permission, reach) => Some((permission, Some(reach.place()))),
    }
}
