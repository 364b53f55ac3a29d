//! Writes stamps to files: cloned where the file system can, sparse elsewhere.
//!
//! On a file system with reflinks (XFS, Btrfs) an image is a clone of the template's file with its
//! slots written over, which costs the slots' bytes only. Elsewhere the parts of the template that
//! are not zero are written, and the rest is left as a hole.

use super::fresh::{Fresh, Naming};
use crate::{
    layout::read_back::{self, FoundTicket, ReadBackError},
    slot,
    template::{Stamp, Template},
    ticket::{Identity, identities},
};
use rustix::{fs as rfs, io::Errno};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The unit in which zeros are left out: a page and the usual block.
const BLOCK: usize = 4096;
/// How much of an existing file is compared at a time.
const COMPARE: usize = 256 << 10;

/// How images get onto a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Blocks are shared with the template's file.
    Reflink,
    /// Blocks of zeros are holes.
    Sparse,
}

/// What became of an image's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was written.
    Written,
    /// It already held these bytes.
    Unchanged,
}

/// Why an image was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
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
    /// The written image could not be read through its file systems.
    #[error("reading {} back through its file systems", path.display())]
    ReadBack {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadBackError,
    },
    /// The template's own file does not hold what was written to it.
    #[error("{} does not read as it was written: the disk is at fault, nothing was published", path.display())]
    Template {
        /// The file.
        path: PathBuf,
    },
    /// The written image does not hold its host's identity.
    #[error("{} holds another identity than its host's: the disk or this program is at fault, nothing was published", path.display())]
    Identity {
        /// The image.
        path: PathBuf,
    },
}

/// Writes the stamps of one template into one output folder. Shared by threads.
#[derive(Debug)]
pub struct Writer<'t> {
    template: &'t Template,
    work: PathBuf,
    /// Files of the template, where clones can be made: one per thread, since file systems clone
    /// one file for one caller at a time. Empty elsewhere.
    originals: Vec<File>,
    naming: Naming,
    segments: Vec<(usize, usize)>,
    serial: AtomicU64,
}

impl<'t> Writer<'t> {
    /// A writer for `template` that keeps its temporary files in the folder `work`, which must be
    /// on the output's file system.
    pub fn new(template: &'t Template, work: &Path) -> Result<Self, WriteError> {
        let mut originals = vec![write_template(template, &work.join(template.key()))?];
        let reflink = originals.first().map(|original| can_reflink(original, work));
        if reflink.transpose().map_err(io_error("probing", work))? == Some(true) {
            for thread in 1..rayon::current_num_threads() {
                let path = work.join(format!("{}.thread{thread}", template.key()));
                originals.push(write_template(template, &path)?);
            }
        } else {
            originals.clear();
        }
        Ok(Self {
            template,
            work: work.to_owned(),
            originals,
            naming: Naming::probe(work).map_err(io_error("probing", work))?,
            segments: segments(template),
            serial: AtomicU64::new(0),
        })
    }

    /// The template that it stamps.
    pub fn template(&self) -> &'t Template {
        self.template
    }

    /// How it writes here.
    pub fn method(&self) -> Method {
        if self.originals.is_empty() { Method::Sparse } else { Method::Reflink }
    }

    /// Makes the file at `path` hold `stamp`, unless it does already. The file is read back and
    /// its identities compared with `expected` before it gets its name.
    pub fn write(
        &self,
        stamp: &Stamp<'_>,
        expected: &[Identity],
        path: &Path,
    ) -> Result<Outcome, WriteError> {
        if holds(path, stamp).map_err(io_error("reading", path))? {
            return Ok(Outcome::Unchanged);
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let temporary = self.work.join(format!("{}.{serial}", self.template.key()));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let fresh = Fresh::create(self.naming, folder, temporary)
            .map_err(io_error("making a file for", path))?;
        self.fill(stamp, expected, fresh.file(), path)?;
        fresh.publish(path).map_err(io_error("giving an image its name", path))?;
        Ok(Outcome::Written)
    }

    /// Makes `file`, which is new and is to be the image at `path`, hold `stamp`.
    fn fill(
        &self,
        stamp: &Stamp<'_>,
        expected: &[Identity],
        file: &File,
        path: &Path,
    ) -> Result<(), WriteError> {
        let fail = |action| io_error(action, path);
        let thread = rayon::current_thread_index().unwrap_or(0) % self.originals.len().max(1);
        match self.originals.get(thread) {
            Some(original) => rfs::ioctl_ficlone(file, original)
                .map_err(|error| fail("cloning the template into")(error.into()))?,
            None => self.write_sparse(file, stamp.size()).map_err(fail("writing"))?,
        }
        let changed = self.changed_blocks(stamp);
        for &(at, ref block) in &changed {
            file.write_all_at(block, at).map_err(fail("writing"))?;
        }
        match self.method() {
            Method::Reflink => {
                let changed = changed.iter().map(|(at, _)| *at).collect();
                check(Cloned { file, stamp, changed, at: 0 }, stamp, expected, path)
            }
            Method::Sparse => check(file, stamp, expected, path),
        }
    }

    /// The blocks that differ from the template's, with their offsets: on a clone, others stay
    /// shared. They are whole, as writing a part of one would first read it from the disk.
    fn changed_blocks(&self, stamp: &Stamp<'_>) -> Vec<(u64, Vec<u8>)> {
        let mut changed = Vec::new();
        for slot in self.template.slots().slots() {
            let end = slot.region.offset.saturating_add(slot.region.len);
            let mut at = slot.region.offset / BLOCK as u64 * BLOCK as u64;
            while at < end {
                let mut block = vec![0; BLOCK];
                let len = stamp.read_at(at, &mut block);
                block.truncate(len);
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let old = self.template.bytes().get(start..start.saturating_add(block.len()));
                if old != Some(&block) {
                    changed.push((at, block));
                }
                at += BLOCK as u64;
            }
        }
        changed
    }

    fn write_sparse(&self, file: &File, size: u64) -> io::Result<()> {
        file.set_len(size)?;
        for &(start, end) in &self.segments {
            let bytes = self.template.bytes().get(start..end).unwrap_or_default();
            file.write_all_at(bytes, start as u64)?;
        }
        Ok(())
    }
}

/// Writes the template to a file of its own, and compares what the file then holds.
fn write_template(template: &Template, path: &Path) -> Result<File, WriteError> {
    fs::write(path, template.bytes()).map_err(io_error("writing", path))?;
    let mut file = File::open(path).map_err(io_error("opening", path))?;
    let mut written = Vec::with_capacity(template.bytes().len());
    file.read_to_end(&mut written).map_err(io_error("reading", path))?;
    if written == template.bytes() {
        Ok(file)
    } else {
        Err(WriteError::Template { path: path.to_owned() })
    }
}

/// A clone as it is read back: the blocks that were written from the file, those that it shares
/// with the template's file from memory, as that file was compared with the template when it was
/// written. Reading shared blocks again would fetch them from the disk for every single image.
struct Cloned<'a> {
    file: &'a File,
    stamp: &'a Stamp<'a>,
    changed: Vec<u64>,
    at: u64,
}

impl Read for Cloned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let within = usize::try_from(self.at % BLOCK as u64).unwrap_or(0);
        let len = buffer.len().min(BLOCK - within);
        let Some(buffer) = buffer.get_mut(..len) else { return Ok(0) };
        let read = if self.changed.contains(&(self.at - within as u64)) {
            self.file.read_at(buffer, self.at)?
        } else {
            self.stamp.read_at(self.at, buffer)
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Cloned<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.stamp.size().checked_add_signed(by),
        }
        .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Reads an image back through its file systems and compares what iPXE would run.
fn check(
    image: impl Read + Seek,
    stamp: &Stamp<'_>,
    expected: &[Identity],
    path: &Path,
) -> Result<(), WriteError> {
    let read = read_back::read_back(image, stamp.template().format())
        .map_err(|source| WriteError::ReadBack { path: path.to_owned(), source })?;
    // What is found as it was minted needs no parsing of its own: its identity is the same.
    let minted = slot::unpad(stamp.fill()).ok();
    let own = minted.is_some_and(|script| identities(script) == expected);
    let right = |ticket: &FoundTicket| {
        ticket.bytes == stamp.fill() || slot::unpad(&ticket.bytes).ok() == minted
    };
    if own && !read.tickets.is_empty() && read.tickets.iter().all(right) {
        Ok(())
    } else {
        Err(WriteError::Identity { path: path.to_owned() })
    }
}

/// Whether `path` is a file with exactly the bytes of `stamp`.
fn holds(path: &Path, stamp: &Stamp<'_>) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let about = file.metadata()?;
    if !about.is_file() || about.len() != stamp.size() {
        return Ok(false);
    }
    let mut buffer = vec![0; COMPARE];
    for (_, run) in stamp.runs() {
        for wanted in run.chunks(COMPARE) {
            let found = buffer.get_mut(..wanted.len()).unwrap_or_default();
            file.read_exact(found)?;
            if found != wanted {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The parts of a template that are not zero, in whole blocks and joined where they touch.
fn segments(template: &Template) -> Vec<(usize, usize)> {
    let bytes = template.bytes();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        if block.iter().all(|&byte| byte == 0) {
            continue;
        }
        let (start, end) = (index * BLOCK, index * BLOCK + block.len());
        match found.last_mut() {
            Some((_, last)) if *last == start => *last = end,
            _ => found.push((start, end)),
        }
    }
    found
}

/// Tries one clone: no list of file systems knows what is mounted here.
fn can_reflink(source: &File, work: &Path) -> io::Result<bool> {
    let path = work.join("probe");
    let probe = File::create(&path)?;
    let cloned = rfs::ioctl_ficlone(&probe, source);
    fs::remove_file(&path)?;
    match cloned {
        Ok(()) => Ok(true),
        Err(
            Errno::OPNOTSUPP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::PERM,
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> WriteError {
    move |source| WriteError::Io { action, path: path.to_owned(), source }
}
