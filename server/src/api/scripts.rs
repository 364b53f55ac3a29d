//! Images of a person's own script, which are nobody's: one as it is, several as a ZIP archive.

use super::{
    archives,
    caller::Caller,
    images::{name_file, pieces, put, stream},
    problem::Problem,
};
use crate::{
    app::App,
    db::{AuditResult, Note},
    images::{Image, ImageError, Zip},
    secret::Digest,
    time::Timestamp,
};
use axum::{http::header, response::Response};
use bootmint_image_factory::format::Format;

/// `script` on the firmware profile `firmware`, in the formats that `wanted` names, separated by
/// commas: in all of them, or none is made.
pub(crate) async fn images(
    app: &App,
    caller: &Caller,
    firmware: &str,
    wanted: &str,
    script: &str,
) -> Result<Response, Problem> {
    let profile = firmware.parse().map_err(|error| Problem::bad(format!("firmware: {error}")))?;
    let formats = archives::formats(wanted)?;
    let mut members = Vec::new();
    for format in &formats {
        let image = app.mint_script(&profile, *format, script).await?;
        members.push((format!("script.{}", format.extension()), image));
    }
    let names: Vec<_> = formats.into_iter().map(Format::name).collect();
    let what = format!("{} of a script on {profile}", names.join(", "));
    let digest = members.first().map(|(_, image)| Digest::of(image.script().as_bytes()));
    let response = answer(app, members)?;
    audit(app, caller, &what, digest.as_ref()).await?;
    Ok(response)
}

/// Nothing of it leaves before its audit row is written.
fn answer(app: &App, mut members: Vec<(String, Image)>) -> Result<Response, Problem> {
    if members.len() > 1 {
        let zip = Zip::new(members).map_err(ImageError::from)?;
        let mut response = stream(pieces(app, zip.size(), zip.into_pieces()));
        put(&mut response, header::CONTENT_TYPE, "application/zip");
        name_file(&mut response, "script.zip");
        return Ok(response);
    }
    let (name, image) = members.pop().ok_or_else(|| Problem::bad("format: choose one at least"))?;
    let mut response = stream(pieces(app, image.size(), image.whole().into_iter()));
    name_file(&mut response, &name);
    Ok(response)
}

async fn audit(
    app: &App,
    caller: &Caller,
    what: &str,
    digest: Option<&Digest>,
) -> Result<(), Problem> {
    let detail = format!("{what}, SHA-256 {}", digest.map_or("", |digest| digest.as_str()));
    let note = Note {
        at: Timestamp::now(),
        actor: &caller.actor(),
        host: "",
        event: "image",
        detail: &detail,
        result: AuditResult::Done,
    };
    Ok(app.store().note(&note).await?)
}
