//! A small walk through an ISO 9660 volume: its root folder and its El Torito boot catalogue.
//!
//! Our images have no other folders. The volume may be hostile: everything is bounded.

use super::{fat_read::printable, loader::field, read_back::ReadBackError, source::Window};
use crate::slot::Extent;
use std::io::{Read, Seek};

const WHAT: &str = "the ISO 9660 volume";
/// A logical sector, in bytes.
pub(super) const ISO_SECTOR: u64 = 2048;
/// The sector of the first volume descriptor.
pub(super) const DESCRIPTORS: u64 = 16;
/// How long the root folder may be, in bytes.
const MAX_FOLDER: u64 = 64 << 10;

/// A file of the root folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IsoFile {
    /// Its name in lower case, without version.
    pub(super) name: String,
    /// Where its bytes lie, from the volume's start.
    pub(super) extent: Extent,
    /// Where its directory record lies.
    pub(super) record: u64,
}

/// What firmware an entry of the boot catalogue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BootKind {
    Bios,
    Uefi,
}

/// The volume's root folder and boot entries.
pub(super) struct IsoVolume {
    pub(super) files: Vec<IsoFile>,
    /// What each boot entry is for, and where its image starts, in bytes.
    pub(super) boot: Vec<(BootKind, u64)>,
}

impl IsoVolume {
    pub(super) fn open<R: Read + Seek>(window: &mut Window<'_, R>) -> Result<Self, ReadBackError> {
        let at = DESCRIPTORS * ISO_SECTOR;
        let descriptors = window.bytes(WHAT, Extent { offset: at, len: 2 * ISO_SECTOR })?;
        let (primary, record) = descriptors.split_at(ISO_SECTOR as usize);
        if field(primary, 0) != *b"\x01CD001" || field(record, 0) != *b"\0CD001" {
            return Err(ReadBackError::damaged(
                WHAT,
                "it does not start with a primary and a boot descriptor",
            ));
        }
        let files = root_files(window, record_extent(primary, 156))?;
        let catalogue = sectors(u32::from_le_bytes(field(record, 0x47)));
        let extent = Extent { offset: catalogue, len: ISO_SECTOR };
        let boot = boot_entries(&window.bytes("the El Torito boot catalogue", extent)?)?;
        Ok(Self { files, boot })
    }

    /// The file of this name, lower case.
    pub(super) fn file(&self, name: &str) -> Option<&IsoFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn sectors(count: u32) -> u64 {
    u64::from(count) * ISO_SECTOR
}

/// The extent that the directory record at `at` names.
fn record_extent(bytes: &[u8], at: usize) -> Extent {
    Extent {
        offset: sectors(u32::from_le_bytes(field(bytes, at + 2))),
        len: u64::from(u32::from_le_bytes(field(bytes, at + 10))),
    }
}

fn root_files<R: Read + Seek>(
    window: &mut Window<'_, R>,
    folder: Extent,
) -> Result<Vec<IsoFile>, ReadBackError> {
    if folder.len > MAX_FOLDER {
        return Err(ReadBackError::damaged(WHAT, "its root folder is too large"));
    }
    let bytes = window.bytes(WHAT, folder)?;
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(&len) = bytes.get(at) {
        if len == 0 {
            at = (at + 1).next_multiple_of(ISO_SECTOR as usize); // no record crosses a sector
            continue;
        }
        let record = bytes.get(at..at + usize::from(len));
        let record =
            record.ok_or(ReadBackError::damaged(WHAT, "a directory record is cut short"))?;
        let name = record.get(33..33 + usize::from(field::<1>(record, 32)[0])).unwrap_or_default();
        let is_folder = field::<1>(record, 25)[0] & 2 != 0;
        if !is_folder && !name.is_empty() {
            let extent = record_extent(record, 0);
            window.absolute("a file of the ISO 9660 volume", extent)?;
            let text = String::from_utf8_lossy(name).to_lowercase();
            let name = printable(text.split(';').next().unwrap_or_default());
            files.push(IsoFile { name, extent, record: folder.offset + at as u64 });
        }
        at += usize::from(len);
    }
    Ok(files)
}

/// Follows El Torito: validation entry, default entry, then sections of entries.
fn boot_entries(catalogue: &[u8]) -> Result<Vec<(BootKind, u64)>, ReadBackError> {
    let damaged = |reason| ReadBackError::damaged("the El Torito boot catalogue", reason);
    let (entries, _) = catalogue.as_chunks::<32>();
    let [validation, default, rest @ ..] = entries else { return Err(damaged("it is cut short")) };
    let words = validation.as_chunks::<2>().0.iter();
    let sum = words.fold(0u16, |sum, word| sum.wrapping_add(u16::from_le_bytes(*word)));
    if validation[0] != 1 || sum != 0 || field(validation, 30) != [0x55, 0xaa] {
        return Err(damaged("its validation entry is wrong"));
    }
    let mut boot = Vec::new();
    let mut take = |platform: u8, entry: &[u8; 32]| {
        let kind = match platform {
            0 => BootKind::Bios,
            0xef => BootKind::Uefi,
            _ => return,
        };
        if entry[0] == 0x88 {
            boot.push((kind, sectors(u32::from_le_bytes(field(entry, 8)))));
        }
    };
    take(validation[1], default);
    let mut section = None;
    for entry in rest {
        section = match (section, entry) {
            (Some((platform, left)), entry) => {
                take(platform, entry);
                (left > 1).then(|| (platform, left - 1))
            }
            (None, [0x90 | 0x91, platform, ..]) => {
                let left = u16::from_le_bytes(field(entry, 2));
                (left > 0).then_some((*platform, left))
            }
            _ => break,
        };
    }
    Ok(boot)
}
