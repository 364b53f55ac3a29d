//! Images: fetched alone, or by link.

use super::{
    caller::{Caller, Source},
    input::{Json as Body, Named, Params, end_of_link},
    pages::Page,
    problem::Problem,
};
use crate::{
    app::App,
    db::{Actor, AuditResult, DbError, Note},
    images::{Gate, Image, ImageError, Pieces, Range, Set, StampFault, Withheld, parse_name},
    secret::Digest,
    time::Timestamp,
};
use axum::{
    Extension, Json,
    body::{Body as HttpBody, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bootmint_image_factory::{
    format::Format,
    host::{Host, HostName, Name},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tracing::Instrument;
use utoipa::ToSchema;

/// On which firmware profile an image is wanted, if not on its host's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    firmware: Option<String>,
}

/// The firmware profile that somebody chose; an empty name chooses none.
pub(crate) fn firmware(name: Option<&str>) -> Result<Option<Name>, Problem> {
    let name = name.filter(|name| !name.is_empty()).map(str::parse).transpose();
    name.map_err(|error| Problem::bad(format!("firmware: {error}")))
}

/// `GET|HEAD /images/{image}`: `<host>.<extension>`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(image): Path<String>,
    Params(chosen): Params<Chosen>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (name, format) = parse_name(&image).ok_or_else(no_image)?;
    let stored = app.stored(&name).await?;
    let actor = caller.on(&stored.host)?;
    let firmware = firmware(chosen.firmware.as_deref())?;
    let made = app.mint(&stored.host, firmware.as_ref(), format).await?;
    let on = firmware.map(|name| format!(" on {name}")).unwrap_or_default();
    let asked = Asked { image: &image, on, host: &stored.host, actor: &actor, method, headers };
    asked.answer(&app, &made).await
}

fn no_image() -> Problem {
    Problem::not_found("an image is called <host>.iso, .usb.img, .vhd, .floppy.img, .efi or .lkrn")
}

/// `GET|HEAD /images/{signature}/{expires}/{image}`: what a link leads to, on both listeners.
pub(crate) async fn by_link(
    State(app): State<Arc<App>>,
    Extension(source): Extension<Source>,
    Path((signature, expires, image)): Path<(String, i64, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let expires = Timestamp::from_unix(expires);
    let now = Timestamp::now();
    let (name, format) = parse_name(&image).ok_or_else(no_image)?;
    let stored = app.store().host(&name).await?;
    // A link to no host is told from a wrong one by nothing.
    let right = match &stored {
        Some(stored) => app.is_link(&stored.host, &image, expires, &signature)?,
        None => false,
    };
    let Some(stored) = stored.filter(|_| right) else {
        return Err(Problem::not_found("this link leads to nothing, or the host has changed"));
    };
    if expires <= now {
        return Err(Problem::new(StatusCode::GONE, "this link has ended: make a new one"));
    }
    let made = app.mint(&stored.host, None, format).await?;
    let actor = source.link();
    let on = String::new();
    let asked = Asked { image: &image, on, host: &stored.host, actor: &actor, method, headers };
    asked.answer(&app, &made).await
}

/// A request for an image that may be had.
struct Asked<'a> {
    image: &'a str,
    /// The firmware, where somebody chose another than the host's.
    on: String,
    host: &'a Host,
    actor: &'a Actor,
    method: Method,
    headers: HeaderMap,
}

impl Asked<'_> {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    async fn answer(&self, app: &Arc<App>, image: &Image) -> Result<Response, Problem> {
        let tag = image.etag();
        let known = self.header(header::IF_NONE_MATCH);
        if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
        let same = self.header(header::IF_RANGE).is_none_or(|known| known == tag);
        let wanted = self.header(header::RANGE).filter(|_| same);
        let size = image.size();
        let (status, start, end) = match Range::parse(wanted, size) {
            Range::Whole => (StatusCode::OK, 0, size),
            Range::Part(start, end) => (StatusCode::PARTIAL_CONTENT, start, end),
            Range::Outside => {
                let detail = format!("the image has {size} bytes");
                let mut response =
                    Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, detail).into_response();
                put(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
                return Ok(response);
            }
        };
        let wanted = image.slice(start, end).into_iter();
        let mut body = pieces(app, end.saturating_sub(start), wanted);
        if self.method == Method::GET && status == StatusCode::OK {
            body = body.behind(self.recorded(app), image.common());
        } else if self.method != Method::HEAD {
            self.record_part(app, image).await?;
        }
        let mut response = stream(body);
        *response.status_mut() = status;
        if status == StatusCode::PARTIAL_CONTENT {
            let last = end.saturating_sub(1);
            put(&mut response, header::CONTENT_RANGE, &format!("bytes {start}-{last}/{size}"));
        }
        put(&mut response, header::ETAG, tag);
        put(&mut response, header::ACCEPT_RANGES, "bytes");
        name_file(&mut response, self.image);
        Ok(response)
    }

    fn detail(&self) -> String {
        format!("{}{}", self.image, self.on)
    }

    /// Writes a whole download down, while the bytes that all hosts have in common leave.
    fn recorded(&self, app: &Arc<App>) -> Gate {
        let (app, actor) = (Arc::clone(app), self.actor.clone());
        let (host, detail) = (self.host.name.clone(), self.detail());
        let record = async move {
            audit(&app, &actor, &host, &detail).await.map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%host, image = detail, error, "a download was cut off");
                Withheld
            })
        };
        // Of its own, so that it is written down also if the client goes away.
        let task = tokio::spawn(record.in_current_span());
        Box::pin(async move { task.await.unwrap_or(Err(Withheld)) })
    }

    /// Writes a download in many parts down: once, or with parts that come at the same time a few
    /// times. It counts as written down only when it is, or a client that goes away too early, or
    /// whose part comes beside another's, would have the rest for nothing.
    async fn record_part(&self, app: &App, image: &Image) -> Result<(), Problem> {
        let source = &self.actor.trace().source;
        let id = format!("{}\n{source}\n{}\n{}", self.actor.as_str(), self.image, image.etag());
        let (id, now) = (Digest::of(id.as_bytes()), Timestamp::now());
        if !app.shelf().goes_on(&id, now) {
            audit(app, self.actor, &self.host.name, &self.detail()).await?;
            app.shelf().began(id, now);
        }
        Ok(())
    }
}

pub(super) async fn audit(
    app: &App,
    actor: &Actor,
    host: &HostName,
    detail: &str,
) -> Result<(), DbError> {
    let note = Note {
        at: Timestamp::now(),
        actor,
        host: host.as_str(),
        event: "image",
        detail,
        result: AuditResult::Done,
    };
    app.store().note(&note).await
}

pub(super) fn pieces<I: Iterator<Item = Bytes>>(app: &App, size: u64, pieces: I) -> Pieces<I> {
    Pieces::new(size, pieces, app.shelf().sent().clone())
}

pub(super) fn stream(
    body: Pieces<impl Iterator<Item = Bytes> + Send + Unpin + 'static>,
) -> Response {
    let size = body.size();
    let mut response = HttpBody::new(body).into_response();
    put(&mut response, header::CONTENT_LENGTH, &size.to_string());
    put(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    // It holds the host's token.
    put(&mut response, header::CACHE_CONTROL, "private, no-store");
    response
}

pub(super) fn name_file(response: &mut Response, name: &str) {
    // A host's name has no quote.
    let value = format!("attachment; filename=\"{name}\"");
    put(response, header::CONTENT_DISPOSITION, &value);
}

pub(super) fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A link that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// iso, usb, vhd, floppy, efi or lkrn.
    format: String,
    /// How long it counts: a week at most, an hour unless given.
    #[serde(default = "an_hour")]
    minutes: u32,
}

fn an_hour() -> u32 {
    60
}

/// A link to an image.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// The path on this listener and on the boot listener. Whoever has it gets the image.
    path: String,
    /// The same on the boot listener, where machines and BMCs reach it.
    url: String,
    expires: String,
}

/// `POST /hosts/{host}/image-link`.
pub(crate) async fn make_link(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    Body(body): Body<LinkBody>,
) -> Result<(StatusCode, Json<LinkView>), Problem> {
    let stored = app.stored(&name).await?;
    let actor = caller.on(&stored.host)?;
    let format: Format =
        body.format.parse().map_err(|error| Problem::bad(format!("format: {error}")))?;
    let now = Timestamp::now();
    let expires = end_of_link(body.minutes, now)?;
    // What cannot be minted is said now, not to the machine that follows the link.
    app.mint(&stored.host, None, format).await?;
    let path = app.link_to(&stored.host, format, expires)?;
    let detail = format!("{format} until {expires}");
    let note = Note {
        at: now,
        actor: &actor,
        host: name.as_str(),
        event: "image-link",
        detail: &detail,
        result: AuditResult::Done,
    };
    app.store().note(&note).await?;
    let (url, expires) = (format!("{}{path}", stored.host.server), expires.to_string());
    Ok((StatusCode::CREATED, Json(LinkView { path, url, expires })))
}

/// What was published for a firmware profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateView {
    profile: String,
    formats: Vec<String>,
}

/// A page of what was published, by firmware profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplatePage {
    items: Vec<TemplateView>,
    /// What `after` must be for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /templates`.
pub(crate) async fn templates(
    State(app): State<Arc<App>>,
    Params(page): Params<Page>,
) -> Result<Json<TemplatePage>, Problem> {
    let all = app.published().await?;
    let (found, next) = page.of(all.iter(), |(profile, _)| profile.as_str());
    let view = |(profile, set): &(Name, Arc<Set>)| TemplateView {
        profile: profile.to_string(),
        formats: set.formats().map(|format| format.to_string()).collect(),
    };
    Ok(Json(TemplatePage { items: found.into_iter().map(view).collect(), next }))
}

impl From<ImageError> for Problem {
    fn from(error: ImageError) -> Self {
        let status = match &error {
            ImageError::NotPublished(_) | ImageError::NoFormat { .. } | ImageError::Unknown(_) => {
                StatusCode::NOT_FOUND
            }
            ImageError::Token(_)
            | ImageError::NoSealKey(_)
            | ImageError::Missing { .. }
            | ImageError::Unverified
            | ImageError::Stamp { source: StampFault::Slot(_), .. }
            | ImageError::Script(StampFault::Slot(_))
            | ImageError::LongName(_)
            | ImageError::TooLarge(_) => StatusCode::CONFLICT,
            ImageError::NoScript(_) => StatusCode::BAD_REQUEST,
            ImageError::Stamp { .. }
            | ImageError::Script(_)
            | ImageError::Published(_)
            | ImageError::Read { .. }
            | ImageError::Layout(_)
            | ImageError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::of_error(status, &error)
    }
}
