//! Secrets that answers may hold: which are set, and a form that sets one. No page shows a value.

use super::page::{self, Fields, Frame, Notice, Visitor};
use crate::{
    api::{
        input::{Json as Body, Params, Rests},
        problem::Problem,
        secrets::{self, SecretBody, SecretPage, SecretQuery, SecretView, Where},
    },
    app::App,
    auth::Place,
    mark::{Mark, Seen},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "secrets.html")]
struct SecretsPage {
    frame: Frame,
    /// `site:NAME`, `host:NAME`, or nothing for everywhere.
    place: String,
    /// Whether the visitor may set secrets there.
    open: bool,
    /// Whether there is a key to seal with.
    key: bool,
    secrets: Vec<SecretView>,
    /// Where the next page is.
    next: Option<String>,
    /// The names that the configuration has values for.
    configured: Vec<String>,
    /// The name that was typed.
    name: String,
    notice: Option<Notice>,
}

async fn render(
    app: &Arc<App>,
    visitor: &Visitor,
    query: SecretQuery,
) -> Result<SecretsPage, Problem> {
    let caller = visitor.caller.clone();
    let everywhere = caller.principal.role_for(caller.permission, Place::Everywhere).is_some();
    let place = query.place.trim().to_owned();
    let open = everywhere || !place.is_empty();
    let wanted = Params(SecretQuery { place: place.clone(), ..query });
    let secrets = match open {
        true => secrets::list(State(Arc::clone(app)), Extension(caller), wanted).await?.0,
        false => SecretPage { items: Vec::new(), next: None },
    };
    let path = format!("/secrets?place={}&", page::encode(&place));
    Ok(SecretsPage {
        frame: Frame::new(visitor, "/secrets", "Secrets"),
        place,
        open,
        key: app.config().seal_keys.current().is_some(),
        secrets: secrets.items,
        next: page::next(&path, secrets.next.as_deref()),
        configured: app.config().secrets.reveal().keys().cloned().collect(),
        name: String::new(),
        notice: None,
    })
}

/// `GET /secrets`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(query): Params<SecretQuery>,
) -> Result<Response, Problem> {
    page::show(&render(&app, &visitor, query).await?)
}

fn back(place: &str) -> Response {
    Redirect::to(&format!("/secrets?place={}", page::encode(place))).into_response()
}

/// What the form's page showed of the secret of that name: that it is set, or that it is not.
fn seen(fields: &Fields, name: &str) -> Rests {
    let mut set = fields.all("set").filter_map(|one| one.split_once(' '));
    let mark = set.find(|(set, _)| *set == name).and_then(|(_, mark)| Mark::parse(mark));
    Rests(match (mark, fields.get("shown")) {
        (Some(mark), _) => Seen::This(mark),
        (None, "yes") => Seen::Nothing,
        (None, _) => Seen::Anything,
    })
}

/// `POST /secrets`.
pub(super) async fn set(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let (place, name) = (fields.get("place").to_owned(), fields.get("name").to_owned());
    // Browsers end lines of a text area like this; installers do not.
    let value = fields.raw("value").replace("\r\n", "\n");
    let body = SecretBody { value, reason: fields.get("reason").to_owned() };
    let caller = Extension(visitor.caller.clone());
    let at = Params(Where { place: place.clone() });
    let (here, seen) = (State(Arc::clone(&app)), seen(&fields, &name));
    let set = secrets::set(here, caller, Path(name.clone()), at, seen, Body(body));
    match set.await {
        Ok(_) => Ok(back(&place)),
        Err(problem) if matches!(problem.status.as_u16(), 400 | 409 | 412) => {
            let mut page = render(&app, &visitor, SecretQuery::of(&place)).await?;
            page.name = name;
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /secrets/{secret}/remove`.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    name: Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let place = fields.get("place").to_owned();
    let at = Params(Where { place: place.clone() });
    secrets::remove(State(app), Extension(visitor.caller), name, at, fields.seen()?).await?;
    Ok(back(&place))
}
