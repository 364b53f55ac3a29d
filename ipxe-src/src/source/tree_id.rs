//! Git's tree id of an unpacked folder, computed without git.
//!
//! A tree object lists its entries (mode, name, id of the blob or tree), sorted as if the names of
//! folders ended in `/`; its id is the SHA-1 of `tree <length>\0` and the list. A blob's is that of
//! `blob <length>\0` and the content. Folders that hold nothing do not exist for git. SHA-1 is what
//! git's ids are made of; the pin is compared with it because nothing else names a tree that
//! arrives by git, by tarball or as a folder alike.

use crate::pin::{ObjectId, TreeId};
use sha1::{Digest, Sha1};
use std::{
    cmp::Ordering,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

/// Folders nest at most this deep.
const MAX_DEPTH: usize = 64;

/// Why a folder has no tree id.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file or folder could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that git does not keep.
    #[error("{}: {reason}", path.display())]
    Unfit {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be part of a tree.
        reason: &'static str,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Executable,
    Link,
    Folder,
}

impl Kind {
    const fn mode(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Folder => "40000",
        }
    }
}

struct Entry {
    name: OsString,
    kind: Kind,
    id: ObjectId,
}

/// The id of the tree that `git add --all --force` and `git write-tree` would make of `folder`.
pub fn of_folder(folder: &Path) -> Result<TreeId, TreeError> {
    let empty = hash("tree", 0, |_| Ok(())).map_err(failed(folder))?;
    Ok(TreeId(tree(folder, MAX_DEPTH)?.unwrap_or(empty)))
}

/// The tree's id, or none where it holds nothing.
fn tree(folder: &Path, depth: usize) -> Result<Option<ObjectId>, TreeError> {
    let depth = depth.checked_sub(1).ok_or_else(|| TreeError::Unfit {
        path: folder.to_owned(),
        reason: "its folders nest too deep",
    })?;
    let mut entries = Vec::new();
    for found in fs::read_dir(folder).map_err(failed(folder))? {
        let name = found.map_err(failed(folder))?.file_name();
        if let Some((kind, id)) = entry(&folder.join(&name), depth)? {
            entries.push(Entry { name, kind, id });
        }
    }
    if entries.is_empty() {
        return Ok(None);
    }
    entries.sort_unstable_by(order);
    let mut list = Vec::new();
    for entry in &entries {
        list.extend_from_slice(entry.kind.mode().as_bytes());
        list.push(b' ');
        list.extend_from_slice(entry.name.as_bytes());
        list.push(0);
        list.extend_from_slice(entry.id.bytes());
    }
    hash("tree", list.len() as u64, |hasher| {
        hasher.update(&list);
        Ok(())
    })
    .map(Some)
    .map_err(failed(folder))
}

fn entry(path: &Path, depth: usize) -> Result<Option<(Kind, ObjectId)>, TreeError> {
    let about = fs::symlink_metadata(path).map_err(failed(path))?;
    if about.is_dir() {
        return Ok(tree(path, depth)?.map(|id| (Kind::Folder, id)));
    }
    if about.is_symlink() {
        let target = fs::read_link(path).map_err(failed(path))?;
        let target = target.as_os_str().as_bytes();
        let id = hash("blob", target.len() as u64, |hasher| {
            hasher.update(target);
            Ok(())
        });
        return Ok(Some((Kind::Link, id.map_err(failed(path))?)));
    }
    if !about.is_file() {
        let reason = "it is neither file, folder nor link";
        return Err(TreeError::Unfit { path: path.to_owned(), reason });
    }
    let executable = about.permissions().mode() & 0o100 != 0;
    let kind = if executable { Kind::Executable } else { Kind::File };
    let id = hash("blob", about.len(), |hasher| content(path, about.len(), hasher));
    Ok(Some((kind, id.map_err(failed(path))?)))
}

fn content(path: &Path, length: u64, hasher: &mut Sha1) -> io::Result<()> {
    let mut file = File::open(path)?.take(length.saturating_add(1));
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0_u64;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        total = total.saturating_add(count as u64);
    }
    if total == length { Ok(()) } else { Err(io::Error::other("it changed while it was read")) }
}

fn hash(
    kind: &str,
    length: u64,
    fill: impl FnOnce(&mut Sha1) -> io::Result<()>,
) -> io::Result<ObjectId> {
    let mut hasher = Sha1::new();
    hasher.update(format!("{kind} {length}\0"));
    fill(&mut hasher)?;
    Ok(ObjectId::new(hasher.finalize().into()))
}

/// Git's order of a tree's entries: by bytes, with `/` at the end of a folder's name.
fn order(a: &Entry, b: &Entry) -> Ordering {
    let key = |entry: &Entry| {
        let slash = (entry.kind == Kind::Folder).then_some(b'/');
        entry.name.as_bytes().iter().copied().chain(slash).collect::<Vec<_>>()
    };
    key(a).cmp(&key(b))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> TreeError {
    let path = path.to_owned();
    move |source| TreeError::Read { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Invocation;
    use proptest::prelude::*;

    /// What git itself makes of `folder`.
    fn by_git(folder: &Path) -> String {
        let repository = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            Invocation::new("git")
                .env("GIT_DIR", repository.path())
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .args(arguments)
                .folder(folder)
                .capture(&mut |_| ())
                .unwrap()
        };
        git(&["init", "-q", "--bare"]);
        git(&["--work-tree=.", "-c", "core.autocrlf=false", "add", "--all", "--force"]);
        String::from_utf8(git(&["write-tree"])).unwrap().trim().to_owned()
    }

    fn write(folder: &Path, path: &str, content: &[u8], mode: u32) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn modes_links_and_empty_folders_are_as_in_git() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a", b"", 0o600);
        write(folder.path(), "run", b"#!/bin/sh\n", 0o755);
        write(folder.path(), "group", b"x", 0o674);
        write(folder.path(), "deep/er/file", &[7; 200_000], 0o644);
        fs::create_dir_all(folder.path().join("deep/nothing/at/all")).unwrap();
        std::os::unix::fs::symlink("deep/er", folder.path().join("link")).unwrap();
        assert_eq!(of_folder(folder.path()).unwrap().to_string(), by_git(folder.path()));
    }

    #[test]
    fn an_empty_folder_is_gits_empty_tree() {
        let folder = tempfile::tempdir().unwrap();
        let id = of_folder(folder.path()).unwrap().to_string();
        assert_eq!(id, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn a_fifo_is_refused_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        Invocation::new("mkfifo").arg(folder.path().join("f")).stream(&mut |_| ()).unwrap();
        assert!(matches!(of_folder(folder.path()), Err(TreeError::Unfit { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        // Names around '/', such as "a", "a-", "a.", "a0", are where the order is easily wrong.
        #[test]
        fn any_tree_has_gits_id(files in prop::collection::btree_map(
            "[a-b][-.0a/]{0,3}[a0]", (prop::collection::vec(any::<u8>(), 0..40), any::<bool>()), 1..12,
        )) {
            let folder = tempfile::tempdir().unwrap();
            for (path, (content, executable)) in &files {
                let fits = !path.contains("//") && !path.split('/').any(|p| p == "." || p == "..");
                let target = folder.path().join(path);
                if fits && !target.exists() && fs::create_dir_all(target.parent().unwrap()).is_ok() {
                    write(folder.path(), path, content, if *executable { 0o755 } else { 0o644 });
                }
            }
            prop_assert_eq!(of_folder(folder.path()).unwrap().to_string(), by_git(folder.path()));
        }
    }
}
