//! A disk image: a partition table and one FAT volume, which UEFI firmware reads as the EFI
//! system partition and whose reserved sectors hold the BIOS loader.

use super::{
    Laid, LayoutError, Spec, TICKET_FILE,
    disk::{BACKUP_BLOCKS, BootCode, FIRST_USABLE, MIN_DISK, write_tables},
    fat::{Medium, VolumeSpec, make},
    ids::Ids,
    loader::{MBR, STAGE2, STAGE2_LEN, Table},
    put,
};
use crate::{
    format::Format,
    slot::{Extent, SECTOR, Slot},
};

/// Where the partition starts, in blocks: 32 KiB, so that its files lie on whole 4 KiB sectors.
const START: u32 = 64;
const _: () = assert!(START as u64 >= FIRST_USABLE);

pub(super) fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let (bytes, slot) = disk(spec, SECTOR, 0)?;
    Laid::new(bytes, slot)
}

/// The disk's bytes and its slot. Its length is a multiple of `unit` and `least`, at least.
pub(super) fn disk(spec: &Spec<'_>, unit: u64, least: u64) -> Result<(Vec<u8>, Slot), LayoutError> {
    let ids = Ids::new(&spec.seed);
    let (kernel, blank) = (spec.bios()?, spec.blank_slot()?);
    let mut files = spec.efi()?;
    if let Some(kernel) = kernel {
        files.push(("ipxe.lkrn", kernel));
    }
    if files.is_empty() {
        return Err(LayoutError::NoPlatform { format: spec.format });
    }
    files.push((TICKET_FILE, &blank)); // last, so that little follows the slot
    let made = make(&VolumeSpec {
        medium: Medium::Partition {
            start: START,
            step: u64::from(START),
            least: (MIN_DISK / SECTOR).saturating_sub(u64::from(START) + BACKUP_BLOCKS),
        },
        format: spec.format,
        serial: ids.number("fat"),
        reserved: if kernel.is_some() { STAGE2 } else { &[] },
        files: &files,
    })?;

    let partition = Extent { offset: u64::from(START) * SECTOR, len: made.bytes.len() as u64 };
    let on_disk = |inner: Extent| Extent { offset: partition.offset + inner.offset, ..inner };
    let slot = on_disk(made.extent(TICKET_FILE)?);
    let end = partition.offset + partition.len;
    let mut bytes = vec![0; partition.offset as usize];
    bytes.extend_from_slice(&made.bytes);
    let len = (end + BACKUP_BLOCKS * SECTOR).next_multiple_of(unit).max(least);
    bytes.resize(len as usize, 0);

    let loader = Extent { offset: partition.offset + SECTOR, len: STAGE2_LEN as u64 };
    if kernel.is_some() {
        let mut code = *STAGE2;
        let kernel = on_disk(made.extent("ipxe.lkrn")?);
        Table { kernel, slot, geometry: None }.patch(&mut code)?;
        put(&mut bytes, loader.offset, &code)?;
    }
    let boot = kernel.is_some().then_some(BootCode { code: MBR, loader });
    write_tables(&mut bytes, partition, boot.as_ref(), &ids)?;
    Ok((bytes, Slot { name: "esp".into(), region: slot, owner: slot }))
}

/// A disk image of one FAT volume with `files`, which starts nothing by itself.
pub(super) fn data_disk(files: &[(&str, &[u8])], seed: &[u8; 32]) -> Result<Vec<u8>, LayoutError> {
    let ids = Ids::new(seed);
    let made = make(&VolumeSpec {
        medium: Medium::Partition {
            start: START,
            step: u64::from(START),
            least: (MIN_DISK / SECTOR).saturating_sub(u64::from(START) + BACKUP_BLOCKS),
        },
        format: Format::Usb,
        serial: ids.number("fat"),
        reserved: &[],
        files,
    })?;
    let partition = Extent { offset: u64::from(START) * SECTOR, len: made.bytes.len() as u64 };
    let mut bytes = vec![0; partition.offset as usize];
    bytes.extend_from_slice(&made.bytes);
    bytes.resize((partition.offset + partition.len + BACKUP_BLOCKS * SECTOR) as usize, 0);
    write_tables(&mut bytes, partition, None, &ids)?;
    Ok(bytes)
}
