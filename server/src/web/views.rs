//! Views of the fleet that people keep under names of their own.

use super::{
    fleet::FleetQuery,
    page::{Fields, Visitor},
};
use crate::{api::problem::Problem, app::App, db::KeptView};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;

/// The longest name, in characters.
const MAX_NAME: usize = 60;
/// The longest text of a filter, in characters.
const MAX_FILTER: usize = 200;
/// The most views of one person.
const MAX_VIEWS: usize = 50;

/// The name that a form gives a view.
fn name(fields: &Fields) -> Result<String, Problem> {
    let name = fields.get("name");
    match name.chars().count() {
        1..=MAX_NAME if !name.chars().any(char::is_control) => Ok(name.to_owned()),
        _ => Err(Problem::bad(format!("a view's name has 1 to {MAX_NAME} characters"))),
    }
}

/// `POST /fleet/views`: keeps what is shown, in place of the view of that name.
pub(super) async fn keep(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let name = name(&fields)?;
    let filters = ["q", "state", "site", "os"].map(|filter| fields.get(filter));
    if filters.iter().any(|filter| filter.chars().count() > MAX_FILTER) {
        let detail = format!("a filter has {MAX_FILTER} characters at most");
        return Err(Problem::bad(detail));
    }
    let query = FleetQuery::filtered(filters).address();
    let owner = visitor.caller.principal.user();
    let kept = app.store().views(owner).await?;
    if kept.len() >= MAX_VIEWS && kept.iter().all(|view| view.name != name) {
        return Err(Problem::bad(format!("you keep {MAX_VIEWS} views already: forget one first")));
    }
    let view = KeptView { name, query };
    app.store().keep_view(owner, &view).await?;
    Ok(Redirect::to(&format!("/fleet{}", view.query)).into_response())
}

/// `POST /fleet/views/forget`.
pub(super) async fn forget(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    app.store().forget_view(visitor.caller.principal.user(), &name(&fields)?).await?;
    Ok(Redirect::to("/fleet").into_response())
}
