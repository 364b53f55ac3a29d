//! A file that gets its name when it is whole.
//!
//! Where the file system has files without names (`O_TMPFILE`: ext4, XFS, Btrfs, tmpfs), a link
//! gives it its name, which takes the lock of one folder. A rename from folder to folder takes
//! that of the whole file system, so it remains for the others, and for names that are taken.

use rustix::{
    fs::{self as rfs, AtFlags, CWD, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// How files are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Without a name, until they are linked to one.
    Late,
    /// Under a temporary name, until they are renamed.
    Temporary,
}

impl Naming {
    /// Tries it in the folder `work`: no list of file systems knows what is mounted here, and a
    /// link goes through `/proc`, which may be absent.
    pub(super) fn probe(work: &Path) -> io::Result<Self> {
        let name = work.join("probe-name");
        match unnamed(work).and_then(|file| link(&file, &name)) {
            Ok(()) => fs::remove_file(&name).map(|()| Self::Late),
            Err(_) => Ok(Self::Temporary),
        }
    }
}

/// A file without its name. It vanishes unless it is published.
#[derive(Debug)]
pub(super) struct Fresh {
    file: File,
    /// A name of its own in the work folder.
    spare: PathBuf,
    /// Whether that name stands for it.
    named: bool,
}

impl Fresh {
    /// Makes a file that can be published in the folder `folder`, or under `spare` first.
    pub(super) fn create(naming: Naming, folder: &Path, spare: PathBuf) -> io::Result<Self> {
        match naming {
            Naming::Late => Ok(Self { file: unnamed(folder)?.into(), spare, named: false }),
            Naming::Temporary => {
                let mut options = OpenOptions::new();
                let file = options.read(true).write(true).create_new(true).open(&spare)?;
                Ok(Self { file, spare, named: true })
            }
        }
    }

    /// The file itself.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it the name `path`, in place of whatever has that name.
    pub(super) fn publish(mut self, path: &Path) -> io::Result<()> {
        if !self.named {
            match link(&self.file, path) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => link(&self.file, &self.spare)?,
                Err(error) => return Err(error.into()),
            }
            self.named = true;
        }
        fs::rename(&self.spare, path)?;
        self.named = false;
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if self.named {
            // The first error counts; the work folder is removed at the end of the run anyway.
            let _ = fs::remove_file(&self.spare);
        }
    }
}

fn unnamed(folder: &Path) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    // Less the umask's, as for any other file.
    rfs::open(folder, flags, Mode::from_raw_mode(0o666))
}

/// Links an unnamed file the way open(2) shows, which needs no privilege.
fn link(file: &impl AsRawFd, path: &Path) -> rustix::io::Result<()> {
    let through = format!("/proc/self/fd/{}", file.as_raw_fd());
    rfs::linkat(CWD, through, CWD, path, AtFlags::SYMLINK_FOLLOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::unix::fs::PermissionsExt};

    /// One folder for images and one for work.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let (images, work) = (root.path().join("images"), root.path().join("work"));
        fs::create_dir(&images).unwrap();
        fs::create_dir(&work).unwrap();
        (root, images, work)
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_file_appears_whole_and_takes_the_place_of_an_old_one() {
        for naming in [Naming::Late, Naming::Temporary] {
            let (_root, images, work) = folders();
            let path = images.join("a.iso");
            for content in ["first", "second"] {
                let fresh = Fresh::create(naming, &images, work.join("1")).unwrap();
                fresh.file().write_all(content.as_bytes()).unwrap();
                assert!(
                    fs::read_to_string(&path).is_ok_and(|old| old != content) || !path.exists()
                );
                fresh.publish(&path).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), content);
                assert_eq!((count(&images), count(&work)), (1, 0), "{naming:?}");
            }
            fs::write(work.join("usual"), "").unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&work.join("usual")));
        }
    }

    #[test]
    fn a_file_that_is_not_published_leaves_nothing() {
        for naming in [Naming::Late, Naming::Temporary] {
            let (_root, images, work) = folders();
            let fresh = Fresh::create(naming, &images, work.join("1")).unwrap();
            fresh.file().write_all(b"half").unwrap();
            drop(fresh);
            assert_eq!((count(&images), count(&work)), (0, 0));
            let fresh = Fresh::create(naming, &images, work.join("2")).unwrap();
            fs::create_dir(images.join("a.iso")).unwrap();
            assert!(fresh.publish(&images.join("a.iso")).is_err());
            assert_eq!((count(&images), count(&work)), (1, 0));
        }
    }

    #[test]
    fn probing_leaves_nothing_either() {
        let (_root, _images, work) = folders();
        Naming::probe(&work).unwrap();
        assert_eq!(count(&work), 0);
        assert_eq!(Naming::probe(Path::new("/proc")).unwrap(), Naming::Temporary);
    }
}
