//! Signing in, accounts and tokens.

use super::{
    caller::{Caller, Source},
    input::{Json as Body, Params, Rests, Why, tagged},
    pages::{Page, by_time},
    problem::Problem,
};
use crate::{
    app::App,
    auth::{
        AuthError, Credentials, Grants, NewToken, Password, Permission, Place, Role, UserName,
        Which, token::TokenId,
    },
    db::{Account, Realm, StoredToken},
    time::{Seconds, Timestamp},
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SignInBody {
    user: String,
    #[schema(value_type = String)]
    password: Password,
    /// Takes the place of the password; a one-time password needs it.
    #[schema(value_type = Option<String>)]
    new_password: Option<Password>,
    /// The code of a second factor, where the account has one.
    #[serde(default)]
    code: String,
}

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenMade {
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) expires: String,
}

/// `POST /sign-in`.
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(source): Extension<Source>,
    Body(body): Body<SignInBody>,
) -> Result<Json<TokenMade>, Problem> {
    let (actor, now) = (source.claims(&body.user), Timestamp::now());
    let shown = Credentials::new(&body.user, &body.password)
        .renewing(body.new_password.as_ref())
        .with_code(&body.code);
    let signed = app.sign_in(&shown, &actor, now).await?;
    Ok(Json(TokenMade {
        token: signed.token.reveal().to_owned(),
        id: signed.token.id().to_string(),
        expires: signed.expires.to_string(),
    }))
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    user: String,
    /// The roles, with their scopes.
    roles: Vec<String>,
    /// What they may somewhere.
    permissions: Vec<String>,
}

/// `GET /me`.
pub(crate) async fn me(Extension(caller): Extension<Caller>) -> Json<Me> {
    let who = &caller.principal;
    let may = |p: &&Permission| who.role_for(**p, Place::Somewhere).is_some();
    Json(Me {
        user: who.user().to_string(),
        roles: who.grants().iter().map(ToString::to_string).collect(),
        permissions: Permission::ALL.iter().filter(may).map(ToString::to_string).collect(),
    })
}

/// `POST /sign-out`: ends the token that was sent.
pub(crate) async fn sign_out(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Problem> {
    if let Some(id) = caller.principal.token() {
        app.revoke_token(id, &caller.actor(), Timestamp::now()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    pub(crate) id: String,
    /// What its `ETag` holds.
    pub(crate) etag: String,
    pub(crate) owner: String,
    pub(crate) label: String,
    pub(crate) roles: Vec<String>,
    pub(crate) created: String,
    pub(crate) expires: String,
}

impl TokenView {
    fn new(token: &StoredToken) -> Self {
        Self {
            id: token.id.to_string(),
            etag: token.mark().as_str().to_owned(),
            owner: token.owner.to_string(),
            label: token.label.clone(),
            roles: token.grants.iter().map(ToString::to_string).collect(),
            created: token.created.to_string(),
            expires: token.expires.to_string(),
        }
    }
}

/// A page of tokens, the oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenPage {
    pub(crate) items: Vec<TokenView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// `GET /tokens`: one's own, or all for who manages accounts.
pub(crate) async fn tokens(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(page): Params<Page>,
) -> Result<Json<TokenPage>, Problem> {
    let after = page.after_time::<String>()?;
    let after = after.as_ref().map_or((Timestamp::default(), ""), |(at, id)| (*at, id.as_str()));
    let owner = Some(caller.principal.user()).filter(|_| !manages(&caller));
    let found = app.store().tokens_after(owner, after, page.limit()).await?;
    let next = page.last(&found).map(|token| by_time(token.created, &token.id));
    Ok(Json(TokenPage { items: found.iter().map(TokenView::new).collect(), next }))
}

/// Whether the caller manages accounts.
fn manages(caller: &Caller) -> bool {
    caller.principal.role_for(Permission::AccountsManage, Place::Everywhere).is_some()
}

/// `GET /tokens/{token}`.
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = touched(&app, &caller, &id).await?;
    Ok(tagged(&headers, &token.mark(), TokenView::new(&token)))
}

/// The token of that id, if the caller may touch it: others' are told from none by nobody else.
async fn touched(app: &App, caller: &Caller, id: &str) -> Result<StoredToken, Problem> {
    let missing = || Problem::not_found("there is no such token");
    let id = TokenId::parse(id).ok_or_else(missing)?;
    let all = app.store().tokens().await?;
    let token = all.into_iter().find(|token| token.id == id);
    token.filter(|token| owns(caller, &token.owner)).ok_or_else(missing)
}

/// Whether the caller may touch tokens of `owner`.
fn owns(caller: &Caller, owner: &UserName) -> bool {
    caller.principal.user() == owner || manages(caller)
}

/// A token that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TokenBody {
    /// What it is for.
    pub(crate) label: String,
    /// Whose: one's own unless given.
    pub(crate) owner: Option<String>,
    /// The most that it allows, such as `reimager@site:berlin`.
    pub(crate) roles: Vec<String>,
    /// How many days it lives, 366 at most.
    #[serde(default = "ninety")]
    pub(crate) days: u16,
    /// Why, for the audit log.
    #[serde(default)]
    pub(crate) reason: String,
}

fn ninety() -> u16 {
    90
}

/// `POST /tokens`.
pub(crate) async fn make_token(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<TokenBody>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let owner = match &body.owner {
        Some(name) => name.parse().map_err(|error| Problem::bad(format!("owner: {error}")))?,
        None => caller.principal.user().clone(),
    };
    if !owns(&caller, &owner) {
        return Err(Problem::denied(Permission::AccountsManage));
    }
    let now = Timestamp::now();
    let life = Seconds::new(u32::from(body.days).saturating_mul(86_400));
    let grants = grants(&body.roles)?;
    if !grants.iter().all(|grant| caller.principal.may_pass_on(grant)) {
        return Err(Problem::denied(Permission::AccountsManage));
    }
    let new = NewToken { owner, label: body.label, grants, expires: now.after(life) };
    let actor = caller.actor().because(&body.reason);
    let token = app.make_token(&new, &actor, now).await?;
    let made = TokenMade {
        token: token.reveal().to_owned(),
        id: token.id().to_string(),
        expires: new.expires.to_string(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

fn grants(roles: &[String]) -> Result<Grants, Problem> {
    let parsed = roles.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    parsed.and_then(Grants::new).map_err(|error| Problem::bad(format!("roles: {error}")))
}

/// `DELETE /tokens/{token}`.
pub(crate) async fn revoke_token(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Rests(seen): Rests,
    Params(why): Params<Why>,
) -> Result<StatusCode, Problem> {
    let token = touched(&app, &caller, &id).await?;
    // A token does not change: another mark was never its own.
    if !seen.holds(Some(&token.mark())) {
        let detail = "this token is not the one that you saw: look again, then decide";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
    }
    app.revoke_token(&token.id, &caller.actor().because(&why.reason), Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An account.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    pub(crate) name: String,
    /// What its `ETag` holds.
    pub(crate) etag: String,
    /// A program's account has tokens and no password.
    pub(crate) program: bool,
    /// Whether it is the directory's or the identity provider's, which decides its roles.
    pub(crate) directory: bool,
    /// Whether it is the identity provider's.
    pub(crate) openid: bool,
    /// Whether its password must be changed at the next sign-in.
    pub(crate) one_time: bool,
    pub(crate) locked: bool,
    /// Whether its owner shows a code at the sign-in.
    pub(crate) factor: bool,
    pub(crate) roles: Vec<String>,
    pub(crate) created: String,
}

impl UserView {
    fn new(account: &Account) -> Self {
        Self {
            name: account.name.to_string(),
            etag: account.mark().as_str().to_owned(),
            program: account.password.is_none() && account.directory.is_none(),
            directory: account.directory.is_some(),
            openid: account.is_of(Realm::Openid),
            one_time: account.one_time,
            locked: account.disabled,
            factor: account.factor,
            roles: account.grants.iter().map(ToString::to_string).collect(),
            created: account.created.to_string(),
        }
    }
}

/// A page of accounts, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserPage {
    pub(crate) items: Vec<UserView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// `GET /users`.
pub(crate) async fn users(
    State(app): State<Arc<App>>,
    Params(page): Params<Page>,
) -> Result<Json<UserPage>, Problem> {
    let after = page.after_name()?;
    let found = app.store().accounts_after(after.as_ref(), page.limit()).await?;
    let next = page.last(&found).map(|account| account.name.to_string());
    Ok(Json(UserPage { items: found.iter().map(UserView::new).collect(), next }))
}

/// `GET /users/{user}`.
pub(crate) async fn user(
    State(app): State<Arc<App>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = name(&user)?;
    let account = app.store().account(&name).await?.ok_or(AuthError::NoAccount(name))?;
    Ok(tagged(&headers, &account.mark(), UserView::new(&account)))
}

/// An account that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct UserBody {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    /// It is a program's: it gets tokens and no password.
    #[serde(default)]
    pub(crate) program: bool,
    /// Why, for the audit log.
    #[serde(default)]
    pub(crate) reason: String,
}

/// A one-time password, shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OneTime {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) one_time_password: Option<String>,
}

/// `POST /users`.
pub(crate) async fn add_user(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<UserBody>,
) -> Result<(StatusCode, Json<OneTime>), Problem> {
    let name = name(&body.name)?;
    let (grants, actor) = (grants(&body.roles)?, caller.actor().because(&body.reason));
    let password = app.add_account(&name, &grants, !body.program, &actor, Timestamp::now()).await?;
    let one_time_password = password.map(|password| password.reveal().to_owned());
    Ok((StatusCode::CREATED, Json(OneTime { one_time_password })))
}

fn name(text: &str) -> Result<UserName, Problem> {
    text.parse().map_err(|error| Problem::bad(format!("{error}")))
}

/// What of an account is changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// All that it may from now on.
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) locked: Option<bool>,
    /// Why, for the audit log.
    #[serde(default)]
    pub(crate) reason: String,
}

/// `PATCH /users/{user}`.
pub(crate) async fn change_user(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    Rests(seen): Rests,
    Body(body): Body<UserChange>,
) -> Result<Response, Problem> {
    let grants = body.roles.as_deref().map(grants).transpose()?;
    let (name, now) = (name(&user)?, Timestamp::now());
    let actor = caller.actor().because(&body.reason);
    let which = Which { name: &name, seen: &seen };
    let changed = app.change_account(which, grants.as_ref(), body.locked, &actor, now).await?;
    Ok(tagged(&HeaderMap::new(), &changed.mark(), UserView::new(&changed)))
}

/// `POST /users/{user}/reset-password`.
pub(crate) async fn reset_password(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    Rests(seen): Rests,
    Body(why): Body<Why>,
) -> Result<Json<OneTime>, Problem> {
    let (name, actor) = (name(&user)?, caller.actor().because(&why.reason));
    let which = Which { name: &name, seen: &seen };
    let password = app.reset_password(which, &actor, Timestamp::now()).await?;
    Ok(Json(OneTime { one_time_password: Some(password.reveal().to_owned()) }))
}

/// `DELETE /users/{user}/factor`.
pub(crate) async fn remove_factor(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    Rests(seen): Rests,
    Params(why): Params<Why>,
) -> Result<StatusCode, Problem> {
    let (name, actor) = (name(&user)?, caller.actor().because(&why.reason));
    let which = Which { name: &name, seen: &seen };
    app.remove_factor(which, &actor, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /users/{user}`.
pub(crate) async fn remove_user(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(user): Path<String>,
    Rests(seen): Rests,
    Params(why): Params<Why>,
) -> Result<StatusCode, Problem> {
    let (name, actor) = (name(&user)?, caller.actor().because(&why.reason));
    let which = Which { name: &name, seen: &seen };
    app.remove_account(which, &actor, Timestamp::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A role, and what it may.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleView {
    pub(crate) name: &'static str,
    pub(crate) permissions: Vec<&'static str>,
}

/// All roles.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleList {
    pub(crate) items: Vec<RoleView>,
}

/// `GET /roles`.
pub(crate) async fn roles() -> Json<RoleList> {
    let view = |role: &Role| RoleView {
        name: role.name(),
        permissions: Permission::ALL.iter().filter(|p| role.may(**p)).map(|p| p.name()).collect(),
    };
    Json(RoleList { items: Role::ALL.iter().map(view).collect() })
}
