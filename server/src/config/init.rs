//! `bootmint init`: a folder with all that the server needs.

use crate::{
    script::shipped,
    secret::{NoRandom, random_key},
    time::Timestamp,
    tls::{self, AuthorityError, KeyKind, ServerName},
};
use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const CONFIG: &str = include_str!("default.toml");
/// The root certificate of the site's own authority.
const ROOT: &str = "tls/ca.pem";
const SECRETS: &str = "# Values that only answer files may hold. A password's hash comes from\n\
    # `mkpasswd --method=yescrypt` or `openssl passwd -6`; without one the account is locked.\n\
    root-password-hash = \"!\"\n";

/// What the site's first certificate is for.
#[derive(Clone, Debug, Default)]
pub struct TlsChoice {
    /// The names and addresses that machines and people reach the server by. With none the
    /// certificate is for this computer alone, and HTTPS stays off.
    pub names: Vec<ServerName>,
    /// The kind of its key, and of the root's.
    pub key: KeyKind,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The configuration file.
    pub config: PathBuf,
    /// The root certificate of the site's own authority.
    pub root: PathBuf,
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
    /// No certificate.
    #[error("making the site's certificates")]
    Tls(#[from] AuthorityError),
}

/// Makes the folder `to`, for plain HTTP: see [`init_with`].
pub fn init(to: &Path) -> Result<Made, InitError> {
    init_with(to, &TlsChoice::default())
}

/// Makes the folder `to` with a commented configuration, a token key, a certificate authority and
/// a certificate of it, a file for secrets and the shipped profiles. It appears whole or not at
/// all.
pub fn init_with(to: &Path, choice: &TlsChoice) -> Result<Made, InitError> {
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
    let secrets_key = format!("{}\n", random_key()?);
    let root = tls::root(choice.key, Timestamp::now())?;
    let names = tls::with_loopback(&choice.names);
    let server = tls::server(&root, choice.key, &names, Timestamp::now())?;
    let config = match choice.names.is_empty() {
        true => CONFIG.to_owned(),
        false => CONFIG
            .replace("#listen-tls", "listen-tls")
            .replace("\nscheme = \"http\"\n", "\nscheme = \"https\"\n")
            // Others reach this console: a password alone lets no administrator in.
            .replace("\nsecond-factor = \"optional\"\n", "\nsecond-factor = \"local-admins\"\n"),
    };
    let mut files: Vec<(PathBuf, &str)> = vec![
        ("bootmint.toml".into(), &config),
        ("token.key".into(), &key),
        ("secrets.toml".into(), SECRETS),
        ("secrets.key".into(), &secrets_key),
        (ROOT.into(), &root.certificates),
        ("tls/ca.key".into(), &root.key),
        ("tls/server.pem".into(), &server.certificates),
        ("tls/server.key".into(), &server.key),
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
    Ok(Made { config: to.join("bootmint.toml"), root: to.join(ROOT) })
}

/// Writes a file, and its folders, for the owner alone.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // Of a file that was there before, too.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
