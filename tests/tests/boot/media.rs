//! Every format boots as every medium that it is for, on BIOS and UEFI, and is its host.

use crate::scene::{Scene, WEB};
use bootmint_image_factory::{format::Format, ticket::Patience};
use xtask::qemu::{Board, Medium};

fn boots(name: &str, format: Format, medium: Medium, uefi: bool) -> anyhow::Result<()> {
    let Some(scene) = Scene::open(name)? else { return Ok(()) };
    let board = if uefi { scene.lab.uefi()? } else { Board::Bios };
    let path = scene.image(&scene.feed(WEB), format, &Patience::default())?;
    scene.announces("boot", &scene.machine(board, path, medium, WEB)?, WEB)?;
    Ok(())
}

macro_rules! bios {
    ($($name:ident: $format:ident as $medium:ident;)*) => {$(
        #[test]
        fn $name() -> anyhow::Result<()> {
            boots(stringify!($name), Format::$format, Medium::$medium, false)
        }
    )*};
}

macro_rules! uefi {
    ($($name:ident: $format:ident as $medium:ident;)*) => {$(
        #[test]
        fn $name() -> anyhow::Result<()> {
            boots(stringify!($name), Format::$format, Medium::$medium, true)
        }
    )*};
}

bios! {
    bios_iso_as_cd: Iso as Cd;
    bios_iso_as_disk: Iso as Disk;
    bios_iso_as_usb_stick: Iso as Usb;
    bios_usb_as_usb_stick: Usb as Usb;
    bios_usb_as_disk: Usb as Disk;
    bios_floppy: Floppy as Floppy;
    bios_lkrn_as_kernel: Lkrn as Kernel;
}

uefi! {
    uefi_iso_as_cd: Iso as Cd;
    uefi_iso_as_disk: Iso as Disk;
    uefi_usb_as_usb_stick: Usb as Usb;
    uefi_usb_as_disk: Usb as Disk;
}
