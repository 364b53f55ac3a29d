//! A small walk through a FAT12 or FAT16 volume: which files it has and where their bytes lie.
//!
//! The library that writes the volumes tells no offsets, and reads too slowly to check thousands
//! of images a second. The volume may be hostile: everything is bounded.

use super::{loader::field, read_back::ReadBackError, source::Window};
use crate::slot::{Extent, SECTOR};
use std::io::{Read, Seek};

const WHAT: &str = "the FAT volume";
/// How many files and folders are listed before the volume counts as damaged.
const MAX_ENTRIES: usize = 1024;
/// How deep folders nest.
const MAX_DEPTH: usize = 4;
/// How long a folder is, in bytes.
const MAX_FOLDER: u64 = 128 << 10;

const ENTRY: usize = 32;
const ATTRIBUTE_LABEL: u8 = 0x08;
const ATTRIBUTE_FOLDER: u8 = 0x10;
const ATTRIBUTES_LONG_NAME: u8 = 0x0f;

/// What an entry of a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

/// A file or folder of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) path: String,
    /// In bytes; of folders, whole clusters.
    pub(super) len: u64,
    first_cluster: u32,
}

/// The geometry of a volume and its allocation table.
pub(super) struct Volume {
    /// In bytes.
    cluster: u64,
    clusters: u32,
    /// Where the root folder and the clusters start, from the volume's start.
    root: Extent,
    data: u64,
    table: Vec<u8>,
}

impl Volume {
    pub(super) fn open<R: Read + Seek>(window: &mut Window<'_, R>) -> Result<Self, ReadBackError> {
        let boot = window.bytes(WHAT, Extent { offset: 0, len: SECTOR })?;
        let short = |at| u64::from(u16::from_le_bytes(field(&boot, at)));
        let byte = |at| u64::from(field::<1>(&boot, at)[0]);
        let damaged = |reason| Err(ReadBackError::damaged(WHAT, reason));
        if short(510) != 0xaa55 || short(11) != SECTOR {
            return damaged("its first sector is no boot sector with sectors of 512 bytes");
        }
        let (cluster, tables, table_len) = (byte(13) * SECTOR, byte(16), short(22) * SECTOR);
        if !byte(13).is_power_of_two() || !matches!(tables, 1 | 2) || table_len == 0 {
            return damaged("its parameters are not those of FAT12 or FAT16");
        }
        let total = match short(19) {
            0 => u64::from(u32::from_le_bytes(field(&boot, 32))),
            sectors => sectors,
        } * SECTOR;
        let table = short(14) * SECTOR;
        let root = Extent { offset: table + tables * table_len, len: short(17) * ENTRY as u64 };
        let data = (root.offset + root.len).next_multiple_of(SECTOR);
        if table == 0 || total > window.extent().len || data > total {
            return damaged("it is larger than what holds it");
        }
        let clusters = (total - data) / cluster;
        let used = if clusters < 4085 { (clusters + 2) * 3 / 2 + 1 } else { (clusters + 2) * 2 };
        if clusters >= 65525 || used > table_len {
            return damaged("its allocation table does not fit its size");
        }
        let table = window.bytes(WHAT, Extent { offset: table, len: used })?;
        let clusters = u32::try_from(clusters).unwrap_or_default();
        Ok(Self { cluster, clusters, root, data, table })
    }

    /// Where the clusters start, from the volume's start, in bytes.
    pub(super) const fn data(&self) -> u64 {
        self.data
    }

    pub(super) const fn clusters(&self) -> u32 {
        self.clusters
    }

    /// All files and folders, parents before their children.
    pub(super) fn entries<R: Read + Seek>(
        &self,
        window: &mut Window<'_, R>,
    ) -> Result<Vec<Entry>, ReadBackError> {
        if self.root.len > MAX_FOLDER {
            return Err(ReadBackError::damaged(WHAT, "its root folder is too large"));
        }
        let mut entries = parse_folder(&window.bytes(WHAT, self.root)?, "")?;
        let mut next = 0;
        while let Some(entry) = entries.get(next).cloned() {
            next += 1;
            if entry.kind == Kind::File {
                continue;
            }
            if entry.path.matches('/').count() + 1 >= MAX_DEPTH {
                return Err(ReadBackError::damaged(WHAT, "its folders nest too deep"));
            }
            let mut content = Vec::new();
            for extent in self.extents(&entry)? {
                content.extend(window.bytes(WHAT, extent)?);
            }
            entries.extend(parse_folder(&content, &entry.path)?);
            if entries.len() > MAX_ENTRIES {
                return Err(ReadBackError::damaged(WHAT, "it has too many files"));
            }
        }
        Ok(entries)
    }

    /// Where the bytes of a file or folder lie, from the volume's start, in their order; adjacent
    /// runs are joined.
    pub(super) fn extents(&self, entry: &Entry) -> Result<Vec<Extent>, ReadBackError> {
        let limit = match entry.kind {
            Kind::File => entry.len,
            Kind::Folder => MAX_FOLDER,
        };
        let mut extents: Vec<Extent> = Vec::new();
        let (mut cluster, mut found) = (entry.first_cluster, 0);
        while found < limit && !self.is_end(cluster) {
            let index = cluster.checked_sub(2).filter(|index| *index < self.clusters);
            let index = index.ok_or(ReadBackError::damaged(WHAT, "a chain leaves the volume"))?;
            let offset = self.data + u64::from(index) * self.cluster;
            let len = self.cluster.min(limit - found);
            match extents.last_mut().filter(|last| last.end() == Some(offset)) {
                Some(last) => last.len += len,
                None => extents.push(Extent { offset, len }),
            }
            found += len;
            cluster = self.next(cluster);
        }
        if entry.kind == Kind::File && found < entry.len {
            return Err(ReadBackError::damaged(WHAT, "a file's chain ends early"));
        }
        Ok(extents)
    }

    fn next(&self, cluster: u32) -> u32 {
        let pair = |at: u32| {
            u32::from(u16::from_le_bytes(field(
                &self.table,
                usize::try_from(at).unwrap_or_default(),
            )))
        };
        if self.clusters >= 4085 {
            return pair(cluster * 2);
        }
        let packed = pair(cluster + cluster / 2);
        if cluster.is_multiple_of(2) { packed & 0xfff } else { packed >> 4 }
    }

    const fn is_end(&self, cluster: u32) -> bool {
        cluster >= if self.clusters < 4085 { 0xff8 } else { 0xfff8 }
    }
}

/// The entries of one folder, without those for itself and its parent.
fn parse_folder(bytes: &[u8], folder: &str) -> Result<Vec<Entry>, ReadBackError> {
    let mut entries = Vec::new();
    let mut long = LongName::default();
    for raw in bytes.as_chunks::<ENTRY>().0 {
        match raw {
            [0, ..] => break,
            [0xe5, ..] => long = LongName::default(),
            _ if raw[11] == ATTRIBUTES_LONG_NAME => long.add(raw),
            _ if raw[11] & ATTRIBUTE_LABEL != 0 || raw[0] == b'.' => long = LongName::default(),
            _ => {
                let name = long.take(raw).unwrap_or_else(|| short_name(raw));
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let kind = if raw[11] & ATTRIBUTE_FOLDER == 0 { Kind::File } else { Kind::Folder };
                entries.push(Entry {
                    kind,
                    path,
                    len: u64::from(u32::from_le_bytes(field(raw, 28))),
                    first_cluster: u32::from(u16::from_le_bytes(field(raw, 26))),
                });
                if entries.len() > MAX_ENTRIES {
                    return Err(ReadBackError::damaged(WHAT, "a folder has too many files"));
                }
            }
        }
    }
    Ok(entries)
}

/// The pieces of a long name, which stand before the entry they belong to, last piece first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    checksum: Option<u8>,
}

impl LongName {
    fn add(&mut self, raw: &[u8; ENTRY]) {
        if self.checksum != Some(raw[13]) || self.units.len() > 255 {
            *self = Self { units: Vec::new(), checksum: Some(raw[13]) };
        }
        let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
        let piece = places.map(|at| u16::from_le_bytes(field(raw, at)));
        self.units.splice(0..0, piece);
    }

    /// The name that was collected, where it belongs to `raw`.
    fn take(&mut self, raw: &[u8; ENTRY]) -> Option<String> {
        let Self { units, checksum } = std::mem::take(self);
        let sum = raw[..11].iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
        (checksum == Some(sum) && end > 0)
            .then(|| printable(&String::from_utf16_lossy(units.get(..end).unwrap_or_default())))
    }
}

fn short_name(raw: &[u8; ENTRY]) -> String {
    let (name, extension) = raw[..11].split_at(8);
    let text = |bytes| printable(String::from_utf8_lossy(bytes).trim_end());
    match text(extension) {
        extension if extension.is_empty() => text(name),
        extension => format!("{}.{extension}", text(name)),
    }
}

/// `name` without what could garble a terminal or pass for a path.
pub(super) fn printable(name: &str) -> String {
    let plain = |c: char| if c.is_control() || c == '/' { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().map(plain).collect()
}
