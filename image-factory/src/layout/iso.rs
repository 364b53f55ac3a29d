//! The hybrid ISO: one file that boots as CD and as disk, on BIOS and UEFI.
//!
//! `hadris-iso` lays out the ISO 9660 volume; around it come a boot sector and a GPT in the
//! volume's unused first 32 KiB and behind its end. The EFI system partition lies last among the
//! files and the ticket last in it, so that almost nothing follows the slot.

use super::{
    BiosLoader, IsolinuxFiles, Laid, LayoutError, Spec, TICKET_FILE,
    disk::{BACKUP_BLOCKS, BootCode, MIN_DISK, write_tables},
    fat::{Medium, VolumeSpec, make},
    ids::Ids,
    iso_read::{DESCRIPTORS, ISO_SECTOR, IsoVolume},
    loader::{MBR, MBR_LOADER_BLOCK, STAGE2, Table, field},
    put,
    source::Window,
};
use crate::slot::{Extent, SECTOR, Slot};
use hadris_fs::{Content, DateTime, Node, Report, Tree};
use hadris_iso::{BootEntry, BootInfo, ElTorito, IsoId, IsoLevel, IsoOptions};
use hadris_storage::{BlockSize, MemDevice};
use std::io::Cursor;

const KERNEL: &str = "ipxe.lkrn";
const LOADER: &str = "bootmint.bin";
const ISOLINUX: &str = "isolinux.bin";
/// The EFI system partition; the name puts it last.
const ESP: &str = "uefi.img";
/// What isolinux is to do. It finds the ticket through the root folder.
const ISOLINUX_CONFIG: &str =
    "DEFAULT ipxe\nPROMPT 0\nLABEL ipxe\n KERNEL ipxe.lkrn\n INITRD autoexec.ipxe\n";
/// What hadris-iso appends for drives that read ahead; taken off again, as virtual media have no
/// such drives and every byte after the slot is hashed for every host.
const PADDING: u64 = 150;
/// The sector behind the volume descriptors.
const FIRST_BLOCK: u64 = 19;
/// 2000-01-01: images are a pure function of their inputs.
const TIME: i64 = 946_684_800;

pub(super) fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let ids = Ids::new(&spec.seed);
    let (kernel, efi, blank) = (spec.bios()?, spec.efi()?, spec.blank_slot()?);
    if kernel.is_none() && efi.is_empty() {
        return Err(LayoutError::NoPlatform { format: spec.format });
    }
    let mut files = efi.clone();
    files.push((TICKET_FILE, &blank));
    let esp = make(&VolumeSpec {
        medium: Medium::Partition { start: 0, step: ISO_SECTOR / SECTOR, least: 0 },
        format: spec.format,
        serial: ids.number("fat"),
        reserved: &[],
        files: &files,
    })?;
    let in_esp = esp.extent(TICKET_FILE)?;

    let mut tree = Tree::new();
    // Empty here: its directory record is pointed into the partition below.
    insert(&mut tree, TICKET_FILE, &[])?;
    insert(&mut tree, ESP, &esp.bytes)?;
    let mut catalogue = ElTorito::new();
    if let Some(kernel) = kernel {
        insert(&mut tree, KERNEL, kernel)?;
        catalogue = catalogue.with_entry(add_loader(&mut tree, spec.bios_loader)?);
    }
    if !efi.is_empty() {
        catalogue = catalogue.with_entry(BootEntry::uefi(ESP));
    }
    let (mut bytes, report) = write(&tree, &catalogue, &ids)?;

    let partition = extent(&report, ESP)?;
    let slot = Extent { offset: partition.offset + in_esp.offset, len: in_esp.len };
    set_hidden_sectors(&mut bytes, partition)?;
    share_ticket(&mut bytes, slot)?;
    let boot = match kernel {
        None => None,
        Some(_) => Some(finish_loader(&mut bytes, spec.bios_loader, &report, slot)?),
    };
    trim(&mut bytes)?;
    write_tables(&mut bytes, partition, boot.as_ref(), &ids)?;
    Laid::new(bytes, Slot { name: "esp".into(), region: slot, owner: partition })
}

fn failed(error: impl std::fmt::Display) -> LayoutError {
    LayoutError::library("writing the ISO 9660 volume", error)
}

fn insert(tree: &mut Tree, path: &str, bytes: &[u8]) -> Result<(), LayoutError> {
    tree.insert(path, Node::file(Content::bytes(bytes.to_vec()))).map(drop).map_err(failed)
}

/// Puts the BIOS loader's files into the tree.
fn add_loader(tree: &mut Tree, loader: BiosLoader<'_>) -> Result<BootEntry, LayoutError> {
    match loader {
        BiosLoader::Own => {
            insert(tree, LOADER, STAGE2)?;
            Ok(BootEntry::bios(LOADER).with_load_size(4))
        }
        BiosLoader::Isolinux { files } => {
            check_isolinux(files)?;
            insert(tree, ISOLINUX, &files.isolinux)?;
            insert(tree, "isolinux.cfg", ISOLINUX_CONFIG.as_bytes())?;
            insert(tree, "ldlinux.c32", &files.ldlinux)?;
            Ok(BootEntry::bios(ISOLINUX).with_load_size(4).with_boot_info(BootInfo::Table))
        }
    }
}

fn check_isolinux(files: &IsolinuxFiles) -> Result<(), LayoutError> {
    let refuse = |file, reason| Err(LayoutError::Isolinux { file, reason });
    if !(4096..=1 << 20).contains(&files.isolinux.len()) {
        return refuse("isolinux.bin", "its length is not that of isolinux");
    }
    if files.ldlinux.get(..4) != Some(b"\x7fELF") {
        return refuse("ldlinux.c32", "it is no module");
    }
    if files.boot_sector.len() < MBR_LOADER_BLOCK {
        return refuse("isohdpfx.bin", "it is shorter than a boot sector's code");
    }
    Ok(())
}

/// Writes the volume, its content moved up where a disk must be larger, or by one sector to put
/// the partition at an odd one: partitioning tools take the power of two that divides a
/// partition's start for its alignment and want its end to have the same.
fn write(
    tree: &Tree,
    catalogue: &ElTorito,
    ids: &Ids<'_>,
) -> Result<(Vec<u8>, Report), LayoutError> {
    let (bytes, report) = write_from(FIRST_BLOCK, tree, catalogue, ids)?;
    let missing = MIN_DISK.saturating_sub(trimmed(&bytes)?).div_ceil(ISO_SECTOR);
    let start = extent(&report, ESP)?.offset / ISO_SECTOR + missing;
    match missing + u64::from(start.is_multiple_of(2)) {
        0 => Ok((bytes, report)),
        up => write_from(FIRST_BLOCK + up, tree, catalogue, ids),
    }
}

fn write_from(
    first_block: u64,
    tree: &Tree,
    catalogue: &ElTorito,
    ids: &Ids<'_>,
) -> Result<(Vec<u8>, Report), LayoutError> {
    let time = DateTime::new(TIME, 0).map_err(|_| failed("the time is out of range"))?;
    let options = IsoOptions::new()
        .with_id(IsoId::Volume, "BOOTMINT")
        .with_level(IsoLevel::L2)
        .with_time(time)
        .with_seed(u64::from(ids.number("iso")))
        .with_min_blocks(first_block)
        .with_el_torito(catalogue.clone());
    let plan = hadris_iso::plan(tree, &options).map_err(failed)?;
    let block = BlockSize::new(512).ok_or_else(|| failed("block size"))?;
    let mut device = MemDevice::new(vec![0; plan.size() as usize], block);
    let report = hadris_iso::sync::write(&mut device, tree, &options).map_err(failed)?;
    Ok((device.into_inner(), report))
}

/// The image's length once its padding is replaced by room for the backup partition table.
fn trimmed(image: &[u8]) -> Result<u64, LayoutError> {
    let data = (image.len() as u64)
        .checked_sub(PADDING * ISO_SECTOR)
        .filter(|end| image.get(*end as usize..).is_some_and(|tail| tail.iter().all(|b| *b == 0)))
        .ok_or_else(|| failed("its padding is not where it should be"))?;
    Ok(data + (BACKUP_BLOCKS * SECTOR).next_multiple_of(ISO_SECTOR))
}

/// Where the one run of a file lies, as the library reports it.
fn extent(report: &Report, path: &str) -> Result<Extent, LayoutError> {
    match report.extents(path) {
        Some([extent]) => Ok(Extent { offset: extent.offset(), len: extent.len() }),
        _ => Err(failed(format!("{path} does not lie in one piece"))),
    }
}

/// A volume's boot sector tells where on the disk it lies.
fn set_hidden_sectors(image: &mut [u8], partition: Extent) -> Result<(), LayoutError> {
    let blocks = u32::try_from(partition.offset / SECTOR).map_err(failed)?;
    put(image, partition.offset + 28, &blocks.to_le_bytes())
}

/// Points the root folder's record of the ticket into the EFI system partition: one slot serves
/// isolinux, a person who mounts the image, and UEFI.
fn share_ticket(image: &mut [u8], slot: Extent) -> Result<(), LayoutError> {
    let mut cursor = Cursor::new(&mut *image);
    let volume = Window::whole(&mut cursor)
        .and_then(|mut window| IsoVolume::open(&mut window))
        .map_err(failed)?;
    let record = volume.file(TICKET_FILE).ok_or_else(|| failed("the ticket has no record"))?.record;
    let sector = u32::try_from(slot.offset / ISO_SECTOR).map_err(failed)?;
    let len = u32::try_from(slot.len).map_err(failed)?;
    put(image, record + 2, &both(sector))?;
    put(image, record + 10, &both(len))
}

/// A number as ISO 9660 stores it: little endian, then big endian.
fn both(number: u32) -> [u8; 8] {
    let (low, high) = (number.to_le_bytes(), number.to_be_bytes());
    [low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]]
}

/// Fills our loader's table; returns what starts the loader from disk.
fn finish_loader<'a>(
    image: &mut [u8],
    loader: BiosLoader<'a>,
    report: &Report,
    slot: Extent,
) -> Result<BootCode<'a>, LayoutError> {
    match loader {
        BiosLoader::Own => {
            let place = extent(report, LOADER)?;
            let mut code = *STAGE2;
            Table { kernel: extent(report, KERNEL)?, slot, geometry: None }.patch(&mut code)?;
            put(image, place.offset, &code)?;
            Ok(BootCode { code: MBR, loader: place })
        }
        BiosLoader::Isolinux { files } => {
            let code = files.boot_sector.get(..MBR_LOADER_BLOCK).unwrap_or_default();
            Ok(BootCode { code, loader: extent(report, ISOLINUX)? })
        }
    }
}

/// Replaces the padding by room for the backup partition table, and corrects the volume's size.
fn trim(image: &mut Vec<u8>) -> Result<(), LayoutError> {
    let size = trimmed(image)?;
    let volume = DESCRIPTORS * ISO_SECTOR;
    let sectors = u32::try_from(size / ISO_SECTOR).map_err(failed)?;
    if field(image.get(volume as usize..).unwrap_or_default(), 80)
        != both(u32::try_from(image.len() as u64 / ISO_SECTOR).map_err(failed)?)
    {
        return Err(failed("its descriptor tells another size"));
    }
    image.resize(size as usize, 0);
    put(image, volume + 80, &both(sectors))
}
