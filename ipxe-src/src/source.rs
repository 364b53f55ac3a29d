//! The pinned source tree: fetched or imported, checked, found again.
//!
//! Every way ends the same: the tree is unpacked in a stage folder, its git tree id is computed
//! from its bytes and compared with the pin's, and only then does it appear in the cache.

mod download;
mod git;
mod origin;
pub mod tree_id;
mod unpack;

pub use download::DownloadError;
pub use origin::{BadOrigin, Origin};
pub use unpack::UnpackError;

use crate::{
    cache::{Cache, CacheError, Stage},
    pin::{Pin, TreeId},
    progress::Progress,
    run::RunError,
};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};
use tree_id::TreeError;

/// The environment variable that names a git mirror of iPXE.
pub const GIT_VARIABLE: &str = "BOOTMINT_IPXE_GIT";
/// The environment variable that names a mirror of iPXE's tarball; `{commit}` and `{version}` in it
/// are filled in.
pub const TARBALL_VARIABLE: &str = "BOOTMINT_IPXE_TARBALL";

/// A source tree that was checked when it came into the cache.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// Its top folder, which holds iPXE's `src`; to be read, not written.
    pub path: PathBuf,
    /// What it is.
    pub pin: Pin,
}

/// Where to fetch from instead of upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// A git URL or path.
    pub git: Option<String>,
    /// A tarball's URL, with `{commit}` and `{version}` to be filled in.
    pub tarball: Option<String>,
}

impl Mirrors {
    /// What [`GIT_VARIABLE`] and [`TARBALL_VARIABLE`] say.
    pub fn from_environment() -> Self {
        let read = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self { git: read(GIT_VARIABLE), tarball: read(TARBALL_VARIABLE) }
    }
}

/// Why there is no source tree.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The tree is another one.
    #[error(
        "{from} holds the tree {found}, but pin {pin} is the tree {expected}: take iPXE {version} \
         as its makers tagged it, without changes or build products; the cache is as it was"
    )]
    OtherTree {
        /// Where the tree came from.
        from: String,
        /// Its id.
        found: TreeId,
        /// The pin's name.
        pin: String,
        /// The pin's tree id.
        expected: TreeId,
        /// The pin's version.
        version: String,
    },
    /// A git repository without the pinned commit.
    #[error(
        "{} does not have commit {commit}, which is iPXE {version}: fetch it into that repository \
         (git fetch {upstream} {commit}) or import another", folder.display()
    )]
    LacksCommit {
        /// The repository.
        folder: PathBuf,
        /// The commit.
        commit: String,
        /// The version.
        version: String,
        /// Where the commit can be had.
        upstream: String,
    },
    /// The cache has no tree for the pin.
    #[error(
        "the source of iPXE {version} is not in the cache ({}): \
         cargo xtask source fetch, or cargo xtask source import PATH-OR-URL", path.display()
    )]
    Absent {
        /// The version.
        version: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// Every way to fetch failed.
    #[error(
        "iPXE {version} cannot be fetched:\n{}\n\
         Where upstream is out of reach, name a mirror ({GIT_VARIABLE}, {TARBALL_VARIABLE}) or \
         carry the source over: cargo xtask source import PATH", attempts.join("\n")
    )]
    Unreachable {
        /// The version.
        version: String,
        /// What was tried and how it failed, one entry each.
        attempts: Vec<String>,
    },
    /// The origin is neither path nor URL.
    #[error(transparent)]
    Origin(#[from] BadOrigin),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A command failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A download failed.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// An archive or folder cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of the user's could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The pinned tree, where the cache has it. It was checked when it came; [`verify`] checks again.
pub fn locate(cache: &Cache, pin: &Pin) -> Option<SourceTree> {
    let path = cache.source(&pin.tree);
    path.is_dir().then(|| SourceTree { path, pin: pin.clone() })
}

/// Takes the pinned tree from `from`, unless the cache has it.
pub fn import(
    cache: &Cache,
    pin: &Pin,
    from: &Origin,
    progress: &mut dyn Progress,
) -> Result<SourceTree, SourceError> {
    let lock = cache.lock(&format!("source-{}", pin.tree), || {
        progress.step("Waiting for another process that gets the same source");
    })?;
    if let Some(tree) = locate(cache, pin) {
        progress.step("The cache has it already");
        return Ok(tree);
    }
    let stage = lock.stage()?;
    let unpacked = stage.path().join("tree");
    progress.step(&format!("Taking iPXE {} from {from}", pin.version));
    let downloaded = bring(cache, pin, from, &stage, &unpacked, progress)?;
    progress.step("Computing its git tree id");
    let top = unpack::top_folder(&unpacked)?;
    let found = tree_id::of_folder(&top)?;
    if let Some(file) = downloaded {
        // Whole, and either unpacked now or of no use: it is not needed again.
        let _ = fs::remove_file(file);
    }
    if found != pin.tree {
        return Err(SourceError::OtherTree {
            from: from.to_string(),
            found,
            pin: pin.name.clone(),
            expected: pin.tree,
            version: pin.version.clone(),
        });
    }
    let path = cache.source(&pin.tree);
    stage.publish(&top, &path)?;
    Ok(SourceTree { path, pin: pin.clone() })
}

/// Unpacks what `from` has into `unpacked`; gives the downloaded file, where there is one.
fn bring(
    cache: &Cache,
    pin: &Pin,
    from: &Origin,
    stage: &Stage<'_>,
    unpacked: &Path,
    progress: &mut dyn Progress,
) -> Result<Option<PathBuf>, SourceError> {
    match from {
        Origin::Folder(folder) => unpack::folder(folder, unpacked)?,
        Origin::Tarball(file) => unpack::tarball_file(file, unpacked)?,
        Origin::GitFolder(folder) => git::archive(folder, pin, unpacked, progress)?,
        Origin::GitUrl(url) => {
            let repository = stage.path().join("repository");
            git::fetch(url, pin, &repository, progress)?;
            git::archive(&repository, pin, unpacked, progress)?;
        }
        Origin::TarballUrl(url) => {
            let name = format!("ipxe-{}.tar.gz", pin.commit);
            let file = cache.download().join(name);
            download::Download::new(url, &file).run(progress)?;
            let result = unpack::tarball_file(&file, unpacked);
            if result.is_err() {
                let _ = fs::remove_file(&file); // damaged: the next attempt starts afresh
            }
            result?;
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Fetches the pinned tree from `mirrors`, or from upstream where none is named: by git where it is
/// installed, then as a tarball. Does nothing when the cache has it.
pub fn fetch(
    cache: &Cache,
    pin: &Pin,
    mirrors: &Mirrors,
    progress: &mut dyn Progress,
) -> Result<SourceTree, SourceError> {
    if let Some(tree) = locate(cache, pin) {
        progress.step("The cache has it already");
        return Ok(tree);
    }
    let mut attempts = Vec::new();
    for origin in ways(pin, mirrors)? {
        match import(cache, pin, &origin, progress) {
            Ok(tree) => return Ok(tree),
            // Another tree than the pinned one is no matter of reach: it is told at once.
            Err(error @ (SourceError::OtherTree { .. } | SourceError::Cache(_))) => {
                return Err(error);
            }
            Err(error) => {
                let reason = with_causes(&error);
                progress.step(&format!("{origin} did not work"));
                attempts.push(format!("- {origin}: {reason}"));
            }
        }
    }
    Err(SourceError::Unreachable { version: pin.version.clone(), attempts })
}

/// A mirror that somebody named is the only place asked: closed networks want no other traffic.
fn ways(pin: &Pin, mirrors: &Mirrors) -> Result<Vec<Origin>, BadOrigin> {
    let tarball = |template: &str| Origin::TarballUrl(pin.tarball_url(template));
    if mirrors.git.is_none() && mirrors.tarball.is_none() {
        return Ok(vec![Origin::GitUrl(pin.git.clone()), tarball(&pin.tarball)]);
    }
    let git = mirrors.git.as_deref().map(Origin::git).transpose()?;
    Ok(git.into_iter().chain(mirrors.tarball.as_deref().map(tarball)).collect())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What the cache has for a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The pin's name.
    pub pin: String,
    /// iPXE's version.
    pub version: String,
    /// The pinned commit.
    pub commit: String,
    /// The pinned tree.
    pub tree: TreeId,
    /// Where the tree is or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub present: bool,
}

/// What the cache has for `pin`; looks, but does not read the tree.
pub fn status(cache: &Cache, pin: &Pin) -> Status {
    Status {
        pin: pin.name.clone(),
        version: pin.version.clone(),
        commit: pin.commit.to_string(),
        tree: pin.tree,
        path: cache.source(&pin.tree),
        present: locate(cache, pin).is_some(),
    }
}

/// Reads the tree in the cache again and compares its id with the pin's.
pub fn verify(cache: &Cache, pin: &Pin) -> Result<SourceTree, SourceError> {
    let path = cache.source(&pin.tree);
    let tree = locate(cache, pin)
        .ok_or_else(|| SourceError::Absent { version: pin.version.clone(), path: path.clone() })?;
    let found = tree_id::of_folder(&tree.path)?;
    if found == pin.tree {
        return Ok(tree);
    }
    Err(SourceError::OtherTree {
        from: path.display().to_string(),
        found,
        pin: pin.name.clone(),
        expected: pin.tree,
        version: pin.version.clone(),
    })
}

#[cfg(test)]
mod tests;
