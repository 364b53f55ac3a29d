//! The gate before every page: whose session it is, may they, and is a form their own.

use super::page::{self, Visitor};
use crate::{
    api::{
        MAX_BODY, Method, Route,
        arrival::{Arrival, asked},
        caller::Caller,
        gate::{refusal, write_denial},
        limit,
        problem::Problem,
    },
    app::App,
    auth::{Session, SessionKey},
    db::{Actor, Trace},
    time::Timestamp,
};
use axum::{
    body::{Body, to_bytes},
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;

/// Where pages follow what happens.
const EVENTS: &str = "/fleet/events";
/// What the console's script says with what nobody asked it for.
const UNASKED: &str = "bootmint-unasked";

/// What the gate of one route needs.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) app: Arc<App>,
    pub(super) route: &'static Route,
}

/// What a browser came with, whether or not it counts.
#[derive(Clone, Debug)]
pub(super) struct Cookie(pub(super) Option<SessionKey>);

/// Lets a request pass to its handler, or answers it.
pub(super) async fn pass(
    State(gate): State<Gate>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let proxies = &gate.app.config().console.proxies;
    let arrival = Arrival::of(proxies, &params, &mut request);
    let mut visitor = None;
    let result = gate.answer(request, next, &arrival, &mut visitor).await;
    let response = result.unwrap_or_else(IntoResponse::into_response);
    // What would be JSON for a program is a page for a person.
    let response = match response.extensions().get::<Problem>() {
        Some(problem) => page::error(visitor.as_ref(), problem),
        None => response,
    };
    arrival.leave(gate.route, &response);
    response
}

impl Gate {
    async fn answer(
        &self,
        mut request: Request,
        next: Next,
        arrival: &Arrival,
        visitor: &mut Option<Visitor>,
    ) -> Result<Response, Problem> {
        let (trace, host) = (arrival.trace.clone(), arrival.host.as_ref());
        let console = &self.app.config().console;
        let key = page::session_key(request.headers(), console.is_secure());
        request.extensions_mut().insert(Cookie(key.clone()));
        let changes = self.route.method != Method::Get;
        if changes && !from_here(request.headers(), console.origin.as_deref()) {
            self.count_stranger(&trace)?;
            let actor = self.sender(key.as_ref(), trace).await?;
            self.note_forgery("a form of another site", &actor).await?;
            return Err(foreign());
        }
        let Some((permission, place)) = asked(self.route) else {
            self.count_stranger(&trace)?;
            return Ok(next.run(request).await);
        };
        let Some((key, session)) = self.session(key.as_ref(), &trace).await? else {
            let (uri, site) = (request.uri().clone(), header(request.headers(), "sec-fetch-site"));
            let elsewhere = site == Some("cross-site");
            drop(request);
            self.count_stranger(&trace)?;
            return self.strangers(&uri, elsewhere, key.as_ref()).await;
        };
        let held = limit::known(&self.app, self.route, &session.principal.name())?;
        if !self.is_unasked(request.headers()) {
            self.app.use_session(&session, Timestamp::now()).await?;
        }
        let trace = Trace { token: session.id.to_string(), ..trace };
        let principal = session.principal.clone();
        let mut caller = Caller { principal, permission, trace };
        let form = key.form_token();
        if changes {
            request = match check_form(request, form.as_str()).await {
                Err(problem) if problem.status == StatusCode::FORBIDDEN => {
                    self.note_forgery("a form of another session", &caller.actor()).await?;
                    return Err(problem);
                }
                result => result?,
            };
        }
        if place.is_some() && !changes && caller.principal.must_enrol() {
            return Ok(Redirect::to("/me").into_response());
        }
        if let Some(place) = place {
            match caller.principal.role_for(permission, place) {
                Some(role) => role.name().clone_into(&mut caller.trace.role),
                None => {
                    *visitor = Some(Visitor { caller: caller.clone(), form });
                    write_denial(&self.app, self.route, &caller, host).await?;
                    return Err(refusal(&caller.principal, permission));
                }
            }
        }
        let own = Visitor { caller: caller.clone(), form };
        *visitor = Some(own.clone());
        request.extensions_mut().insert(own);
        request.extensions_mut().insert(caller.clone());
        let mut response = next.run(request).await;
        if response.status() == StatusCode::FORBIDDEN {
            write_denial(&self.app, self.route, &caller, host).await?;
        }
        self.renew_key(&session, &key, &mut response).await;
        Ok(limit::hold(response, held))
    }

    /// Lets an answer bring the session's next key, if one is due. What was done is done, whether
    /// or not that succeeds: the key that was shown still counts, and the next answer brings one.
    async fn renew_key(&self, session: &Session, key: &SessionKey, response: &mut Response) {
        let now = Timestamp::now();
        match self.app.next_key(session, key, now).await {
            Ok(None) => {}
            Ok(Some(next)) => {
                let secure = self.app.config().console.is_secure();
                page::set_session(response, Some(&next), secure, session.left(now));
            }
            Err(error) => tracing::error!(%error, "a session gets no new key"),
        }
    }

    /// Whether a page asks by itself, with nobody before it perhaps: a session that is left open
    /// must end although its page follows what happens.
    fn is_unasked(&self, headers: &HeaderMap) -> bool {
        self.route.path == EVENTS || headers.contains_key(UNASKED)
    }

    fn count_stranger(&self, trace: &Trace) -> Result<(), Problem> {
        limit::stranger(&self.app, self.route, &trace.source)
    }

    /// Whose browser sent a form, as far as it is known.
    async fn sender(&self, key: Option<&SessionKey>, trace: Trace) -> Result<Actor, Problem> {
        Ok(match self.session(key, &trace).await? {
            Some((_, session)) => {
                let trace = Trace { token: session.id.to_string(), ..trace };
                Actor::by_request(&session.principal.name(), &trace)
            }
            None => Actor::by_request("anybody", &trace),
        })
    }

    /// Writes down that somebody sent a form which is not of this console, or not theirs.
    async fn note_forgery(&self, what: &str, actor: &Actor) -> Result<(), Problem> {
        let why = format!("{} {}: {what}", self.route.method.name(), self.route.path);
        Ok(self.app.note_refusal(&why, actor, Timestamp::now()).await?)
    }

    async fn session(
        &self,
        key: Option<&SessionKey>,
        trace: &Trace,
    ) -> Result<Option<(SessionKey, Session)>, Problem> {
        let Some(key) = key else { return Ok(None) };
        let session = self.app.session(key, trace, Timestamp::now()).await?;
        Ok(session.map(|session| (key.clone(), session)))
    }

    /// Who is not signed in is led to where they can, and then back.
    async fn strangers(
        &self,
        uri: &Uri,
        elsewhere: bool,
        key: Option<&SessionKey>,
    ) -> Result<Response, Problem> {
        if self.route.method != Method::Get || self.route.path == EVENTS {
            let detail = "you are signed out: sign in, and do it again";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
        }
        // A link from elsewhere brings no cookie; a second request, from here, does.
        if elsewhere {
            return Ok(page::again(uri));
        }
        let lapsed = match key.filter(|_| self.app.openid().is_some()) {
            Some(key) => self.app.lapsed_session(key, Timestamp::now()).await?,
            None => None,
        };
        // The provider has to say again that they may; where it still knows them, unasked.
        let again = lapsed.is_some_and(|(_, again)| again);
        let page = if again { "/sign-in/oidc" } else { "/sign-in" };
        Ok(Redirect::to(&sign_in_path(page, uri)).into_response())
    }
}

fn sign_in_path(page: &str, uri: &Uri) -> String {
    match uri.path_and_query().map(|path| path.as_str()) {
        None | Some("/") => page.to_owned(),
        Some(path) => format!("{page}?next={}", page::encode(path)),
    }
}

fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "this form came from another site, or your browser does not say from where: nothing was \
         done. If a proxy is before the console, set url in [console] to what you see in the \
         address bar",
    )
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a browser says that a request comes from a page of this console. One that says
/// nothing is not trusted.
fn from_here(headers: &HeaderMap, configured: Option<&str>) -> bool {
    if let Some(site) = header(headers, "sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = header(headers, "origin") else { return false };
    match configured {
        Some(configured) => origin.eq_ignore_ascii_case(configured),
        None => {
            let name = origin.split_once("://").map(|(_, name)| name);
            name.is_some() && name == header(headers, "host")
        }
    }
}

/// A form must hold its session's token; what is no form can't be one of ours.
async fn check_form(request: Request, expected: &str) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let kind = header(&parts.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "this takes forms only"));
    }
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "this is too large, or was cut off")
    })?;
    let sent = form_urlencoded::parse(&body).find(|(name, _)| name == "form");
    // A digest of a random key: how long a comparison takes tells nothing of use.
    if sent.is_none_or(|(_, value)| value != expected) {
        let detail = "this form is not of your session, which may be a new one: load the page \
                      again, then send it";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(pairs: &[(&'static str, &str)], configured: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        from_here(&headers, configured)
    }

    #[test]
    fn only_a_page_of_this_console_sends_forms() {
        let (site, origin, host) = ("sec-fetch-site", "origin", "host");
        assert!(says(&[(site, "same-origin")], None));
        for other in ["cross-site", "same-site", "none"] {
            assert!(!says(&[(site, other), (origin, "http://a"), (host, "a")], None), "{other}");
        }
        assert!(says(&[(origin, "http://a:1"), (host, "a:1")], None));
        assert!(!says(&[(origin, "http://b"), (host, "a")], None));
        assert!(!says(&[(origin, "null"), (host, "null")], None));
        assert!(!says(&[(host, "a")], None) && !says(&[], None));
        // Behind a proxy the host is what the proxy says.
        let known = Some("https://a.example");
        assert!(says(&[(origin, "https://a.example"), (host, "127.0.0.1")], known));
        assert!(!says(&[(origin, "http://127.0.0.1"), (host, "127.0.0.1")], known));
    }
}
