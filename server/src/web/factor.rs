//! The second factor of one's own account: set up with an app, confirmed by a code of it.

use super::page::{self, Fields, Frame, Notice, Visitor};
use crate::{
    api::{caller::Source, problem::Problem},
    app::App,
    auth::{Credentials, Password, UserName, factor::FactorSecret},
    time::Timestamp,
};
use askama::Template;
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use qrcodegen::{QrCode, QrCodeEcc};
use std::{fmt::Write, sync::Arc};

/// How many modules of white stand around a QR code.
const QUIET: i32 = 4;

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    frame: Frame,
    secret: String,
    uri: String,
    code: Picture,
    notice: Option<Notice>,
}

/// A QR code as one path.
struct Picture {
    side: i32,
    path: String,
}

impl Picture {
    fn new(text: &str) -> Result<Self, Problem> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium)
            .map_err(|_| Problem::conflict("the account's name is too long for a QR code"))?;
        let mut path = String::new();
        for (y, x) in (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (y, x))) {
            if code.get_module(x, y) {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET);
            }
        }
        Ok(Self { side: code.size() + 2 * QUIET, path })
    }
}

fn render(
    visitor: &Visitor,
    owner: &UserName,
    secret: &FactorSecret,
) -> Result<FactorPage, Problem> {
    let (uri, text) = (secret.uri(owner), secret.text());
    let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    Ok(FactorPage {
        frame: Frame::new(visitor, "/me", "A second factor"),
        secret: groups.join(" "),
        code: Picture::new(&uri)?,
        uri,
        notice: None,
    })
}

/// `POST /me/factor`: a secret for the app of who knows the password; whoever finds a browser open
/// does not.
pub(super) async fn offer(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Extension(source): Extension<Source>,
    fields: Fields,
) -> Result<Response, Problem> {
    let owner = visitor.caller.principal.user();
    let password = Password::new(fields.raw("password"));
    let shown = Credentials::new(owner.as_str(), &password);
    if let Err(error) = app.prove(&shown, &source.claims(owner.as_str()), Timestamp::now()).await {
        // The session goes on.
        let problem = Problem::from(error);
        return Err(if problem.status == 401 { Problem::bad(problem.detail) } else { problem });
    }
    let secret = app.offer_factor(owner).await?;
    page::show(&render(&visitor, owner, &secret)?)
}

/// `POST /me/factor/confirm`: a code of the app.
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let (owner, actor) = (visitor.caller.principal.user(), visitor.caller.actor());
    let Some(secret) = app.offered_factor(owner).await? else {
        return Ok(Redirect::to("/me").into_response());
    };
    match app.confirm_factor(owner, fields.get("code"), &actor, Timestamp::now()).await {
        // All sessions have ended.
        Ok(()) => Ok(Redirect::to("/sign-in?next=/me").into_response()),
        Err(error) => {
            // Nobody is signed out by a wrong digit.
            let problem = Problem::bad(Problem::from(error).detail);
            let mut page = render(&visitor, owner, &secret)?;
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
    }
}
