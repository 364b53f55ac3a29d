//! A vendor's shim and the signed iPXE that it starts.

use super::{
    PrebuiltError,
    folder::{Binary, read, read_limited, resolve},
};
use crate::probe::signed;
use bootmint_image_factory::{
    firmware::{Capability, sha256_hex},
    format::Platform,
    security::{Lane, SecureBoot, ShimManifest},
};
use std::path::{Path, PathBuf};

/// The names of shims, the best first: upstream's, Debian's, Fedora's.
const SHIMS: [(Platform, &[&str]); 2] = [
    (
        Platform::EfiX64,
        &[
            "x86_64-sb/shimx64.efi",
            "ipxe-shimx64.efi",
            "shimx64.efi.signed",
            "shimx64.efi",
            "BOOTX64.EFI",
        ],
    ),
    (
        Platform::EfiArm64,
        &[
            "arm64-sb/shimaa64.efi",
            "ipxe-shimaa64.efi",
            "shimaa64.efi.signed",
            "shimaa64.efi",
            "BOOTAA64.EFI",
        ],
    ),
];
/// The names of signed iPXE binaries.
const LOADERS: [(Platform, &[&str]); 2] = [
    (Platform::EfiX64, &["x86_64-sb/ipxe.efi", "ipxe-x86_64.efi", "ipxe.efi", "IPXE.EFI"]),
    (Platform::EfiArm64, &["arm64-sb/ipxe.efi", "ipxe-arm64.efi", "ipxe.efi", "IPXE.EFI"]),
];

/// A shim, and where it looks for iPXE.
pub(super) struct Shim {
    pub(super) bytes: Vec<u8>,
    platform: Platform,
    loader: String,
}

impl Shim {
    /// Its file in a firmware folder.
    pub(super) fn file(&self) -> String {
        format!("shim-{}", self.platform.file_name().trim_start_matches("ipxe-"))
    }

    /// What a manifest says of it.
    pub(super) fn about(&self) -> SecureBoot {
        SecureBoot {
            lane: Lane::Shim,
            signer: None,
            loader: Some(format!("EFI/BOOT/{}", self.loader)),
            shims: vec![ShimManifest {
                platform: self.platform,
                file: self.file(),
                size: self.bytes.len() as u64,
                sha256: sha256_hex(&self.bytes),
            }],
        }
    }
}

/// Reads the shim for `platform` and the iPXE that it starts under the name `loader`.
pub(super) fn find(
    folder: &Path,
    platform: Platform,
    loader: &str,
) -> Result<(Binary, Shim), PrebuiltError> {
    let missing = |what| PrebuiltError::NoShim { folder: folder.to_owned(), platform, what };
    let shim = named(&SHIMS, platform, folder).ok_or_else(|| missing("shim (shimx64.efi)"))?;
    let bytes = read_limited(&shim)?;
    let bad = |reason: String| PrebuiltError::Binary { path: shim.clone(), reason };
    let found = signed(&bytes).map_err(|error| bad(error.to_string()))?;
    if found != platform {
        return Err(bad(format!("it is for {found}, not for {platform}")));
    }
    let path = named(&LOADERS, platform, folder).ok_or_else(|| missing("iPXE (ipxe.efi)"))?;
    let binary = read(&path, platform)?;
    if !binary.probe.capabilities.contains(&Capability::SecureBoot) {
        let reason = "it is not signed, and a shim starts nothing unsigned: take the binary of \
                      who made the shim"
            .to_owned();
        return Err(PrebuiltError::Binary { path, reason });
    }
    Ok((binary, Shim { bytes, platform, loader: loader.to_owned() }))
}

fn named(table: &[(Platform, &[&str])], platform: Platform, folder: &Path) -> Option<PathBuf> {
    let (_, names) = table.iter().find(|(of, _)| *of == platform)?;
    let mut paths = names.iter().filter_map(|name| resolve(Path::new("/"), &folder.join(name)));
    paths.find(|path| path.is_file())
}
