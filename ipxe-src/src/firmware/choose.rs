//! Decides where a firmware comes from, and says so.

use super::{BuildError, BuildOptions, Built, build, find_cached};
use crate::{
    cache::Cache,
    pin::Pin,
    prebuilt::{self, PrebuiltError},
    profile::{Profile, SecureBoot},
    progress::Progress,
    source::{self, Mirrors, SourceError, SourceTree},
};
use bootmint_image_factory::firmware::{Firmware, FirmwareError, FirmwareManifest};
use std::path::{Path, PathBuf};

/// Where firmware may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// From the cache, else compiled where the source can be had, else ready binaries.
    Auto,
    /// Compiled, now or earlier; never anything else.
    Source,
    /// Ready binaries.
    Prebuilt,
}

/// A firmware that someone wants.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Where it may come from.
    pub policy: Policy,
    /// What it is to be.
    pub profile: &'a Profile,
    /// The source it is to be made from.
    pub pin: &'a Pin,
    /// Where to fetch the source from, if it is not in the cache.
    pub mirrors: &'a Mirrors,
    /// How to build it.
    pub build: BuildOptions,
    /// A folder with ready binaries; without one they are the distribution's.
    pub prebuilt: Option<&'a Path>,
}

/// A firmware that was found.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The folder with `firmware.json` and the binaries.
    pub folder: PathBuf,
    /// What it is.
    pub manifest: FirmwareManifest,
    /// What its user must be told: what was taken instead of the first choice, and why.
    pub words: Vec<String>,
}

/// Why there is no firmware.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// It could not be compiled.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The source could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There are no ready binaries.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
    /// Neither can be had.
    #[error("firmware can be neither compiled nor taken ready-made.\nCompiling: {compiling}")]
    Neither {
        /// Why nothing was compiled.
        compiling: String,
        /// Why nothing ready was found.
        source: PrebuiltError,
    },
    /// Ready binaries cannot be what the profile asks for.
    #[error(
        "profile {profile} asks for {what}, which ready binaries cannot have: compile it, or take \
         a profile without{}", why.as_ref().map(|why| format!(". Why it was not compiled: {why}"))
            .unwrap_or_default()
    )]
    NotReadyMade {
        /// The profile.
        profile: String,
        /// What it asks for.
        what: &'static str,
        /// Why it could not be compiled, where that was tried.
        why: Option<String>,
    },
    /// A vendor's signed binaries cannot be compiled.
    #[error(
        "profile {profile} has the lane \"shim\", whose binaries a vendor signed: take \
         --firmware prebuilt --prebuilt DIR, or the lane \"own-key\" for a compiled one"
    )]
    ShimFromSource {
        /// The profile.
        profile: String,
    },
    /// The firmware that was found cannot be read.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
}

/// Refuses to take ready binaries for a profile whose safety they would not keep.
fn check_ready(profile: &Profile, why: Option<String>) -> Result<(), ChooseError> {
    match profile.needs_compiling() {
        None => Ok(()),
        Some(what) => {
            Err(ChooseError::NotReadyMade { profile: profile.name().to_owned(), what, why })
        }
    }
}

/// Gets the firmware that `wish` describes.
///
/// [`Policy::Auto`] falls back to ready binaries only where compiling is impossible (no source, no
/// compiler); a profile with a mistake in it, or a build that fails, is an error under any policy.
pub fn choose(
    cache: &Cache,
    wish: &Wish<'_>,
    progress: &mut dyn Progress,
) -> Result<Chosen, ChooseError> {
    if matches!(wish.profile.secure_boot(), Some(SecureBoot::Shim { .. })) {
        if wish.policy == Policy::Source {
            return Err(ChooseError::ShimFromSource { profile: wish.profile.name().to_owned() });
        }
        return ready(cache, wish, Vec::new(), progress).map_err(Into::into);
    }
    if wish.policy == Policy::Prebuilt {
        check_ready(wish.profile, None)?;
        return ready(cache, wish, Vec::new(), progress).map_err(Into::into);
    }
    if let Some(built) = find_cached(cache, wish.pin, wish.profile)? {
        return Ok(compiled(built));
    }
    let why = match source(cache, wish, progress) {
        Ok(tree) => match build(cache, &tree, wish.profile, &wish.build, progress) {
            Ok(built) => return Ok(compiled(built)),
            Err(BuildError::Tools(error)) if wish.policy == Policy::Auto => error.to_string(),
            Err(error) => return Err(error.into()),
        },
        Err(error) if wish.policy == Policy::Auto => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    check_ready(wish.profile, Some(why.clone()))?;
    let words = vec![format!(
        "profile {} was not compiled; ready binaries were taken instead, which know nothing of its \
         drivers, options, script and trust roots. Why: {why}",
        wish.profile
    )];
    ready(cache, wish, words, progress).map_err(|error| match error {
        Ready::Prebuilt(source) => ChooseError::Neither { compiling: why, source },
        Ready::Firmware(error) => error.into(),
    })
}

/// The source: from the cache, else fetched.
fn source(
    cache: &Cache,
    wish: &Wish<'_>,
    progress: &mut dyn Progress,
) -> Result<SourceTree, SourceError> {
    match source::locate(cache, wish.pin) {
        Some(tree) => Ok(tree),
        None => source::fetch(cache, wish.pin, wish.mirrors, progress),
    }
}

fn compiled(built: Built) -> Chosen {
    let words = built.manifest.notes.clone();
    Chosen { folder: built.folder, manifest: built.manifest, words }
}

enum Ready {
    Prebuilt(PrebuiltError),
    Firmware(FirmwareError),
}

impl From<Ready> for ChooseError {
    fn from(error: Ready) -> Self {
        match error {
            Ready::Prebuilt(error) => error.into(),
            Ready::Firmware(error) => error.into(),
        }
    }
}

/// The vendor's binaries for a profile of the lane "shim".
fn shim(
    cache: &Cache,
    profile: &Profile,
    folder: Option<&Path>,
    progress: &mut dyn Progress,
) -> Result<PathBuf, PrebuiltError> {
    let (Some(SecureBoot::Shim { loader }), Some(platform), Some(folder)) =
        (profile.secure_boot(), profile.targets().next(), folder)
    else {
        return Err(PrebuiltError::NoShimFolder);
    };
    prebuilt::from_shim_folder(cache, folder, platform, loader, progress)
}

fn ready(
    cache: &Cache,
    wish: &Wish<'_>,
    mut words: Vec<String>,
    progress: &mut dyn Progress,
) -> Result<Chosen, Ready> {
    let folder = match wish.prebuilt {
        folder if wish.profile.secure_boot().is_some() => {
            shim(cache, wish.profile, folder, progress)
        }
        Some(folder) => prebuilt::from_folder(cache, folder, progress),
        None => prebuilt::from_distribution(cache, progress),
    };
    let folder = folder.map_err(Ready::Prebuilt)?;
    let manifest = Firmware::load(&folder).map_err(Ready::Firmware)?.manifest;
    words.extend(manifest.notes.iter().cloned());
    Ok(Chosen { folder, manifest, words })
}
