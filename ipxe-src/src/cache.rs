//! The cache: the folder that holds sources, builds, downloads and ready firmware.
//!
//! ```text
//! source/<tree id>/   unpacked iPXE trees, checked; nobody writes into them afterwards
//! work/               build trees
//! firmware/<key>/     firmware folders
//! prebuilt/           packages of a distribution and the folders they are found with
//! download/           downloads that can be resumed
//! lock/, stage/       one file and one folder per lock
//! ```
//!
//! Whatever appears in the cache was made in a stage folder and renamed: it is there whole or not
//! at all. A stage belongs to a lock, so what a killed process left behind is found and removed by
//! the next one that takes the lock.

use crate::pin::TreeId;
use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// The environment variable that names the cache folder.
pub const VARIABLE: &str = "BOOTMINT_CACHE";

/// The cache folder; its subfolders are made when something is put into them.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Nothing says where the cache is.
    #[error("there is no cache folder: set {VARIABLE}, XDG_CACHE_HOME or HOME to an absolute path")]
    NoHome,
    /// A name that would leave its folder.
    #[error("\"{0}\" cannot name an entry of the cache")]
    BadName(String),
    /// The system refused something.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CacheError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

impl Cache {
    /// The cache in `folder`, where one is given, else where the environment says: `BOOTMINT_CACHE`,
    /// `XDG_CACHE_HOME/bootmint`, `~/.cache/bootmint`.
    pub fn open(folder: Option<PathBuf>) -> Result<Self, CacheError> {
        let from_variable = |name| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let root = folder
            .or_else(|| from_variable(VARIABLE))
            .or_else(|| {
                let base = from_variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
                base.or_else(|| from_variable("HOME").map(|home| home.join(".cache")))
                    .map(|base| base.join("bootmint"))
            })
            .ok_or(CacheError::NoHome)?;
        let root = std::path::absolute(&root).map_err(CacheError::io("resolving", &root))?;
        Ok(Self { root })
    }

    /// The folder itself, an absolute path; it need not exist yet.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the source tree with this id is, once it is there.
    pub fn source(&self, tree: &TreeId) -> PathBuf {
        self.root.join("source").join(tree.to_string())
    }

    /// Where builds happen.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Where the firmware of all keys is.
    pub fn firmwares(&self) -> PathBuf {
        self.root.join("firmware")
    }

    /// Where the firmware with this key (a SHA-256 in hexadecimal) is, once it is there.
    pub fn firmware(&self, key: &str) -> PathBuf {
        self.firmwares().join(key)
    }

    /// Where a distribution's packages are kept.
    pub fn prebuilt(&self) -> PathBuf {
        self.root.join("prebuilt")
    }

    /// Where downloads are kept until they are complete.
    pub fn download(&self) -> PathBuf {
        self.root.join("download")
    }

    /// Takes the lock `name` (letters, digits, `.`, `_`, `-`), which one process and one thread at a
    /// time can hold. `waiting` is called once when another holds it. Ends when it is dropped.
    pub fn lock(&self, name: &str, waiting: impl FnOnce()) -> Result<Lock, CacheError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(CacheError::BadName(name.chars().take(80).collect()));
        }
        let folder = self.root.join("lock");
        fs::create_dir_all(&folder).map_err(CacheError::io("creating", &folder))?;
        let path = folder.join(name);
        let failed = |source| CacheError::Io { doing: "locking", path: path.clone(), source };
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(failed)?;
            }
        }
        Ok(Lock { _file: file, stage: self.root.join("stage").join(name) })
    }
}

/// A lock of the cache, held.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    stage: PathBuf,
}

impl Lock {
    /// An empty folder in the cache to prepare something in; a lock has one at a time.
    pub fn stage(&self) -> Result<Stage<'_>, CacheError> {
        remove(&self.stage)?;
        fs::create_dir_all(&self.stage).map_err(CacheError::io("creating", &self.stage))?;
        Ok(Stage { lock: self })
    }
}

/// A folder that is either published as a whole or removed.
#[derive(Debug)]
pub struct Stage<'a> {
    lock: &'a Lock,
}

impl Stage<'_> {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.lock.stage
    }

    /// Moves `part`, a folder in the stage or the stage itself, to `target`, replacing what is there.
    pub fn publish(self, part: &Path, target: &Path) -> Result<(), CacheError> {
        let parent = target.parent().unwrap_or(target);
        fs::create_dir_all(parent).map_err(CacheError::io("creating", parent))?;
        let old = self.lock.stage.with_added_extension("old");
        remove(&old)?;
        if target.symlink_metadata().is_ok() {
            fs::rename(target, &old).map_err(CacheError::io("moving away", target))?;
        }
        let moved = fs::rename(part, target).map_err(CacheError::io("publishing", target));
        if moved.is_err() && old.exists() {
            // Nothing is lost when this fails too: the next run makes it again.
            let _ = fs::rename(&old, target);
        }
        moved?;
        remove(&old)
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one who takes the lock.
        let _ = fs::remove_dir_all(&self.lock.stage);
    }
}

fn remove(folder: &Path) -> Result<(), CacheError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CacheError::io("removing", folder)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path().to_owned())).unwrap();
        (folder, cache)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_stage_is_published_whole_or_vanishes() {
        let (_folder, cache) = cache();
        let lock = cache.lock("firmware-1", || ()).unwrap();
        let stage = lock.stage().unwrap();
        fs::write(stage.path().join("half"), "x").unwrap();
        drop(stage);
        assert_eq!(names(&cache.root().join("stage")), [""; 0]);

        for text in ["first", "second"] {
            let stage = lock.stage().unwrap();
            fs::write(stage.path().join("file"), text).unwrap();
            let part = stage.path().to_owned();
            stage.publish(&part, &cache.firmware("1")).unwrap();
            assert_eq!(fs::read_to_string(cache.firmware("1").join("file")).unwrap(), text);
        }
        assert_eq!(names(&cache.root().join("stage")), [""; 0]);
    }

    #[test]
    fn what_a_killed_process_left_is_gone_in_the_next_stage() {
        let (_folder, cache) = cache();
        fs::create_dir_all(cache.root().join("stage/source-1")).unwrap();
        fs::write(cache.root().join("stage/source-1/left"), "x").unwrap();
        let lock = cache.lock("source-1", || ()).unwrap();
        assert_eq!(names(lock.stage().unwrap().path()), [""; 0]);
    }

    #[test]
    fn a_second_holder_waits_for_the_first() {
        let (_folder, cache) = cache();
        let first = cache.lock("a", || panic!("nobody holds it")).unwrap();
        let (sender, events) = mpsc::channel();
        let second = cache.clone();
        let thread = thread::spawn(move || {
            let waits = sender.clone();
            let _lock = second.lock("a", || waits.send("waits").unwrap()).unwrap();
            sender.send("holds").unwrap();
        });
        assert_eq!(events.recv().unwrap(), "waits");
        assert!(events.try_recv().is_err());
        drop(first);
        assert_eq!(events.recv().unwrap(), "holds");
        thread.join().unwrap();
    }

    #[test]
    fn a_lock_cannot_lie_elsewhere() {
        let (_folder, cache) = cache();
        for name in ["", "..", "a/b", "a\0", ".hidden"] {
            assert!(matches!(cache.lock(name, || ()), Err(CacheError::BadName(_))), "{name}");
        }
    }
}
