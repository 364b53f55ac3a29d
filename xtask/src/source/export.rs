//! `cargo xtask source export`: the corresponding source of firmware, as the GPL asks for.
//!
//! It holds the pinned tree of iPXE, byte for byte, and everything of Bootmint that decides what is
//! compiled from it: scripts, configuration, drivers, and the program that runs the compiler. The
//! archive is a function of both: no clock, no user names.

use anyhow::{Context, bail};
use bootmint_ipxe_src::{run::Invocation, source::SourceTree};
use flate2::{Compression, GzBuilder};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The folder in the archive.
const ROOT: &str = "bootmint-source";
/// The most files that are exported.
const MAX_FILES: usize = 50_000;
/// How deep folders nest, at most.
const MAX_DEPTH: usize = 32;

/// The files of the export: path in it, and where the file lies.
type Files = BTreeMap<String, PathBuf>;

/// Writes the source of firmware from `tree` to `to`: a folder that does not exist yet, or a file
/// whose name ends in `.tar.gz`.
pub(super) fn export(tree: &SourceTree, to: &Path) -> anyhow::Result<usize> {
    let mut files = Files::new();
    add_folder(&mut files, "ipxe", &tree.path, MAX_DEPTH)?;
    add_bootmint(&mut files)?;
    let offer = offer(tree);
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let stage = tempfile::Builder::new()
        .prefix(".export-")
        .tempdir_in(parent)
        .with_context(|| format!("making a folder beside {}", to.display()))?;
    let made = stage.path().join("made");
    if name.ends_with(".tar.gz") {
        archive(&files, &offer, &made).with_context(|| format!("writing {}", to.display()))?;
    } else if to.exists() {
        bail!(
            "{} is there already: name a folder that is not, or a file ending in .tar.gz",
            to.display()
        );
    } else {
        folder(&files, &offer, &made).with_context(|| format!("writing {}", to.display()))?;
    }
    fs::rename(&made, to).with_context(|| format!("publishing {}", to.display()))?;
    Ok(files.len() + 1)
}

fn add_folder(files: &mut Files, name: &str, folder: &Path, depth: usize) -> anyhow::Result<()> {
    let listing = || format!("listing {}", folder.display());
    for entry in fs::read_dir(folder).with_context(listing)? {
        let entry = entry.with_context(listing)?;
        let kind = entry.file_type().with_context(listing)?;
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if kind.is_dir() && depth > 0 {
            add_folder(files, &path, &entry.path(), depth - 1)?;
        } else if kind.is_file() {
            files.insert(path, entry.path());
        } else {
            bail!("{} is neither file nor folder", entry.path().display());
        }
        if files.len() > MAX_FILES {
            bail!("{} has more than {MAX_FILES} files", folder.display());
        }
    }
    Ok(())
}

/// The files of Bootmint's repository, as they are on disk.
fn add_bootmint(files: &mut Files) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let list = Invocation::new("git")
        .args(["ls-files", "-z"])
        .folder(root)
        .remedy("run it from Bootmint's git repository, which the source offer is to hold")
        .capture(&mut |_| ())?;
    let list = String::from_utf8(list).context("reading the names of Bootmint's files")?;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        let path = root.join(name);
        if path.is_file() {
            if name.starts_with("LICENSE") {
                files.insert(name.to_owned(), path.clone());
            }
            files.insert(format!("bootmint/{name}"), path);
        }
    }
    Ok(())
}

fn offer(tree: &SourceTree) -> String {
    let pin = &tree.pin;
    format!(
        "The source of Bootmint's firmware\n\n\
         ipxe/      iPXE {}, git commit {}, tree {}, unchanged.\n\
         \x20          GPL-2.0-or-later; its files name their own licences.\n\
         bootmint/  what is compiled into it and how: ipxe-src/scripts, ipxe-src/profiles, drivers,\n\
         \x20          and the program that makes firmware of all this. MIT or Apache-2.0; the C that is\n\
         \x20          linked into iPXE is GPL-2.0-or-later.\n\n\
         To build it again:\n\n\
         \x20   cd bootmint\n\
         \x20   cargo xtask source import ../ipxe\n\
         \x20   cargo xtask firmware build --profile NAME\n\n\
         A profile of your own, and the files that it names, belong beside this: whoever passes on\n\
         images passes on this source with them, or offers it for three years to whoever asks.\n",
        pin.version, pin.commit, pin.tree
    )
}

/// Whether a file may be run, the only thing of its mode that is kept.
fn mode(path: &Path) -> io::Result<u32> {
    Ok(if fs::metadata(path)?.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 })
}

fn archive(files: &Files, offer: &str, to: &Path) -> io::Result<()> {
    let file = File::create(to)?;
    let packed = GzBuilder::new().mtime(0).write(file, Compression::default());
    let mut tar = tar::Builder::new(packed);
    let mut add = |path: &str, bytes: &[u8], mode: u32| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, format!("{ROOT}/{path}"), bytes)
    };
    add("OFFER.txt", offer.as_bytes(), 0o644)?;
    for (path, from) in files {
        add(path, &fs::read(from)?, mode(from)?)?;
    }
    tar.into_inner()?.finish()?.flush()
}

fn folder(files: &Files, offer: &str, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::write(to.join("OFFER.txt"), offer)?;
    for (path, from) in files {
        let target = to.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&target, fs::read(from)?)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode(from)?))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_a_function_of_the_files() {
        let scratch = tempfile::tempdir().unwrap();
        let tool = scratch.path().join("tool");
        fs::write(&tool, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o700)).unwrap();
        let files: Files = [("ipxe/src/tool".to_owned(), tool.clone())].into();
        let (one, two) = (scratch.path().join("1"), scratch.path().join("2"));
        archive(&files, "offer", &one).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        archive(&files, "offer", &two).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());

        let unpacked = flate2::read::GzDecoder::new(File::open(&one).unwrap());
        let mut archive = tar::Archive::new(unpacked);
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["bootmint-source/OFFER.txt", "bootmint-source/ipxe/src/tool"]);
        folder(&files, "offer", &scratch.path().join("folder")).unwrap();
        assert_eq!(mode(&scratch.path().join("folder/ipxe/src/tool")).unwrap(), 0o755);
    }

    #[test]
    fn bootmints_own_part_has_its_scripts_and_licences() {
        let mut files = Files::new();
        if add_bootmint(&mut files).is_err() {
            return; // not a git repository: a source archive
        }
        for name in ["LICENSE-GPL-2.0", "bootmint/ipxe-src/scripts/stage1.ipxe"] {
            assert!(files.contains_key(name), "{name}");
        }
    }
}
