//! The small installer: Debian's kernel with an initrd of its parts, so that an install takes
//! seconds. It fetches its answer file, writes a whole system to the machine's empty disk, reports
//! that to the server, and restarts the machine.

use crate::{disks, lab::Lab, run::tool, server::Site, world};
use anyhow::Context;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};
use xtask::qemu::{Board, Bus, Disk, Machine, Writes};

/// What it is made of, and by: Debian packages.
pub const PACKAGES: [&str; 2] = ["debian-installer-12-netboot-amd64", "cpio"];
/// The folder with `linux` and `initrd.gz`.
pub const FOLDER: &str = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";
/// What it says once it has its answers.
pub const HAS_ANSWERS: &str = "INSTALLER of web-01 has its answers";
/// What it says last.
pub const REPORTED: &str = "INSTALLER reported that it is done";
/// The system that it installs, which says this name when it boots: see [`disks::local_disk`].
pub const SYSTEM: &str = "installed";

/// The answer file that it gets.
pub const ANSWER: &str = include_str!("../fixtures/installer/install.sh");
/// Its OS profile, `small`, which installs at a host's first boot.
pub const PROFILE: &str = include_str!("../fixtures/installer/profile.toml");

/// Puts the OS profile `small` and its files into `site`.
pub fn put(site: &Site) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    site.put("profiles/small/profile.toml", PROFILE)?;
    site.put("profiles/small/install.sh", ANSWER)?;
    let from = Path::new(FOLDER);
    let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
    site.put("files/small/linux", read(&from.join("linux"))?)?;
    site.put("files/small/initrd", read(&initrd(scratch.path(), from)?)?)?;
    let system = disks::local_disk(scratch.path(), SYSTEM)?;
    let packed = tool("gzip", ["-c".as_ref(), system.as_os_str()])?;
    site.put("files/small/system.gz", packed)
}

/// A machine with its image attached and a disk with nothing on it.
pub fn machine(lab: &Lab, board: Board, image: &Path) -> anyhow::Result<Machine> {
    let path = lab.folder().join("empty.img");
    let size = fs::metadata(disks::local_disk(lab.folder(), SYSTEM)?)?.len();
    fs::File::create(&path)?.set_len(size)?;
    // The installer has the bus's driver at hand, and needs the memory to unpack itself.
    let disks = vec![Disk { path, writes: Writes::Kept, bus: Bus::Usb }];
    Ok(Machine { disks, memory: 512, ..world::machine(board, image)? })
}

fn initrd(scratch: &Path, from: &Path) -> anyhow::Result<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/installer");
    let initrd = scratch.join("initrd");
    let (script, whole) = (fixtures.join("initrd.sh"), from.join("initrd.gz"));
    tool::<&OsStr>("sh", [&script, &whole, &fixtures, &initrd].map(|path| path.as_os_str()))?;
    Ok(initrd)
}
