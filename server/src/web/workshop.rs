//! The image workshop: which images there are for which hosts, on which firmware, what they run
//! and what is against it; and images of a script of one's own. To look mints nothing.

use super::page::{self, Fields, Frame, Notice, Visitor, encode};
use crate::{
    api::{
        archives::{self, Selection},
        images,
        problem::Problem,
        scripts,
    },
    app::App,
    images::Set,
};
use askama::Template;
use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
};
use bootmint_image_factory::{
    firmware::Capability,
    format::{Format, Platform},
    host::{Host, Name},
};
use std::{collections::BTreeSet, sync::Arc};

/// How many images are looked at one by one; an archive holds more.
const SHOWN: usize = 50;
/// What the field for a script holds at first.
const EXAMPLE: &str = "#!ipxe\ndhcp\nchain http://192.0.2.1/boot.ipxe || shell\n";

/// What was published for a firmware profile.
struct FirmwareView {
    name: String,
    formats: Vec<FormatView>,
    can: String,
    lacks: String,
}

/// One of its formats.
struct FormatView {
    name: &'static str,
    boots: String,
}

impl FirmwareView {
    fn new(name: &Name, set: &Set) -> Self {
        let dies = || set.formats().filter_map(|format| set.die(format));
        let formats = dies().map(|die| FormatView {
            name: die.template().format().name(),
            boots: platforms(die.template().platforms()),
        });
        // What one binary lacks, an image with both does not promise.
        let can = dies()
            .flat_map(|die| die.binaries())
            .map(|about| about.capabilities.clone())
            .reduce(|all, one| all.intersection(&one).copied().collect())
            .unwrap_or_default();
        let those = |wanted: bool| {
            let all = Capability::ALL.into_iter();
            let found = all.filter(|one| can.contains(one) == wanted).map(Capability::name);
            found.collect::<Vec<_>>().join(", ")
        };
        Self {
            name: name.to_string(),
            formats: formats.collect(),
            can: those(true),
            lacks: those(false),
        }
    }
}

/// What an image boots on, for people.
fn platforms(all: &[Platform]) -> String {
    let names = all.iter().map(|platform| match platform {
        Platform::Bios => "BIOS",
        Platform::EfiX64 => "UEFI x86-64",
        Platform::EfiArm64 => "UEFI arm64",
    });
    names.collect::<Vec<_>>().join(", ")
}

/// One host's image in one format: what it would be, or why there is none.
struct ImageView {
    host: String,
    firmware: String,
    file: String,
    path: String,
    kib: u64,
    boots: String,
    script: String,
    warnings: Vec<String>,
    faults: Vec<String>,
}

/// What was asked for, as the form shows it again.
#[derive(Default)]
pub(super) struct Asked {
    hosts: String,
    site: String,
    firmware: String,
    formats: Vec<String>,
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
    /// The query of the archives; nothing where there are none.
    archive: String,
    may_script: bool,
    script: ScriptForm,
    notice: Option<Notice>,
}

impl WorkshopPage {
    /// Whether a format is chosen: the first one, if none was asked for.
    fn is_chosen(&self, format: &str) -> bool {
        match self.asked.formats.is_empty() {
            true => self.formats.first().is_some_and(|first| first == format),
            false => self.asked.formats.iter().any(|one| one == format),
        }
    }
}

/// The form of a script, as it was sent.
struct ScriptForm {
    firmware: String,
    formats: Vec<String>,
    text: String,
}

impl ScriptForm {
    /// Whether a format is chosen.
    fn has(&self, format: &str) -> bool {
        self.formats.iter().any(|one| one == format)
    }
}

impl Asked {
    fn new(query: Option<&str>) -> Self {
        let fields = Fields::of_query(query);
        Self {
            hosts: fields.get("hosts").to_owned(),
            site: fields.get("site").to_owned(),
            firmware: fields.get("firmware").to_owned(),
            formats: fields.all("format").map(ToOwned::to_owned).collect(),
        }
    }

    /// Names may stand one under the other.
    fn selection(&self) -> Option<Selection> {
        let words = self.hosts.split([',', ' ', '\r', '\n', '\t']);
        let names: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let (hosts, site) = (some(&names.join(",")), some(&self.site));
        (hosts.is_some() || site.is_some()).then(|| Selection {
            format: self.formats.join(","),
            hosts,
            site,
            firmware: some(&self.firmware),
        })
    }
}

fn archive(wanted: &Selection) -> String {
    let mut query = format!("?format={}", encode(&wanted.format));
    for (key, value) in
        [("hosts", &wanted.hosts), ("site", &wanted.site), ("firmware", &wanted.firmware)]
    {
        if let Some(value) = value {
            query.push_str(&format!("&{key}={}", encode(value)));
        }
    }
    query
}

async fn empty(app: &App, visitor: &Visitor) -> Result<WorkshopPage, Problem> {
    let published = app.published().await?;
    let formats: BTreeSet<_> = published.iter().flat_map(|(_, set)| set.formats()).collect();
    let first = published.first().map(|(name, _)| name.to_string());
    Ok(WorkshopPage {
        frame: Frame::new(visitor, "/workshop", "Images"),
        firmware: published.iter().map(|(name, set)| FirmwareView::new(name, set)).collect(),
        formats: formats.into_iter().map(|format| format.to_string()).collect(),
        asked: Asked::default(),
        images: Vec::new(),
        more: 0,
        archive: String::new(),
        may_script: visitor.may_make_scripts(),
        script: ScriptForm {
            firmware: first.unwrap_or_default(),
            formats: vec![Format::Iso.to_string()],
            text: EXAMPLE.to_owned(),
        },
        notice: None,
    })
}

async fn look(app: &App, host: &Host, firmware: Option<&Name>, format: Format) -> ImageView {
    let file = format!("{}.{}", host.name, format.extension());
    let query = firmware.map(|name| format!("?firmware={name}")).unwrap_or_default();
    let mut view = ImageView {
        host: host.name.to_string(),
        firmware: firmware.unwrap_or_else(|| app.firmware_of(host)).to_string(),
        path: format!("/download/{file}{query}"),
        file,
        kib: 0,
        boots: String::new(),
        script: String::new(),
        warnings: Vec::new(),
        faults: Vec::new(),
    };
    match app.outlook(host, firmware, format).await {
        Ok(outlook) => {
            view.kib = outlook.draft.size.div_ceil(1024);
            view.boots = platforms(&outlook.draft.platforms);
            view.script = outlook.draft.script;
            view.warnings = outlook.warnings;
            let faults = outlook.draft.faults.into_iter();
            view.faults = faults.map(|fault| Problem::from(fault).detail).collect();
        }
        Err(error) => view.faults.push(Problem::from(error).detail),
    }
    view
}

/// Fills the page with what was asked for.
async fn fill(page: &mut WorkshopPage, app: &App, visitor: &Visitor) -> Result<(), Problem> {
    if page.asked.formats.is_empty() {
        page.asked.formats.extend(page.formats.first().cloned());
    }
    let Some(wanted) = page.asked.selection() else { return Ok(()) };
    let formats = wanted.formats()?;
    let firmware = images::firmware(wanted.firmware.as_deref())?;
    let hosts = archives::select(app, &visitor.caller, &wanted).await?;
    let all = hosts.len().saturating_mul(formats.len());
    'looks: for host in &hosts {
        for format in &formats {
            if page.images.len() == SHOWN {
                break 'looks;
            }
            page.images.push(look(app, host, firmware.as_ref(), *format).await);
        }
    }
    page.more = all.saturating_sub(page.images.len());
    if page.images.iter().all(|image| image.faults.is_empty()) {
        page.archive = archive(&wanted);
    }
    Ok(())
}

/// `GET /workshop`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut page = empty(&app, &visitor).await?;
    page.asked = Asked::new(query.as_deref());
    match fill(&mut page, &app, &visitor).await {
        Ok(()) => page::show(&page),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
    }
}

/// `POST /workshop/script`: the image, or images, or the page that says why not.
pub(super) async fn script(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    fields: Fields,
) -> Result<Response, Problem> {
    let form = ScriptForm {
        firmware: fields.get("firmware").to_owned(),
        formats: fields.all("format").map(ToOwned::to_owned).collect(),
        text: fields.raw("script").to_owned(),
    };
    let (caller, wanted) = (&visitor.caller, form.formats.join(","));
    match scripts::images(&app, caller, &form.firmware, &wanted, &form.text).await {
        Ok(images) => Ok(images),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let mut page = empty(&app, &visitor).await?;
            page.script = form;
            page.notice = Some(Notice { text: problem.detail.clone(), good: false });
            page::refuse(&page, &problem)
        }
    }
}
