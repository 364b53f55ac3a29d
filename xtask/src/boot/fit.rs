//! Whether a machine can start an image that way: what cannot work is refused before QEMU runs.

use crate::qemu::{Acceleration, Medium};
use anyhow::ensure;
use bootmint_image_factory::{
    format::{Format, Platform},
    verify::Contents,
};
use bootmint_ipxe_src::probe;
use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

/// The largest EFI application that is looked into, in bytes.
const MAX_APPLICATION: u64 = 16 << 20;
/// Where a volume has each platform's binary.
const FILES: [(Platform, &str); 3] = [
    (Platform::Bios, "ipxe.lkrn"),
    (Platform::EfiX64, "EFI/BOOT/BOOTX64.EFI"),
    (Platform::EfiArm64, "EFI/BOOT/BOOTAA64.EFI"),
];

/// The platforms that an image with `contents` boots on; nothing of what iPXE is in none.
pub(super) fn platforms(contents: &Contents, format: Format, file: &File) -> Vec<Platform> {
    match format {
        Format::Lkrn => vec![Platform::Bios],
        Format::Efi => application(file).into_iter().collect(),
        Format::Iso | Format::Usb | Format::Vhd | Format::Floppy => {
            let holds = |wanted: &str| {
                let path = |path: &str| path.split_once(':').is_some_and(|(_, p)| is(p, wanted));
                contents.files.iter().any(|(file, _)| path(file))
            };
            FILES.iter().filter(|(_, path)| holds(path)).map(|(platform, _)| *platform).collect()
        }
    }
}

/// The same of an image that is not ours, of which its form alone is known.
pub(super) fn foreign(format: Option<Format>, file: &File) -> Vec<Platform> {
    match format {
        Some(Format::Efi) => match application(file) {
            Some(platform) => vec![platform],
            None => vec![Platform::EfiX64, Platform::EfiArm64],
        },
        _ => Vec::new(),
    }
}

/// Whether two paths are the same to ISO 9660 and FAT.
fn is(path: &str, wanted: &str) -> bool {
    path.trim_start_matches('/').eq_ignore_ascii_case(wanted)
}

fn application(mut file: &File) -> Option<Platform> {
    let mut bytes = Vec::new();
    file.rewind().ok()?;
    file.take(MAX_APPLICATION).read_to_end(&mut bytes).ok()?;
    probe::probe(&bytes).ok().map(|found| found.platform)
}

/// Refuses a machine of another platform than those in `boots`, unless nothing is known of them.
pub(super) fn check_board(image: &Path, boots: &[Platform], board: Platform) -> anyhow::Result<()> {
    let names: Vec<_> = boots.iter().map(|platform| call(*platform)).collect();
    let flags: Vec<_> = boots.iter().map(|platform| flag(*platform)).collect();
    ensure!(
        boots.is_empty() || boots.contains(&board),
        "{} boots on {}, and not on {}: start it with {}",
        image.display(),
        names.join(" and "),
        call(board),
        flags.join(" or ")
    );
    Ok(())
}

/// Refuses to attach an image as something that it is not.
pub(super) fn check_medium(
    format: Option<Format>,
    medium: Medium,
    board: Platform,
) -> anyhow::Result<()> {
    let Some(format) = format else { return Ok(()) };
    let ways = ways(format, board);
    let flags: Vec<_> = ways.iter().filter_map(|medium| medium_flag(*medium)).collect();
    let what = medium_flag(medium).unwrap_or("a kernel");
    match flags.as_slice() {
        _ if ways.contains(&medium) => Ok(()),
        [] => anyhow::bail!(
            "QEMU loads an image of the format {format} by itself, from no medium: leave {what} away"
        ),
        flags => anyhow::bail!(
            "on {} an image of the format {format} does not start with {what}: attach it with {}",
            call(board),
            flags.join(" or ")
        ),
    }
}

/// As what a format starts; a UEFI machine has no floppy drive but a USB one.
const fn ways(format: Format, board: Platform) -> &'static [Medium] {
    match (format, board) {
        (Format::Iso, _) => &[Medium::Cd, Medium::Disk, Medium::Usb],
        (Format::Usb | Format::Vhd, _) => &[Medium::Disk, Medium::Usb],
        (Format::Floppy, Platform::Bios) => &[Medium::Floppy, Medium::Disk, Medium::Usb],
        (Format::Floppy, _) => &[Medium::Usb, Medium::Disk],
        (Format::Efi | Format::Lkrn, _) => &[Medium::Kernel],
    }
}

/// Refuses acceleration that this computer has not.
pub(super) fn check_acceleration(
    acceleration: Acceleration,
    board: Platform,
) -> anyhow::Result<()> {
    let own = match board {
        Platform::Bios | Platform::EfiX64 => "x86_64",
        Platform::EfiArm64 => "aarch64",
    };
    let here = std::env::consts::ARCH;
    ensure!(
        acceleration == Acceleration::Emulated || own == here,
        "this computer's {here} processor cannot run {own} instructions itself: leave --kvm away"
    );
    ensure!(
        acceleration == Acceleration::Emulated || Path::new("/dev/kvm").exists(),
        "this computer has no /dev/kvm: leave --kvm away, or load the module kvm_intel or kvm_amd"
    );
    Ok(())
}

const fn call(platform: Platform) -> &'static str {
    match platform {
        Platform::Bios => "a BIOS",
        Platform::EfiX64 => "x86-64 UEFI",
        Platform::EfiArm64 => "arm64 UEFI",
    }
}

const fn flag(platform: Platform) -> &'static str {
    match platform {
        Platform::Bios => "--bios",
        Platform::EfiX64 => "--uefi",
        Platform::EfiArm64 => "--arm64",
    }
}

const fn medium_flag(medium: Medium) -> Option<&'static str> {
    match medium {
        Medium::Cd => Some("--cd"),
        Medium::Disk => Some("--disk"),
        Medium::Usb => Some("--usb"),
        Medium::Floppy => Some("--floppy"),
        Medium::Kernel | Medium::Pxe | Medium::OptionRom => None,
    }
}
