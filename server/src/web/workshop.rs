//! The image workshop: which images there are for which hosts, what they run and what is against
//! it; and images of a script of one's own.

use super::page::{self, Fields, Frame, Notice, Visitor, encode};
use crate::{
    api::{
        images::{self, Selection},
        input::Params,
        problem::Problem,
    },
    app::App,
    images::Set,
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use bootmint_image_factory::{
    firmware::Capability,
    format::Format,
    host::{Host, Name},
};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc};

/// How many hosts are looked at one by one; an archive holds more.
const SHOWN: usize = 50;
/// What the field for a script holds at first.
const EXAMPLE: &str = "#!ipxe\ndhcp\nchain http://192.0.2.1/boot.ipxe || shell\n";

/// What was published for a firmware profile.
struct FirmwareView {
    name: String,
    formats: String,
    can: String,
}

impl FirmwareView {
    fn new(name: &Name, set: &Set) -> Self {
        let formats: Vec<_> = set.formats().map(|format| format.to_string()).collect();
        let dies = set.formats().filter_map(|format| set.die(format));
        // What one binary lacks, an image with both does not promise.
        let can = dies
            .flat_map(|die| die.binaries())
            .map(|about| about.capabilities.clone())
            .reduce(|all, one| all.intersection(&one).copied().collect())
            .unwrap_or_default();
        let can = can.into_iter().map(Capability::name).collect::<Vec<_>>().join(", ");
        Self { name: name.to_string(), formats: formats.join(", "), can }
    }
}

/// One host's image, or why there is none.
struct ImageView {
    host: String,
    firmware: String,
    file: String,
    kib: u64,
    script: String,
    fault: String,
}

/// What was asked for, as the form shows it again.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    hosts: String,
    site: String,
    format: String,
}

#[derive(Template)]
#[template(path = "workshop.html")]
struct WorkshopPage {
    frame: Frame,
    firmware: Vec<FirmwareView>,
    formats: Vec<String>,
    asked: Asked,
    images: Vec<ImageView>,
    more: usize,
    archive: String,
    may_script: bool,
    script: ScriptForm,
    notice: Option<Notice>,
}

/// The form of a script, as it was sent.
struct ScriptForm {
    firmware: String,
    format: String,
    text: String,
}

impl Asked {
    /// Names may stand one under the other.
    fn selection(&self) -> Option<Selection> {
        let words = self.hosts.split([',', ' ', '\r', '\n', '\t']);
        let names: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let hosts = (!names.is_empty()).then(|| names.join(","));
        let site = Some(self.site.trim().to_owned()).filter(|site| !site.is_empty());
        (hosts.is_some() || site.is_some()).then(|| Selection {
            format: self.format.clone(),
            hosts,
            site,
        })
    }
}

fn archive(wanted: &Selection) -> String {
    let mut path = format!("/download.tar?format={}", encode(&wanted.format));
    for (key, value) in [("hosts", &wanted.hosts), ("site", &wanted.site)] {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={}", encode(value)));
        }
    }
    path
}

async fn empty(app: &App, visitor: &Visitor) -> Result<WorkshopPage, Problem> {
    let published = app.published().await?;
    let formats: BTreeSet<_> =
        published.iter().flat_map(|(_, set)| set.formats()).map(|one| one.to_string()).collect();
    let first = published.first().map(|(name, _)| name.to_string());
    Ok(WorkshopPage {
        frame: Frame::new(visitor, "/workshop", "Images"),
        firmware: published.iter().map(|(name, set)| FirmwareView::new(name, set)).collect(),
        formats: formats.into_iter().collect(),
        asked: Asked::default(),
        images: Vec::new(),
        more: 0,
        archive: String::new(),
        may_script: visitor.may_make_scripts(),
        script: ScriptForm {
            firmware: first.unwrap_or_default(),
            format: Format::Iso.to_string(),
            text: EXAMPLE.to_owned(),
        },
        notice: None,
    })
}

async fn look(app: &App, host: &Host, format: Format) -> Result<ImageView, Problem> {
    let firmware = host.profile.as_ref().unwrap_or(&app.config().image_profile).to_string();
    let (host_name, file) =
        (host.name.to_string(), format!("{}.{}", host.name, format.extension()));
    let view = ImageView {
        host: host_name,
        firmware,
        file,
        kib: 0,
        script: String::new(),
        fault: String::new(),
    };
    Ok(match app.mint(host, format).await {
        Ok(image) => {
            // The token is the machine's alone; who downloads the image has it anyway.
            let token = app.token_of(host)?;
            let script = image.script().replace(token.as_str(), "<token>");
            ImageView { kib: image.size() / 1024, script, ..view }
        }
        Err(error) => ImageView { fault: Problem::from(error).detail, ..view },
    })
}

/// `GET /workshop`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let mut page = empty(&app, &visitor).await?;
    let wanted = asked.selection();
    page.asked = asked;
    let Some(wanted) = wanted else { return page::show(&page) };
    let hosts = match images::select(&app, &visitor.caller, &wanted).await {
        Ok(hosts) => hosts,
        Err(problem) if problem.status.is_server_error() => return Err(problem),
        Err(problem) => {
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            return page::refuse(&page, &problem);
        }
    };
    let format: Format =
        wanted.format.parse().map_err(|error| Problem::bad(format!("format: {error}")))?;
    page.more = hosts.len().saturating_sub(SHOWN);
    for host in hosts.iter().take(SHOWN) {
        page.images.push(look(&app, host, format).await?);
    }
    if page.images.iter().all(|image| image.fault.is_empty()) {
        page.archive = archive(&wanted);
    }
    page::show(&page)
}

/// `POST /workshop/script`: the image itself, or the page that says why not.
pub(super) async fn script(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let form = ScriptForm {
        firmware: fields.get("firmware").to_owned(),
        format: fields.get("format").to_owned(),
        text: fields.raw("script").to_owned(),
    };
    let made = images::of_script(&app, &visitor.caller, &form.firmware, &form.format, &form.text);
    match made.await {
        Ok(image) => Ok(image),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let mut page = empty(&app, &visitor).await?;
            page.script = form;
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
    }
}
