//! Binaries in a folder become a firmware.

use super::{NEEDED, PrebuiltError, shim::Shim};
use crate::{
    cache::{Cache, Lock},
    probe::{Probe, probe},
};
use bootmint_image_factory::{
    firmware::{
        BinaryManifest, Capability, FirmwareManifest, MANIFEST, Provider, SCHEMA, sha256_hex,
    },
    format::Platform,
    security::Security,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

/// The profile that ready binaries stand for.
const PROFILE: &str = "prebuilt";
/// The largest binary that is read, in bytes.
const MAX_BINARY: u64 = 16 << 20;
/// Part of the key: raised when the same binaries give another manifest.
pub(super) const RECIPE: &str = "prebuilt 2";

/// The names that binaries go by, the best first: ours, Debian's, Fedora's, upstream's. Those named
/// `snponly` are not among them: started from a CD they find no network card.
const NAMES: [(Platform, &[&str]); 3] = [
    (Platform::Bios, &["ipxe.lkrn"]),
    (
        Platform::EfiX64,
        &["ipxe-x86_64.efi", "ipxe-amd64.efi", "x86_64/ipxe.efi", "ipxe.efi", "BOOTX64.EFI"],
    ),
    (
        Platform::EfiArm64,
        &["ipxe-arm64.efi", "ipxe-aarch64.efi", "arm64-efi/ipxe.efi", "arm64/ipxe.efi"],
    ),
];

/// A binary that was found and read.
pub(super) struct Binary {
    pub(super) bytes: Vec<u8>,
    pub(super) probe: Probe,
}

/// The binaries found in a folder; at least one.
pub(super) struct Found {
    pub(super) binaries: Vec<Binary>,
    /// What starts them under Secure Boot, where something does.
    pub(super) shim: Option<Shim>,
}

impl Found {
    /// Reads the binaries in `folder`. Links in it are followed as if `root` were the root folder,
    /// and not out of it.
    pub(super) fn read(folder: &Path, root: &Path) -> Result<Self, PrebuiltError> {
        let mut binaries = Vec::new();
        for (platform, names) in NAMES {
            let paths = names.iter().filter_map(|name| resolve(root, &folder.join(name)));
            let Some(path) = paths.into_iter().find(|path| path.is_file()) else { continue };
            binaries.push(read(&path, platform)?);
        }
        if binaries.is_empty() {
            return Err(PrebuiltError::Nothing { folder: folder.to_owned() });
        }
        Ok(Self { binaries, shim: None })
    }

    /// The binary for `platform`.
    pub(super) fn binary(&self, platform: Platform) -> Option<&Binary> {
        self.binaries.iter().find(|binary| binary.probe.platform == platform)
    }

    /// iPXE's version.
    pub(super) fn version(&self) -> String {
        let version = self.binaries.iter().find_map(|binary| binary.probe.version.clone());
        version.unwrap_or_else(|| "unknown".to_owned())
    }

    /// Writes the firmware into the cache and gives its folder. `notes` say why it was taken; what
    /// it lacks is added.
    pub(super) fn publish(
        &self,
        cache: &Cache,
        lock: &Lock,
        mut notes: Vec<String>,
    ) -> Result<PathBuf, PrebuiltError> {
        notes.extend(self.binaries.iter().filter_map(lacks));
        notes.push("Whether these binaries use a serial console cannot be told.".to_owned());
        let mut manifest = FirmwareManifest {
            schema: SCHEMA,
            profile: PROFILE.to_owned(),
            provider: Provider::Prebuilt,
            ipxe_version: self.version(),
            key: String::new(),
            notes,
            security: Security {
                secure_boot: self.shim.as_ref().map(Shim::about),
                ..Security::default()
            },
            binaries: self.binaries.iter().map(about).collect(),
        };
        let failed = |path: &Path| PrebuiltError::io("writing", path);
        let json = |manifest: &FirmwareManifest| {
            serde_json::to_vec_pretty(manifest).map_err(io::Error::other)
        };
        let inputs = json(&manifest).map_err(failed(&cache.prebuilt()))?;
        manifest.key = sha256_hex(&[RECIPE.as_bytes(), b"\n", &inputs].concat());
        let folder = cache.firmware(&manifest.key);
        let stage = lock.stage()?;
        for binary in &self.binaries {
            let path = stage.path().join(binary.probe.platform.file_name());
            fs::write(&path, &binary.bytes).map_err(failed(&path))?;
        }
        if let Some(shim) = &self.shim {
            let path = stage.path().join(shim.file());
            fs::write(&path, &shim.bytes).map_err(failed(&path))?;
        }
        let path = stage.path().join(MANIFEST);
        json(&manifest).and_then(|text| fs::write(&path, text)).map_err(failed(&path))?;
        let made = stage.path().to_owned();
        stage.publish(&made, &folder)?;
        Ok(folder)
    }
}

/// Why these binaries cannot start machines of both kinds, or none when they can.
pub(super) fn why_unfit(found: &Found) -> Option<String> {
    NEEDED.iter().find_map(|&(platform, capability, reason)| {
        let binary = found.binary(platform);
        let fits = binary.is_some_and(|binary| binary.probe.capabilities.contains(&capability));
        (!fits).then(|| format!("its iPXE {} {reason}", found.version()))
    })
}

fn about(binary: &Binary) -> BinaryManifest {
    BinaryManifest {
        platform: binary.probe.platform,
        file: binary.probe.platform.file_name().to_owned(),
        size: binary.bytes.len() as u64,
        sha256: sha256_hex(&binary.bytes),
        capabilities: binary.probe.capabilities.clone(),
        slot: None,
    }
}

/// A sentence on what a binary cannot do.
fn lacks(binary: &Binary) -> Option<String> {
    let platform = binary.probe.platform;
    let applies = |capability: &Capability| match capability {
        Capability::SerialConsole => false, // cannot be told
        Capability::SecureBoot => platform != Platform::Bios,
        _ => true,
    };
    let missing: Vec<_> = Capability::ALL
        .into_iter()
        .filter(applies)
        .filter(|capability| !binary.probe.capabilities.contains(capability))
        .map(Capability::name)
        .collect();
    (!missing.is_empty()).then(|| format!("On {platform} it lacks: {}.", missing.join(", ")))
}

pub(super) fn read(path: &Path, platform: Platform) -> Result<Binary, PrebuiltError> {
    let bytes = read_limited(path)?;
    let bad = |reason: String| PrebuiltError::Binary { path: path.to_owned(), reason };
    let probe = probe(&bytes).map_err(|error| bad(error.to_string()))?;
    if probe.platform != platform {
        return Err(bad(format!("it is for {}, not for {platform}", probe.platform)));
    }
    Ok(Binary { bytes, probe })
}

/// A file, unless it is larger than any binary.
pub(super) fn read_limited(path: &Path) -> Result<Vec<u8>, PrebuiltError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BINARY + 1).read_to_end(&mut bytes))
        .map_err(PrebuiltError::io("reading", path))?;
    if bytes.len() as u64 > MAX_BINARY {
        let reason = format!("it is larger than {MAX_BINARY} bytes");
        return Err(PrebuiltError::Binary { path: path.to_owned(), reason });
    }
    Ok(bytes)
}

/// Where `path` leads when `root`, which it starts with, is taken for the root folder: packages
/// link to absolute paths. None where it leads nowhere or out.
pub(super) fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..8 {
        let Ok(target) = fs::read_link(&path) else { return Some(path) };
        if target.components().any(|c| c == Component::ParentDir) && root != Path::new("/") {
            return None;
        }
        path = match target.strip_prefix("/") {
            Ok(inside) => root.join(inside),
            Err(_) => path.parent()?.join(target),
        };
    }
    None
}
