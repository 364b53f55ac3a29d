//! The output folder of a run: its work folder, its lock, and how its manifest is published.

use crate::manifest::{Head, ImageEntry, ManifestWriter};
use rustix::fs as rfs;
use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, TryLockError},
    io::{self, BufRead, BufReader, BufWriter},
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, PoisonError},
};

/// One part of a run that is split over several machines: part `index` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: NonZeroU32,
    of: NonZeroU32,
}

/// Why a shard is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no shard: write I/N with 1 <= I <= N, such as 2/8")]
pub struct ShardError(String);

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let parse = || {
            let (index, of) = text.split_once('/')?;
            let (index, of): (NonZeroU32, NonZeroU32) = (index.parse().ok()?, of.parse().ok()?);
            (index <= of).then_some(Self { index, of })
        };
        parse().ok_or_else(|| ShardError(text.chars().take(40).collect()))
    }
}

impl Shard {
    /// The whole run.
    pub const WHOLE: Self = Self { index: NonZeroU32::MIN, of: NonZeroU32::MIN };

    /// Whether the item at `position` is in this part.
    pub fn has(self, position: usize) -> bool {
        position as u64 % u64::from(self.of.get()) == u64::from(self.index.get()) - 1
    }

    /// A file's name, which says the part where a run has several.
    fn file(self, stem: &str, extension: &str) -> String {
        if self == Self::WHOLE {
            format!("{stem}{extension}")
        } else {
            format!("{stem}.{}-of-{}{extension}", self.index, self.of)
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Why an output folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file system refused.
    #[error("{action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another run is at work there.
    #[error("another run is writing to {}: wait for its end", .0.display())]
    Busy(PathBuf),
}

/// An output folder that one run has to itself.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    work: PathBuf,
    shard: Shard,
    /// Folders that were made: asking the system each time would cost as much as an image.
    made: Mutex<BTreeSet<PathBuf>>,
    /// Held until the run ends; the system lets go of it however that comes about.
    lock: File,
}

impl Output {
    /// Opens `folder`, made where needed, for one run. What an interrupted run left in the work
    /// folder is removed.
    pub fn open(folder: &Path, shard: Shard) -> Result<Self, OutputError> {
        fs::create_dir_all(folder).map_err(io_error("making the folder", folder))?;
        let lock_path = folder.join(shard.file(".bootmint", ".lock"));
        let lock = File::create(&lock_path).map_err(io_error("making", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OutputError::Busy(folder.to_owned())),
            Err(TryLockError::Error(source)) => {
                return Err(io_error("locking", &lock_path)(source));
            }
        }
        let work = folder.join(shard.file(".bootmint", ".work"));
        if work.exists() {
            fs::remove_dir_all(&work).map_err(io_error("removing", &work))?;
        }
        fs::create_dir(&work).map_err(io_error("making the folder", &work))?;
        let made = Mutex::default();
        Ok(Self { folder: folder.to_owned(), work, shard, made, lock })
    }

    /// The folder for temporary files, on the output's file system.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Where an image named `file` goes; its folder is made.
    pub fn place(&self, file: &str) -> Result<PathBuf, OutputError> {
        let path = self.folder.join(file);
        let Some(parent) = path.parent() else { return Ok(path) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(parent) {
            fs::create_dir_all(parent).map_err(io_error("making the folder", parent))?;
            made.insert(parent.to_owned());
        }
        drop(made);
        Ok(path)
    }

    /// Begins this run's manifest.
    pub fn manifest(&self, head: &Head) -> Result<ManifestDraft<'_>, OutputError> {
        let create = |name: &str| {
            let path = self.work.join(name);
            File::create(&path).map(BufWriter::new).map_err(io_error("making", &path))
        };
        let writer = ManifestWriter::begin(create("manifest")?, create("sums")?, head)
            .map_err(io_error("writing", &self.work))?;
        Ok(ManifestDraft { output: self, writer })
    }

    fn publish(&self, draft: &str, name: &str) -> Result<bool, OutputError> {
        let (from, to) = (self.work.join(draft), self.folder.join(name));
        if same(&from, &to).map_err(io_error("comparing the old manifest with", &from))? {
            return Ok(false);
        }
        fs::rename(&from, &to).map_err(io_error("renaming to", &to))?;
        Ok(true)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Nothing to be done about a failure; the next run removes the folder.
        let _ = fs::remove_dir_all(&self.work);
        let _ = self.lock.unlock();
    }
}

/// A manifest that is being written; without [`ManifestDraft::publish`] it vanishes.
#[derive(Debug)]
pub struct ManifestDraft<'o> {
    output: &'o Output,
    writer: ManifestWriter<BufWriter<File>, BufWriter<File>>,
}

impl ManifestDraft<'_> {
    /// Adds an image.
    pub fn image(&mut self, image: &ImageEntry) -> Result<(), OutputError> {
        self.writer.image(image).map_err(io_error("writing the manifest in", &self.output.work))
    }

    /// Makes all that was written durable and gives the manifest its name: whoever sees a
    /// manifest finds every image of it whole, even after a power cut. Says whether anything
    /// changed.
    pub fn publish(self) -> Result<bool, OutputError> {
        let Output { folder, work, shard, .. } = self.output;
        let fail = io_error("writing the manifest in", work);
        let (manifest, sums) = self.writer.end().map_err(&fail)?;
        for file in [manifest, sums] {
            let file = file.into_inner().map_err(|error| fail(error.into_error()))?;
            file.sync_all().map_err(&fail)?;
        }
        sync_file_system(folder)?;
        let sums = self.output.publish("sums", &shard.file("SHA256SUMS", ""))?;
        let manifest = self.output.publish("manifest", &shard.file("manifest", ".json"))?;
        if sums || manifest {
            sync_file_system(folder)?;
        }
        Ok(sums || manifest)
    }
}

/// Whether both files hold the same bytes; not when the second cannot be read. They are read piece
/// by piece, as a manifest is as long as its run.
fn same(new: &Path, old: &Path) -> io::Result<bool> {
    let (new, Ok(old)) = (File::open(new)?, File::open(old)) else { return Ok(false) };
    if new.metadata()?.len() != old.metadata()?.len() {
        return Ok(false);
    }
    let (mut new, mut old) = (BufReader::new(new), BufReader::new(old));
    loop {
        let (a, b) = (new.fill_buf()?, old.fill_buf()?);
        let len = a.len().min(b.len());
        if a.get(..len) != b.get(..len) || a.is_empty() != b.is_empty() {
            return Ok(false);
        }
        if len == 0 {
            return Ok(true);
        }
        new.consume(len);
        old.consume(len);
    }
}

/// One `syncfs` for thousands of files costs less than an `fsync` for each.
fn sync_file_system(folder: &Path) -> Result<(), OutputError> {
    let fail = io_error("syncing the file system of", folder);
    let handle = File::open(folder).map_err(&fail)?;
    rfs::syncfs(&handle).map_err(|error| fail(error.into()))
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> OutputError {
    move |source| OutputError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_part_a_run_without_gap_or_overlap() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|s| s.parse().unwrap()).into();
        for position in 0..10 {
            assert_eq!(shards.iter().filter(|shard| shard.has(position)).count(), 1);
        }
        assert!((0..10).all(|position| Shard::WHOLE.has(position)));
        for bad in ["", "0/3", "4/3", "1/0", "1", "a/b", "1/2/3"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_compared_to_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let bytes = vec![7; 20_000];
        fs::write(path("new"), &bytes).unwrap();
        assert!(!same(&path("new"), &path("old")).unwrap());
        fs::write(path("old"), &bytes).unwrap();
        assert!(same(&path("new"), &path("old")).unwrap());
        fs::write(path("old"), [&bytes[..19_999], &[8]].concat()).unwrap();
        assert!(!same(&path("new"), &path("old")).unwrap());
        fs::write(path("old"), &bytes[1..]).unwrap();
        assert!(!same(&path("new"), &path("old")).unwrap());
    }

    #[test]
    fn a_folder_has_one_run_at_a_time_and_no_traces_of_a_failed_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = Output::open(folder.path(), Shard::WHOLE).unwrap();
        fs::write(first.work().join("half"), b"half").unwrap();
        let second = Output::open(folder.path(), Shard::WHOLE).unwrap_err();
        assert!(matches!(second, OutputError::Busy(_)));
        drop(first);
        let third = Output::open(folder.path(), Shard::WHOLE).unwrap();
        assert_eq!(fs::read_dir(third.work()).unwrap().count(), 0);
    }
}
