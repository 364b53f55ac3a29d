//! Firmware: the binaries of one profile, what they are and what they can do.
//!
//! A firmware is a folder with `firmware.json` (its manifest) and one file per platform. Whoever
//! makes one (a compiler run, a distribution's package) writes the same folder; whoever uses one
//! reads it here, and every byte is checked against the manifest before it is used.

mod capability;

pub use capability::{Capabilities, Capability};

use crate::{
    format::Platform,
    security::{Security, ShimManifest},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The manifest's file name in a firmware folder.
pub const MANIFEST: &str = "firmware.json";
/// The version of the manifest's schema.
pub const SCHEMA: u32 = 1;
/// The largest binary that is read, in bytes; a full iPXE has about 1 MB.
const MAX_BINARY: u64 = 16 << 20;

/// Where a firmware came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Compiled from the pinned source.
    Source,
    /// Ready binaries of a distribution or a folder.
    Prebuilt,
}

/// A region of a binary that is reserved for a ticket: see `docs/images.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EmbeddedSlot {
    /// Where the region starts in the binary's file, in bytes.
    pub offset: u64,
    /// How long the region is, in bytes.
    pub capacity: u64,
}

/// One platform's binary, as the manifest tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BinaryManifest {
    /// The platform it runs on.
    pub platform: Platform,
    /// The file in the firmware's folder; a bare name.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// A region inside the binary that holds a ticket, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<EmbeddedSlot>,
}

/// What a firmware is: the content of `firmware.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FirmwareManifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The firmware profile it was made for.
    pub profile: String,
    /// Where it came from.
    pub provider: Provider,
    /// iPXE's version as its maker names it, such as `2.0.0` or `1.21.1+git20250501`.
    pub ipxe_version: String,
    /// SHA-256 over the canonical form of everything that went into it.
    pub key: String,
    /// What its user must know, one sentence each: what it cannot do and why it was taken.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What it demands of tickets, payloads and machines.
    #[serde(default, skip_serializing_if = "Security::is_none")]
    pub security: Security,
    /// One entry per platform.
    pub binaries: Vec<BinaryManifest>,
}

/// Why a firmware folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// A file could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest is not what this version writes.
    #[error("{}: {reason}; build the firmware again", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A binary's bytes differ from its manifest.
    #[error("{}: {reason}; it was altered or damaged, build the firmware again", path.display())]
    Altered {
        /// The binary.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

/// One platform's binary with its bytes, checked against its digest.
#[derive(Clone, Debug)]
pub struct Binary {
    /// What the manifest says of it.
    pub about: BinaryManifest,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A firmware whose binaries were read and checked.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// What it is.
    pub manifest: FirmwareManifest,
    binaries: Vec<Binary>,
    shims: Vec<(ShimManifest, Vec<u8>)>,
}

impl Firmware {
    /// Reads the firmware in `folder` and checks every binary against the manifest.
    pub fn load(folder: &Path) -> Result<Self, FirmwareError> {
        let path = folder.join(MANIFEST);
        let text = read_limited(&path, 1 << 20)?;
        let bad = |reason: String| FirmwareError::Manifest { path: path.clone(), reason };
        let manifest: FirmwareManifest =
            serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        if manifest.schema != SCHEMA {
            return Err(bad(format!("schema {} instead of {SCHEMA}", manifest.schema)));
        }
        let mut binaries = Vec::with_capacity(manifest.binaries.len());
        let bare = |file: &str| match Path::new(file).file_name() {
            Some(name) if name == file => Ok(()),
            _ => Err(bad(format!("\"{file}\" is no bare file name"))),
        };
        for about in &manifest.binaries {
            bare(&about.file)?;
            if binaries.iter().any(|b: &Binary| b.about.platform == about.platform) {
                return Err(bad(format!("platform {} stands twice", about.platform)));
            }
            binaries.push(read_binary(folder, about)?);
        }
        let how = manifest.security.secure_boot.as_ref();
        if let Some(loader) = how.and_then(|how| how.loader.as_deref())
            && !is_loader(loader)
        {
            return Err(bad(format!("\"{loader}\" is no loader's place on a medium")));
        }
        let mut shims = Vec::new();
        for about in manifest.security.secure_boot.iter().flat_map(|how| &how.shims) {
            bare(&about.file)?;
            shims.push((
                about.clone(),
                read_checked(folder, &about.file, about.size, &about.sha256)?,
            ));
        }
        Ok(Self { manifest, binaries, shims })
    }

    /// The shim that starts the binary for `platform`, where one does.
    pub fn shim(&self, platform: Platform) -> Option<&[u8]> {
        let found = self.shims.iter().find(|(about, _)| about.platform == platform);
        found.map(|(_, bytes)| bytes.as_slice())
    }

    /// The binary for `platform`, where the firmware has one.
    pub fn binary(&self, platform: Platform) -> Option<&Binary> {
        self.binaries.iter().find(|binary| binary.about.platform == platform)
    }

    /// All binaries.
    pub fn binaries(&self) -> &[Binary] {
        &self.binaries
    }
}

fn is_loader(path: &str) -> bool {
    let name = path.strip_prefix("EFI/BOOT/").and_then(|name| name.strip_suffix(".EFI"));
    name.is_some_and(|name| {
        (1..=8).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

fn read_binary(folder: &Path, about: &BinaryManifest) -> Result<Binary, FirmwareError> {
    let bytes = read_checked(folder, &about.file, about.size, &about.sha256)?;
    if let Some(slot) = about.slot
        && slot.offset.checked_add(slot.capacity).is_none_or(|end| end > about.size)
    {
        let (path, reason) = (folder.join(&about.file), "its slot does not lie inside it".into());
        return Err(FirmwareError::Altered { path, reason });
    }
    Ok(Binary { about: about.clone(), bytes })
}

fn read_checked(
    folder: &Path,
    file: &str,
    size: u64,
    sha256: &str,
) -> Result<Vec<u8>, FirmwareError> {
    let path = folder.join(file);
    let bytes = read_limited(&path, MAX_BINARY)?;
    let altered = |reason: String| FirmwareError::Altered { path: path.clone(), reason };
    if bytes.len() as u64 != size {
        return Err(altered(format!("{} bytes instead of {size}", bytes.len())));
    }
    let digest = sha256_hex(&bytes);
    if digest != sha256 {
        return Err(altered(format!("SHA-256 {digest} instead of {sha256}")));
    }
    Ok(bytes)
}

fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FirmwareError> {
    let read = || {
        let size = fs::metadata(path)?.len();
        if size > limit {
            return Err(io::Error::other(format!("{size} bytes, more than {limit}")));
        }
        fs::read(path)
    };
    read().map_err(|source| FirmwareError::Read { path: path.to_owned(), source })
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(bytes: &[u8], edit: impl Fn(&mut FirmwareManifest)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = FirmwareManifest {
            schema: SCHEMA,
            profile: "default".into(),
            provider: Provider::Source,
            ipxe_version: "2.0.0".into(),
            key: "k".into(),
            notes: vec![],
            security: Default::default(),
            binaries: vec![BinaryManifest {
                platform: Platform::Bios,
                file: "ipxe.lkrn".into(),
                size: bytes.len() as u64,
                sha256: sha256_hex(bytes),
                capabilities: [Capability::Http, Capability::SerialConsole].into(),
                slot: None,
            }],
        };
        edit(&mut manifest);
        fs::write(folder.path().join("ipxe.lkrn"), bytes).unwrap();
        fs::write(folder.path().join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
        folder
    }

    #[test]
    fn capability_names_are_the_json_names() {
        for capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.name());
            assert_eq!(capability.name().parse(), Ok(capability));
        }
    }

    #[test]
    fn a_whole_firmware_loads() {
        let folder = folder_with(b"kernel", |_| ());
        let firmware = Firmware::load(folder.path()).unwrap();
        assert_eq!(firmware.binary(Platform::Bios).unwrap().bytes, b"kernel");
        assert!(firmware.binary(Platform::EfiX64).is_none());
    }

    #[test]
    fn an_altered_binary_is_refused() {
        let folder = folder_with(b"kernel", |_| ());
        fs::write(folder.path().join("ipxe.lkrn"), b"kernal").unwrap();
        let error = Firmware::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("SHA-256") && error.contains("altered"), "{error}");
    }

    #[test]
    fn a_manifest_cannot_point_elsewhere_or_lie_about_its_slot() {
        let escape = folder_with(b"kernel", |m| m.binaries[0].file = "../ipxe.lkrn".into());
        assert!(matches!(Firmware::load(escape.path()), Err(FirmwareError::Manifest { .. })));
        let slot = EmbeddedSlot { offset: 3, capacity: u64::MAX };
        let outside = folder_with(b"kernel", |m| m.binaries[0].slot = Some(slot));
        assert!(matches!(Firmware::load(outside.path()), Err(FirmwareError::Altered { .. })));
    }
}
