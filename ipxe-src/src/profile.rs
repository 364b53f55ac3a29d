//! Firmware profiles: what a firmware is to be, as a TOML file.
//!
//! The shipped profiles stand in `ipxe-src/profiles/`; anybody may write their own and give its
//! path. `docs/firmware.md` describes every field.

mod client;
mod media;
mod options;
mod raw;
mod secure_boot;

pub use client::Client;
pub use options::{Header, OPTIONS, OptionSpec, Options, Port, Proof, Serial, Switch};
pub use secure_boot::{KeyPlace, SecureBoot, SigningKey};

use bootmint_drivers::{Class, Overlay, OverlayError, Selection, SetError};
use bootmint_image_factory::{
    format::{Format, Platform},
    security::Payloads,
};
use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The profiles that ship with Bootmint: name and TOML text.
const SHIPPED: [(&str, &str); 5] = [
    ("default", include_str!("../profiles/default.toml")),
    ("default-arm64", include_str!("../profiles/default-arm64.toml")),
    ("kvm", include_str!("../profiles/kvm.toml")),
    ("kvm-arm64", include_str!("../profiles/kvm-arm64.toml")),
    ("hyperv", include_str!("../profiles/hyperv.toml")),
];

/// The ticket slot's capacity where a profile names none, in bytes.
pub const DEFAULT_SLOT: u32 = 16 << 10;
/// The largest profile file, in bytes.
const MAX_PROFILE: u64 = 64 << 10;
/// The largest embedded script, in bytes.
const MAX_SCRIPT: u64 = 256 << 10;
/// The largest file of trust roots, in bytes.
const MAX_PEM: u64 = 256 << 10;

/// Which loader starts iPXE from BIOS media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiosLoader {
    /// Bootmint's own.
    #[default]
    Own,
    /// The distribution's isolinux, for machines whose BIOS dislikes ours.
    Isolinux,
}

/// The script that is compiled into the firmware and runs first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// Bootmint's stage 1: hands over to the medium's ticket.
    Stage1,
    /// The profile's own text.
    Own(String),
}

/// A checked profile, with the files it names already read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    name: String,
    description: String,
    pin: Option<String>,
    drivers: BTreeMap<Platform, Selection>,
    overlays: Vec<Overlay>,
    options: Options,
    script: Script,
    trust: Vec<String>,
    cross_signing: Switch,
    client: Option<Client>,
    payloads: Payloads,
    secure_boot: Option<SecureBoot>,
    serial: Option<Serial>,
    bios_loader: BiosLoader,
    slot_capacity: u32,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is no shipped profile of this name.
    #[error(
        "unknown firmware profile \"{name}\"{hint}: use one of {known}, or the path of a .toml file"
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The nearest shipped name as a question, or nothing.
        hint: String,
        /// All shipped names.
        known: String,
    },
    /// The profile, or a file it names, could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no valid TOML, or has unknown fields.
    #[error("profile {origin}")]
    Toml {
        /// The profile's name or path.
        origin: String,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// Its driver set is not known or not valid.
    #[error("profile {origin}")]
    Set {
        /// The profile's name or path.
        origin: String,
        /// What is wrong with the set.
        source: SetError,
    },
    /// One of its out-of-tree drivers is not known or not valid.
    #[error("profile {origin}")]
    Overlay {
        /// The profile's name or path.
        origin: String,
        /// What is wrong with the driver.
        source: OverlayError,
    },
    /// The file parses, but says something impossible.
    #[error("profile {origin}: {reason}")]
    Invalid {
        /// The profile's name or path.
        origin: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// The shipped profile called `name`, or the one in the file `name` when that is a path (it ends
/// in `.toml` or has a `/`). Files that it names are looked for beside it.
pub fn load(name: &str) -> Result<Profile, ProfileError> {
    if name.contains('/') || name.ends_with(".toml") {
        return load_file(Path::new(name));
    }
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name).ok_or_else(|| {
        let known = || SHIPPED.iter().map(|(known, _)| *known);
        ProfileError::Unknown {
            name: name.chars().take(40).collect(),
            hint: nearest(name, known())
                .map(|near| format!(" (did you mean \"{near}\"?)"))
                .unwrap_or_default(),
            known: known().collect::<Vec<_>>().join(", "),
        }
    })?;
    raw::parse(text, name, Path::new(""))
}

fn load_file(path: &Path) -> Result<Profile, ProfileError> {
    let text = read_limited(path, MAX_PROFILE)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    raw::parse(&text, &path.display().to_string(), folder)
}

/// All shipped profiles, in the order in which they are listed.
pub fn shipped() -> Result<Vec<Profile>, ProfileError> {
    SHIPPED.iter().map(|(name, text)| raw::parse(text, name, Path::new(""))).collect()
}

impl Profile {
    /// The same profile under another name and with another embedded script.
    #[must_use]
    pub fn with_script(self, name: &str, script: &str) -> Self {
        Self { name: name.to_owned(), script: Script::Own(script.to_owned()), ..self }
    }

    /// The same profile for `platform` alone, with these drivers.
    #[must_use]
    pub fn with_drivers(self, platform: Platform, drivers: Selection) -> Self {
        Self { drivers: BTreeMap::from([(platform, drivers)]), ..self }
    }

    /// Its name: part of the firmware's identity.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The version of the source pin it asks for; nothing for the default pin.
    pub fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// The platforms it is built for, in building order.
    pub fn targets(&self) -> impl Iterator<Item = Platform> {
        self.drivers.keys().copied()
    }

    /// The drivers for `platform`, where the profile has that platform.
    pub fn drivers(&self, platform: Platform) -> Option<&Selection> {
        self.drivers.get(&platform)
    }

    /// The out-of-tree drivers that are linked in besides, sorted by name.
    pub fn overlays(&self) -> &[Overlay] {
        &self.overlays
    }

    /// The options it names.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The script that runs first.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The certificates of the roots it trusts, in PEM; with none, iPXE trusts its own root, and
    /// on UEFI those that the machine's firmware lists.
    pub fn trust(&self) -> &[String] {
        &self.trust
    }

    /// Whether iPXE asks the makers' server for certificates that lead from a stranger's root to
    /// its own.
    pub fn cross_signing(&self) -> Switch {
        self.cross_signing
    }

    /// The certificate by which it proves to servers who it is.
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// What may be booted with it.
    pub fn payloads(&self) -> Payloads {
        self.payloads
    }

    /// How it starts under Secure Boot, where it is for that.
    pub fn secure_boot(&self) -> Option<&SecureBoot> {
        self.secure_boot.as_ref()
    }

    /// What only a firmware compiled for this profile can keep, where it asks for such a thing.
    pub fn needs_compiling(&self) -> Option<&'static str> {
        if self.payloads == Payloads::Signed {
            Some("signed payloads")
        } else if self.client.is_some() {
            Some("a client certificate")
        } else if !self.trust.is_empty() {
            Some("trust roots of its own")
        } else if let Some(SecureBoot::OwnKey(_)) = self.secure_boot {
            Some("a signature of its own")
        } else {
            None
        }
    }

    /// Why an image of `format` that is compiled for this profile would find no network card on
    /// `platform`, or none where it would.
    pub fn blind_on(&self, format: Format, platform: Platform) -> Option<String> {
        media::check(format, platform, self.drivers(platform)?)
    }

    /// The serial console, where it has one.
    pub fn serial(&self) -> Option<Serial> {
        self.serial
    }

    /// Which loader its BIOS media use.
    pub fn bios_loader(&self) -> BiosLoader {
        self.bios_loader
    }

    /// The capacity of the ticket slot on media and in bare `.efi` files, in bytes.
    pub fn slot_capacity(&self) -> u32 {
        self.slot_capacity
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// The class of drivers for a platform.
pub(crate) const fn class(platform: Platform) -> Class {
    match platform {
        Platform::Bios => Class::Bios,
        Platform::EfiX64 => Class::EfiX64,
        Platform::EfiArm64 => Class::EfiArm64,
    }
}

/// The name nearest to `name`, where one is near enough to be a slip of the finger.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}

fn read_limited(path: &Path, limit: u64) -> Result<String, ProfileError> {
    let read = || {
        let size = fs::metadata(path)?.len();
        if size > limit {
            return Err(io::Error::other(format!("{size} bytes, more than {limit}")));
        }
        fs::read_to_string(path)
    };
    read().map_err(|source| ProfileError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
