//! Signing in by the OpenID provider: the way there, and the way back.
//!
//! The session's cookie is for requests from this console alone (`SameSite=Strict`), and whom the
//! provider sends back does not come from here. So a sign-in that is under way has a cookie of its
//! own, short and for navigations from elsewhere too (`Lax`), and the answer to a good one is a
//! page from which the browser goes on by itself, from here.

use super::{gate::Cookie, page, sign_in};
use crate::{
    api::{caller::Source, problem::Problem},
    app::App,
    auth::{
        AuthError,
        oidc::{FlowKey, OidcError, Returned},
        openid::FLOW,
    },
    time::Timestamp,
};
use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;

/// The longest value of the way back that is read, in bytes.
const MAX_VALUE: usize = 8192;

/// The cookie of a sign-in, by a part of its state: a browser may have several under way.
fn cookie_name(secure: bool, part: &str) -> String {
    format!("{}bootmint-flow-{part}", if secure { "__Host-" } else { "" })
}

fn set_cookie(response: &mut Response, secure: bool, part: &str, value: &str, life: u32) {
    let (name, more) = (cookie_name(secure, part), if secure { "; Secure" } else { "" });
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{more}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn nothing_here(app: &App) -> Result<(), Problem> {
    match app.openid() {
        Some(_) => Ok(()),
        None => Err(Problem::not_found("there is no sign-in by an identity provider here")),
    }
}

/// `GET /sign-in/oidc`: to the provider.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Extension(source): Extension<Source>,
    Extension(Cookie(before)): Extension<Cookie>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    nothing_here(&app)?;
    let Some(next) = sign_in::begun(&headers, &uri) else { return Ok(page::again(&uri)) };
    let actor = source.claims("");
    match app.begin_openid(&next, before.as_ref(), &actor, Timestamp::now()).await {
        Ok((key, to)) => {
            let mut response = Redirect::to(to.as_str()).into_response();
            let (state, secure) = (key.state(), app.config().console.is_secure());
            let part = FlowKey::name_of(state.as_str()).unwrap_or_default();
            set_cookie(&mut response, secure, part, key.reveal(), FLOW.get());
            Ok(response)
        }
        Err(error) => sorry(&app, error, &next).await,
    }
}

/// `GET /sign-in/oidc/callback`: back from the provider.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Extension(source): Extension<Source>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    nothing_here(&app)?;
    let query = query.unwrap_or_default();
    let value = |name| sign_in::value(&query, name).filter(|value| value.len() <= MAX_VALUE);
    let returned = Returned {
        state: value("state").unwrap_or_default().into_owned(),
        code: value("code").unwrap_or_default().into_owned(),
        iss: value("iss").map(std::borrow::Cow::into_owned),
        error: value("error").map(std::borrow::Cow::into_owned),
        description: value("error_description").unwrap_or_default().into_owned(),
    };
    let secure = app.config().console.is_secure();
    let part = FlowKey::name_of(&returned.state);
    let kept = part.and_then(|part| page::cookie(&headers, &cookie_name(secure, part)));
    let key = kept.and_then(FlowKey::parse);
    let actor = source.claims("");
    let mut response = match app.end_openid(key.as_ref(), &returned, &actor, Timestamp::now()).await
    {
        Ok((session, next)) => sign_in::lead(&app, &session, &next),
        Err(error) => sorry(&app, error, "").await?,
    };
    if let Some(part) = part.filter(|_| key.is_some()) {
        set_cookie(&mut response, secure, part, "", 0);
    }
    Ok(response)
}

/// The sign-in page, which says what went wrong.
async fn sorry(app: &App, error: AuthError, next: &str) -> Result<Response, Problem> {
    if let AuthError::Openid(error) = &error
        && !matches!(error, OidcError::Stranger)
    {
        tracing::info!(%error, "a sign-in by the identity provider did not succeed");
    }
    sign_in::sorry(app, &Problem::from(error), next).await
}
