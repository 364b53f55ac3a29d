//! Changing OS profiles: checks, previews, publishing, going back.

use super::{
    caller::Caller,
    hosts::{TextView, Texts},
    input::{IfMatch, Json as Body, etag},
    problem::{FaultView, Problem},
    profiles::Which,
};
use crate::{
    app::{App, Checked, FaultOfHosts, Origin, PolicyChange, Publication, PublishError},
    auth::{Permission, Place},
    script::{Files, ProfileFault},
    time::Timestamp,
};
use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::{Host, HostName, Name};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::ToSchema;

/// The texts of a profile that is not published yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckBody {
    /// By file name: `profile.toml`, and the answer files that it names.
    files: BTreeMap<String, String>,
}

/// What a check found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CheckView {
    /// Whether it could be published.
    pub(crate) good: bool,
    /// What must be mended first.
    pub(crate) faults: Vec<FaultView>,
    /// What is wrong with hosts that cannot be rendered as the profile is now either.
    pub(crate) known: Vec<FaultView>,
    /// How many hosts use the profile.
    pub(crate) users: usize,
    /// For how many of them it was rendered.
    pub(crate) rendered: usize,
}

fn fault_view(found: &FaultOfHosts) -> FaultView {
    let place = |number: Option<usize>| number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let names: Vec<_> = found.hosts.iter().map(ToString::to_string).collect();
    let hosts = (!names.is_empty()).then(|| match found.count.saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    });
    FaultView {
        file: Some(found.fault.file.clone()),
        row: place(found.fault.line),
        column: place(found.fault.column),
        host: hosts,
        message: found.fault.message.clone(),
        help: None,
    }
}

/// All that a check found wrong.
pub(crate) fn fault_views(found: &[FaultOfHosts]) -> Vec<FaultView> {
    found.iter().map(fault_view).collect()
}

/// Texts that are no files of a profile.
pub(crate) fn no_files(error: &crate::script::NoFiles) -> Problem {
    let fault = ProfileFault::of_files(error);
    let fault = FaultOfHosts { fault, hosts: Vec::new(), count: 0 };
    let faults = fault_views(&[fault]);
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    Problem { faults, ..problem }
}

/// What was found, as the reason why nothing is done.
pub(crate) fn faulty(checked: &Checked) -> Problem {
    let faults = fault_views(&checked.faults);
    let detail = match faults.len() {
        1 => "1 fault: nothing was published".to_owned(),
        count => format!("{count} faults: nothing was published"),
    };
    Problem { faults, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
}

/// `POST /profiles/{profile}/check`.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    Which(name, _): Which,
    Body(body): Body<CheckBody>,
) -> Result<Json<CheckView>, Problem> {
    let files = Files::new(body.files).map_err(|error| no_files(&error))?;
    let checked = app.check_profile(&name, &files).await?;
    Ok(Json(CheckView {
        good: checked.faults.is_empty(),
        faults: fault_views(&checked.faults),
        known: fault_views(&checked.known),
        users: checked.users,
        rendered: checked.rendered,
    }))
}

/// For which host a profile is rendered, and with which texts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    /// The host; it need not use the profile.
    host: String,
    /// The texts, by file name.
    files: BTreeMap<String, String>,
}

/// A host for which somebody may see what it would be sent.
pub(crate) async fn shown_host(app: &App, caller: &Caller, host: &str) -> Result<Host, Problem> {
    let name: HostName = host.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    let host = app.stored(&name).await?.host;
    let permission = Permission::HostsRender;
    match caller.principal.role_for(permission, Place::Host(&host)) {
        Some(_) => Ok(host),
        None => Err(Problem::denied(permission)),
    }
}

/// `POST /profiles/{profile}/preview`: secrets are hidden.
pub(crate) async fn preview(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Which(name, _): Which,
    Body(body): Body<PreviewBody>,
) -> Result<Json<Texts>, Problem> {
    let files = Files::new(body.files).map_err(|error| no_files(&error))?;
    let host = shown_host(&app, &caller, &body.host).await?;
    let texts = app.preview_profile(&name, &files, &host).await?;
    let texts = texts.map_err(|checked| faulty(&checked))?;
    let items = texts.into_iter().map(|one| TextView { title: one.title, text: one.text });
    Ok(Json(Texts { items: items.collect() }))
}

/// A version that is to be published.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishBody {
    /// The texts, by file name.
    files: BTreeMap<String, String>,
    /// Why, for the versions and the audit log.
    reason: String,
}

/// A version that was published.
#[derive(Serialize, ToSchema)]
pub(crate) struct PublishedView {
    /// Its number.
    pub(crate) version: i64,
}

/// `POST /profiles/{profile}/publish`: needs `If-Match`.
pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Which(name, _): Which,
    seen: IfMatch,
    Body(body): Body<PublishBody>,
) -> Result<Response, Problem> {
    let files = Files::new(body.files).map_err(|error| no_files(&error))?;
    run(&app, &caller, &name, seen, (Origin::Written(files), &body.reason)).await
}

/// Where a profile is to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevertBody {
    /// The version whose texts are published again; 0 lets the folder's count.
    version: i64,
    /// Why, for the versions and the audit log.
    reason: String,
}

/// Where a version leads back to.
pub(crate) fn origin(version: i64) -> Origin {
    if version == 0 { Origin::Folder } else { Origin::Version(version) }
}

/// `POST /profiles/{profile}/revert`: needs `If-Match`.
pub(crate) async fn revert(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Which(name, _): Which,
    seen: IfMatch,
    Body(body): Body<RevertBody>,
) -> Result<Response, Problem> {
    run(&app, &caller, &name, seen, (origin(body.version), &body.reason)).await
}

/// Whether somebody may change when machines install: whoever may arm them all.
pub(crate) fn policy_change(caller: &Caller) -> PolicyChange {
    match caller.principal.role_for(Permission::HostsReimage, Place::Everywhere) {
        Some(_) => PolicyChange::Allowed,
        None => PolicyChange::Refused,
    }
}

async fn run(
    app: &Arc<App>,
    caller: &Caller,
    name: &Name,
    seen: IfMatch,
    (origin, reason): (Origin, &str),
) -> Result<Response, Problem> {
    let newest = app.newest_version(name).await?.map_or(0, |newest| newest.version);
    let base = seen.required(newest)?;
    let actor = caller.actor().because(reason);
    let policy = policy_change(caller);
    let wanted = Publication { profile: name, base, origin, actor: &actor, policy };
    let version = app.publish_profile(&wanted, Timestamp::now()).await.map_err(Problem::from)?;
    let tag = [(header::ETAG, etag(version))];
    Ok((tag, Json(PublishedView { version })).into_response())
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let status = match error {
            PublishError::App(error) => return error.into(),
            PublishError::Faults(checked) => return faulty(&checked),
            PublishError::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            PublishError::NoVersion { .. } => StatusCode::NOT_FOUND,
            PublishError::Same => StatusCode::CONFLICT,
            PublishError::Policy => StatusCode::FORBIDDEN,
            PublishError::NoReason => StatusCode::BAD_REQUEST,
        };
        Self::of_error(status, &error)
    }
}
