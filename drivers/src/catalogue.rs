//! The catalogue: which drivers a source tree has, and where each of them works.
//!
//! iPXE has no list of its drivers. A driver is a source file under a `drivers/<class>/` folder
//! that names a device it drives, or that registers itself as the only driver of its binary
//! (`snponly`, `undionly`); its name is the file's base name.

use crate::{
    name::DriverName,
    rom::{Bus, Device, devices, permits_secure_boot},
    set::Class,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The folders, below the tree's `src`, that hold drivers for the platforms Bootmint builds.
const FOLDERS: [(&str, Home); 2] =
    [("drivers", Home::Anywhere), ("arch/x86/drivers", Home::BiosOnly)];
/// Classes of drivers that are no network interfaces: bus bridges and USB host controllers.
const OTHER_CLASSES: [&str; 3] = ["bus", "usb", "xen"];
/// Larger source files are no driver's; the largest has half a megabyte.
const MAX_SOURCE: u64 = 4 << 20;
/// How deep driver folders nest; iPXE uses five levels.
const MAX_DEPTH: usize = 8;

/// For whom iPXE's makefiles compile a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    Anywhere,
    BiosOnly,
}

/// Whether a driver may be part of a binary that is signed for Secure Boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureBoot {
    /// Its source is marked so.
    Permitted,
    /// It is not.
    NotPermitted,
}

/// A driver of the source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Its name.
    pub name: DriverName,
    /// What it drives.
    pub devices: Vec<Device>,
    /// The buses it finds its devices on.
    pub buses: BTreeSet<Bus>,
    /// The platforms that it works on; none where Bootmint builds for none of its platforms.
    pub classes: BTreeSet<Class>,
    /// Whether Secure Boot binaries may have it.
    pub secure_boot: SecureBoot,
}

/// The drivers of a source tree.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    drivers: BTreeMap<DriverName, Driver>,
}

/// Why a tree's drivers could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("reading {}", path.display())]
pub struct CatalogueError {
    path: PathBuf,
    source: io::Error,
}

impl Catalogue {
    /// Lists the network drivers in `src`, the `src` folder of an iPXE tree.
    pub fn scan(src: &Path) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for (folder, home) in FOLDERS {
            for entry in entries(&src.join(folder))? {
                let class = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if entry.is_dir() && !OTHER_CLASSES.contains(&class.as_str()) {
                    catalogue.add_folder(&entry, home, MAX_DEPTH)?;
                }
            }
        }
        Ok(catalogue)
    }

    fn add_folder(
        &mut self,
        folder: &Path,
        home: Home,
        depth: usize,
    ) -> Result<(), CatalogueError> {
        for path in entries(folder)? {
            let is_linux = path.ends_with("linux"); // drivers of another platform
            if path.is_dir() && depth > 0 && !is_linux {
                self.add_folder(&path, home, depth - 1)?;
            } else if path.extension().is_some_and(|extension| extension == "c")
                && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
                && let Ok(name) = stem.parse()
                && let Some(driver) = driver(name, &read(&path)?, home)
            {
                self.drivers.insert(driver.name.clone(), driver);
            }
        }
        Ok(())
    }

    /// All drivers, sorted by name.
    pub fn drivers(&self) -> impl Iterator<Item = &Driver> {
        self.drivers.values()
    }

    /// The driver called `name`.
    pub fn get(&self, name: &DriverName) -> Option<&Driver> {
        self.drivers.get(name)
    }
}

/// The driver `name` with the source `text`, if it is one.
fn driver(name: DriverName, text: &str, home: Home) -> Option<Driver> {
    let mut devices = devices(text);
    if devices.is_empty() {
        // These drive the one device that the binary came through, and so name none.
        let (mark, bus, about) = match name.as_str() {
            "snponly" => ("__efi_driver", Bus::Efi, "The NIC that iPXE was loaded through"),
            "undionly" => ("__root_device", Bus::Pxe, "The PXE stack that loaded iPXE"),
            _ => return None,
        };
        let (about, rom) = (about.to_owned(), name.as_str().to_owned());
        devices.push(Device { bus, id: None, name: rom, about });
        text.contains(mark).then_some(())?;
    }
    let buses: BTreeSet<_> = devices.iter().map(|device| device.bus).collect();
    let bios_only = |class: &Class| home == Home::Anywhere || *class == Class::Bios;
    let classes = buses.iter().flat_map(|bus| classes(*bus)).copied().filter(bios_only).collect();
    let secure_boot = match permits_secure_boot(text) {
        true => SecureBoot::Permitted,
        false => SecureBoot::NotPermitted,
    };
    Some(Driver { name, devices, buses, classes, secure_boot })
}

/// The platforms on which iPXE's makefiles link drivers of `bus`.
fn classes(bus: Bus) -> &'static [Class] {
    match bus {
        Bus::Pci | Bus::Usb => &[Class::Bios, Class::EfiX64, Class::EfiArm64],
        Bus::Xen | Bus::Vmbus => &[Class::Bios, Class::EfiX64],
        Bus::Efi => &[Class::EfiX64, Class::EfiArm64],
        Bus::Isa | Bus::Pxe => &[Class::Bios],
        Bus::Dt => &[],
    }
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
pub(crate) mod tests {
    use super::*;

    pub(crate) fn catalogue(files: &[(&str, &str)]) -> Catalogue {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in
            [("drivers/net/.keep", ""), ("arch/x86/drivers/net/.keep", "")].iter().chain(files)
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Catalogue::scan(folder.path()).unwrap()
    }

    #[test]
    fn a_driver_is_a_file_with_a_rom_line() {
        let catalogue = catalogue(&[
            (
                "drivers/net/fast.c",
                "static x[] = {\n\tPCI_ROM ( 0x0001, 0x0002, \"a\", \"b\", 0 ),\n",
            ),
            ("drivers/net/deep/er/hv-net.c", "VMBUS_ROM(\"hv\", \"x\");\n"),
            ("drivers/net/linux/tap.c", "PCI_ROM ( 0x0001, 0x0002, \"a\", \"b\", 0 )\n"),
            ("drivers/net/helper.c", "/* no PCI_ROM here */\nint PCI_ROM_x;\n"),
            ("drivers/usb/xhci.c", "PCI_ROM ( 0x0001, 0x0002, \"a\", \"b\", 0 )\n"),
            ("arch/x86/drivers/net/undi.c", "PCI_ROM ( 0xffff, 0xffff, \"a\", \"b\", 0 )\n"),
            ("arch/x86/drivers/net/undionly.c", "struct root_device x __root_device = {};\n"),
            ("drivers/net/efi/snponly.c", "nothing"),
        ]);
        let names: Vec<_> = catalogue.drivers().map(|driver| driver.name.as_str()).collect();
        assert_eq!(names, ["fast", "hv-net", "undi", "undionly"]);
    }

    #[test]
    fn bus_and_folder_decide_the_platforms() {
        let catalogue = catalogue(&[
            ("drivers/net/fast.c", "PCI_ROM ( 0x0001, 0x0002, \"a\", \"b\", 0 ),\n"),
            ("drivers/net/snp.c", "FILE_SECBOOT ( PERMITTED );\nEFI_ROM ( \"snp\", \"x\" );\n"),
            ("drivers/net/hv.c", "VMBUS_ROM ( \"hv\", \"x\" );\n"),
            ("drivers/net/soc.c", "DT_ROM ( \"soc\", \"x\" );\n"),
            ("arch/x86/drivers/net/undi.c", "PCI_ROM ( 0xffff, 0xffff, \"a\", \"b\", 0 ),\n"),
        ]);
        let get = |name: &str| catalogue.get(&name.parse().unwrap()).unwrap();
        let classes = |name: &str| get(name).classes.iter().copied().collect::<Vec<_>>();
        assert_eq!(classes("fast"), [Class::Bios, Class::EfiX64, Class::EfiArm64]);
        assert_eq!(classes("snp"), [Class::EfiX64, Class::EfiArm64]);
        assert_eq!(classes("hv"), [Class::Bios, Class::EfiX64]);
        assert_eq!(classes("soc"), []);
        assert_eq!(classes("undi"), [Class::Bios]);
        assert_eq!(get("snp").secure_boot, SecureBoot::Permitted);
        assert_eq!(get("hv").secure_boot, SecureBoot::NotPermitted);
    }

    #[test]
    fn a_folder_that_is_no_tree_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Catalogue::scan(folder.path()).unwrap_err().to_string();
        assert!(error.contains("drivers"), "{error}");
    }
}
