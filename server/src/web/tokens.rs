//! Tokens for programs: made, shown once, ended.

use super::page::{self, Fields, Frame, Notice, Visitor};
use crate::{
    api::{
        accounts::{self, TokenBody, TokenView},
        input::{Json as Body, Params, Why},
        pages::Page,
        problem::Problem,
    },
    app::App,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<TokenView>,
    /// Where the next page is.
    next: Option<String>,
    own: String,
    /// A token that was just made, for this once.
    made: Option<String>,
    notice: Option<Notice>,
}

async fn render(app: &Arc<App>, visitor: &Visitor, page: Page) -> Result<TokensPage, Problem> {
    let caller = Extension(visitor.caller.clone());
    let tokens = accounts::tokens(State(Arc::clone(app)), caller, Params(page)).await?.0;
    Ok(TokensPage {
        frame: Frame::new(visitor, "/tokens", "Tokens"),
        tokens: tokens.items,
        next: page::next("/tokens?", tokens.next.as_deref()),
        own: visitor.caller.principal.grants().to_string(),
        made: None,
        notice: None,
    })
}

/// `GET /tokens`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(page): Params<Page>,
) -> Result<Response, Problem> {
    page::show(&render(&app, &visitor, page).await?)
}

/// The roles that a field lists, separated by commas or spaces.
pub(super) fn roles(text: &str) -> Vec<String> {
    let words = text.split([',', ' ', '\r', '\n']).filter(|word| !word.is_empty());
    words.map(ToOwned::to_owned).collect()
}

/// `POST /tokens`.
pub(super) async fn make(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let wanted = TokenBody {
        label: fields.get("label").to_owned(),
        owner: Some(fields.get("owner").to_owned()).filter(|owner| !owner.is_empty()),
        roles: roles(fields.get("roles")),
        days: fields.get("days").parse().map_err(|_| Problem::bad("days: a number"))?,
        reason: fields.get("reason").to_owned(),
    };
    let caller = Extension(visitor.caller.clone());
    match accounts::make_token(State(Arc::clone(&app)), caller, Body(wanted)).await {
        Ok((_, made)) => {
            let mut page = render(&app, &visitor, Page::default()).await?;
            page.made = Some(made.0.token);
            page::show(&page)
        }
        Err(problem) if problem.status.as_u16() == 400 => {
            let mut page = render(&app, &visitor, Page::default()).await?;
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /tokens/{token}/end`.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    id: Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let why = Params(Why { reason: fields.get("reason").to_owned() });
    accounts::revoke_token(State(app), Extension(visitor.caller), id, fields.seen()?, why).await?;
    Ok(Redirect::to("/tokens").into_response())
}
