//! Reads an image back the ways that firmware reads it, to find out what it really holds.
//!
//! A ticket for the wrong machine is the worst fault an image can have. So what was minted is
//! looked at again through the file systems and through the BIOS loader's table, never through
//! the slot table that it was written by. Images may be hostile here: somebody else's file may be
//! shown, too.

use super::{
    TICKET_FILE,
    fat_read::{Kind, Volume},
    iso_read::{BootKind, IsoVolume},
    loader::{LoaderError, MBR_LOADER_BLOCK, STAGE2_LEN, Table, WRAPPER_LEN, field},
    source::Window,
    vhd,
};
use crate::{
    format::Format,
    slot::{Extent, MAX_CAPACITY, SECTOR},
};
use std::{
    fmt,
    io::{self, Read, Seek},
};

/// The largest bare EFI application that is read, in bytes.
const MAX_BINARY: u64 = 64 << 20;

/// The way on which a ticket was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// UEFI from CD: the boot catalogue's UEFI entry, as a FAT volume.
    ElTorito,
    /// UEFI from disk: the GPT's EFI system partition, as a FAT volume.
    Partition,
    /// A floppy's own FAT volume.
    Fat,
    /// The root folder of the ISO 9660 volume, as isolinux and people read it.
    IsoFolder,
    /// The BIOS loader's table, as the loader reads it.
    Loader,
    /// The text of a bare EFI application.
    Binary,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ElTorito => "el-torito",
            Self::Partition => "partition",
            Self::Fat => "fat",
            Self::IsoFolder => "iso-folder",
            Self::Loader => "loader",
            Self::Binary => "binary",
        })
    }
}

/// The bytes that one way of booting takes for the ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTicket {
    /// Which way.
    pub via: Via,
    /// Where in the image the bytes stand, piece by piece.
    pub extents: Vec<Extent>,
    /// The content of the slot, fill included (of a bare EFI application perhaps without its
    /// end): see [`crate::slot::unpad`].
    pub bytes: Vec<u8>,
}

/// A file in one of the image's file systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path, led by what it is in: `iso:`, `esp:`, `fat:` or `lkrn:`.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
}

/// What an image holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadBack {
    /// Every ticket, one per way that leads to one; at least one. They must all be the same.
    pub tickets: Vec<FoundTicket>,
    /// Every file.
    pub files: Vec<FileEntry>,
}

/// Why an image cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadBackError {
    /// The image could not be read, or ends early.
    #[error("reading the image")]
    Read(#[source] io::Error),
    /// Something in it is not as it was laid out.
    #[error("{what} cannot be read: {reason}; the image is damaged, or no image of Bootmint")]
    Damaged {
        /// Which part of the image.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The BIOS loader's table is not usable.
    #[error("the BIOS loader cannot be followed; the image is damaged, or no image of Bootmint")]
    Loader(#[from] LoaderError),
}

impl ReadBackError {
    pub(super) const fn damaged(what: &'static str, reason: &'static str) -> Self {
        Self::Damaged { what, reason }
    }
}

/// Reads `image` back; reads only the sectors that lead to a ticket or name a file.
pub fn read_back(mut image: impl Read + Seek, format: Format) -> Result<ReadBack, ReadBackError> {
    let window = Window::whole(&mut image)?;
    let mut reader =
        Reader { window, found: ReadBack::default(), volumes: vec![], loaders: vec![] };
    match format {
        Format::Iso => {
            reader.iso()?;
            reader.disk()?;
        }
        Format::Usb => reader.disk()?,
        Format::Vhd => {
            reader.footer()?;
            reader.disk()?;
        }
        Format::Floppy => {
            let whole = reader.window.extent();
            reader.fat(whole, Via::Fat)?;
            // Where nothing is reserved but the boot sector, there is no BIOS loader.
            let head = reader.window.bytes("the boot sector", Extent { offset: 0, len: SECTOR })?;
            if u16::from_le_bytes(field(&head, 14)) > 1 {
                reader.loader(SECTOR)?;
            }
        }
        Format::Lkrn => reader.wrapper()?,
        Format::Efi => reader.binary()?,
    }
    if reader.found.tickets.is_empty() {
        return Err(ReadBackError::damaged("the ticket", "there is none"));
    }
    Ok(reader.found)
}

struct Reader<'a, R> {
    window: Window<'a, R>,
    found: ReadBack,
    /// The FAT volumes read so far, by offset, with their tickets: several ways lead to one.
    volumes: Vec<(u64, FoundTicket)>,
    /// The loaders followed so far, by offset.
    loaders: Vec<u64>,
}

impl<R: Read + Seek> Reader<'_, R> {
    /// The ways from CD: the root folder, and both entries of the boot catalogue.
    fn iso(&mut self) -> Result<(), ReadBackError> {
        let volume = IsoVolume::open(&mut self.window)?;
        for file in &volume.files {
            self.list("iso", &file.name, file.extent.len);
        }
        if let Some(file) = volume.file(TICKET_FILE) {
            self.ticket(Via::IsoFolder, file.extent)?;
        }
        let isolinux = volume.file("isolinux.bin").map(|file| file.extent.offset);
        for (kind, offset) in volume.boot {
            match kind {
                // isolinux finds the ticket through the root folder.
                BootKind::Bios if Some(offset) == isolinux => self.loaders.push(offset),
                BootKind::Bios => self.loader(offset)?,
                BootKind::Uefi => {
                    let len = self.window.extent().len.saturating_sub(offset);
                    self.fat(Extent { offset, len }, Via::ElTorito)?;
                }
            }
        }
        Ok(())
    }

    /// The footer of a virtual hard disk.
    fn footer(&mut self) -> Result<(), ReadBackError> {
        const WHAT: &str = "the virtual disk's footer";
        let size = self.window.extent().len.checked_sub(vhd::FOOTER_LEN);
        let size = size.ok_or(ReadBackError::damaged(WHAT, "there is none"))?;
        let footer = self.window.bytes(WHAT, Extent { offset: size, len: vhd::FOOTER_LEN })?;
        if vhd::is_footer(&footer, size) {
            Ok(())
        } else {
            Err(ReadBackError::damaged(WHAT, "it is not that of a fixed disk of this size"))
        }
    }

    /// The ways from disk: the boot sector, and the EFI system partition of the GPT.
    fn disk(&mut self) -> Result<(), ReadBackError> {
        const WHAT: &str = "the partition table";
        let head = self.window.bytes(WHAT, Extent { offset: 0, len: 3 * SECTOR })?;
        if field(&head, 510) != [0x55, 0xaa] || field(&head, 512) != *b"EFI PART" {
            return Err(ReadBackError::damaged(WHAT, "there is no GPT"));
        }
        let long = |at| u64::from_le_bytes(field(&head, at));
        if long(512 + 72) != 2 || field(&head, 1024) == [0; 16] {
            return Err(ReadBackError::damaged(WHAT, "it has no first partition"));
        }
        let (first, last) = (long(1024 + 32), long(1024 + 40));
        let partition = last.checked_sub(first).and_then(|blocks| {
            let len = blocks.checked_add(1)?.checked_mul(SECTOR)?;
            Some(Extent { offset: first.checked_mul(SECTOR)?, len })
        });
        let partition =
            partition.ok_or(ReadBackError::damaged(WHAT, "its partition is out of range"))?;
        self.fat(partition, Via::Partition)?;
        let block = u64::from_le_bytes(field(&head, MBR_LOADER_BLOCK));
        match block.checked_mul(SECTOR) {
            Some(0) => Ok(()), // no BIOS
            Some(offset) if self.loaders.contains(&offset) => Ok(()),
            Some(offset) => self.loader(offset),
            None => Err(ReadBackError::damaged(WHAT, "its boot code names no loader")),
        }
    }

    /// A FAT volume: its files, and the ticket in its root folder.
    fn fat(&mut self, extent: Extent, via: Via) -> Result<(), ReadBackError> {
        let known = self.volumes.iter().find(|(offset, _)| *offset == extent.offset);
        if let Some((_, ticket)) = known {
            self.found.tickets.push(FoundTicket { via, ..ticket.clone() });
            return Ok(());
        }
        let mut part = self.window.part("the FAT volume", extent)?;
        let volume = Volume::open(&mut part)?;
        let entries = volume.entries(&mut part)?;
        let is_ticket = |path: &str| path.eq_ignore_ascii_case(TICKET_FILE);
        let ticket = entries.iter().find(|entry| is_ticket(&entry.path));
        let ticket = ticket.filter(|entry| entry.kind == Kind::File && entry.len <= MAX_CAPACITY);
        let ticket = ticket.ok_or(ReadBackError::damaged("the FAT volume", "it has no ticket"))?;
        let mut found = FoundTicket { via, extents: vec![], bytes: vec![] };
        for piece in volume.extents(ticket)? {
            found.bytes.extend(part.bytes("the ticket", piece)?);
            let offset = extent.offset.saturating_add(piece.offset); // it was read: no overflow
            found.extents.push(Extent { offset, ..piece });
        }
        for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
            let volume = if via == Via::Fat { "fat" } else { "esp" };
            self.list(volume, &entry.path, entry.len);
        }
        self.volumes.push((extent.offset, found.clone()));
        self.found.tickets.push(found);
        Ok(())
    }

    /// Our loader at `offset`: what its table says.
    fn loader(&mut self, offset: u64) -> Result<(), ReadBackError> {
        let extent = Extent { offset, len: STAGE2_LEN as u64 };
        let table = Table::read(&self.window.bytes("the BIOS loader", extent)?)?;
        self.window.absolute("the BIOS loader's kernel", table.kernel)?;
        self.loaders.push(offset);
        self.ticket(Via::Loader, table.slot)
    }

    /// The wrapper: its table counts from its end.
    fn wrapper(&mut self) -> Result<(), ReadBackError> {
        let start = WRAPPER_LEN as u64;
        let head = self.window.bytes("the wrapper", Extent { offset: 0, len: start })?;
        let Table { kernel, slot, .. } = Table::read(&head)?;
        for extent in [kernel, slot] {
            let offset = start.saturating_add(extent.offset);
            self.window.absolute("the wrapper's payload", Extent { offset, ..extent })?;
        }
        self.list("lkrn", "ipxe.lkrn", kernel.len);
        self.ticket(Via::Loader, Extent { offset: start.saturating_add(slot.offset), ..slot })
    }

    /// A bare EFI application has no file system: its last script is the ticket, since the slot
    /// is linked in behind the script that starts it.
    fn binary(&mut self) -> Result<(), ReadBackError> {
        let whole = self.window.extent();
        if whole.len > MAX_BINARY {
            return Err(ReadBackError::damaged("the EFI application", "it is too large for one"));
        }
        let bytes = self.window.bytes("the EFI application", whole)?;
        let start = bytes.windows(7).rposition(|text| text == b"#!ipxe\n");
        let text = start.and_then(|start| bytes.get(start..)).unwrap_or_default();
        let plain = |byte: &u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~' | 0x80..);
        let end = text.iter().position(|byte| !plain(byte)).unwrap_or(text.len());
        let text = text.get(..end).unwrap_or_default();
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Some((bytes, start)) = text.get(..end).filter(|text| !text.is_empty()).zip(start) {
            let extents = vec![Extent { offset: start as u64, len: bytes.len() as u64 }];
            let bytes = bytes.to_vec();
            self.found.tickets.push(FoundTicket { via: Via::Binary, extents, bytes });
        }
        Ok(())
    }

    fn ticket(&mut self, via: Via, extent: Extent) -> Result<(), ReadBackError> {
        if extent.len > MAX_CAPACITY {
            return Err(ReadBackError::damaged("the ticket", "it is too large for one"));
        }
        let bytes = self.window.bytes("the ticket", extent)?;
        self.found.tickets.push(FoundTicket { via, extents: vec![extent], bytes });
        Ok(())
    }

    fn list(&mut self, volume: &str, path: &str, len: u64) {
        self.found.files.push(FileEntry { path: format!("{volume}:{path}"), len });
    }
}
