//! A template: one format of one firmware, laid out once; and a stamp: the template with a ticket
//! in its slots.
//!
//! A stamp is never built in memory. It is the template's bytes with one filled slot laid over
//! them, readable at any offset, with its SHA-256 computed from the template's digest state before
//! the first slot: what stands before the slot is hashed once for all hosts.

use crate::{
    firmware::{Firmware, hex},
    format::{Format, Platform},
    layout::{self, BiosLoader, LayoutError},
    slot::{self, PadError, SlotTable},
    ticket::Ticket,
};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Seek, SeekFrom};

/// The version of the layouts; part of every template's key.
///
/// 1: the first one.
const RECIPE: u32 = 1;

/// What a template is made of.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The image's format.
    pub format: Format,
    /// The firmware that it boots.
    pub firmware: &'a Firmware,
    /// The platforms that it boots on.
    pub platforms: &'a [Platform],
    /// How many bytes each slot holds.
    pub slot_capacity: u64,
    /// What starts it on a BIOS.
    pub bios_loader: BiosLoader<'a>,
}

impl Recipe<'_> {
    /// SHA-256 over all that decides the template's bytes.
    fn key(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(b"bootmint template");
        field(&RECIPE.to_le_bytes());
        field(self.format.name().as_bytes());
        field(&self.slot_capacity.to_le_bytes());
        field(&self.bios_loader.digest());
        for platform in self.platforms {
            field(platform.name().as_bytes());
            if let Some(binary) = self.firmware.binary(*platform) {
                field(binary.about.sha256.as_bytes());
            }
        }
        if let Some(how) = &self.firmware.manifest.security.secure_boot {
            field(how.loader.as_deref().unwrap_or_default().as_bytes());
            how.shims.iter().for_each(|shim| field(shim.sha256.as_bytes()));
        }
        hash.finalize().into()
    }
}

/// One format of one firmware, ready to be stamped.
#[derive(Clone, Debug)]
pub struct Template {
    format: Format,
    platforms: Vec<Platform>,
    key: String,
    bytes: Vec<u8>,
    slots: SlotTable,
    /// The digest state after everything before the first slot.
    head: Sha256,
}

/// Those of `targets`, the platforms of a firmware profile, that an image of `format` boots on.
pub fn platforms(format: Format, targets: &[Platform]) -> Vec<Platform> {
    let all = targets.iter().copied();
    match format {
        Format::Iso | Format::Usb | Format::Vhd => all.collect(),
        // Two kinds of binary seldom fit onto one floppy, and those who have one have a BIOS.
        Format::Floppy if !targets.contains(&Platform::Bios) => all.collect(),
        Format::Floppy | Format::Lkrn => all.filter(|p| *p == Platform::Bios).collect(),
        Format::Efi => all.filter(|p| *p != Platform::Bios).take(1).collect(),
    }
}

impl Template {
    /// Lays the template out.
    pub fn new(recipe: &Recipe<'_>) -> Result<Self, LayoutError> {
        let seed = recipe.key();
        let laid = layout::lay_out(&layout::Spec {
            format: recipe.format,
            firmware: recipe.firmware,
            platforms: recipe.platforms,
            slot_capacity: recipe.slot_capacity,
            seed,
            bios_loader: recipe.bios_loader,
        })?;
        let first = laid.slots.slots().first().map_or(0, |slot| slot.region.offset);
        let head = laid.bytes.get(..usize::try_from(first).unwrap_or(0)).unwrap_or_default();
        Ok(Self {
            format: recipe.format,
            platforms: recipe.platforms.to_vec(),
            key: hex(&seed),
            head: Sha256::new().chain_update(head),
            bytes: laid.bytes,
            slots: laid.slots,
        })
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The platforms that it boots on.
    pub fn platforms(&self) -> &[Platform] {
        &self.platforms
    }

    /// SHA-256 over what it was made of, in hexadecimal.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its bytes, with blank slots.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its slots.
    pub fn slots(&self) -> &SlotTable {
        &self.slots
    }

    /// The template with `ticket` in all its slots.
    pub fn stamp(&self, ticket: &Ticket) -> Result<Stamp<'_>, PadError> {
        let fill = slot::pad(ticket.as_str(), self.slots.capacity())?;
        Ok(Stamp { template: self, fill })
    }
}

/// A template with one ticket in its slots.
#[derive(Clone, Debug)]
pub struct Stamp<'t> {
    template: &'t Template,
    fill: Vec<u8>,
}

/// A run of a stamp's bytes: where it starts, and the bytes.
pub type Run<'a> = (u64, &'a [u8]);

impl<'t> Stamp<'t> {
    /// The template that was stamped.
    pub fn template(&self) -> &'t Template {
        self.template
    }

    /// The image's length in bytes.
    pub fn size(&self) -> u64 {
        self.template.bytes.len() as u64
    }

    /// The content of each slot.
    pub fn fill(&self) -> &[u8] {
        &self.fill
    }

    /// All bytes in order: the template's runs between the slots, and the slots.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let mut at = 0_usize;
        let image: &[u8] = &self.template.bytes;
        let mut runs = Vec::with_capacity(self.template.slots.slots().len() * 2 + 1);
        for slot in self.template.slots.slots() {
            let start = usize::try_from(slot.region.offset).unwrap_or(image.len());
            runs.push((at as u64, image.get(at..start).unwrap_or_default()));
            runs.push((start as u64, self.fill.as_slice()));
            at = start.saturating_add(self.fill.len());
        }
        runs.push((at as u64, image.get(at..).unwrap_or_default()));
        runs.into_iter().filter(|(_, bytes)| !bytes.is_empty())
    }

    /// SHA-256 of the whole image.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = self.template.head.clone();
        let first = self.template.slots.slots().first().map_or(0, |slot| slot.region.offset);
        for (at, bytes) in self.runs() {
            if at >= first {
                hash.update(bytes);
            }
        }
        hash.finalize().into()
    }

    /// Fills `buffer` with the bytes from `offset` on, and says how many there were; fewer than
    /// asked only at the image's end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        for (at, bytes) in self.runs() {
            let want = offset + done as u64;
            let Some(skip) = want.checked_sub(at).and_then(|n| usize::try_from(n).ok()) else {
                break;
            };
            let (Some(from), Some(to)) = (bytes.get(skip..), buffer.get_mut(done..)) else {
                continue;
            };
            let n = from.len().min(to.len());
            to[..n].copy_from_slice(&from[..n]);
            done += n;
        }
        done
    }

    /// The image as a seekable stream.
    pub fn reader(&self) -> Reader<'_, 't> {
        Reader { stamp: self, at: 0 }
    }
}

/// A stamp as a seekable stream; nothing is copied but what is read.
#[derive(Clone, Debug)]
pub struct Reader<'s, 't> {
    stamp: &'s Stamp<'t>,
    at: u64,
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stamp.read_at(self.at, buffer);
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Reader<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
            SeekFrom::End(n) => self.stamp.size().checked_add_signed(n),
        };
        self.at = target.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "seek before the start of the image")
        })?;
        Ok(self.at)
    }
}
