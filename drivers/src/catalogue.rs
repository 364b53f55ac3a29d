//! The catalogue: which drivers a source tree has.
//!
//! iPXE has no list of its drivers. A driver is a source file under a `drivers/<class>/` folder
//! with at least one ROM line, a macro at the start of a line that names a device it drives
//! (`PCI_ROM ( 0x8086, 0x100e, "82540em", "82540EM", 0 )`); its name is the file's base name.

use crate::set::{DriverName, did_you_mean, nearest};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The macros that declare a device.
const ROM_MACROS: [&str; 7] =
    ["PCI_ROM", "ISA_ROM", "USB_ROM", "DT_ROM", "EFI_ROM", "XEN_ROM", "VMBUS_ROM"];
/// The folders, below the tree's `src`, that hold drivers for the platforms Bootmint builds.
const FOLDERS: [&str; 2] = ["drivers", "arch/x86/drivers"];
/// Classes of drivers that are no network interfaces: bus bridges and USB host controllers.
const OTHER_CLASSES: [&str; 3] = ["bus", "usb", "xen"];
/// Larger source files are no driver's; the largest has half a megabyte.
const MAX_SOURCE: u64 = 4 << 20;
/// How deep driver folders nest; iPXE uses five levels.
const MAX_DEPTH: usize = 8;

/// The drivers of a source tree.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    drivers: BTreeSet<DriverName>,
}

/// Why a tree's drivers could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("reading {}", path.display())]
pub struct CatalogueError {
    path: PathBuf,
    source: io::Error,
}

/// A driver that the source tree does not have.
#[derive(Debug, thiserror::Error)]
#[error("the source has no driver \"{name}\"{}: it has {count} others", did_you_mean(.nearest))]
pub struct UnknownDriver {
    name: DriverName,
    nearest: Option<String>,
    count: usize,
}

impl Catalogue {
    /// Lists the network drivers in `src`, the `src` folder of an iPXE tree.
    pub fn scan(src: &Path) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for folder in FOLDERS {
            for entry in entries(&src.join(folder))? {
                let class = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if entry.is_dir() && !OTHER_CLASSES.contains(&class.as_str()) {
                    catalogue.add_folder(&entry, MAX_DEPTH)?;
                }
            }
        }
        Ok(catalogue)
    }

    fn add_folder(&mut self, folder: &Path, depth: usize) -> Result<(), CatalogueError> {
        for path in entries(folder)? {
            let is_linux = path.ends_with("linux"); // drivers of another platform
            if path.is_dir() && depth > 0 && !is_linux {
                self.add_folder(&path, depth - 1)?;
            } else if path.extension().is_some_and(|extension| extension == "c")
                && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
                && let Ok(name) = stem.parse()
                && declares_device(&read(&path)?)
            {
                self.drivers.insert(name);
            }
        }
        Ok(())
    }

    /// All drivers, sorted by name.
    pub fn drivers(&self) -> impl Iterator<Item = &DriverName> {
        self.drivers.iter()
    }

    /// Refuses the first of `names` that the tree has no driver for, and suggests the nearest.
    pub fn check<'a>(
        &self,
        names: impl IntoIterator<Item = &'a DriverName>,
    ) -> Result<(), UnknownDriver> {
        match names.into_iter().find(|name| !self.drivers.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(UnknownDriver {
                name: name.clone(),
                nearest: nearest(name.as_str(), self.drivers.iter().map(DriverName::as_str)),
                count: self.drivers.len(),
            }),
        }
    }
}

fn declares_device(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        ROM_MACROS.iter().any(|name| {
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('('))
        })
    })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, CatalogueError> {
    let list = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    list().map_err(|source| CatalogueError { path: folder.to_owned(), source })
}

fn read(path: &Path) -> Result<String, CatalogueError> {
    let read = || {
        if fs::metadata(path)?.len() > MAX_SOURCE {
            return Err(io::Error::other(format!("more than {MAX_SOURCE} bytes")));
        }
        // Some sources have author names in Latin-1.
        Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
    };
    read().map_err(|source| CatalogueError { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in
            [("drivers/net/.keep", ""), ("arch/x86/drivers/net/.keep", "")].iter().chain(files)
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_driver_is_a_file_with_a_rom_line() {
        let tree = tree(&[
            ("drivers/net/fast.c", "static x[] = {\n\tPCI_ROM ( 0x1, 0x2, \"a\", \"b\", 0 ),\n"),
            ("drivers/net/deep/er/hv-net.c", "VMBUS_ROM(\"hv\", \"x\");\n"),
            ("drivers/net/linux/tap.c", "PCI_ROM ( 1 )\n"),
            ("drivers/net/helper.c", "/* no PCI_ROM here */\nint PCI_ROM_x;\n"),
            ("drivers/usb/xhci.c", "PCI_ROM ( 1 )\n"),
            ("arch/x86/drivers/net/undi.c", "PCI_ROM ( 1 )\n"),
        ]);
        let catalogue = Catalogue::scan(tree.path()).unwrap();
        let names: Vec<_> = catalogue.drivers().map(DriverName::as_str).collect();
        assert_eq!(names, ["fast", "hv-net", "undi"]);
    }

    #[test]
    fn an_unknown_driver_suggests_the_nearest() {
        let tree = tree(&[("drivers/net/virtio-net.c", "PCI_ROM ( 1 )")]);
        let catalogue = Catalogue::scan(tree.path()).unwrap();
        let good = "virtio-net".parse().unwrap();
        assert!(catalogue.check([&good]).is_ok());
        let bad = "virtio_net".parse().unwrap();
        let error = catalogue.check([&good, &bad]).unwrap_err().to_string();
        assert!(error.contains("\"virtio_net\" (did you mean \"virtio-net\"?)"), "{error}");
    }

    #[test]
    fn a_folder_that_is_no_tree_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Catalogue::scan(folder.path()).unwrap_err().to_string();
        assert!(error.contains("drivers"), "{error}");
    }
}
