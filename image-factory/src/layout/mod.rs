//! Templates: one format of one firmware laid out once, with the slots that a ticket fills.
//!
//! `docs/images.md` describes every layout byte by byte. This is the only module that names the
//! file-system libraries; what it writes is a pure function of its inputs.

mod disk;
mod error;
mod fat;
mod fat_read;
mod floppy;
mod ids;
mod iso;
mod iso_read;
mod lkrn;
pub mod loader;
pub mod read_back;
mod source;
#[cfg(test)]
mod tests;
mod usb;
mod vhd;

pub use error::LayoutError;

use crate::{
    firmware::{Binary, Firmware},
    format::{Format, Platform},
    security::Lane,
    slot::{Extent, MAX_CAPACITY, SECTOR, Slot, SlotTable, pad},
};

use sha2::{Digest, Sha256};

/// What a slot's capacity is a multiple of, in bytes: a CD's sector, so that both firmware paths
/// can address the slot on any medium.
pub const CAPACITY_STEP: u64 = 2048;
/// The ticket's file name in the file systems; iPXE on UEFI looks for it.
pub const TICKET_FILE: &str = "autoexec.ipxe";
/// The script in a template's slots: harmless, and it says what is wrong.
const BLANK_TICKET: &str = "#!ipxe\n\
    echo This Bootmint template was never minted: it is no host's image.\n\
    exit 1\n";

/// What to lay out.
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    /// The image's format.
    pub format: Format,
    /// Whose binaries go in.
    pub firmware: &'a Firmware,
    /// Which platforms the image boots on. A floppy and an `lkrn` take the BIOS only, a bare
    /// `efi` the first UEFI platform listed.
    pub platforms: &'a [Platform],
    /// How many bytes of ticket the slot holds: a multiple of [`CAPACITY_STEP`], at most
    /// [`MAX_CAPACITY`]. A bare `efi` has the capacity its firmware was built with instead.
    pub slot_capacity: u64,
    /// What serial numbers and GUIDs derive from; a template's key serves well.
    pub seed: [u8; 32],
    /// What starts iPXE on a BIOS, on ISO images. Other formats always have the own loader:
    /// isolinux is for ISO images only.
    pub bios_loader: BiosLoader<'a>,
}

/// What starts iPXE on a BIOS.
#[derive(Clone, Copy, Debug)]
pub enum BiosLoader<'a> {
    /// Bootmint's own loader.
    Own,
    /// isolinux, for machines whose BIOS dislikes the own loader.
    Isolinux {
        /// The distribution's files.
        files: &'a IsolinuxFiles,
    },
}

impl BiosLoader<'_> {
    /// SHA-256 over its code.
    pub fn digest(&self) -> [u8; 32] {
        let code: &[&[u8]] = match self {
            Self::Own => &[loader::MBR, loader::VBR, loader::STAGE2, loader::WRAPPER],
            Self::Isolinux { files } => &[&files.isolinux, &files.ldlinux, &files.boot_sector],
        };
        code.iter().fold(Sha256::new(), Digest::chain_update).finalize().into()
    }
}

/// The files of isolinux, as distributions package them.
#[derive(Clone, Debug)]
pub struct IsolinuxFiles {
    /// `isolinux.bin`.
    pub isolinux: Vec<u8>,
    /// `ldlinux.c32`, for the BIOS.
    pub ldlinux: Vec<u8>,
    /// `isohdpfx.bin`: the boot sector of hybrid images.
    pub boot_sector: Vec<u8>,
}

/// A template: an image whose slots hold a blank ticket.
#[derive(Clone, Debug)]
pub struct Laid {
    /// The image.
    pub bytes: Vec<u8>,
    /// Where tickets go.
    pub slots: SlotTable,
}

/// Lays a template out.
pub fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let capacity = spec.slot_capacity;
    let whole = capacity.is_multiple_of(CAPACITY_STEP);
    if spec.format != Format::Efi && !(whole && (CAPACITY_STEP..=MAX_CAPACITY).contains(&capacity))
    {
        return Err(LayoutError::Capacity { capacity });
    }
    if let Some(how) = &spec.firmware.manifest.security.secure_boot {
        check_signed(spec.format, how.lane)?;
    }
    let laid = match spec.format {
        Format::Iso => iso::lay_out(spec),
        Format::Usb => usb::lay_out(spec),
        Format::Vhd => vhd::lay_out(spec),
        Format::Floppy => floppy::lay_out(spec),
        Format::Lkrn => lkrn::lay_out(spec),
        Format::Efi => return bare_efi(spec),
    }?;
    // A medium is read by the sector; a program is not, and its linker aligns as it likes.
    let sectors = laid.slots.slots().iter().all(|slot| slot.region.offset.is_multiple_of(SECTOR));
    sectors.then_some(laid).ok_or_else(|| LayoutError::library("placing the slot", "not a sector"))
}

/// A disk image for USB sticks with nothing but `files`, by path: an EFI system partition that
/// every UEFI setup can look into. Serial numbers derive from `seed`.
pub fn data_disk(files: &[(&str, &[u8])], seed: &[u8; 32]) -> Result<Vec<u8>, LayoutError> {
    usb::data_disk(files, seed)
}

/// Refuses formats that firmware signed for Secure Boot cannot have.
pub fn check_signed(format: Format, lane: Lane) -> Result<(), LayoutError> {
    let reason = match (format, lane) {
        (Format::Iso | Format::Usb | Format::Vhd, _) => return Ok(()),
        (Format::Lkrn, _) => "it boots on a BIOS, which knows no Secure Boot",
        (Format::Floppy, _) => "floppies are for machines that know none",
        (Format::Efi, Lane::OwnKey) => "a ticket inside would break the binary's signature",
        (Format::Efi, Lane::Shim) => "the shim and iPXE are two files",
    };
    Err(LayoutError::Signed { format, reason })
}

/// The firmware's own file, whose slot its build reserved.
fn bare_efi(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let wanted = spec.platforms.iter().find(|platform| **platform != Platform::Bios);
    let platform = *wanted.ok_or(LayoutError::NoPlatform { format: spec.format })?;
    let binary = spec.binary(platform)?;
    let slot = binary.about.slot.ok_or(LayoutError::NoEmbeddedSlot { platform })?;
    let region = Extent { offset: slot.offset, len: slot.capacity };
    let mut bytes = binary.bytes.clone();
    put(&mut bytes, region.offset, &pad(BLANK_TICKET, region.len)?)?;
    let owner = Extent { offset: 0, len: bytes.len() as u64 };
    Laid::new(bytes, Slot { name: "binary".into(), region, owner })
}

impl Laid {
    fn new(bytes: Vec<u8>, slot: Slot) -> Result<Self, LayoutError> {
        let slots = SlotTable::new(bytes.len() as u64, vec![slot])?;
        Ok(Self { bytes, slots })
    }
}

impl<'a> Spec<'a> {
    /// The firmware's binary for `platform`, which it must have.
    fn binary(&self, platform: Platform) -> Result<&'a Binary, LayoutError> {
        let profile = &self.firmware.manifest.profile;
        self.firmware.binary(platform).ok_or_else(|| LayoutError::MissingBinary {
            format: self.format,
            platform,
            profile: profile.clone(),
        })
    }

    /// The BIOS binary, where the image is to boot on a BIOS.
    fn bios(&self) -> Result<Option<&'a [u8]>, LayoutError> {
        if !self.platforms.contains(&Platform::Bios) {
            return Ok(None);
        }
        let bytes = &self.binary(Platform::Bios)?.bytes;
        loader::check_kernel(bytes)?;
        Ok(Some(bytes))
    }

    /// The UEFI binaries with the paths that firmware looks for on a removable medium. Where a shim
    /// starts iPXE, the shim has that path, and iPXE lies beside it.
    fn efi(&self) -> Result<Vec<(&'a str, &'a [u8])>, LayoutError> {
        let security = &self.firmware.manifest.security;
        let mut files: Vec<(&str, &[u8])> = Vec::new();
        for &platform in Platform::ALL.iter().filter(|item| self.platforms.contains(item)) {
            let path = match platform {
                Platform::Bios => continue,
                Platform::EfiX64 => "EFI/BOOT/BOOTX64.EFI",
                Platform::EfiArm64 => "EFI/BOOT/BOOTAA64.EFI",
            };
            let binary = &*self.binary(platform)?.bytes;
            let loader = security.secure_boot.as_ref().and_then(|how| how.loader.as_deref());
            match (self.firmware.shim(platform), loader) {
                (Some(shim), Some(loader)) => files.extend([(path, shim), (loader, binary)]),
                _ => files.push((path, binary)),
            }
        }
        Ok(files)
    }

    /// The content of a slot that was not filled yet.
    fn blank_slot(&self) -> Result<Vec<u8>, LayoutError> {
        Ok(pad(BLANK_TICKET, self.slot_capacity)?)
    }
}

/// Overwrites bytes of an image; a range outside it is an error of the layout.
fn put(image: &mut [u8], offset: u64, bytes: &[u8]) -> Result<(), LayoutError> {
    let place = usize::try_from(offset)
        .ok()
        .and_then(|start| image.get_mut(start..start.checked_add(bytes.len())?))
        .ok_or(LayoutError::library("writing into the image", "outside of it"))?;
    place.copy_from_slice(bytes);
    Ok(())
}
