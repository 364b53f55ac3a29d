//! The image formats, and the platforms a firmware is built for.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A platform that a firmware binary runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Platform {
    /// PC BIOS, x86: `ipxe.lkrn`.
    #[serde(rename = "bios")]
    Bios,
    /// UEFI, x86-64: `BOOTX64.EFI`.
    #[serde(rename = "efi-x86_64")]
    EfiX64,
    /// UEFI, AArch64: `BOOTAA64.EFI`.
    #[serde(rename = "efi-arm64")]
    EfiArm64,
}

impl Platform {
    /// All platforms, in the order in which they are listed and built.
    pub const ALL: [Self; 3] = [Self::Bios, Self::EfiX64, Self::EfiArm64];

    /// The name used in profiles, manifests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::EfiX64 => "efi-x86_64",
            Self::EfiArm64 => "efi-arm64",
        }
    }

    /// The file that holds this platform's binary in a firmware folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Bios => "ipxe.lkrn",
            Self::EfiX64 => "ipxe-x86_64.efi",
            Self::EfiArm64 => "ipxe-arm64.efi",
        }
    }
}

/// What a minted image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Hybrid ISO 9660: boots as CD and as disk, on BIOS and UEFI.
    Iso,
    /// Raw disk image with one FAT partition, for USB sticks and virtual disks.
    Usb,
    /// Fixed virtual hard disk for Hyper-V and Azure: the raw disk image and a footer.
    Vhd,
    /// 1.44 MB FAT12 floppy, for a BIOS or, where the firmware has no BIOS binary, for UEFI.
    Floppy,
    /// One EFI application with the ticket inside.
    Efi,
    /// One Linux-style kernel with the ticket inside, for GRUB, syslinux and `qemu -kernel`.
    Lkrn,
}

impl Format {
    /// All formats, in the order in which they are listed.
    pub const ALL: [Self; 6] =
        [Self::Iso, Self::Usb, Self::Vhd, Self::Floppy, Self::Efi, Self::Lkrn];

    /// The name used in feeds and manifests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::Usb => "usb",
            Self::Vhd => "vhd",
            Self::Floppy => "floppy",
            Self::Efi => "efi",
            Self::Lkrn => "lkrn",
        }
    }

    /// The extension of an image's file name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Usb => "usb.img",
            Self::Floppy => "floppy.img",
            Self::Iso | Self::Vhd | Self::Efi | Self::Lkrn => self.name(),
        }
    }
}

/// A name that is not in a closed list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} \"{name}\": use one of {known}")]
pub struct UnknownName {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) known: String,
}

macro_rules! named {
    ($type:ty, $kind:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = $crate::format::UnknownName;

            fn from_str(name: &str) -> Result<Self, $crate::format::UnknownName> {
                Self::ALL.into_iter().find(|item| item.name() == name).ok_or_else(|| {
                    $crate::format::UnknownName {
                        kind: $kind,
                        name: name.chars().take(40).collect(),
                        known: Self::ALL.map(Self::name).join(", "),
                    }
                })
            }
        }
    };
}
pub(crate) use named;

named!(Platform, "platform");
named!(Format, "format");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_through_text_and_json() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
        for platform in Platform::ALL {
            assert_eq!(platform.name().parse(), Ok(platform));
            assert_eq!(serde_json::to_value(platform).unwrap(), platform.name());
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "vdi".parse::<Format>().unwrap_err().to_string();
        assert_eq!(error, "unknown format \"vdi\": use one of iso, usb, vhd, floppy, efi, lkrn");
    }
}
