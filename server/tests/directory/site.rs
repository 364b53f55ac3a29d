//! A directory as the server sees it, and what it says of somebody.

use bootmint_server::{
    auth::ldap::{Directory, DirectoryError, Person, RawDirectory, Refusal, SignInError},
    time::Timestamp,
};
use std::path::Path;

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
    directory.sign_in(name, password, Timestamp::now()).await
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
