//! Unpacks a source tree from an archive or copies it from a folder, trusting neither.
//!
//! Only plain files, folders and links that stay inside are taken; nothing is written outside the
//! target, which must be new, and nothing is written through a link: links are made last.

use flate2::read::MultiGzDecoder;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
};
use tar::EntryType;

/// The most entries a tree may have; iPXE 2.0.0 has 2,400.
const MAX_ENTRIES: usize = 50_000;
/// The most bytes a tree may hold; iPXE 2.0.0 has 21 MB.
const MAX_BYTES: u64 = 512 << 20;

/// Why something could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A file could not be read or written.
    #[error("unpacking {}", path.display())]
    Io {
        /// The file, or the archive.
        path: PathBuf,
        /// What the system or the decoder said.
        source: io::Error,
    },
    /// An entry that no source tree has.
    #[error("{archive}: entry \"{entry}\" {reason}; nothing of it was kept")]
    Hostile {
        /// The archive or folder.
        archive: String,
        /// The entry's path.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An archive without files.
    #[error("{archive} holds no files; is it complete?")]
    Empty {
        /// The archive or folder.
        archive: String,
    },
}

/// Writes into one new folder, within limits.
struct Writer<'a> {
    archive: &'a str,
    target: &'a Path,
    links: Vec<(PathBuf, PathBuf)>,
    entries: usize,
    bytes: u64,
}

impl<'a> Writer<'a> {
    fn new(archive: &'a str, target: &'a Path) -> Result<Self, UnpackError> {
        fs::create_dir(target).map_err(failed(target))?;
        Ok(Self { archive, target, links: Vec::new(), entries: 0, bytes: 0 })
    }

    fn refuse(&self, entry: &Path, reason: &'static str) -> UnpackError {
        let entry = entry.to_string_lossy().chars().take(200).collect();
        UnpackError::Hostile { archive: self.archive.to_owned(), entry, reason }
    }

    /// Where `entry` goes; counts it.
    fn place(&mut self, entry: &Path) -> Result<PathBuf, UnpackError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(self.refuse(entry, "is one too many for a source tree"));
        }
        let mut path = self.target.to_owned();
        for component in entry.components() {
            match component {
                Component::Normal(name) => path.push(name),
                Component::CurDir => {}
                _ => return Err(self.refuse(entry, "leads out of the tree")),
            }
        }
        Ok(path)
    }

    fn folder(&mut self, entry: &Path) -> Result<(), UnpackError> {
        let path = self.place(entry)?;
        fs::create_dir_all(&path).map_err(failed(&path))
    }

    fn file(
        &mut self,
        entry: &Path,
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<(), UnpackError> {
        let path = self.place(entry)?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(if executable { 0o755 } else { 0o644 });
        let mut file = options.open(&path).map_err(failed(&path))?;
        let left = MAX_BYTES.saturating_sub(self.bytes);
        let count = io::copy(&mut content.take(left.saturating_add(1)), &mut file);
        self.bytes = self.bytes.saturating_add(count.map_err(failed(&path))?);
        if self.bytes > MAX_BYTES {
            return Err(self.refuse(entry, "makes the tree larger than a source tree can be"));
        }
        Ok(())
    }

    fn link(&mut self, entry: &Path, to: &Path) -> Result<(), UnpackError> {
        let path = self.place(entry)?;
        // How far the link may climb: as deep as it lies.
        let mut depth = entry.components().filter(|c| matches!(c, Component::Normal(_))).count();
        for component in to.components() {
            let next = match component {
                Component::Normal(_) => depth.checked_add(1),
                Component::CurDir => Some(depth),
                // One level is the link's own name.
                Component::ParentDir if depth > 1 => depth.checked_sub(1),
                _ => None,
            };
            depth =
                next.ok_or_else(|| self.refuse(entry, "is a link that leads out of the tree"))?;
        }
        self.links.push((path, to.to_owned()));
        Ok(())
    }

    fn finish(self) -> Result<(), UnpackError> {
        if self.entries == 0 {
            return Err(UnpackError::Empty { archive: self.archive.to_owned() });
        }
        for (path, to) in &self.links {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            symlink(to, path).map_err(failed(path))?;
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> UnpackError {
    let path = path.to_owned();
    move |source| UnpackError::Io { path, source }
}

/// Unpacks the tar archive `file`, gzipped or not, into the new folder `target`.
pub(super) fn tarball_file(file: &Path, target: &Path) -> Result<(), UnpackError> {
    let name = file.display().to_string();
    let opened = File::open(file).map_err(failed(file))?;
    let mut input = BufReader::new(opened);
    let gzipped = {
        let start = io::BufRead::fill_buf(&mut input).map_err(failed(file))?;
        start.starts_with(&[0x1f, 0x8b])
    };
    if gzipped {
        tar(&mut MultiGzDecoder::new(input), &name, target)
    } else {
        tar(&mut input, &name, target)
    }
}

/// Unpacks the tar archive that `input` yields, called `name`, into the new folder `target`.
pub(super) fn tar(input: &mut dyn Read, name: &str, target: &Path) -> Result<(), UnpackError> {
    let mut writer = Writer::new(name, target)?;
    let broken = || failed(Path::new(name));
    // A small archive can unpack to any length, so what comes out is limited too.
    let mut archive = tar::Archive::new(input.take(MAX_BYTES.saturating_mul(2)));
    for entry in archive.entries().map_err(broken())? {
        let mut entry = entry.map_err(broken())?;
        let path = entry.path().map_err(broken())?.into_owned();
        match entry.header().entry_type() {
            // Git puts the commit's id into such a header.
            EntryType::XGlobalHeader => {}
            EntryType::Directory => writer.folder(&path)?,
            EntryType::Regular | EntryType::Continuous => {
                let mode = entry.header().mode().map_err(broken())?;
                writer.file(&path, mode & 0o100 != 0, &mut entry)?;
            }
            EntryType::Symlink => {
                let to = entry.link_name().map_err(broken())?.unwrap_or_default().into_owned();
                writer.link(&path, &to)?;
            }
            _ => return Err(writer.refuse(&path, "is neither file, folder nor symbolic link")),
        }
    }
    writer.finish()
}

/// Copies the tree in `folder` into the new folder `target`.
pub(super) fn folder(folder: &Path, target: &Path) -> Result<(), UnpackError> {
    let name = folder.display().to_string();
    let mut writer = Writer::new(&name, target)?;
    let mut waiting = vec![PathBuf::new()];
    while let Some(inside) = waiting.pop() {
        let path = folder.join(&inside);
        for found in fs::read_dir(&path).map_err(failed(&path))? {
            let entry = inside.join(found.map_err(failed(&path))?.file_name());
            let path = folder.join(&entry);
            let about = fs::symlink_metadata(&path).map_err(failed(&path))?;
            if about.is_dir() {
                writer.folder(&entry)?;
                waiting.push(entry);
            } else if about.is_symlink() {
                writer.link(&entry, &fs::read_link(&path).map_err(failed(&path))?)?;
            } else if about.is_file() {
                let mut content = File::open(&path).map_err(failed(&path))?;
                let executable = about.permissions().mode() & 0o100 != 0;
                writer.file(&entry, executable, &mut content)?;
            } else {
                return Err(writer.refuse(&entry, "is neither file, folder nor symbolic link"));
            }
        }
    }
    writer.finish()
}

/// The tree's top: `unpacked`, or the one folder in it, which is how most archives are made.
pub(super) fn top_folder(unpacked: &Path) -> Result<PathBuf, UnpackError> {
    let mut entries = fs::read_dir(unpacked).map_err(failed(unpacked))?;
    let (first, second) = (entries.next(), entries.next());
    Ok(match (first, second) {
        (Some(Ok(only)), None) if only.file_type().is_ok_and(|kind| kind.is_dir()) => only.path(),
        _ => unpacked.to_owned(),
    })
}

#[cfg(test)]
mod tests;
