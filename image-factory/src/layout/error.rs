//! Why an image cannot be laid out.

use super::{CAPACITY_STEP, loader::LoaderError};
use crate::{
    format::{Format, Platform},
    slot::{MAX_CAPACITY, PadError, SlotError},
};
use std::fmt::Display;

/// Why an image cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The slot's capacity is not one that every firmware path can use.
    #[error(
        "a slot of {capacity} bytes: use a multiple of {CAPACITY_STEP}, at most {MAX_CAPACITY}"
    )]
    Capacity {
        /// The capacity asked for.
        capacity: u64,
    },
    /// A platform was asked for that the firmware has no binary for.
    #[error(
        "the {format} image needs a binary for {platform}, which firmware \"{profile}\" lacks: \
         add the target to the profile, or leave the platform out"
    )]
    MissingBinary {
        /// The format.
        format: Format,
        /// The platform.
        platform: Platform,
        /// The firmware's profile.
        profile: String,
    },
    /// No platform that was asked for boots this format.
    #[error("none of the platforms asked for boots a {format} image: add one that does")]
    NoPlatform {
        /// The format.
        format: Format,
    },
    /// A bare EFI application was asked for from a firmware without a slot in it.
    #[error(
        "the {platform} binary of this firmware reserves no room for a ticket, so there is no \
         bare efi image of it: use iso or usb, or a firmware compiled with a slot"
    )]
    NoEmbeddedSlot {
        /// The platform.
        platform: Platform,
    },
    /// A format that signed firmware cannot have.
    #[error("Secure Boot has no {format} image, since {reason}: use iso or usb")]
    Signed {
        /// The format.
        format: Format,
        /// Why not.
        reason: &'static str,
    },
    /// The binary and the slot do not fit onto the medium.
    #[error(
        "{needs} bytes do not fit onto a {format} image, which holds {holds}: the iPXE binary \
         has {binary} bytes; choose a smaller driver set or a smaller slot"
    )]
    TooLarge {
        /// The format.
        format: Format,
        /// Bytes needed, whole clusters.
        needs: u64,
        /// Bytes there are.
        holds: u64,
        /// The largest part: the iPXE binary.
        binary: u64,
    },
    /// The BIOS loader refuses the binary.
    #[error("the BIOS binary cannot be started")]
    Loader(#[from] LoaderError),
    /// The blank ticket does not fit.
    #[error("filling the slot")]
    Pad(#[from] PadError),
    /// The slot does not lie where it should.
    #[error("checking the slot")]
    Slot(#[from] SlotError),
    /// An isolinux file is not what it should be.
    #[error("{file} is not usable: {reason}; take it from the distribution's isolinux package")]
    Isolinux {
        /// Which file.
        file: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file-system library failed, or laid out something else than was asked of it.
    #[error("{step}: {reason}; this is a fault of Bootmint, please report it")]
    Library {
        /// What was being done.
        step: &'static str,
        /// What went wrong.
        reason: String,
    },
}

impl LayoutError {
    /// A [`LayoutError::Library`].
    pub(super) fn library(step: &'static str, reason: impl Display) -> Self {
        Self::Library { step, reason: reason.to_string() }
    }
}
