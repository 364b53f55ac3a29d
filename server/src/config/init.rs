//! `bootmint init`: a folder with all that the server needs.

use crate::{
    script::shipped,
    secret::{NoRandom, random_key},
};
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

const CONFIG: &str = include_str!("default.toml");
const SECRETS: &str = "# Values that only answer files may hold. A password's hash comes from\n\
    # `mkpasswd --method=yescrypt` or `openssl passwd -6`; without one the account is locked.\n\
    root-password-hash = \"!\"\n";

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The configuration file.
    pub config: PathBuf,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something already.
    #[error("{}: is there already; name a folder that is not", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No random bytes for the key.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// Makes the folder `to` with a commented configuration, a token key, a file for secrets and the
/// shipped profiles. It appears whole or not at all.
pub fn init(to: &Path) -> Result<Made, InitError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| InitError::Write { path, source }
    };
    if to.exists() {
        return Err(InitError::Exists(to.to_owned()));
    }
    let parent = match to.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let folder = tempfile::Builder::new()
        .prefix(".bootmint-init-")
        .tempdir_in(parent)
        .map_err(failed(parent))?;
    let key = format!("{}\n", random_key()?);
    let mut files: Vec<(PathBuf, &str)> = vec![
        ("bootmint.toml".into(), CONFIG),
        ("token.key".into(), &key),
        ("secrets.toml".into(), SECRETS),
    ];
    for (path, text) in shipped::FILES {
        files.push((Path::new("profiles").join(path), text));
    }
    for (path, text) in files {
        let path = folder.path().join(path);
        write_private(&path, text).map_err(failed(&path))?;
    }
    let served = folder.path().join("files");
    fs::create_dir(&served).map_err(failed(&served))?;
    fs::rename(folder.path(), to).map_err(failed(to))?;
    let _ = folder.keep();
    Ok(Made { config: to.join("bootmint.toml") })
}

/// Writes a file, and its folders, for the owner alone.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}
