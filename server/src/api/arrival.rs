//! What the gates before the interface and before the console both begin and end with: a request
//! is told where it comes from, and is logged by its route.

use super::{
    caller::Source,
    route::{Access, Route},
};
use crate::{
    auth::{Permission, Place},
    boot::Peer,
    db::Trace,
    proxies::Proxies,
};
use axum::{
    extract::{RawPathParams, Request},
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
    /// Tells the request's handler where it comes from: as a proxy says, if that is trusted.
    pub(crate) fn of(proxies: &Proxies, params: &RawPathParams, request: &mut Request) -> Self {
        let mut trace = request.extensions().get::<Trace>().cloned().unwrap_or_default();
        if let Some(peer) = request.extensions().get::<Peer>() {
            trace.source = proxies.source(peer.address(), request.headers()).to_string();
        }
        request.extensions_mut().insert(Source(trace.clone()));
        let host = params.iter().find(|(name, _)| *name == "host");
        let host = host.and_then(|(_, text)| text.parse().ok());
        Self { trace, host }
    }

    /// Logs how it ended.
    pub(crate) fn leave(self, route: &Route, response: &Response) {
        let (method, status) = (route.method.name(), response.status().as_u16());
        let (route, quiet) = (route.path, route.quiet);
        if quiet {
            tracing::debug!(method, route, status, "console");
        } else {
            tracing::info!(method, route, status, "console");
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
