//! Accounts: made, given roles, locked, removed.

use super::{
    page::{self, Fields, Frame, Notice, Visitor},
    tokens::roles as split,
};
use crate::{
    api::{
        accounts::{self, UserBody, UserChange, UserView},
        input::{Json as Body, Params, Rests, Why},
        pages::Page,
        problem::Problem,
    },
    app::App,
    auth::{Role, ldap::DirectoryConfig, oidc::OidcConfig},
    config::Config,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use std::sync::Arc;

/// A one-time password, for this once.
struct Once {
    user: String,
    password: String,
}

/// A group that others keep, and what its members may here.
struct GroupView {
    /// Whose: the directory's, or the identity provider's.
    whose: &'static str,
    /// Where the configuration says so.
    key: &'static str,
    group: String,
    grants: String,
}

/// All groups that grant something. They are the configuration's: no request changes them.
fn groups(config: &Config) -> Vec<GroupView> {
    let view = |whose, key| move |(group, grants)| GroupView { whose, key, group, grants };
    let directory = config.directory.iter().flat_map(DirectoryConfig::groups);
    let provider = config.oidc.iter().flat_map(OidcConfig::groups);
    let directory = directory.map(view("the directory", "groups in [directory]"));
    directory.chain(provider.map(view("the identity provider", "groups in [oidc]"))).collect()
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    users: Vec<UserView>,
    /// Where the next page is.
    next: Option<String>,
    roles: &'static [Role],
    groups: Vec<GroupView>,
    once: Option<Once>,
    notice: Option<Notice>,
}

/// What every form of an account needs.
type Asked = (State<Arc<App>>, Extension<Visitor>, Path<String>);

async fn render(app: &Arc<App>, visitor: &Visitor, page: Page) -> Result<AccountsPage, Problem> {
    let users = accounts::users(State(Arc::clone(app)), Params(page)).await?.0;
    Ok(AccountsPage {
        frame: Frame::new(visitor, "/accounts", "Accounts"),
        users: users.items,
        next: page::next("/accounts?", users.next.as_deref()),
        roles: Role::ALL,
        groups: groups(app.config()),
        once: None,
        notice: None,
    })
}

/// `GET /accounts`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(page): Params<Page>,
) -> Result<Response, Problem> {
    page::show(&render(&app, &visitor, page).await?)
}

/// The page again after a form: with what is shown once, or what was wrong.
async fn answer(
    app: &Arc<App>,
    visitor: &Visitor,
    result: Result<Option<Once>, Problem>,
) -> Result<Response, Problem> {
    match result {
        Ok(None) => Ok(Redirect::to("/accounts").into_response()),
        Ok(once) => {
            let mut page = render(app, visitor, Page::default()).await?;
            page.once = once;
            page::show(&page)
        }
        Err(problem) if [400, 404, 409, 412].contains(&problem.status.as_u16()) => {
            let mut page = render(app, visitor, Page::default()).await?;
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /accounts`.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let user = fields.get("name").to_owned();
    let wanted = UserBody {
        name: user.clone(),
        roles: split(fields.get("roles")),
        program: fields.get("program") == "yes",
        reason: why(&fields).reason,
    };
    let caller = Extension(visitor.caller.clone());
    let made = accounts::add_user(State(Arc::clone(&app)), caller, Body(wanted)).await;
    let once =
        made.map(|(_, once)| once.0.one_time_password.map(|password| Once { user, password }));
    answer(&app, &visitor, once).await
}

/// Why, as the person typed it.
fn why(fields: &Fields) -> Why {
    Why { reason: fields.get("reason").to_owned() }
}

async fn change(
    (State(app), Extension(visitor), user): Asked,
    seen: Rests,
    change: UserChange,
) -> Result<Response, Problem> {
    let (here, caller) = (State(Arc::clone(&app)), Extension(visitor.caller.clone()));
    let done = accounts::change_user(here, caller, user, seen, Body(change)).await;
    answer(&app, &visitor, done.map(|_| None)).await
}

/// `POST /accounts/{user}/roles`.
pub(super) async fn roles(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    let roles = Some(split(fields.get("roles")));
    let reason = why(&fields).reason;
    change(asked, fields.seen()?, UserChange { roles, locked: None, reason }).await
}

/// `POST /accounts/{user}/lock`.
pub(super) async fn lock(asked: Asked, fields: Fields) -> Result<Response, Problem> {
    let locked = Some(fields.get("locked") == "yes");
    let reason = why(&fields).reason;
    change(asked, fields.seen()?, UserChange { roles: None, locked, reason }).await
}

/// `POST /accounts/{user}/reset`.
pub(super) async fn reset(
    (State(app), Extension(visitor), user): Asked,
    fields: Fields,
) -> Result<Response, Problem> {
    let (name, caller) = (user.0.clone(), Extension(visitor.caller.clone()));
    let (seen, why) = (fields.seen()?, Body(why(&fields)));
    let done = accounts::reset_password(State(Arc::clone(&app)), caller, user, seen, why).await;
    let once =
        done.map(|once| once.0.one_time_password.map(|password| Once { user: name, password }));
    answer(&app, &visitor, once).await
}

/// `POST /accounts/{user}/factor`: for who lost their telephone.
pub(super) async fn factor(
    (State(app), Extension(visitor), user): Asked,
    fields: Fields,
) -> Result<Response, Problem> {
    let (caller, why) = (Extension(visitor.caller.clone()), Params(why(&fields)));
    let (here, seen) = (State(Arc::clone(&app)), fields.seen()?);
    let done = accounts::remove_factor(here, caller, user, seen, why).await;
    answer(&app, &visitor, done.map(|_| None)).await
}

/// `POST /accounts/{user}/remove`: the name is typed again.
pub(super) async fn remove(
    (State(app), Extension(visitor), user): Asked,
    fields: Fields,
) -> Result<Response, Problem> {
    let done = if fields.get("confirm") == user.0 {
        let (caller, why) = (Extension(visitor.caller.clone()), Params(why(&fields)));
        let (here, seen) = (State(Arc::clone(&app)), fields.seen()?);
        accounts::remove_user(here, caller, user, seen, why).await.map(|_| None)
    } else {
        Err(Problem::bad("type the account's name to confirm that it is to be removed"))
    };
    answer(&app, &visitor, done).await
}
