//! What all pages share: their frame, errors, cookies, and where somebody is led.

use super::{assets, routes::passes};
use crate::{
    api::{
        Method,
        caller::Caller,
        input::{Rests, body},
        problem::Problem,
    },
    auth::SessionKey,
    mark::{Mark, Seen},
    secret::Digest,
};
use askama::Template;
use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use std::fmt::Write;

/// Somebody whose session passed the gate.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) form: Digest,
}

impl Visitor {
    /// Whether they may make images of scripts of their own.
    pub(super) fn may_make_scripts(&self) -> bool {
        passes(&self.caller.principal, Method::Post, "/workshop/script")
    }
}

/// A link of the menu.
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    pub(super) here: bool,
}

/// What stands around a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) user: String,
    pub(super) form: String,
    pub(super) links: Vec<Link>,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
}

const MENU: [(&str, &str); 11] = [
    ("/fleet", "Fleet"),
    ("/discovered", "Discovered"),
    ("/import", "Import"),
    ("/secrets", "Secrets"),
    ("/workshop", "Images"),
    ("/profiles", "Profiles"),
    ("/audit", "Audit"),
    ("/accounts", "Accounts"),
    ("/tokens", "Tokens"),
    ("/roles", "Roles"),
    ("/settings", "Settings"),
];

impl Frame {
    /// The frame of a page below `here`, with the links that the visitor may follow.
    pub(super) fn new(visitor: &Visitor, here: &str, title: impl Into<String>) -> Self {
        let who = &visitor.caller.principal;
        let links = MENU.into_iter().filter(|(path, _)| passes(who, Method::Get, path));
        Self {
            title: title.into(),
            user: who.user().to_string(),
            form: visitor.form.as_str().to_owned(),
            links: links.map(|(path, label)| Link { path, label, here: path == here }).collect(),
            style: assets::style_path(),
            script: assets::script_path(),
        }
    }

    /// The frame of a page for who is not known.
    pub(super) fn of_strangers(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            user: String::new(),
            form: String::new(),
            links: Vec::new(),
            style: assets::style_path(),
            script: assets::script_path(),
        }
    }

    /// The first page that the visitor may see.
    pub(super) fn first(&self) -> &'static str {
        self.links.first().map_or("/me", |link| link.path)
    }
}

/// What a page says of something that was just done, or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Notice {
    pub(super) text: String,
    pub(super) good: bool,
}

impl Notice {
    pub(super) fn done(text: impl Into<String>) -> Self {
        Self { text: text.into(), good: true }
    }
}

/// The fields of a form.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of a form that was sent as a query, in which one may stand several times.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// A field's value, without spaces around it; nothing if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field's value as it was typed: a password.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// What the form's page showed of what it changes, by its mark; a form without one rests on
    /// nothing.
    pub(super) fn seen(&self) -> Result<Rests, Problem> {
        match self.get("seen") {
            "" => Ok(Rests(Seen::Anything)),
            text => match Mark::parse(text) {
                Some(mark) => Ok(Rests(Seen::This(mark))),
                None => Err(Problem::bad("seen: load the page again, then send its form")),
            },
        }
    }

    /// All values of fields of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = body(request, state).await?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}

/// Renders a page.
pub(super) fn show(page: &impl Template) -> Result<Response, Problem> {
    match page.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server's log says why"))
        }
    }
}

/// The same, with the status of what did not succeed.
pub(super) fn refuse(page: &impl Template, problem: &Problem) -> Result<Response, Problem> {
    let mut response = show(page)?;
    *response.status_mut() = problem.status;
    Ok(response)
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

/// The page that says what went wrong.
pub(super) fn error(visitor: Option<&Visitor>, problem: &Problem) -> Response {
    let title = problem.title.as_str();
    let frame = match visitor {
        Some(visitor) => Frame::new(visitor, "", title),
        None => Frame::of_strangers(title),
    };
    let text = ErrorPage { frame, problem }.render();
    let text = text.unwrap_or_else(|_| "the server's log says what is wrong".to_owned());
    let mut response = (problem.status, Html(text)).into_response();
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

#[derive(Template)]
#[template(path = "again.html")]
struct Again<'a> {
    path: &'a str,
}

/// Lets the browser ask again, from here.
pub(super) fn again(uri: &Uri) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    lead(local(path).unwrap_or("/"))
}

/// Lets the browser go on to `path`, from here: not as a part of the request that led to this page.
pub(super) fn lead(path: &str) -> Response {
    Again { path }
        .render()
        .map(Html)
        .map_or_else(|_| Redirect::to("/sign-in").into_response(), IntoResponse::into_response)
}

/// `path`, if it leads to somewhere on this listener and nowhere else.
pub(super) fn local(path: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\\\"<>".contains(&b);
    let inside = path.starts_with('/') && !path.starts_with("//");
    (inside && path.len() <= 1000 && path.bytes().all(plain)).then_some(path)
}

/// Where the next page of a list is, whose `path` has a query already.
pub(super) fn next(path: &str, after: Option<&str>) -> Option<String> {
    after.map(|after| format!("{path}after={}", encode(after)))
}

/// `text` as a value of a query.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The name of the cookie. With the prefix, browsers take it from HTTPS only, and from no other
/// host or path.
fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-bootmint" } else { "bootmint" }
}

/// The key in a request's cookie.
pub(super) fn session_key(headers: &HeaderMap, secure: bool) -> Option<SessionKey> {
    SessionKey::parse(cookie(headers, cookie_name(secure))?)
}

/// What a request's cookie of that name holds.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    pairs.next()
}

/// A redirect that brings a session, or ends it.
pub(super) fn with_cookie(to: &str, key: Option<&SessionKey>, secure: bool, life: u32) -> Response {
    let mut response = Redirect::to(to).into_response();
    set_session(&mut response, key, secure, life);
    response
}

/// Lets an answer bring a session, or end it.
pub(super) fn set_session(
    response: &mut Response,
    key: Option<&SessionKey>,
    secure: bool,
    life: u32,
) {
    let (name, more) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    let (value, life) = key.map_or(("", 0), |key| (key.reveal(), life));
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{more}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_is_led_away() {
        for good in ["/", "/fleet?q=a%20b&page=2", "/hosts/web-01"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "fleet",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "/\t/evil.example",
            "javascript:alert(1)",
            "/ä",
            "/<script>",
            "/\"x",
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_the_server_alone() {
        let key = SessionKey::parse(&"a".repeat(64)).unwrap();
        let set = |secure| {
            let response = with_cookie("/", Some(&key), secure, 60);
            response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
        };
        let plain = set(false);
        assert!(plain.starts_with("bootmint=aaa") && !plain.contains("Secure"), "{plain}");
        for part in ["; Path=/;", "; HttpOnly;", "; SameSite=Strict;"] {
            assert!(plain.contains(part), "{plain}");
        }
        let secure = set(true);
        assert!(secure.starts_with("__Host-bootmint=") && secure.ends_with("; Secure"));
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("x=1; bootmint={}", key.reveal()).parse().unwrap());
        assert_eq!(session_key(&headers, false), Some(key));
        assert_eq!(session_key(&headers, true), None, "it came over plain HTTP");
    }

    proptest! {
        #[test]
        fn an_encoded_path_reads_back(text in "\\PC{0,60}") {
            let query = format!("next={}", encode(&text));
            let back = form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned();
            prop_assert_eq!(back, text);
        }
    }
}
