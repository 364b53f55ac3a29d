//! The distribution's isolinux, for images whose BIOS loader it is to be.

use anyhow::{Context, bail};
use bootmint_image_factory::layout::IsolinuxFiles;
use std::path::Path;

/// The Debian packages that it is in.
pub const PACKAGES: [&str; 2] = ["isolinux", "syslinux-common"];

/// Where distributions put it: Debian, then Fedora.
const PLACES: [Paths; 2] = [
    Paths {
        isolinux: "/usr/lib/ISOLINUX/isolinux.bin",
        ldlinux: "/usr/lib/syslinux/modules/bios/ldlinux.c32",
        boot_sector: "/usr/lib/ISOLINUX/isohdpfx.bin",
    },
    Paths {
        isolinux: "/usr/share/syslinux/isolinux.bin",
        ldlinux: "/usr/share/syslinux/ldlinux.c32",
        boot_sector: "/usr/share/syslinux/isohdpfx.bin",
    },
];

/// Where its files are.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// The loader.
    pub isolinux: &'static str,
    /// The module that it cannot do without.
    pub ldlinux: &'static str,
    /// The boot sector of hybrid images.
    pub boot_sector: &'static str,
}

/// Where its files are on this machine, if it is installed.
pub fn find() -> Option<Paths> {
    let there = |paths: &Paths| {
        [paths.isolinux, paths.ldlinux, paths.boot_sector].iter().all(|p| Path::new(p).is_file())
    };
    PLACES.into_iter().find(there)
}

/// Its files.
pub fn read() -> anyhow::Result<IsolinuxFiles> {
    let Some(paths) = find() else {
        bail!(
            "the profile wants isolinux, which is not installed: install isolinux and syslinux-common (Debian) or syslinux (Fedora), or set bios-loader = \"own\""
        );
    };
    let read = |path: &str| std::fs::read(path).with_context(|| format!("reading {path}"));
    Ok(IsolinuxFiles {
        isolinux: read(paths.isolinux)?,
        ldlinux: read(paths.ldlinux)?,
        boot_sector: read(paths.boot_sector)?,
    })
}
