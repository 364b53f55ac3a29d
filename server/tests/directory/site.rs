//! A directory as the server sees it, and what it says of somebody.

use crate::{
    active_directory::section,
    samba::{self, Samba},
};
use bootmint_server::{
    auth::ldap::{Directory, DirectoryError, Open, Person, RawDirectory, Refusal, SignInError},
    config,
    time::Timestamp,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A directory of this section, whose service account has that password.
pub(crate) fn directory(section: &str, password: &str) -> Directory {
    let raw: RawDirectory = toml::from_str(section).unwrap();
    Directory::new(raw.check(Path::new(""), password).unwrap()).unwrap()
}

pub(crate) async fn sign_in(
    directory: &Directory,
    name: &str,
    password: &str,
) -> Result<Person, SignInError> {
    directory.sign_in(name, password, &Open, Timestamp::now()).await
}

/// Why somebody is not let in.
pub(crate) async fn refusal(directory: &Directory, name: &str, password: &str) -> Refusal {
    match sign_in(directory, name, password).await {
        Err(SignInError::Refused(refusal)) => refusal,
        other => panic!("{name}: {other:?}"),
    }
}

/// Why the directory gave no answer.
pub(crate) async fn trouble(directory: &Directory, name: &str, password: &str) -> DirectoryError {
    match sign_in(directory, name, password).await {
        Err(SignInError::Directory(error)) => error,
        other => panic!("{name}: {other:?}"),
    }
}

/// The configuration of a site in `folder` whose people come from the domain, with `more` behind
/// the section of the directory.
pub(crate) fn written(folder: &Path, samba: &Samba, groups: &str, more: &str) -> PathBuf {
    let file = config::init(&folder.join("site")).unwrap().config;
    let secret = file.with_file_name("directory-password");
    fs::write(&secret, samba::PASSWORD).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let directory = section(&format!("\"{}\"", samba.ip), samba.ca.to_str().unwrap(), "")
        .replace("= \"-\"", "= \"directory-password\"");
    let text = fs::read_to_string(&file).unwrap();
    let text = format!("{text}\n[directory]\n{directory}groups = [{groups}]\n{more}");
    fs::write(&file, text).unwrap();
    file
}
