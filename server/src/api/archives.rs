//! Several images as one archive: which, of which hosts, and as what.

use super::{
    caller::Caller,
    hosts::seen,
    images::{audit, firmware, name_file, pieces, put, stream},
    input::Params,
    problem::Problem,
};
use crate::{
    app::App,
    images::{Image, ImageError, Tar, Zip},
};
use axum::{
    Extension,
    extract::State,
    http::{Method, header},
    response::Response,
};
use bootmint_image_factory::{
    format::Format,
    host::{Host, HostName},
};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// The most images of an archive.
const MAX_MEMBERS: usize = 1000;

/// Which images an archive holds.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// Formats, separated by commas.
    pub(crate) format: String,
    /// Names, separated by commas.
    pub(crate) hosts: Option<String>,
    pub(crate) site: Option<String>,
    /// The firmware profile for all of them, instead of each host's own.
    pub(crate) firmware: Option<String>,
}

impl Selection {
    /// The formats, each once.
    pub(crate) fn formats(&self) -> Result<Vec<Format>, Problem> {
        formats(&self.format)
    }
}

/// The formats that a text names, separated by commas: each once, one at least.
pub(crate) fn formats(text: &str) -> Result<Vec<Format>, Problem> {
    if text.is_empty() {
        return Err(Problem::bad("format: choose one at least"));
    }
    let formats: Result<BTreeSet<Format>, _> =
        text.split(',').map(|one| one.trim().parse()).collect();
    let formats = formats.map_err(|error| Problem::bad(format!("format: {error}")))?;
    Ok(formats.into_iter().collect())
}

/// `GET /images.tar`.
pub(crate) async fn tar(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(wanted): Params<Selection>,
    method: Method,
) -> Result<Response, Problem> {
    let (hosts, members) = members(&app, &caller, &wanted).await?;
    let tar = Tar::new(members).map_err(ImageError::from)?;
    audit_all(&app, &caller, &hosts, &wanted, &method).await?;
    let mut response = stream(pieces(&app, tar.size(), tar.into_pieces()));
    put(&mut response, header::CONTENT_TYPE, "application/x-tar");
    name_file(&mut response, "images.tar");
    Ok(response)
}

/// `GET /images.zip`.
pub(crate) async fn zip(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(wanted): Params<Selection>,
    method: Method,
) -> Result<Response, Problem> {
    let (hosts, members) = members(&app, &caller, &wanted).await?;
    let zip = Zip::new(members).map_err(ImageError::from)?;
    audit_all(&app, &caller, &hosts, &wanted, &method).await?;
    let mut response = stream(pieces(&app, zip.size(), zip.into_pieces()));
    put(&mut response, header::CONTENT_TYPE, "application/zip");
    name_file(&mut response, "images.zip");
    Ok(response)
}

/// The hosts of a selection, and their images by the names of their files.
async fn members(
    app: &App,
    caller: &Caller,
    wanted: &Selection,
) -> Result<(Vec<Host>, Vec<(String, Image)>), Problem> {
    let (formats, firmware) = (wanted.formats()?, firmware(wanted.firmware.as_deref())?);
    let hosts = select(app, caller, wanted).await?;
    if hosts.len().saturating_mul(formats.len()) > MAX_MEMBERS {
        return Err(too_many());
    }
    let mut images = Vec::new();
    for host in &hosts {
        for format in &formats {
            let image = app.mint(host, firmware.as_ref(), *format).await?;
            images.push((format!("{}.{}", host.name, format.extension()), image));
        }
    }
    Ok((hosts, images))
}

/// Writes an archive down, host by host; who only looks at its head gets nothing.
async fn audit_all(
    app: &App,
    caller: &Caller,
    hosts: &[Host],
    wanted: &Selection,
    method: &Method,
) -> Result<(), Problem> {
    if *method == Method::HEAD {
        return Ok(());
    }
    let formats: Vec<_> = wanted.formats()?.into_iter().map(Format::name).collect();
    let on = wanted.firmware.as_deref().filter(|name| !name.is_empty());
    let on = on.map(|name| format!(" on {name}")).unwrap_or_default();
    let detail = format!("{}{on} in an archive", formats.join(", "));
    for host in hosts {
        audit(app, &caller.on(host)?, &host.name, &detail).await?;
    }
    Ok(())
}

fn too_many() -> Problem {
    Problem::bad(format!("an archive holds {MAX_MEMBERS} images at most"))
}

/// The hosts of a selection, all of which the caller may see.
pub(crate) async fn select(
    app: &App,
    caller: &Caller,
    wanted: &Selection,
) -> Result<Vec<Host>, Problem> {
    let mut hosts = Vec::new();
    match (&wanted.hosts, &wanted.site) {
        (Some(names), None) => {
            // Each once: two files of one name are none.
            let mut known = HashSet::new();
            for name in names.split(',').filter(|name| !name.is_empty() && known.insert(*name)) {
                let name = name.parse().map_err(|error| Problem::bad(format!("hosts: {error}")))?;
                hosts.push(seen(app, &name, caller).await?.host);
            }
        }
        (None, Some(site)) => {
            let mut after: Option<HostName> = None;
            loop {
                let batch = app.store().hosts(after.as_ref(), 500).await?;
                let Some(last) = batch.last() else { break };
                after = Some(last.host.name.clone());
                let here = batch.into_iter().map(|stored| stored.host).filter(|host| {
                    host.site.as_ref().is_some_and(|own| own.as_str() == site) && caller.may(host)
                });
                hosts.extend(here);
                if hosts.len() > MAX_MEMBERS {
                    return Err(too_many());
                }
            }
        }
        _ => return Err(Problem::bad("say either hosts=NAME,NAME or site=NAME")),
    }
    match hosts.len() {
        0 => Err(Problem::not_found("there are no such hosts")),
        1..=MAX_MEMBERS => Ok(hosts),
        _ => Err(too_many()),
    }
}
