//! OS profiles: texts, versions, differences, checks, previews, publishing.

use super::{
    caller::Caller,
    hosts::{TextView, Texts},
    input::{IfMatch, Json as Body, Params, etag},
    problem::{FaultView, Problem},
};
use crate::{
    app::{App, Checked, FaultOfHosts, Origin, Publication, PublishError, Source},
    auth::{Permission, Place},
    db::ProfileVersion,
    script::{Files, Kind, Profile, ProfileFault, diff},
    time::Timestamp,
};
use axum::{
    Extension, Json,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::{Host, HostName, Name};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::ToSchema;

/// The profile, and the version, that the path names.
pub(crate) struct Which(pub(crate) Name, pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(named) = Path::<BTreeMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad(error.body_text()))?;
        let name = named.get("profile").map_or("", String::as_str);
        let name = name.parse().map_err(|error| Problem::bad(format!("{error}")))?;
        let version = match named.get("version") {
            None => 0,
            Some(version) => number(version)?,
        };
        Ok(Self(name, version))
    }
}

/// A version's number, of which 0 is the folder's.
pub(crate) fn number(text: &str) -> Result<i64, Problem> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| Problem::bad("a version is a number from 1; 0 is the folder's"))
}

/// A profile in the list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ProfileLine {
    /// Its name, as hosts have it in their variable `os`.
    pub(crate) name: String,
    /// What people see.
    pub(crate) title: String,
    /// `install`, `live`, `sanboot`, `chain`, `menu` or `shell`.
    pub(crate) kind: &'static str,
    /// The version that hosts get; 0 is the folder's.
    pub(crate) version: i64,
    /// Whether the folder has one of that name.
    pub(crate) in_folder: bool,
    /// The digest of its files.
    pub(crate) digest: String,
}

impl ProfileLine {
    pub(crate) fn new(app: &App, profile: &Profile) -> Self {
        Self {
            name: profile.name().to_string(),
            title: profile.title().to_owned(),
            kind: match profile.kind() {
                Kind::Install(_) => "install",
                Kind::Live(_) => "live",
                Kind::Sanboot(_) => "sanboot",
                Kind::Chain(_) => "chain",
                Kind::Menu(_) => "menu",
                Kind::Shell => "shell",
            },
            version: profile.version(),
            in_folder: app.base_profiles().get(profile.name().as_str()).is_ok(),
            digest: profile.files().digest().as_str().to_owned(),
        }
    }
}

/// All profiles.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileList {
    pub(crate) items: Vec<ProfileLine>,
}

/// `GET /profiles`.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<ProfileList> {
    let profiles = app.profiles();
    Json(ProfileList { items: profiles.iter().map(|one| ProfileLine::new(&app, one)).collect() })
}

/// A profile with its texts.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileView {
    #[serde(flatten)]
    pub(crate) profile: ProfileLine,
    /// The newest version, which `If-Match` names; it may have gone back to the folder.
    pub(crate) newest: i64,
    /// The texts, by file name.
    pub(crate) files: BTreeMap<String, String>,
}

fn texts(files: &Files) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// `GET /profiles/{profile}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Which(name, _): Which,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // In this order: what is shown is as new as the tag that goes with it, or newer.
    let newest = app.newest_version(&name).await?.map_or(0, |newest| newest.version);
    app.refresh_profiles().await?;
    let profiles = app.profiles();
    let profile = profiles.get(name.as_str()).map_err(|_| no_profile(&name))?;
    let tag = etag(newest);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let (profile, files) = (ProfileLine::new(&app, profile), texts(&profile.files()));
    Ok(([(header::ETAG, tag)], Json(ProfileView { profile, newest, files })).into_response())
}

pub(crate) fn no_profile(name: &Name) -> Problem {
    Problem::not_found(format!("there is no OS profile \"{name}\""))
}

/// A version that was published.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// Its number, from 1.
    pub(crate) version: i64,
    /// When it was published.
    pub(crate) at: String,
    /// By whom.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
    /// Where its texts come from: `written`, `version N` or `folder`.
    pub(crate) origin: String,
    /// The digest of its files; nothing if it removed the profile.
    pub(crate) digest: String,
    /// The texts, where one version is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<BTreeMap<String, String>>,
}

impl VersionView {
    pub(crate) fn new(version: ProfileVersion, files: Option<&Files>) -> Self {
        Self {
            version: version.version,
            at: version.at.to_string(),
            author: version.author,
            reason: version.reason,
            origin: version.origin,
            digest: version.digest,
            files: files.map(texts),
        }
    }
}

/// Versions, the newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionPage {
    pub(crate) items: Vec<VersionView>,
    /// What `after` takes to go on; nothing at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// `GET /profiles/{profile}/versions`.
pub(crate) async fn versions(
    State(app): State<Arc<App>>,
    Which(name, _): Which,
    Params(page): Params<super::input::Page>,
) -> Result<Json<VersionPage>, Problem> {
    let before = page.after.as_deref().map(number).transpose()?.unwrap_or(i64::MAX);
    let limit = page.limit();
    let found = app.store().profile_versions(&name, before, limit).await?;
    if found.is_empty() && before == i64::MAX && app.profiles().get(name.as_str()).is_err() {
        return Err(no_profile(&name));
    }
    let more = i64::try_from(found.len()).is_ok_and(|count| count == limit);
    let last = found.last().map(|last| last.version).filter(|last| more && *last > 1);
    let items = found.into_iter().map(|version| VersionView::new(version, None)).collect();
    Ok(Json(VersionPage { items, next: last.map(|last| last.to_string()) }))
}

/// The texts of a version; of the folder, if it is 0.
pub(crate) async fn files_of(app: &App, name: &Name, version: i64) -> Result<Files, Problem> {
    let source = if version == 0 { Source::Folder } else { Source::Version(version) };
    app.profile_files(name, source).await?.ok_or_else(|| no_version(name, version))
}

fn no_version(name: &Name, version: i64) -> Problem {
    Problem::not_found(match version {
        0 => format!("the server's folder has no OS profile \"{name}\""),
        _ => format!("there is no version {version} of profile \"{name}\""),
    })
}

/// `GET /profiles/{profile}/versions/{version}`: 0 is the folder's.
pub(crate) async fn version(
    State(app): State<Arc<App>>,
    Which(name, version): Which,
) -> Result<Json<VersionView>, Problem> {
    let files = files_of(&app, &name, version).await?;
    let found = app.store().profile_version(&name, version).await?;
    let of_folder = || VersionView {
        version: 0,
        at: String::new(),
        author: String::new(),
        reason: String::new(),
        origin: "folder".to_owned(),
        digest: files.digest().as_str().to_owned(),
        files: Some(texts(&files)),
    };
    Ok(Json(match found {
        Some((found, _)) => VersionView::new(found, Some(&files)),
        None => of_folder(),
    }))
}

/// Which versions are compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffQuery {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What differs in a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileDiffView {
    pub(crate) file: String,
    /// `changed`, `added` or `removed`.
    pub(crate) what: &'static str,
    /// As `diff -u` writes it.
    pub(crate) unified: String,
}

/// What differs between two versions.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiffView {
    pub(crate) items: Vec<FileDiffView>,
}

/// `GET /profiles/{profile}/diff`.
pub(crate) async fn difference(
    State(app): State<Arc<App>>,
    Which(name, _): Which,
    Params(query): Params<DiffQuery>,
) -> Result<Json<DiffView>, Problem> {
    let old = files_of(&app, &name, query.from).await?;
    let new = files_of(&app, &name, query.to).await?;
    let view =
        |one: diff::FileDiff| FileDiffView { unified: one.text(), file: one.file, what: one.what };
    Ok(Json(DiffView { items: diff::diff(&old, &new).into_iter().map(view).collect() }))
}

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
    let wanted = Publication { profile: name, base, origin, actor: &actor };
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
            PublishError::NoReason => StatusCode::BAD_REQUEST,
        };
        Self::of_error(status, &error)
    }
}
