//! The provider `prebuilt`: firmware from ready binaries, a folder's or the distribution's.
//!
//! It is for a quick start, for machines without a compiler, and for signed binaries. What such
//! firmware can do is read from the binaries themselves ([`crate::probe`]), and its manifest's notes
//! say what it cannot do and why it was taken.

mod apt;
mod folder;
mod shim;
mod sources;

use crate::{
    cache::{Cache, CacheError, Lock},
    progress::Progress,
    run::{Invocation, RunError},
};
use bootmint_image_factory::{
    firmware::{Capability, Firmware, FirmwareError},
    format::Platform,
};
use folder::{Found, why_unfit};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where packages put iPXE: Debian and Ubuntu, Fedora.
const INSTALLED: [&str; 2] = ["/usr/lib/ipxe", "/usr/share/ipxe"];
/// Remembers what was taken for which release, so that the next run needs no network.
const TAKEN: &str = "taken.json";

/// Why there is no ready firmware.
#[derive(Debug, thiserror::Error)]
pub enum PrebuiltError {
    /// A file could not be read or written.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder has no binaries.
    #[error(
        "{} has no iPXE: put ipxe.lkrn (BIOS), ipxe-x86_64.efi or ipxe-arm64.efi (UEFI) there",
        folder.display()
    )]
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder lacks one half of what the lane "shim" needs.
    #[error(
        "{} has no signed {what} for {platform}: take both files from one vendor's release, or \
         sign a firmware of your own (lane \"own-key\")", folder.display()
    )]
    NoShim {
        /// The folder.
        folder: PathBuf,
        /// The platform.
        platform: Platform,
        /// What is not there.
        what: &'static str,
    },
    /// No folder was named for the lane "shim".
    #[error(
        "the lane \"shim\" takes a vendor's signed binaries, and no distribution packages them: \
         name their folder with --firmware prebuilt --prebuilt DIR"
    )]
    NoShimFolder,
    /// A binary is not what its name says.
    #[error("{}: {reason}", path.display())]
    Binary {
        /// The binary.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// This is no Debian or Ubuntu, and no package is installed.
    #[error(
        "no ready iPXE was found in {}: on Fedora and its kin install ipxe-bootimgs-x86 \
         (dnf install ipxe-bootimgs-x86), or name a folder that holds ipxe.lkrn and \
         ipxe-x86_64.efi", INSTALLED.join(" or ")
    )]
    NoPackage,
    /// No suite has a usable package.
    #[error(
        "the distribution has no usable package ipxe:\n{}\nName a folder that holds ipxe.lkrn and \
         ipxe-x86_64.efi, or compile: cargo xtask firmware build", attempts.join("\n")
    )]
    NoSuite {
        /// What was tried and what was wrong with it, one entry each.
        attempts: Vec<String>,
    },
    /// The machine's package sources cannot be used.
    #[error("no source of packages for {codename} was found in /etc/apt: {reason}")]
    NoSources {
        /// The release.
        codename: String,
        /// What is missing.
        reason: String,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A command failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The firmware folder that was made or named cannot be read.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
}

impl PrebuiltError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// Makes a firmware of the binaries in `folder` and gives its folder in the cache. A folder that
/// is a firmware already (it has `firmware.json`) is checked and taken as it is.
pub fn from_folder(
    cache: &Cache,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, PrebuiltError> {
    if folder.join(bootmint_image_factory::firmware::MANIFEST).is_file() {
        Firmware::load(folder)?;
        return std::path::absolute(folder).map_err(PrebuiltError::io("resolving", folder));
    }
    let lock = lock(cache, progress)?;
    let found = Found::read(folder, Path::new("/"))?;
    let why = format!("Ready binaries from {} were taken; nothing was compiled.", folder.display());
    found.publish(cache, &lock, vec![why])
}

/// Makes a firmware of the shim and the signed iPXE in `folder`, and gives its folder in the cache.
/// The shim looks for iPXE beside itself, under the name `loader`.
pub fn from_shim_folder(
    cache: &Cache,
    folder: &Path,
    platform: Platform,
    loader: &str,
    progress: &mut dyn Progress,
) -> Result<PathBuf, PrebuiltError> {
    let lock = lock(cache, progress)?;
    let (binary, shim) = shim::find(folder, platform, loader)?;
    let found = Found { binaries: vec![binary], shim: Some(shim) };
    let why = format!(
        "The shim and the signed iPXE of {} were taken, as the profile says (lane \"shim\"): \
         machines start them where they know the shim's signer.",
        folder.display()
    );
    found.publish(cache, &lock, vec![why])
}

/// Makes a firmware of the distribution's iPXE and gives its folder in the cache: of the package
/// that is installed, where it is new enough; else of Debian's or Ubuntu's package, downloaded
/// without changing anything of the system. The second time no network is needed.
pub fn from_distribution(
    cache: &Cache,
    progress: &mut dyn Progress,
) -> Result<PathBuf, PrebuiltError> {
    let lock = lock(cache, progress)?;
    for folder in INSTALLED.map(Path::new).into_iter().filter(|folder| folder.is_dir()) {
        if let Ok(found) = Found::read(folder, Path::new("/"))
            && why_unfit(&found).is_none()
        {
            progress.step(&format!("Taking the installed iPXE of {}", folder.display()));
            let why = format!("The package installed in {} was taken.", folder.display());
            return found.publish(cache, &lock, vec![why, NOT_COMPILED.to_owned()]);
        }
    }
    if !Invocation::new("apt-get").program_exists() {
        return Err(PrebuiltError::NoPackage);
    }
    let release = apt::Release::read(Path::new("/"))?;
    if let Some(folder) = remembered(cache, &release) {
        progress.step(&format!("Taking the iPXE that was taken for {} before", release.codename));
        return Ok(folder);
    }
    let stage = lock.stage()?;
    let (found, notes) = apt::download(&release, stage.path(), progress)?;
    drop(stage); // the binaries are in memory; a lock has one stage at a time
    let folder = found.publish(cache, &lock, notes)?;
    remember(cache, &release, &folder)?;
    Ok(folder)
}

const NOT_COMPILED: &str = "Nothing was compiled: the drivers, trust roots and options are those \
                            that the package's makers chose.";

fn lock(cache: &Cache, progress: &mut dyn Progress) -> Result<Lock, CacheError> {
    cache.lock("prebuilt", || {
        progress.step("Waiting for another process that takes ready binaries");
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taken {
    /// What read the binaries; another one may find more in them.
    recipe: String,
    release: String,
    key: String,
}

/// The firmware taken for `release` before, where it is still whole.
fn remembered(cache: &Cache, release: &apt::Release) -> Option<PathBuf> {
    let text = fs::read(cache.prebuilt().join(TAKEN)).ok()?;
    let taken: Taken = serde_json::from_slice(&text).ok()?;
    let hexadecimal = taken.key.len() == 64 && taken.key.bytes().all(|b| b.is_ascii_hexdigit());
    let folder = cache.firmware(&taken.key);
    let whole = hexadecimal && Firmware::load(&folder).is_ok();
    let same = taken.recipe == folder::RECIPE && taken.release == release.name();
    (whole && same).then_some(folder)
}

fn remember(cache: &Cache, release: &apt::Release, folder: &Path) -> Result<(), PrebuiltError> {
    let path = cache.prebuilt().join(TAKEN);
    let key = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let write = || {
        fs::create_dir_all(cache.prebuilt())?;
        let text = serde_json::to_vec_pretty(&Taken {
            recipe: folder::RECIPE.to_owned(),
            release: release.name(),
            key,
        })?;
        let new = path.with_added_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, &path)
    };
    write().map_err(PrebuiltError::io("writing", &path))
}

/// What both kinds of machine need before a package is good enough.
const NEEDED: [(Platform, Capability, &str); 2] = [
    (Platform::Bios, Capability::Ticket, "has no BIOS binary that runs a ticket"),
    (Platform::EfiX64, Capability::Ticket, "cannot read autoexec.ipxe on UEFI"),
];

#[cfg(test)]
mod tests;
