//! `bootmint templates publish`: what `build-images` used, in the server's own folder.
//!
//! A template's bytes are a function of its firmware and its recipe, so only those are kept; the
//! key in the manifest shows that what the server lays out is what `build-images` laid out.

use super::shelf::{Die, ImageError, Set};
use crate::secret::Digest;
use bootmint_image_factory::{
    firmware::{Firmware, FirmwareError, MANIFEST},
    format::{Format, Platform},
    host::{Invalid, Name},
    layout::{BiosLoader, LayoutError},
    manifest::{Manifest, TemplateEntry},
    template::{Recipe, Template},
    ticket::Patience,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    num::{NonZeroU8, NonZeroU16},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The version of the files.
const SCHEMA: u32 = 1;

/// What was published for one firmware profile: the content of `<profile>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Published {
    schema: u32,
    profile: String,
    /// The folder of the firmware.
    firmware: String,
    attempts: NonZeroU8,
    request_timeout: NonZeroU16,
    link_timeout: NonZeroU16,
    templates: Vec<RawTemplate>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawTemplate {
    format: Format,
    platforms: Vec<Platform>,
    slot_capacity: u64,
    key: String,
}

/// Why nothing was published, or what was cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file cannot be read or written.
    #[error("{}: {action} failed", path.display())]
    Io {
        /// What.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: is not what this version writes; publish again", path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The firmware of a profile was not given.
    #[error(
        "the images of profile \"{profile}\" were made with the firmware {key}, which is in none of \
         the folders given: add --firmware DIR (`cargo xtask firmware build --profile {profile}` \
         prints it)"
    )]
    NoFirmware {
        /// The profile.
        profile: String,
        /// The firmware's key.
        key: String,
    },
    /// A firmware folder is unusable.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// A template cannot be laid out.
    #[error("laying out {format} of profile \"{profile}\" failed")]
    Layout {
        /// The profile.
        profile: String,
        /// The format.
        format: Format,
        /// Why.
        source: LayoutError,
    },
    /// A template comes out differently.
    #[error(
        "{format} of profile \"{profile}\" comes out differently here: it was laid out by another \
         version of Bootmint, or with isolinux, which the server does not do"
    )]
    Differs {
        /// The profile.
        profile: String,
        /// The format.
        format: Format,
    },
    /// A profile's name is none.
    #[error(transparent)]
    Name(#[from] Invalid),
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError::Io { action, path, source }
}

/// Publishes to `shelf` the templates of the run of `build-images` that wrote to `out`, made of
/// the firmware in `folders`. Returns the profiles, with how many formats each has.
pub fn publish(
    out: &Path,
    folders: &[PathBuf],
    patience: &Patience,
    shelf: &Path,
) -> Result<Vec<(Name, usize)>, PublishError> {
    let path = out.join("manifest.json");
    let text = fs::read(&path).map_err(failed("reading", &path))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|source| PublishError::Json { path: path.clone(), source })?;
    let firmware: Vec<Firmware> =
        folders.iter().map(|folder| Firmware::load(folder)).collect::<Result<_, _>>()?;
    let mut made = Vec::new();
    // All is checked before the first is published.
    for entry in &manifest.head.firmware {
        let profile: Name = entry.profile.parse()?;
        let found = firmware.iter().find(|one| one.manifest.key == entry.key);
        let found = found.ok_or_else(|| PublishError::NoFirmware {
            profile: entry.profile.clone(),
            key: entry.key.clone(),
        })?;
        let own = |template: &&TemplateEntry| template.profile == entry.profile;
        let templates: Vec<_> =
            manifest.head.templates.iter().filter(own).map(RawTemplate::new).collect();
        for template in &templates {
            template.lay_out(&entry.profile, found)?;
        }
        let published = Published {
            schema: SCHEMA,
            profile: entry.profile.clone(),
            firmware: Digest::of(entry.key.as_bytes()).as_str().to_owned(),
            attempts: patience.attempts,
            request_timeout: patience.request,
            link_timeout: patience.link,
            templates,
        };
        made.push((profile, found, published));
    }
    let mut done = Vec::new();
    for (profile, firmware, published) in made {
        copy_firmware(firmware, &shelf.join(&published.firmware))?;
        let text = serde_json::to_vec_pretty(&published)
            .map_err(|source| PublishError::Json { path: path.clone(), source })?;
        write(&Published::path(shelf, &profile), &text)?;
        done.push((profile, published.templates.len()));
    }
    Ok(done)
}

/// Copies a firmware whose bytes were checked; one that is there already stays.
fn copy_firmware(firmware: &Firmware, to: &Path) -> Result<(), PublishError> {
    if to.is_dir() {
        return Ok(());
    }
    let parent = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed("making the folder", parent))?;
    let work = tempfile::Builder::new()
        .prefix(".publish-")
        .tempdir_in(parent)
        .map_err(failed("making a folder in", parent))?;
    for binary in firmware.binaries() {
        write(&work.path().join(&binary.about.file), &binary.bytes)?;
    }
    for shim in firmware.manifest.security.secure_boot.iter().flat_map(|how| &how.shims) {
        if let Some(bytes) = firmware.shim(shim.platform) {
            write(&work.path().join(&shim.file), bytes)?;
        }
    }
    let manifest = work.path().join(MANIFEST);
    let text = serde_json::to_vec_pretty(&firmware.manifest)
        .map_err(|source| PublishError::Json { path: manifest.clone(), source })?;
    write(&manifest, &text)?;
    fs::rename(work.path(), to).map_err(failed("renaming to", to))?;
    let _ = work.keep();
    Ok(())
}

/// Writes a file whole, or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        io::Write::write_all(&mut file, bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(failed("writing", path))
}

impl RawTemplate {
    fn new(entry: &TemplateEntry) -> Self {
        Self {
            format: entry.format,
            platforms: entry.platforms.clone(),
            slot_capacity: entry.slot_capacity,
            key: entry.key.clone(),
        }
    }

    fn lay_out(&self, profile: &str, firmware: &Firmware) -> Result<Template, PublishError> {
        let template = Template::new(&Recipe {
            format: self.format,
            firmware,
            platforms: &self.platforms,
            slot_capacity: self.slot_capacity,
            bios_loader: BiosLoader::Own,
        });
        let (profile, format) = (profile.to_owned(), self.format);
        let template = template.map_err(|source| PublishError::Layout {
            profile: profile.clone(),
            format,
            source,
        })?;
        if template.key() == self.key {
            Ok(template)
        } else {
            Err(PublishError::Differs { profile, format })
        }
    }
}

impl Published {
    /// Where a profile's file is.
    pub(super) fn path(shelf: &Path, profile: &Name) -> PathBuf {
        shelf.join(format!("{profile}.json"))
    }

    /// The profiles that were published.
    pub(super) fn list(shelf: &Path) -> Result<Vec<Name>, PublishError> {
        let entries = match fs::read_dir(shelf) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("reading", shelf)(source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed("reading", shelf))?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
            names.extend(name.and_then(|name| name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Reads what was published for a profile.
    pub(super) fn load(shelf: &Path, profile: &Name) -> Result<Self, PublishError> {
        let path = Self::path(shelf, profile);
        let text = fs::read(&path).map_err(failed("reading", &path))?;
        let wrong = |source| PublishError::Json { path: path.clone(), source };
        let published: Self = serde_json::from_slice(&text).map_err(wrong)?;
        if published.schema != SCHEMA || Digest::parse(&published.firmware).is_none() {
            return Err(wrong(serde::de::Error::custom("another schema")));
        }
        Ok(published)
    }

    /// Lays its templates out.
    pub(super) fn lay_out(&self, shelf: &Path) -> Result<Set, ImageError> {
        let firmware = Firmware::load(&shelf.join(&self.firmware)).map_err(PublishError::from)?;
        let firmware = Arc::new(firmware);
        let die = |raw: &RawTemplate| {
            let template = raw.lay_out(&self.profile, &firmware)?;
            Ok((raw.format, Arc::new(Die::new(template, &firmware))))
        };
        let dies = self.templates.iter().map(die).collect::<Result<_, PublishError>>()?;
        let patience = Patience {
            attempts: self.attempts,
            request: self.request_timeout,
            link: self.link_timeout,
        };
        Ok(Set { patience, dies })
    }
}
