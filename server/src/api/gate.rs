//! The gate before every route: who asks, and may they.

use super::{
    caller::{Caller, Source},
    once,
    problem::Problem,
    routes::{Access, Route},
};
use crate::{
    app::App,
    auth::{Permission, Principal},
    boot::Peer,
    db::{AuditResult, DbError, Note, Trace},
    secret::{hex, random_bytes},
    time::Timestamp,
};
use axum::{
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::HostName;
use std::sync::Arc;

/// What the gate of one route needs.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) app: Arc<App>,
    pub(super) route: &'static Route,
}

/// Lets a request pass to its handler, or answers it.
pub(super) async fn pass(
    State(gate): State<Gate>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let id = match random_bytes::<8>() {
        Ok(bytes) => hex(&bytes),
        Err(error) => return Problem::from(crate::app::AppError::from(error)).into_response(),
    };
    // What was asked for may be no host's name at all.
    let host = params.iter().find(|(name, _)| *name == "host");
    let host: Option<HostName> = host.and_then(|(_, text)| text.parse().ok());
    let mut response = gate.answer(request, next, &id, host.as_ref()).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let (method, route) = (gate.route.method.name(), gate.route.path);
    tracing::info!(request = id, method, route, status = response.status().as_u16(), "console");
    response
}

impl Gate {
    async fn answer(
        &self,
        mut request: Request,
        next: Next,
        id: &str,
        host: Option<&HostName>,
    ) -> Response {
        let peer = request.extensions().get::<Peer>().map(ToString::to_string);
        let source = peer.unwrap_or_default();
        let trace = Trace { source, request: id.to_owned(), ..Trace::default() };
        request.extensions_mut().insert(Source(trace.clone()));
        let (permission, place) = match self.route.access {
            Access::Anybody => return next.run(request).await,
            Access::Known => (Permission::TokensOwn, None),
            Access::Needs(permission, reach) => (permission, Some(reach.place())),
        };
        let mut caller = match self.recognise(request.headers()).await {
            Ok(principal) => {
                let token = principal.token().map(ToString::to_string).unwrap_or_default();
                Caller { principal, permission, trace: Trace { token, ..trace } }
            }
            Err(problem) => return problem.into_response(),
        };
        if let Some(place) = place {
            let Some(role) = caller.principal.role_for(permission, place) else {
                let response = Problem::denied(permission).into_response();
                return self.denied(response, &caller, host).await;
            };
            role.name().clone_into(&mut caller.trace.role);
        }
        request.extensions_mut().insert(caller.clone());
        let response = once::run(&self.app, request, next, &caller).await;
        if response.status() == StatusCode::FORBIDDEN {
            return self.denied(response, &caller, host).await;
        }
        response
    }

    async fn recognise(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let value = headers.get(header::AUTHORIZATION);
        let token = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let token = token.ok_or_else(Problem::unknown)?;
        let known = self.app.recognise(token, Timestamp::now()).await?;
        known.ok_or_else(Problem::unknown)
    }

    /// Writes a denial down before it is told.
    async fn denied(
        &self,
        response: Response,
        caller: &Caller,
        host: Option<&HostName>,
    ) -> Response {
        match write_denial(&self.app, self.route, caller, host).await {
            Ok(()) => response,
            Err(error) => Problem::from(error).into_response(),
        }
    }
}

/// Writes down that somebody was not let through.
pub(crate) async fn write_denial(
    app: &App,
    route: &Route,
    caller: &Caller,
    host: Option<&HostName>,
) -> Result<(), DbError> {
    let detail = format!("{} {}: {}", route.method.name(), route.path, caller.permission);
    let note = Note {
        at: Timestamp::now(),
        actor: &caller.actor(),
        host: host.map_or("", |host| host.as_str()),
        event: "denied",
        detail: &detail,
        result: AuditResult::Denied,
    };
    app.store().note(&note).await
}
