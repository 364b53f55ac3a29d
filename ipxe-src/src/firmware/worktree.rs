//! Work trees: writable copies of the source, one for each set of objects.
//!
//! iPXE's makefiles write into the source tree, and building a second platform or configuration
//! in one tree rebuilds the first. So each (source, platform, configuration, drivers, compiler)
//! has a copy of its own, which later builds reuse.

use super::{BuildError, config::Overrides, error::io_error};
use crate::{
    cache::{Cache, Lock},
    progress::Progress,
};
use bootmint_drivers::Overlay;
use std::{
    collections::BTreeSet,
    fs::{self, File, FileTimes},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// The times that a fresh copy's files get, in seconds since 1970. A tree in which makefiles are
/// oldest, then the records of the last build's settings, then sources, is up to date for make;
/// in any other order the first build touches shared headers and reads all dependencies twice.
const MAKEFILE_TIME: u64 = 946_684_800;
const RECORD_TIME: u64 = MAKEFILE_TIME + 3600;
const SOURCE_TIME: u64 = RECORD_TIME + 3600;

/// The records, in the build folder, of settings whose change touches a shared header.
const RECORDS: [&str; 4] = [".config.list", ".assert.list", ".profile.list", ".fnrec.list"];
/// How deep the source's folders nest; iPXE uses six levels.
const MAX_DEPTH: usize = 16;

/// A locked work tree.
#[derive(Debug)]
pub(super) struct WorkTree {
    folder: PathBuf,
    _lock: Lock,
}

impl WorkTree {
    /// The work tree `name` in `cache`, copied from `source` (the tree's top folder) if it is not
    /// there yet. Waits while another process uses it.
    pub(super) fn open(
        cache: &Cache,
        name: &str,
        source: &Path,
        bin: &str,
        overrides: &Overrides,
        progress: &mut dyn Progress,
    ) -> Result<Self, BuildError> {
        let folder = cache.work().join(name);
        check_path(&folder)?;
        let waiting = || progress.step("waiting for another build of the same objects");
        let lock = cache.lock(&format!("work-{name}"), waiting)?;
        if !folder.join("src").is_dir() {
            let stage = lock.stage()?;
            let fresh = stage.path().to_owned();
            copy_folder(&source.join("src"), &fresh.join("src"), MAX_DEPTH)?;
            configure(&fresh.join("src"), bin, overrides)?;
            stage.publish(&fresh, &folder)?;
        }
        Ok(Self { folder, _lock: lock })
    }

    /// The folder that make runs in.
    pub(super) fn src(&self) -> PathBuf {
        self.folder.join("src")
    }

    /// The log of the last build.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("build.log")
    }

    /// Writes `bytes` to `bootmint/<name>` below `src` unless it holds them already, so that make
    /// sees a change only where there is one. Gives the path as make is to name it.
    pub(super) fn embed(&self, name: &str, bytes: &[u8]) -> Result<String, BuildError> {
        let relative = format!("bootmint/{name}");
        let path = self.src().join(&relative);
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(relative);
        }
        let folder = self.src().join("bootmint");
        fs::create_dir_all(&folder).map_err(io_error("creating", &folder))?;
        fs::write(&path, bytes).map_err(io_error("writing", &path))?;
        Ok(relative)
    }
}

/// A source file below `src` whose base name is one of `names`.
pub(super) fn find_source(
    src: &Path,
    names: &BTreeSet<&str>,
) -> Result<Option<PathBuf>, BuildError> {
    fn search(
        folder: &Path,
        names: &BTreeSet<&str>,
        depth: usize,
    ) -> Result<Option<PathBuf>, BuildError> {
        let list = || fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>();
        for entry in list().map_err(io_error("listing", folder))? {
            let path = entry.path();
            let kind = entry.file_type().map_err(io_error("reading", &path))?;
            let is_source = path.extension().is_some_and(|end| end == "c" || end == "S");
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if kind.is_file() && is_source && names.contains(stem) {
                return Ok(Some(path));
            }
            if kind.is_dir() && depth > 0 {
                let found = search(&path, names, depth - 1)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }
    search(src, names, MAX_DEPTH)
}

/// Lays the files of `overlays` into the tree, and nothing else where they lie: a file that is
/// not theirs any more is removed. Only changed ones are written, so that make sees what changed.
/// Says whether anything did.
pub(super) fn lay_over(src: &Path, overlays: &[Overlay]) -> Result<Laid, BuildError> {
    let mut laid = Laid::Unchanged;
    for overlay in overlays {
        let folder = src.join(overlay.folder());
        fs::create_dir_all(&folder).map_err(io_error("creating", &folder))?;
        for file in overlay.files() {
            let path = folder.join(&file.name);
            if fs::read(&path).is_ok_and(|old| old == file.text.as_bytes()) {
                continue;
            }
            fs::write(&path, file.text.as_bytes()).map_err(io_error("writing", &path))?;
            laid = Laid::Changed;
        }
        let list = || fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>();
        for entry in list().map_err(io_error("listing", &folder))? {
            if overlay.files().all(|file| entry.file_name() != file.name.as_str()) {
                let path = entry.path();
                fs::remove_file(&path).map_err(io_error("removing", &path))?;
                laid = Laid::Changed;
            }
        }
    }
    Ok(laid)
}

/// Whether laying drivers over a tree changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Laid {
    /// They lay there already.
    Unchanged,
    /// Something is new or gone.
    Changed,
}

/// The path goes through make and a shell unquoted.
fn check_path(path: &Path) -> Result<&str, BuildError> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,@".contains(c);
    match path.to_str() {
        Some(text) if text.chars().all(plain) => Ok(text),
        _ => Err(BuildError::Path { path: path.to_owned() }),
    }
}

/// `path`, which may count from the current folder, as make takes it in any folder.
pub(super) fn path_for_make(path: &Path) -> Result<String, BuildError> {
    let path = std::path::absolute(path).map_err(io_error("finding", path))?;
    check_path(&path).map(str::to_owned)
}

/// Copies contents, not times or owners; the source's own permissions decide what may run.
fn copy_folder(from: &Path, to: &Path, depth: usize) -> Result<(), BuildError> {
    fs::create_dir_all(to).map_err(io_error("creating", to))?;
    let list = || fs::read_dir(from)?.collect::<io::Result<Vec<_>>>();
    for entry in list().map_err(io_error("listing", from))? {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(io_error("reading", &path))?;
        if kind.is_dir() && depth > 0 {
            copy_folder(&path, &copy, depth - 1)?;
        } else if kind.is_file() {
            fs::copy(&path, &copy).map_err(io_error("copying", &path))?;
            let is_makefile = entry.file_name().to_string_lossy().starts_with("Makefile");
            set_time(&copy, if is_makefile { MAKEFILE_TIME } else { SOURCE_TIME })?;
        }
    }
    Ok(())
}

/// Writes the overrides, an empty one for every header that has none, and the records of the
/// settings that are never used, all of which make would otherwise create or touch.
fn configure(src: &Path, bin: &str, overrides: &Overrides) -> Result<(), BuildError> {
    let config = src.join("config");
    let local = config.join("local");
    fs::create_dir_all(&local).map_err(io_error("creating", &local))?;
    let list = || fs::read_dir(&config)?.collect::<io::Result<Vec<_>>>();
    for entry in list().map_err(io_error("listing", &config))? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".h") {
            let text = overrides.get(&name).map_or("", String::as_str);
            write_dated(&local.join(&name), text, SOURCE_TIME)?;
        }
    }
    let bin = src.join(bin);
    fs::create_dir_all(&bin).map_err(io_error("creating", &bin))?;
    for record in RECORDS {
        write_dated(&bin.join(record), "\n", RECORD_TIME)?;
    }
    write_dated(&src.join(".echocheck"), "", MAKEFILE_TIME)
}

fn write_dated(path: &Path, text: &str, time: u64) -> Result<(), BuildError> {
    fs::write(path, text).map_err(io_error("writing", path))?;
    set_time(path, time)
}

fn set_time(path: &Path, seconds: u64) -> Result<(), BuildError> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let set = || {
        let file = File::options().write(true).open(path)?;
        file.set_times(FileTimes::new().set_modified(time).set_accessed(time))
    };
    set().map_err(io_error("dating", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("src/config")).unwrap();
        fs::write(folder.path().join("src/Makefile"), "all:").unwrap();
        fs::write(folder.path().join("src/config/general.h"), "int x;").unwrap();
        fs::write(folder.path().join("src/config/time.h"), "int y;").unwrap();
        folder
    }

    fn open(root: &Path, source: &Path, overrides: &Overrides) -> Result<WorkTree, BuildError> {
        let cache = Cache::open(Some(root.to_owned())).unwrap();
        WorkTree::open(&cache, "a", source, "bin", overrides, &mut ())
    }

    fn modified(path: &Path) -> u64 {
        let time = fs::metadata(path).unwrap().modified().unwrap();
        time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn a_copy_is_configured_and_up_to_date_for_make() {
        let (source, root) = (source(), tempfile::tempdir().unwrap());
        let overrides = [("general.h".to_owned(), "#define X\n".to_owned())].into();
        let tree = open(root.path(), source.path(), &overrides).unwrap();
        let src = tree.src();
        assert_eq!(fs::read_to_string(src.join("config/local/general.h")).unwrap(), "#define X\n");
        assert_eq!(fs::read_to_string(src.join("config/local/time.h")).unwrap(), "");
        assert!(modified(&src.join("Makefile")) < modified(&src.join("bin/.config.list")));
        assert!(modified(&src.join("bin/.config.list")) < modified(&src.join("config/time.h")));
        assert!(!source.path().join("src/config/local").exists());
    }

    #[test]
    fn an_existing_tree_is_reused_and_only_changes_are_written() {
        let (source, root) = (source(), tempfile::tempdir().unwrap());
        let open = || open(root.path(), source.path(), &Overrides::default()).unwrap();
        let path = {
            let tree = open();
            let path = tree.src().join(tree.embed("s.ipxe", b"one").unwrap());
            set_time(&path, 5).unwrap();
            path
        };
        let tree = open();
        tree.embed("s.ipxe", b"one").unwrap();
        assert_eq!(modified(&path), 5);
        tree.embed("s.ipxe", b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(modified(&path) > 5);
    }

    #[test]
    fn drivers_are_laid_over_once_and_leave_nothing_behind() {
        let src = tempfile::tempdir().unwrap();
        let overlay = Overlay::load("fw-cfg", Path::new("")).unwrap();
        let lay = || lay_over(src.path(), std::slice::from_ref(&overlay)).unwrap();
        assert_eq!(lay(), Laid::Changed);
        let folder = src.path().join("bootmint/drivers/settings/fw-cfg");
        assert!(fs::read_to_string(folder.join("fw_cfg.c")).unwrap().contains("FILE_LICENCE"));
        assert_eq!(lay(), Laid::Unchanged);
        fs::write(folder.join("old.c"), "int x;").unwrap();
        fs::write(folder.join("fw_cfg.c"), "int y;").unwrap();
        assert_eq!(lay(), Laid::Changed);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), overlay.files().count());
    }

    #[test]
    fn a_path_that_make_would_split_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let bad = root.path().join("my cache");
        let error = open(&bad, root.path(), &Overrides::default());
        assert!(matches!(error, Err(BuildError::Path { .. })));
        assert!(!bad.exists());
    }
}
