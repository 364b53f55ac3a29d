//! OS profiles: texts, versions, differences.

use super::{
    input::{Params, etag},
    pages::Page,
    problem::Problem,
};
use crate::{
    app::{App, Source},
    db::ProfileVersion,
    script::{Files, Kind, Profile, diff},
};
use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::host::Name;
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

/// A page of profiles, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfilePage {
    pub(crate) items: Vec<ProfileLine>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// `GET /profiles`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<Page>,
) -> Json<ProfilePage> {
    let profiles = app.profiles();
    let (found, next) = page.of(profiles.iter(), |one| one.name().as_str());
    let items = found.into_iter().map(|one| ProfileLine::new(&app, one)).collect();
    Json(ProfilePage { items, next })
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
    Params(page): Params<Page>,
) -> Result<Json<VersionPage>, Problem> {
    let before = page.after.as_deref().map(number).transpose()?.unwrap_or(i64::MAX);
    let found = app.store().profile_versions(&name, before, page.limit()).await?;
    if found.is_empty() && before == i64::MAX && app.profiles().get(name.as_str()).is_err() {
        return Err(no_profile(&name));
    }
    let last = page.last(&found).map(|last| last.version).filter(|last| *last > 1);
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
