//! The partition table of ISO and USB images: a GPT with one partition, the EFI system partition,
//! and in its protective boot sector our boot code and a dummy entry with the active flag.
//!
//! UEFI firmware wants the protective entry itself unflagged; some BIOSes refuse a disk without
//! any flagged entry. An entry of type 0 satisfies both: the arrangement of the large
//! distributions' images.

use super::{LayoutError, ids::Ids, loader::MBR_LOADER_BLOCK, put};
use crate::slot::{Extent, SECTOR};
use hadris_part::{Disk, Gpt, GptEntry, Guid, PartitionName, gpt::types};
use hadris_storage::BlockSize;

/// Where a partition can start, in blocks: behind the boot sector and the primary table.
pub(super) const FIRST_USABLE: u64 = 34;
/// How many blocks the backup table takes at the end of the disk.
pub(super) const BACKUP_BLOCKS: u64 = 33;
/// The smallest disk, in bytes: one cylinder of 16 heads and 63 sectors. A BIOS may find no
/// geometry for a smaller one and leave it out (SeaBIOS does so with USB disks).
pub(super) const MIN_DISK: u64 = 16 * 63 * SECTOR;
/// The second entry of the boot sector's table: flagged active, type 0, one block.
const ACTIVE_DUMMY: [u8; 16] = [0x80, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0];
const ACTIVE_DUMMY_AT: u64 = 446 + 16;
const SIGNATURE_AT: usize = 440;

/// What goes into the boot sector.
pub(super) struct BootCode<'a> {
    /// The code: at most [`MBR_LOADER_BLOCK`] bytes.
    pub(super) code: &'a [u8],
    /// Where the loader lies that the code reads.
    pub(super) loader: Extent,
}

/// Writes the tables into `image`, whose last blocks and first ones are theirs; `partition` is
/// the EFI system partition.
pub(super) fn write_tables(
    image: &mut [u8],
    partition: Extent,
    boot: Option<&BootCode<'_>>,
    ids: &Ids<'_>,
) -> Result<(), LayoutError> {
    let failed = |error| LayoutError::library("making the partition table", error);
    let block = BlockSize::new(512).ok_or_else(|| LayoutError::library("sizing blocks", "zero"))?;
    let disk_guid = Guid::from_bytes(ids.guid("disk"));
    let mut gpt = Gpt::new(disk_guid, image.len() as u64 / SECTOR, block).map_err(failed)?;
    let name = PartitionName::new("EFI system partition").map_err(failed)?;
    let guid = Guid::from_bytes(ids.guid("partition"));
    let (start, blocks) = (partition.offset / SECTOR, partition.len / SECTOR);
    gpt.add(GptEntry::new(types::EFI_SYSTEM, guid, start, blocks).with_name(name))
        .map_err(failed)?;
    let mut disk = Disk::new(gpt);
    disk.set_bootstrap(&boot_area(boot, ids)?).map_err(failed)?;
    for run in disk.runs() {
        put(image, run.lba() * SECTOR, run.bytes())?;
    }
    if boot.is_some() {
        put(image, ACTIVE_DUMMY_AT, &ACTIVE_DUMMY)?;
    }
    Ok(())
}

fn boot_area(boot: Option<&BootCode<'_>>, ids: &Ids<'_>) -> Result<[u8; 446], LayoutError> {
    let mut area = [0; 446];
    if let Some(BootCode { code, loader }) = boot {
        put(area.get_mut(..MBR_LOADER_BLOCK).unwrap_or_default(), 0, code)?;
        put(&mut area, MBR_LOADER_BLOCK as u64, &(loader.offset / SECTOR).to_le_bytes())?;
    }
    put(&mut area, SIGNATURE_AT as u64, &ids.number("disk").to_le_bytes())?;
    Ok(area)
}
