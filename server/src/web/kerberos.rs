//! Signing in by a Kerberos ticket, which the browser shows by itself when it is asked for one
//! (`Negotiate`, RFC 4559), and only if it was set up to.

use super::{gate::Cookie, page, sign_in};
use crate::{
    api::{caller::Source, problem::Problem},
    app::App,
    time::Timestamp,
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use std::sync::Arc;

/// Where tickets are shown.
pub(super) const PATH: &str = "/sign-in/kerberos";
/// How they are shown.
const SCHEME: &str = "Negotiate";
/// What somebody reads whose browser shows none.
const NONE_SHOWN: &str = "Your browser showed no Kerberos ticket: sign in by name and password. An \
                          administrator can set the browser up to show tickets to this server; and \
                          your computer has one only while you are signed in to the domain.";

/// `GET /sign-in/kerberos`.
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Extension(source): Extension<Source>,
    Extension(Cookie(before)): Extension<Cookie>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if app.kerberos().is_none() {
        return Err(Problem::not_found("there is no sign-in by Kerberos here"));
    }
    let Some(next) = sign_in::begun(&headers, &uri) else { return Ok(page::again(&uri)) };
    let Some(token) = shown(&headers) else {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, NONE_SHOWN);
        return Ok(with(sign_in::sorry(&app, &problem, &next).await?, SCHEME));
    };
    let actor = source.claims("");
    match app.begin_by_ticket(token, before.as_ref(), &actor, Timestamp::now()).await {
        Ok((session, answer)) => {
            let response = sign_in::lead(&app, &session, &next);
            Ok(match answer {
                Some(answer) => with(response, &format!("{SCHEME} {answer}")),
                None => response,
            })
        }
        Err(error) => sign_in::sorry(&app, &Problem::from(error), &next).await,
    }
}

/// The token of a request that shows one.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim())
}

fn with(mut response: Response, answer: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(answer) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
