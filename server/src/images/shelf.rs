//! The shelf: what was published, laid out when it is first wanted and again when it changes.

use super::{
    Image,
    body::Counter,
    publish::{PublishError, Published},
    resident::Resident,
};
use crate::{
    secret::Digest,
    time::{Seconds, Timestamp},
};
use bootmint_image_factory::{
    firmware::{BinaryManifest, Firmware},
    format::{Format, UnknownName},
    host::{HostName, Name},
    layout::{LayoutError, read_back::ReadBackError},
    slot::PadError,
    template::Template,
    ticket::{Facts, Missing, NotAScript, Patience},
};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// How long a download in many parts counts as one.
const ONE_DOWNLOAD: Seconds = Seconds::new(600);
/// How many minted images are remembered: their tickets, that is, a few KiB each.
const MAX_MINTED: usize = 1024;
/// How many downloads are remembered to that end.
const MAX_DOWNLOADS: usize = 10_000;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Nothing was published for the host's firmware profile.
    #[error(
        "nothing was published for the firmware profile \"{0}\": run `bootmint templates publish` \
         where the server runs"
    )]
    NotPublished(Name),
    /// The profile was published without this format.
    #[error("the firmware profile \"{profile}\" was published without the format {format}")]
    NoFormat {
        /// The profile.
        profile: Name,
        /// The format.
        format: Format,
    },
    /// The format does not exist.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The host's token is not known here.
    #[error(
        "the token of host \"{0}\" does not follow from token.key, and only its digest is kept: \
         import the host again with its token, which is then kept sealed"
    )]
    Token(HostName),
    /// Nor could it be kept.
    #[error(
        "the token of host \"{0}\" does not follow from token.key, and there is no key to keep it \
         sealed by: run `bootmint secrets new-key` where the server runs, start that anew, and \
         import the host again with its token"
    )]
    NoSealKey(HostName),
    /// The firmware lacks something.
    #[error("host \"{host}\": {missing}")]
    Missing {
        /// The host.
        host: HostName,
        /// What.
        missing: Missing,
    },
    /// The host's ticket cannot be stamped.
    #[error("the image of host \"{host}\" cannot be minted")]
    Stamp {
        /// The host.
        host: HostName,
        /// Why.
        source: StampFault,
    },
    /// A firmware demands signatures, which a person's script would not see to.
    #[error(
        "this firmware runs signed files alone, and a script of your own would not see to that: \
         choose another firmware"
    )]
    Unverified,
    /// A person's script is none.
    #[error(transparent)]
    NoScript(#[from] NotAScript),
    /// A person's script cannot be stamped.
    #[error("an image of this script cannot be minted")]
    Script(#[source] StampFault),
    /// What was published cannot be read.
    #[error(transparent)]
    Published(#[from] PublishError),
    /// A file cannot be looked at.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A template cannot be laid out.
    #[error("a published template cannot be laid out")]
    Layout(#[from] LayoutError),
    /// A name is too long for a tar archive.
    #[error(transparent)]
    LongName(#[from] super::tar::LongName),
    /// Images are more than a ZIP archive holds.
    #[error(transparent)]
    TooLarge(#[from] super::zip::TooLarge),
    /// Somebody else's work broke off.
    #[error("the work was broken off")]
    Broken,
}

/// Why a ticket does not become an image.
#[derive(Debug, thiserror::Error)]
pub enum StampFault {
    /// It does not fit.
    #[error("the script does not fit")]
    Slot(#[from] PadError),
    /// What was minted does not read back.
    #[error("what was minted does not read back")]
    ReadBack(#[from] ReadBackError),
    /// What was minted carries something else.
    #[error("it would carry something else: it was not sent")]
    Other,
}

impl StampFault {
    /// The fault of that host's image.
    pub(super) fn of(self, host: &HostName) -> ImageError {
        ImageError::Stamp { host: host.clone(), source: self }
    }
}

/// One format of a published firmware, ready to be stamped.
#[derive(Debug)]
pub struct Die {
    /// The template's bytes, for the system to send. Dropped before them.
    _resident: Option<Resident>,
    template: Template,
    firmware: Arc<Firmware>,
}

impl Die {
    pub(super) fn new(template: Template, firmware: &Arc<Firmware>) -> Self {
        let resident = Resident::new(template.bytes()).inspect_err(|error| {
            tracing::debug!(%error, "no memory file: images are copied while they are sent");
        });
        Self { _resident: resident.ok(), template, firmware: Arc::clone(firmware) }
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The binaries that an image boots.
    pub fn binaries(&self) -> Vec<&BinaryManifest> {
        let platforms = self.template.platforms().iter();
        platforms.filter_map(|p| self.firmware.binary(*p)).map(|binary| &binary.about).collect()
    }

    /// How its tickets send their facts.
    pub fn facts(&self) -> Facts {
        let all: Vec<_> = self.binaries().iter().map(|about| &about.capabilities).collect();
        Facts::of_firmware(&all, self.firmware.manifest.security.payloads)
    }
}

/// A template's bytes, shared by all that is sent of it.
pub(super) struct Whole(pub(super) Arc<Die>);

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        self.0.template.bytes()
    }
}

/// What was published for one firmware profile.
#[derive(Clone, Debug)]
pub struct Set {
    /// How patient its tickets are.
    pub patience: Patience,
    pub(super) dies: BTreeMap<Format, Arc<Die>>,
}

impl Set {
    /// The die of a format.
    pub fn die(&self, format: Format) -> Option<&Arc<Die>> {
        self.dies.get(&format)
    }

    /// The binaries that its images boot.
    pub fn binaries(&self) -> Vec<&BinaryManifest> {
        self.dies.values().flat_map(|die| die.binaries()).collect()
    }

    /// How its tickets send their facts; none if it has no format.
    pub fn facts(&self) -> Option<Facts> {
        self.dies.values().next().map(|die| die.facts())
    }

    /// The formats.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        self.dies.keys().copied()
    }
}

/// When a file was written, and how long it is.
type Stamp = (SystemTime, u64);

/// Everything that was published.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    sets: Mutex<BTreeMap<Name, (Stamp, Arc<Set>)>>,
    minted: Mutex<HashMap<Digest, Image>>,
    downloads: Mutex<HashMap<Digest, Timestamp>>,
    sent: Counter,
}

impl Shelf {
    /// What is published in `folder`, which need not be there yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            sets: Mutex::default(),
            minted: Mutex::default(),
            downloads: Mutex::default(),
            sent: Counter::default(),
        }
    }

    /// Counts what is sent.
    pub fn sent(&self) -> &Counter {
        &self.sent
    }

    /// The names of the published profiles.
    pub fn profiles(&self) -> Result<Vec<Name>, ImageError> {
        Ok(Published::list(&self.folder)?)
    }

    /// What was published for a profile. The first call lays it out, which takes a moment.
    pub fn set(&self, profile: &Name) -> Result<Arc<Set>, ImageError> {
        let path = Published::path(&self.folder, profile);
        let about = match std::fs::metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ImageError::NotPublished(profile.clone()));
            }
            Err(source) => return Err(ImageError::Read { path, source }),
        };
        let modified = about.modified().map_err(|source| ImageError::Read { path, source })?;
        let stamp = (modified, about.len());
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, set)) = sets.get(profile).filter(|(seen, _)| *seen == stamp) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(Published::load(&self.folder, profile)?.lay_out(&self.folder)?);
        sets.insert(profile.clone(), (stamp, Arc::clone(&set)));
        // They were minted from what was published before.
        self.minted.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(set)
    }

    /// The image that `key` stands for: all that it is minted from but what was published for its
    /// profile. A download in parts mints it once.
    pub fn minted(
        &self,
        key: Digest,
        set: &Arc<Set>,
        mint: impl FnOnce() -> Result<Image, ImageError>,
    ) -> Result<Image, ImageError> {
        let minted = || self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = minted().get(&key) {
            return Ok(image.clone());
        }
        let image = mint()?;
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        // Something else may have been published meanwhile.
        if sets.values().any(|(_, current)| Arc::ptr_eq(current, set)) {
            let mut minted = minted();
            if minted.len() >= MAX_MINTED {
                minted.clear();
            }
            minted.insert(key, image.clone());
        }
        Ok(image)
    }

    /// How many minted images are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.minted.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether this download was written down lately: virtual media are read in thousands of parts.
    pub fn goes_on(&self, download: &Digest, now: Timestamp) -> bool {
        let mut known = self.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        let live = known.get_mut(download).filter(|until| now < **until);
        live.map(|until| *until = now.after(ONE_DOWNLOAD)).is_some()
    }

    /// Remembers a download that was written down.
    pub fn began(&self, download: Digest, now: Timestamp) {
        let mut known = self.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_DOWNLOADS {
            known.retain(|_, until| now < *until);
        }
        if known.len() >= MAX_DOWNLOADS {
            known.clear();
        }
        known.insert(download, now.after(ONE_DOWNLOAD));
    }
}
