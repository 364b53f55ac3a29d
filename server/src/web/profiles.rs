//! OS profiles to look at: all of them, one with its texts, its versions, what differs between
//! them; and the way back to one.

use super::{
    page::{self, Fields, Frame, Notice, Visitor},
    routes::passes,
};
use crate::{
    api::{
        Method,
        input::Params,
        problem::{FaultView, Problem},
        profiles::{ProfileLine, VersionView, Which, files_of, no_profile, number},
        publish::{origin, policy_change},
    },
    app::{App, Publication},
    script::{
        Files,
        diff::{self, FileDiff},
    },
    time::Timestamp,
};
use askama::Template;
use axum::{
    Extension,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use bootmint_image_factory::host::Name;
use serde::Deserialize;
use std::sync::Arc;

/// How many versions a page shows.
const SHOWN: i64 = 20;
/// How many hosts a page names.
const NAMED: usize = 50;

/// Whether somebody may publish.
pub(super) fn may_write(visitor: &Visitor) -> bool {
    passes(&visitor.caller.principal, Method::Post, "/profiles/{profile}/edit")
}

/// The version of a profile's texts, for people.
pub(super) fn called(version: i64) -> String {
    match version {
        0 => "the folder's".to_owned(),
        _ => format!("version {version}"),
    }
}

#[derive(Template)]
#[template(path = "profiles.html")]
struct ListPage {
    frame: Frame,
    notice: Option<Notice>,
    profiles: Vec<ProfileLine>,
    may_write: bool,
}

/// The list, with what is to be said first.
pub(super) fn list(app: &App, visitor: &Visitor, notice: Option<Notice>) -> impl Template {
    let profiles = app.profiles();
    ListPage {
        frame: Frame::new(visitor, "/profiles", "OS profiles"),
        notice,
        profiles: profiles.iter().map(|one| ProfileLine::new(app, one)).collect(),
        may_write: may_write(visitor),
    }
}

/// `GET /profiles`.
pub(super) async fn all(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let gone = query.as_deref() == Some("gone");
    let notice = gone.then(|| Notice::done("The profile is no more: the folder has none."));
    page::show(&list(&app, &visitor, notice))
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    frame: Frame,
    notice: Option<Notice>,
    profile: ProfileLine,
    newest: Option<VersionView>,
    files: Vec<(String, String)>,
    hosts: Vec<String>,
    more: usize,
    may_write: bool,
}

fn texts(files: &Files) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// `GET /profiles/{profile}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, _): Which,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let notice = match query.as_deref() {
        Some("published") => Some("It is published: every boot from now on gets it."),
        Some("reverted") => Some("It is published again: every boot from now on gets it."),
        _ => None,
    };
    let profiles = app.profiles();
    let profile = profiles.get(name.as_str()).map_err(|_| no_profile(&name))?;
    let users = app.users_of(&name).await?;
    let seen = users.iter().filter(|host| visitor.caller.may(host));
    let mut hosts: Vec<_> = seen.map(|host| host.name.to_string()).collect();
    let more = hosts.len().saturating_sub(NAMED);
    hosts.truncate(NAMED);
    let newest = app.newest_version(&name).await?;
    page::show(&ProfilePage {
        frame: Frame::new(&visitor, "/profiles", format!("OS profile {name}")),
        notice: notice.map(Notice::done),
        profile: ProfileLine::new(&app, profile),
        newest: newest.map(|newest| VersionView::new(newest, None)),
        files: texts(&profile.files()),
        hosts,
        more,
        may_write: may_write(&visitor),
    })
}

/// Which part of the versions is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    #[serde(default)]
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "profile_versions.html")]
struct VersionsPage {
    frame: Frame,
    name: Name,
    current: i64,
    in_folder: bool,
    versions: Vec<VersionView>,
    first: bool,
    next: Option<i64>,
    may_write: bool,
}

/// `GET /profiles/{profile}/versions`.
pub(super) async fn versions(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, _): Which,
    Params(part): Params<Before>,
) -> Result<Response, Problem> {
    let before = part.before.unwrap_or(i64::MAX);
    let found = app.store().profile_versions(&name, before, SHOWN).await?;
    let profiles = app.profiles();
    let current = profiles.get(name.as_str()).map_or(0, |profile| profile.version());
    let in_folder = app.base_profiles().get(name.as_str()).is_ok();
    if found.is_empty() && !in_folder && part.before.is_none() {
        return Err(no_profile(&name));
    }
    let next = found.last().map(|last| last.version).filter(|last| *last > 1);
    page::show(&VersionsPage {
        frame: Frame::new(&visitor, "/profiles", format!("Versions of {name}")),
        current,
        in_folder,
        versions: found.into_iter().map(|one| VersionView::new(one, None)).collect(),
        first: part.before.is_none(),
        next,
        may_write: may_write(&visitor),
        name,
    })
}

/// Which versions are compared, as a form sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Compared {
    from: String,
    to: String,
}

#[derive(Template)]
#[template(path = "profile_diff.html")]
struct DiffPage {
    frame: Frame,
    name: Name,
    from: i64,
    to: i64,
    diffs: Vec<FileDiff>,
}

/// `GET /profiles/{profile}/diff`.
pub(super) async fn difference(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, _): Which,
    Params(compared): Params<Compared>,
) -> Result<Response, Problem> {
    let (from, to) = (number(&compared.from)?, number(&compared.to)?);
    let old = files_of(&app, &name, from).await?;
    let new = files_of(&app, &name, to).await?;
    page::show(&DiffPage {
        frame: Frame::new(&visitor, "/profiles", format!("Changes of {name}")),
        name,
        from,
        to,
        diffs: diff::diff(&old, &new),
    })
}

#[derive(Template)]
#[template(path = "profile_version.html")]
struct VersionPage {
    frame: Frame,
    name: Name,
    version: i64,
    told: Option<VersionView>,
    files: Vec<(String, String)>,
    /// What going back to it would change.
    diffs: Vec<FileDiff>,
    /// Whether hosts get it now.
    current: bool,
    newest: i64,
    may_write: bool,
    reason: String,
    wrong: Option<Problem>,
}

impl VersionPage {
    fn faults(&self) -> &[FaultView] {
        self.wrong.as_ref().map_or(&[], |problem| &problem.faults)
    }
}

async fn version_page(
    app: &App,
    visitor: &Visitor,
    name: Name,
    version: i64,
) -> Result<VersionPage, Problem> {
    let found = app.store().profile_version(&name, version).await?;
    // The folder's may be gone meanwhile; that a version went back to it stays true.
    let gone = found.as_ref().is_some_and(|(_, files)| files.is_empty());
    let files = match files_of(app, &name, version).await {
        Ok(files) => files,
        Err(_) if gone => Files::default(),
        Err(problem) => return Err(problem),
    };
    // In this order: what is shown is as new as the number that goes with it, or newer.
    let newest = app.newest_version(&name).await?.map_or(0, |newest| newest.version);
    app.refresh_profiles().await?;
    let profiles = app.profiles();
    let now = profiles.get(name.as_str()).ok();
    let now_files = now.map(|now| now.files()).unwrap_or_default();
    Ok(VersionPage {
        frame: Frame::new(visitor, "/profiles", format!("{name}: {}", called(version))),
        told: found.map(|(found, _)| VersionView::new(found, None)),
        diffs: diff::diff(&now_files, &files),
        files: texts(&files),
        current: now.map_or(0, |now| now.version()) == version || version == newest,
        version,
        newest,
        may_write: may_write(visitor),
        reason: String::new(),
        wrong: None,
        name,
    })
}

/// `GET /profiles/{profile}/versions/{version}`.
pub(super) async fn version(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, version): Which,
) -> Result<Response, Problem> {
    page::show(&version_page(&app, &visitor, name, version).await?)
}

/// `POST /profiles/{profile}/revert`.
pub(super) async fn revert(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Which(name, _): Which,
    fields: Fields,
) -> Result<Response, Problem> {
    let version = number(fields.get("version"))?;
    let (base, reason) = (number(fields.get("base"))?, fields.get("reason"));
    let actor = visitor.caller.actor().because(reason);
    let wanted = Publication {
        profile: &name,
        base,
        origin: origin(version),
        actor: &actor,
        policy: policy_change(&visitor.caller),
    };
    match app.publish_profile(&wanted, Timestamp::now()).await.map_err(Problem::from) {
        Ok(_) if app.profiles().get(name.as_str()).is_err() => {
            Ok(Redirect::to("/profiles?gone").into_response())
        }
        Ok(_) => Ok(Redirect::to(&format!("/profiles/{name}?reverted")).into_response()),
        Err(problem) if mendable(&problem) => {
            let mut page = version_page(&app, &visitor, name, version).await?;
            reason.clone_into(&mut page.reason);
            page.wrong = Some(problem.clone());
            page::refuse(&page, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// Whether a problem is said where it can be mended.
pub(super) fn mendable(problem: &Problem) -> bool {
    problem.status.is_client_error()
        && problem.status != StatusCode::FORBIDDEN
        && problem.status != StatusCode::NOT_FOUND
}
