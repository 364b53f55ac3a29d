//! The gate before every route: who asks, and may they.

use super::{
    arrival::{Arrival, asked},
    caller::Caller,
    limit, once,
    problem::Problem,
    route::Route,
};
use crate::{
    app::App,
    auth::{AuthError, Permission, Principal},
    db::{AuditResult, DbError, Note, Trace},
    time::Timestamp,
};
use axum::{
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, StatusCode, header},
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
    mut request: Request,
    next: Next,
) -> Response {
    let proxies = &gate.app.config().console.proxies;
    let arrival = Arrival::of(proxies, &params, &mut request);
    let response = gate.answer(request, next, &arrival).await;
    arrival.leave(gate.route, &response);
    response
}

impl Gate {
    async fn answer(&self, mut request: Request, next: Next, arrival: &Arrival) -> Response {
        let (trace, host) = (arrival.trace.clone(), arrival.host.as_ref());
        let stranger = || limit::stranger(&self.app, self.route, &arrival.trace.source);
        let Some((permission, place)) = asked(self.route) else {
            return match stranger() {
                Ok(()) => next.run(request).await,
                Err(problem) => problem.into_response(),
            };
        };
        let mut caller = match self.recognise(request.headers()).await {
            Ok(principal) => {
                let token = principal.token().map(ToString::to_string).unwrap_or_default();
                Caller { principal, permission, trace: Trace { token, ..trace } }
            }
            Err(problem) => return stranger().err().unwrap_or(problem).into_response(),
        };
        let held = match limit::known(&self.app, self.route, &caller.principal.name()) {
            Ok(held) => held,
            Err(problem) => return problem.into_response(),
        };
        if let Some(place) = place {
            let Some(role) = caller.principal.role_for(permission, place) else {
                let response = refusal(&caller.principal, permission).into_response();
                return self.denied(response, &caller, host).await;
            };
            role.name().clone_into(&mut caller.trace.role);
        }
        request.extensions_mut().insert(caller.clone());
        let response = once::run(&self.app, request, next, &caller).await;
        if response.status() == StatusCode::FORBIDDEN {
            return self.denied(response, &caller, host).await;
        }
        limit::hold(response, held)
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

/// Why somebody is not let through.
pub(crate) fn refusal(who: &Principal, permission: Permission) -> Problem {
    match who.must_enrol() {
        true => AuthError::MustEnrol.into(),
        false => Problem::denied(permission),
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
