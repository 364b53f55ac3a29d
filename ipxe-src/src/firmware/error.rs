//! Why a firmware could not be built.

use super::{
    capability::LackingCapability, elf::ElfError, product::Product, signing::Unsignable,
    toolchain::MissingTools,
};
use crate::{cache::CacheError, run::RunError};
use bootmint_drivers::{CatalogueError, DriverError};
use bootmint_image_factory::{firmware::FirmwareError, format::Platform};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a firmware could not be built, found or published.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Programs or headers are not installed.
    #[error(transparent)]
    Tools(#[from] MissingTools),
    /// A command could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The compiler or linker failed.
    #[error(
        "building {platform} failed:\n{errors}\nthe whole log is {}",
        log.display()
    )]
    Make {
        /// The platform.
        platform: Platform,
        /// The lines that say what went wrong.
        errors: String,
        /// The log of the whole build.
        log: PathBuf,
    },
    /// Drivers that the source does not have, or not for the profile's platforms.
    #[error("profile {profile}")]
    Driver {
        /// The profile.
        profile: String,
        /// Which driver, and the nearest.
        source: DriverError,
    },
    /// An out-of-tree driver has a file called like one of the source.
    #[error(
        "profile {profile}: an out-of-tree driver has a source file of the same name as {}: \
         give it another name", path.display()
    )]
    Clash {
        /// The profile.
        profile: String,
        /// The source's file.
        path: PathBuf,
    },
    /// The source tree is not one of iPXE.
    #[error("listing the source's drivers")]
    Catalogue(#[from] CatalogueError),
    /// What was asked for is not in the binary.
    #[error(transparent)]
    Lacking(#[from] LackingCapability),
    /// What was asked for may not be signed.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
    /// What the linker wrote could not be read.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// A finished firmware could not be read back.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// The source at hand is not the one that the profile asks for.
    #[error("profile {profile} asks for pin {wanted}, but the source is {found}")]
    Pin {
        /// The profile.
        profile: String,
        /// The version it asks for.
        wanted: String,
        /// The version at hand.
        found: String,
    },
    /// A single binary for machines with Secure Boot.
    #[error(
        "profile {profile} is for Secure Boot, and {product} has its ticket inside, where it \
         would break the signature: use build-images with --format iso or usb"
    )]
    ProductUnsigned {
        /// The profile.
        profile: String,
        /// The binary.
        product: Product,
    },
    /// A single binary that the profile does not fit.
    #[error("{product} cannot be had of profile {profile}: {reason}")]
    ProductUnfit {
        /// The profile.
        profile: String,
        /// The binary.
        product: Product,
        /// What does not fit, and what would.
        reason: String,
    },
    /// A single binary that nothing was built for.
    #[error("{product} cannot be built: its driver has no name that the source could know")]
    Unnamed {
        /// The binary.
        product: Product,
    },
    /// A client certificate with another one's key.
    #[error(
        "profile {profile}: {} is not the key of the client certificate: name the pair that \
         openssl made together", key.display()
    )]
    ClientKey {
        /// The profile.
        profile: String,
        /// The key's file.
        key: PathBuf,
    },
    /// The work folder's path would not survive make and the shell.
    #[error(
        "{} has characters that iPXE's makefiles cannot take in a path; \
         choose another place for it", path.display()
    )]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{what} {}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An input or output error at `path`, while doing `what`.
pub(super) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    move |source| BuildError::Io { what, path: path.to_owned(), source }
}
