//! Where a source tree comes from: what a person wrote, told apart.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a source tree comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder that holds the tree itself.
    Folder(PathBuf),
    /// A git repository on this machine, bare or with a work tree; its pinned commit is taken, not
    /// what its work tree happens to hold.
    GitFolder(PathBuf),
    /// A git repository elsewhere.
    GitUrl(String),
    /// A tar archive, gzipped or not.
    Tarball(PathBuf),
    /// Such an archive, by HTTP or HTTPS.
    TarballUrl(String),
}

/// A text that names no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct BadOrigin {
    what: String,
    reason: &'static str,
}

const ARCHIVES: [&str; 3] = [".tar", ".tar.gz", ".tgz"];
const SCHEMES: [&str; 5] = ["http://", "https://", "ssh://", "git://", "file://"];

impl Origin {
    /// What `text`, a path or a URL, names. A URL that ends like an archive is one; any other is a
    /// git repository's. A folder is a git repository when it is one.
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        let path_of_url = text.split(['?', '#']).next().unwrap_or(text);
        let web = text.starts_with("http://") || text.starts_with("https://");
        if web && ARCHIVES.iter().any(|end| path_of_url.ends_with(end)) {
            return Ok(Self::TarballUrl(text.to_owned()));
        }
        if is_git_url(text) && !Path::new(text).exists() {
            return Ok(Self::GitUrl(text.to_owned()));
        }
        let path = PathBuf::from(text);
        if path.is_file() {
            return Ok(Self::Tarball(path));
        }
        if !path.is_dir() {
            let reason = "there is no such file or folder, and it is no URL either";
            return Err(BadOrigin { what: text.to_owned(), reason });
        }
        Ok(if is_repository(&path) { Self::GitFolder(path) } else { Self::Folder(path) })
    }

    /// The git repository that `text`, a path or a URL, names.
    pub fn git(text: &str) -> Result<Self, BadOrigin> {
        let path = Path::new(text);
        if is_repository(path) {
            return Ok(Self::GitFolder(path.to_owned()));
        }
        if is_git_url(text) && !path.exists() {
            return Ok(Self::GitUrl(text.to_owned()));
        }
        let reason = "it is neither a git repository on this machine nor a git URL \
                      (https://, http://, ssh://, git://, file://, user@host:path)";
        Err(BadOrigin { what: text.to_owned(), reason })
    }
}

/// Whether git would take `text` for a place elsewhere, by a transport that runs no command that
/// the text itself names.
fn is_git_url(text: &str) -> bool {
    let plain = !text.starts_with('-') && !text.chars().any(|c| c.is_control() || c == ' ');
    let scp = || {
        text.split_once(':').is_some_and(|(host, path)| {
            host.contains('@') && !host.contains('/') && !path.is_empty() && !path.starts_with(':')
        })
    };
    plain && (SCHEMES.iter().any(|scheme| text.starts_with(scheme)) || scp())
}

fn is_repository(folder: &Path) -> bool {
    // `.git` is a file in a linked work tree.
    let bare = folder.join("HEAD").is_file() && folder.join("objects").is_dir();
    bare || folder.join(".git").exists()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "folder {}", path.display()),
            Self::GitFolder(path) => write!(f, "git repository {}", path.display()),
            Self::GitUrl(url) => write!(f, "git repository {}", without_password(url)),
            Self::Tarball(path) => write!(f, "archive {}", path.display()),
            Self::TarballUrl(url) => write!(f, "archive {}", without_password(url)),
        }
    }
}

/// `url` as it may be shown: without user and password, and without the query, which may hold one.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_a_person_writes_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["plain", "bare/objects", "tree/.git"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::write(path("bare/HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(path("a.tar.gz"), "").unwrap();
        let text = |name: &str| path(name).to_str().unwrap().to_owned();
        let cases = [
            (text("plain"), Origin::Folder(path("plain"))),
            (text("bare"), Origin::GitFolder(path("bare"))),
            (text("tree"), Origin::GitFolder(path("tree"))),
            (text("a.tar.gz"), Origin::Tarball(path("a.tar.gz"))),
        ];
        for (text, expected) in cases {
            assert_eq!(Origin::parse(&text).unwrap(), expected);
        }
        for url in ["https://h/x.tar.gz", "http://h/v2.tgz?token=1", "https://h/x.tar"] {
            assert_eq!(Origin::parse(url).unwrap(), Origin::TarballUrl(url.to_owned()));
        }
        for url in ["https://h/ipxe.git", "https://h/ipxe", "ssh://h/x", "git@h:ipxe/ipxe"] {
            assert_eq!(Origin::parse(url).unwrap(), Origin::GitUrl(url.to_owned()));
            assert_eq!(Origin::git(url).unwrap(), Origin::GitUrl(url.to_owned()));
        }
    }

    #[test]
    fn what_could_run_a_command_is_no_origin() {
        for text in ["ext::sh -c x", "--upload-pack=x", "a@b::c", "/no/such/path", "", "-u@h:p"] {
            assert!(Origin::parse(text).is_err(), "{text}");
            assert!(Origin::git(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_in_urls_are_not_shown() {
        let origin = Origin::parse("https://me:secret@h/x.tar.gz?token=secret").unwrap();
        assert_eq!(origin.to_string(), "archive https://h/x.tar.gz");
    }
}
