//! Signing in and out, and the own password.

use super::{
    gate::Cookie,
    kerberos,
    page::{self, Fields, Frame, Visitor},
};
use crate::{
    api::{caller::Source, problem::Problem},
    app::App,
    auth::{AuthError, Credentials, Password, SessionKey},
    db::Realm,
    time::Timestamp,
};
use askama::Template;
use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use std::{borrow::Cow, sync::Arc};

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignInPage {
    frame: Frame,
    name: String,
    next: String,
    /// What went wrong.
    wrong: String,
    /// Whether a new password is asked for: the one that was typed is for one use.
    renew: bool,
    /// Whether a code is asked for.
    coded: bool,
    /// Nobody can sign in yet.
    nobody: bool,
    /// The account whose one-time password was printed, and that nobody has used yet.
    first: Option<String>,
    /// What the button of the identity provider says, if there is one.
    provider: Option<String>,
    /// Where that button leads.
    entrance: String,
    /// What the button for Kerberos tickets says, if they are taken.
    ticket: Option<String>,
    /// Where that one leads.
    counter: String,
}

impl SignInPage {
    pub(super) async fn new(app: &App, next: &str) -> Result<Self, Problem> {
        let first = app.is_first_run().await?.map(|name| name.to_string());
        let next = page::local(next).unwrap_or_default();
        Ok(Self {
            provider: app.openid().map(|provider| provider.config().label.clone()),
            entrance: format!("/sign-in/oidc?next={}", page::encode(next)),
            ticket: app.kerberos().map(|acceptor| acceptor.config().label.clone()),
            counter: format!("{}?next={}", kerberos::PATH, page::encode(next)),
            frame: Frame::of_strangers("Sign in"),
            name: first.clone().unwrap_or_default(),
            next: next.to_owned(),
            wrong: String::new(),
            renew: false,
            coded: false,
            nobody: app.has_no_people().await?,
            first,
        })
    }
}

/// `GET /sign-in`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let next = value(query.as_deref().unwrap_or_default(), "next");
    page::show(&SignInPage::new(&app, &next.unwrap_or_default()).await?)
}

/// What a query says of `name`.
pub(super) fn value<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Where a sign-in leads that was begun by a link; nothing if another site began it. Those begin
/// none in the back, and a link of theirs brings no session to end.
pub(super) fn begun(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return None;
    }
    let next = value(uri.query().unwrap_or_default(), "next").unwrap_or_default();
    Some(page::local(&next).unwrap_or("/").to_owned())
}

/// The page from which somebody who was let in goes on, from here.
pub(super) fn lead(app: &App, session: &SessionKey, next: &str) -> Response {
    let (mut response, console) =
        (page::lead(page::local(next).unwrap_or("/")), &app.config().console);
    page::set_session(&mut response, Some(session), console.is_secure(), console.longest.get());
    response
}

/// The sign-in page, which says what went wrong.
pub(super) async fn sorry(app: &App, problem: &Problem, next: &str) -> Result<Response, Problem> {
    let mut form = SignInPage::new(app, next).await?;
    form.wrong.clone_from(&problem.detail);
    page::refuse(&form, problem)
}

/// `POST /sign-in`.
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Extension(source): Extension<Source>,
    Extension(Cookie(before)): Extension<Cookie>,
    fields: Fields,
) -> Result<Response, Problem> {
    let (name, next) = (fields.get("user"), fields.get("next"));
    let password = Password::new(fields.raw("password"));
    let new = Some(fields.raw("new-password")).filter(|new| !new.is_empty()).map(Password::new);
    if new.is_some() && fields.raw("new-password") != fields.raw("again") {
        let mut form = SignInPage::new(&app, next).await?;
        (form.name, form.renew) = (name.to_owned(), true);
        form.coded = !fields.get("code").is_empty();
        form.wrong = "the new password and its repetition differ".to_owned();
        return page::refuse(&form, &Problem::bad(""));
    }
    let actor = source.claims(name);
    let shown = Credentials::new(name, &password).renewing(new.as_ref());
    let shown = shown.with_code(fields.get("code"));
    match app.begin_session(&shown, before.as_ref(), &actor, Timestamp::now()).await {
        Ok(key) => {
            let to = page::local(next).unwrap_or("/");
            let console = &app.config().console;
            let life = console.longest.get();
            Ok(page::with_cookie(to, Some(&key), console.is_secure(), life))
        }
        Err(error) => {
            // What the form had it has again.
            let renew =
                new.is_some() || matches!(error, AuthError::MustChange | AuthError::Password(_));
            let coded = !fields.get("code").is_empty()
                || matches!(error, AuthError::NeedsCode | AuthError::WrongCode);
            let problem = Problem::from(error);
            let mut form = SignInPage::new(&app, next).await?;
            (form.name, form.renew, form.coded) = (name.to_owned(), renew, coded);
            form.wrong.clone_from(&problem.detail);
            page::refuse(&form, &problem)
        }
    }
}

/// `POST /sign-out`.
pub(super) async fn out(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Extension(Cookie(key)): Extension<Cookie>,
) -> Result<Response, Problem> {
    if let Some(key) = key {
        app.end_session(&key, &visitor.caller.actor(), Timestamp::now()).await?;
    }
    let secure = app.config().console.is_secure();
    let account = app.store().account(visitor.caller.principal.user()).await?;
    let exit = match app.openid().filter(|_| account.is_some_and(|one| one.is_of(Realm::Openid))) {
        Some(provider) => provider.exit().await,
        None => None,
    };
    let Some(exit) = exit else { return Ok(page::with_cookie("/sign-in", None, secure, 0)) };
    // A form is not led to other sites: the browser goes on from a page.
    let mut response = page::lead(exit.as_str());
    page::set_session(&mut response, None, secure, 0);
    Ok(response)
}

/// `POST /me/password`: whoever knows the password may change it; other sessions and tokens end.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Extension(source): Extension<Source>,
    Extension(Cookie(before)): Extension<Cookie>,
    fields: Fields,
) -> Result<Response, Problem> {
    if fields.raw("new-password") != fields.raw("again") {
        return Err(Problem::bad("the new password and its repetition differ"));
    }
    let name = visitor.caller.principal.user().as_str();
    let (old, new) =
        (Password::new(fields.raw("password")), Password::new(fields.raw("new-password")));
    let shown = Credentials::new(name, &old).renewing(Some(&new)).with_code(fields.get("code"));
    let actor = source.claims(name);
    let key = app.begin_session(&shown, before.as_ref(), &actor, Timestamp::now()).await?;
    let console = &app.config().console;
    Ok(page::with_cookie("/me?done", Some(&key), console.is_secure(), console.longest.get()))
}
