//! FAT volumes that carry boot files: written by `fatfs`, with what it cannot do done here.
//!
//! Added to it: room for the loader in the reserved sectors, the partition's offset, boot code,
//! files that start where a CD's sector does, and folders whose first two entries are what the
//! standard says (`fatfs` puts long names before `.` and `..`, which `fsck.fat` objects to).

use super::{
    LayoutError,
    fat_read::{Entry, Kind, Volume},
    loader::VBR,
    put,
    source::Window,
};
use crate::{
    format::Format,
    slot::{Extent, SECTOR},
};
use std::io::{Cursor, Write};

/// The fewest clusters of a volume: fatfs makes no smaller ones.
const MIN_CLUSTERS: u64 = 8;
/// The most clusters of FAT12.
const MAX_CLUSTERS: u64 = 4084;
/// A CD's sector, which files are aligned to outside of floppies.
const ALIGN: u64 = 2048;
/// How many sectors the root folder of a partition has: 16 entries, long names take two each.
const ROOT_SECTORS: u16 = 1;

/// A volume to be made.
pub(super) struct VolumeSpec<'a> {
    pub(super) medium: Medium,
    pub(super) format: Format,
    /// Serial number.
    pub(super) serial: u32,
    /// What lies in the reserved sectors behind the boot sector: whole sectors, or nothing.
    pub(super) reserved: &'a [u8],
    /// Path and content; parents are made. The files lie in this order, without gaps.
    pub(super) files: &'a [(&'a str, &'a [u8])],
}

/// What a volume is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// A 1.44 MB floppy.
    Floppy,
    /// A partition, as large as its files need.
    Partition {
        /// The block of 512 bytes that it starts at.
        start: u32,
        /// How many blocks its length is a multiple of: a multiple of 4.
        step: u64,
        /// How many blocks it has at least.
        least: u64,
    },
}

/// A volume, and where its files lie.
pub(super) struct MadeVolume {
    pub(super) bytes: Vec<u8>,
    volume: Volume,
    entries: Vec<Entry>,
}

impl MadeVolume {
    /// Where the one run of the file at `path` lies, from the volume's start.
    pub(super) fn extent(&self, path: &str) -> Result<Extent, LayoutError> {
        let missing = || LayoutError::library("finding a file in the FAT volume", path);
        let entry = self.entries.iter().find(|entry| entry.path == path).ok_or_else(missing)?;
        match self.volume.extents(entry).map_err(unreadable)?.as_slice() {
            [extent] => Ok(*extent),
            _ => Err(LayoutError::library("laying out the FAT volume", "a file is fragmented")),
        }
    }
}

/// Makes a volume.
pub(super) fn make(spec: &VolumeSpec<'_>) -> Result<MadeVolume, LayoutError> {
    let shape = match spec.medium {
        Medium::Floppy => floppy_shape(spec)?,
        Medium::Partition { step, least, .. } => partition_shape(spec, step, least)?,
    };
    let made = fill(spec, &shape)?;
    let aligned = spec.medium == Medium::Floppy || made.volume.data().is_multiple_of(ALIGN);
    if aligned && u64::from(made.volume.clusters()) >= shape.clusters {
        return Ok(made);
    }
    Err(LayoutError::library("laying out the FAT volume", "its shape is not what was asked for"))
}

/// How a volume is divided; all but the cluster in units of their own.
struct Shape {
    sectors: u64,
    /// Sectors before the first allocation table, the boot sector included.
    reserved: u64,
    root_sectors: u16,
    /// In bytes.
    cluster: u64,
    clusters: u64,
}

fn floppy_shape(spec: &VolumeSpec<'_>) -> Result<Shape, LayoutError> {
    let (sectors, root_sectors, reserved) = (2880, 14, used_reserved(spec));
    // Two allocation tables of nine sectors, as on every such floppy.
    let clusters = sectors - reserved - 18 - u64::from(root_sectors);
    check_size(spec, SECTOR, clusters)?;
    Ok(Shape { sectors, reserved, root_sectors, cluster: SECTOR, clusters })
}

/// As large as its files need. What rounds it up goes before them, into the reserved sectors, so
/// that nothing comes between the last file and the volume's end.
fn partition_shape(spec: &VolumeSpec<'_>, step: u64, least: u64) -> Result<Shape, LayoutError> {
    let fits = |cluster: &u64| clusters_needed(spec, *cluster) <= MAX_CLUSTERS;
    let cluster = (0..5).map(|power| ALIGN << power).find(fits).unwrap_or(ALIGN << 4);
    check_size(spec, cluster, MAX_CLUSTERS)?;
    let clusters = clusters_needed(spec, cluster).max(MIN_CLUSTERS);
    let table = ((clusters + 2) * 3).div_ceil(2 * SECTOR);
    let rest = 2 * table + u64::from(ROOT_SECTORS) + clusters * (cluster / SECTOR);
    let sectors = (used_reserved(spec) + rest).max(least).next_multiple_of(step);
    let reserved = sectors - rest;
    Ok(Shape { sectors, reserved, root_sectors: ROOT_SECTORS, cluster, clusters })
}

/// The boot sector, and what is to lie behind it.
fn used_reserved(spec: &VolumeSpec<'_>) -> u64 {
    1 + spec.reserved.len() as u64 / SECTOR
}

/// The clusters of all files and of the folders that hold them.
fn clusters_needed(spec: &VolumeSpec<'_>, cluster: u64) -> u64 {
    let files: u64 = spec.files.iter().map(|(_, data)| (data.len() as u64).div_ceil(cluster)).sum();
    files + folders(spec).len() as u64
}

/// The folders that hold files, parents first.
fn folders<'a>(spec: &VolumeSpec<'a>) -> Vec<&'a str> {
    let mut folders = Vec::new();
    for (path, _) in spec.files {
        for folder in path.match_indices('/').filter_map(|(at, _)| path.get(..at)) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
}

fn check_size(spec: &VolumeSpec<'_>, cluster: u64, most: u64) -> Result<(), LayoutError> {
    let needs = clusters_needed(spec, cluster);
    if needs <= most {
        return Ok(());
    }
    let largest = spec.files.iter().map(|(_, data)| data.len() as u64).max();
    Err(LayoutError::TooLarge {
        format: spec.format,
        needs: needs * cluster,
        holds: most * cluster,
        binary: largest.unwrap_or_default(),
    })
}

fn fill(spec: &VolumeSpec<'_>, shape: &Shape) -> Result<MadeVolume, LayoutError> {
    // fatfs knows one reserved sector; the others are let in afterwards.
    let more = ((shape.reserved - 1) * SECTOR) as usize;
    let mut bytes = vec![0; (shape.sectors * SECTOR) as usize - more];
    format(&mut bytes, spec, shape).map_err(failed)?;
    write_files(&mut bytes, spec).map_err(failed)?;
    let at = SECTOR as usize;
    let zeros = std::iter::repeat_n(0, more.saturating_sub(spec.reserved.len()));
    bytes.splice(at..at, spec.reserved.iter().copied().chain(zeros));
    finish_boot_sector(&mut bytes, spec, shape)?;

    let mut cursor = Cursor::new(&mut bytes);
    let mut window = Window::whole(&mut cursor).map_err(unreadable)?;
    let volume = Volume::open(&mut window).map_err(unreadable)?;
    let entries = volume.entries(&mut window).map_err(unreadable)?;
    for folder in entries.iter().filter(|entry| entry.kind == Kind::Folder) {
        for extent in volume.extents(folder).map_err(unreadable)? {
            drop_long_dots(&mut bytes, extent);
        }
    }
    Ok(MadeVolume { bytes, volume, entries })
}

fn format(bytes: &mut [u8], spec: &VolumeSpec<'_>, shape: &Shape) -> std::io::Result<()> {
    let (media, sectors, heads, drive) = match spec.medium {
        Medium::Floppy => (0xf0, 18, 2, 0),
        Medium::Partition { .. } => (0xf8, 63, 255, 0x80),
    };
    let options = fatfs::FormatVolumeOptions::new()
        .fat_type(fatfs::FatType::Fat12)
        .bytes_per_cluster(u32::try_from(shape.cluster).unwrap_or(u32::MAX))
        .max_root_dir_entries(shape.root_sectors.saturating_mul(16))
        .media(media)
        .sectors_per_track(sectors)
        .heads(heads)
        .drive_num(drive)
        .volume_id(spec.serial)
        .volume_label(*b"BOOTMINT   ");
    fatfs::format_volume(Cursor::new(bytes), options)
}

fn write_files(bytes: &mut [u8], spec: &VolumeSpec<'_>) -> std::io::Result<()> {
    let options = fatfs::FsOptions::new().update_accessed_date(false).time_provider(&FixedTime);
    let volume = fatfs::FileSystem::new(Cursor::new(bytes), options)?;
    for folder in folders(spec) {
        volume.root_dir().create_dir(folder)?;
    }
    for (path, data) in spec.files {
        let mut file = volume.root_dir().create_file(path)?;
        file.write_all(data)?;
        file.flush()?;
    }
    volume.unmount()
}

/// Boot code, and the parameters that fatfs has no option for.
fn finish_boot_sector(
    bytes: &mut [u8],
    spec: &VolumeSpec<'_>,
    shape: &Shape,
) -> Result<(), LayoutError> {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let [low, high, ..] = number(shape.sectors);
    let (short, long) = match shape.sectors {
        ..0x10000 => ([low, high], [0; 4]),
        _ => ([0; 2], number(shape.sectors)),
    };
    let hidden = match spec.medium {
        Medium::Floppy => 0,
        Medium::Partition { start, .. } => start,
    };
    let [low, high, ..] = number(shape.reserved);
    put(bytes, 0, &[0xeb, 0x3c, 0x90])?;
    put(bytes, 14, &[low, high])?;
    put(bytes, 19, &short)?;
    put(bytes, 28, &hidden.to_le_bytes())?;
    put(bytes, 32, &long)?;
    put(bytes, 62, VBR)?;
    put(bytes, 510, &[0x55, 0xaa])
}

/// Takes the long-name entries before `.` and `..` out of a folder's first cluster.
fn drop_long_dots(bytes: &mut [u8], folder: Extent) {
    let (start, len) = (folder.offset as usize, folder.len as usize);
    let Some(bytes) = bytes.get_mut(start..start + len) else { return };
    let entries = bytes.as_chunks::<32>().0;
    let is_dot = |entry: &[u8; 32]| entry[0] == b'.' && entry[11] & 0x10 != 0;
    let mut kept: Vec<u8> = Vec::with_capacity(len);
    for (at, entry) in entries.iter().enumerate() {
        let before_dot = entry[11] == 0x0f && entries.get(at + 1).is_some_and(is_dot);
        if !before_dot {
            kept.extend_from_slice(entry);
        }
    }
    kept.resize(len, 0);
    bytes.copy_from_slice(&kept);
}

fn failed(error: std::io::Error) -> LayoutError {
    LayoutError::library("writing the FAT volume", error)
}

fn unreadable(error: super::read_back::ReadBackError) -> LayoutError {
    LayoutError::library("reading the FAT volume back", error)
}

/// The time of every file: images are a pure function of their inputs.
#[derive(Debug)]
struct FixedTime;

impl fatfs::TimeProvider for FixedTime {
    fn get_current_date(&self) -> fatfs::Date {
        fatfs::Date { year: 2000, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> fatfs::DateTime {
        let time = fatfs::Time { hour: 0, min: 0, sec: 0, millis: 0 };
        fatfs::DateTime { date: self.get_current_date(), time }
    }
}

#[cfg(test)]
mod tests;
