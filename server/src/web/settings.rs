//! Pages to look at: who one is, roles, machines that are no hosts, the configuration.

use super::{
    page::{self, Frame, Visitor},
    routes::passes,
};
use crate::{
    api::{
        Method,
        accounts::{self, RoleView},
        hosts::{self, DiscoveredView},
        input::Params,
        pages::Page,
        problem::Problem,
    },
    app::App,
    config::Config,
};
use askama::Template;
use axum::{
    Extension,
    extract::{RawQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use std::{fmt::Debug, sync::Arc};

/// `GET /`: leads to the first page that somebody may see.
pub(super) async fn home(Extension(visitor): Extension<Visitor>) -> Response {
    if visitor.caller.principal.must_enrol() {
        return Redirect::to("/me").into_response();
    }
    Redirect::to(Frame::new(&visitor, "", "").first()).into_response()
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    frame: Frame,
    roles: Vec<String>,
    done: bool,
    /// Whether the account is the directory's.
    directory: bool,
    /// Whether a code is asked for at the sign-in.
    factor: bool,
    /// Whether nothing else may be done before it is.
    must_enrol: bool,
}

/// `GET /me`.
pub(super) async fn me(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let roles = visitor.caller.principal.grants().iter().map(ToString::to_string).collect();
    let account = app.store().account(visitor.caller.principal.user()).await?;
    let directory = account.is_some_and(|account| account.directory.is_some());
    let factor = app.has_factor(visitor.caller.principal.user()).await?;
    let (frame, done) =
        (Frame::new(&visitor, "/me", "Your account"), query.as_deref() == Some("done"));
    let must_enrol = visitor.caller.principal.must_enrol();
    page::show(&MePage { frame, roles, done, directory, factor, must_enrol })
}

#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage {
    frame: Frame,
    roles: Vec<RoleView>,
}

/// `GET /roles`.
pub(super) async fn roles(Extension(visitor): Extension<Visitor>) -> Result<Response, Problem> {
    let roles = accounts::roles().await.0.items;
    page::show(&RolesPage { frame: Frame::new(&visitor, "/roles", "Roles"), roles })
}

#[derive(Template)]
#[template(path = "discovered.html")]
struct DiscoveredPage {
    frame: Frame,
    machines: Vec<DiscoveredView>,
    /// Where the next page is.
    next: Option<String>,
    may_import: bool,
}

/// What a machine said of itself, for people.
fn said(facts: &serde_json::Value) -> String {
    let pairs = facts.as_object().into_iter().flatten();
    let pairs = pairs.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
    pairs.collect::<Vec<_>>().join("  ")
}

/// The query of a feed that begins with a machine.
fn beginning(facts: &serde_json::Value) -> String {
    let mut query = String::new();
    for name in ["mac", "uuid", "serial", "asset"] {
        if let Some(value) = facts.get(name).and_then(serde_json::Value::as_str) {
            let before = if query.is_empty() { '?' } else { '&' };
            query.push_str(&format!("{before}{name}={}", page::encode(value)));
        }
    }
    query
}

/// `GET /discovered`.
pub(super) async fn discovered(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    page: Params<Page>,
) -> Result<Response, Problem> {
    let found = hosts::discovered(State(app), page).await?.0;
    let frame = Frame::new(&visitor, "/discovered", "Discovered");
    let may_import = passes(&visitor.caller.principal, Method::Get, "/import");
    let next = page::next("/discovered?", found.next.as_deref());
    page::show(&DiscoveredPage { frame, machines: found.items, next, may_import })
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    settings: Vec<(&'static str, String)>,
    secrets: Vec<String>,
    profiles: Vec<(String, String)>,
}

/// The directory, and what its groups grant.
fn directory(config: &Config) -> String {
    config.directory.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// The OpenID provider, likewise.
fn provider(config: &Config) -> String {
    config.oidc.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let shown = |value: &dyn Debug| format!("{value:?}");
    let address = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "none".to_owned(), |address| address.to_string())
    };
    let limit = |most: Option<std::num::NonZeroU32>| {
        most.map_or_else(|| "none".to_owned(), |most| most.to_string())
    };
    let webhooks = config.webhooks.iter();
    let webhooks: Vec<_> =
        webhooks.map(|webhook| format!("{} ({})", webhook.name, webhook.receiver())).collect();
    let (policy, guard, console) = (&config.policy, &config.guard, &config.console);
    vec![
        ("Machines ask over HTTP at", address(config.listen)),
        ("Machines ask over HTTPS at", address(config.listen_tls)),
        ("Console and interface", console.url()),
        ("Console's address for browsers", console.origin.clone().unwrap_or("not set".into())),
        ("Signed out after disuse of", format!("{} s", console.idle.get())),
        ("Signed out at last after", format!("{} s", console.longest.get())),
        ("Second factor of local accounts", shown(&console.second_factor)),
        ("Sign-in by a directory", directory(config)),
        (
            "Sign-in by Kerberos tickets for",
            config.kerberos.as_ref().map_or("nobody".to_owned(), ToString::to_string),
        ),
        ("Sign-in by an identity provider", provider(config)),
        ("Database", shown(&config.database)),
        ("Machines without a token", shown(&config.tokenless)),
        ("Machines known by their asset tag", shown(&config.asset_lookup)),
        (
            "OS profile of hosts that name none",
            config.os.as_ref().map_or("none".to_owned(), ToString::to_string),
        ),
        ("Firmware profile of hosts that name none", config.image_profile.to_string()),
        ("Webhooks", webhooks.join(", ")),
        (
            "The audit log goes to",
            config.syslog.as_ref().map_or("nowhere else".to_owned(), ToString::to_string),
        ),
        ("First boot", shown(&policy.first_boot)),
        ("An install is done on", shown(&policy.complete_on)),
        ("After a failure", shown(&policy.on_failure)),
        ("Attempts of one arming", policy.attempts.to_string()),
        ("An installer may be silent for", format!("{} s", policy.deadline.get())),
        ("A host stays armed for", format!("{} s", policy.window.get())),
        ("Armings of one person in an hour", limit(guard.arms_per_hour)),
        ("Armings of one person in a day", limit(guard.arms_per_day)),
        ("Approval", shown(&guard.approval)),
        ("Serial number of the disk", shown(&guard.disk_serial)),
        (
            "Old rows of the audit log go to",
            config.archive.as_ref().map_or("nowhere by themselves".to_owned(), |archive| {
                format!("{} after {} s", archive.folder.display(), archive.after.get())
            }),
        ),
        ("Versions of an OS profile that are kept", config.keep_profile_versions.to_string()),
        ("Boots are kept for", format!("{} s", config.keep_boots.get())),
    ]
}

/// `GET /settings`: what the configuration says, without a secret.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let all = app.profiles();
    let profiles = all.iter();
    let page = SettingsPage {
        frame: Frame::new(&visitor, "/settings", "Settings"),
        settings: settings(app.config()),
        secrets: app.config().secrets.reveal().keys().cloned().collect(),
        profiles: profiles.map(|one| (one.name().to_string(), one.title().to_owned())).collect(),
    };
    page::show(&page)
}
