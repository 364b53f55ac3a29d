//! Every format boots as every medium that it is for, on BIOS and UEFI, and is its host.

use crate::scene::{Scene, WEB};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_tests::images;
use xtask::{
    images::convert::{Disk, convert_one},
    qemu::{Board, Medium},
};

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
    bios_vhd_as_disk: Vhd as Disk;
    bios_floppy: Floppy as Floppy;
    bios_lkrn_as_kernel: Lkrn as Kernel;
}

uefi! {
    uefi_iso_as_cd: Iso as Cd;
    uefi_iso_as_disk: Iso as Disk;
    uefi_usb_as_usb_stick: Usb as Usb;
    uefi_usb_as_disk: Usb as Disk;
}

/// As from a USB floppy drive: a FAT volume without a partition table.
#[test]
fn uefi_floppy_as_usb_stick() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("uefi_floppy_as_usb_stick")? else { return Ok(()) };
    let (folder, hosts) = (scene.lab.folder(), images::hosts(&scene.feed(WEB))?);
    let (format, patience) = (Format::Floppy, Patience::default());
    let path = images::mint_for_uefi(folder, scene.firmware(), format, &hosts, &patience)?;
    let machine = scene.machine(scene.lab.uefi()?, path, Medium::Usb, WEB)?;
    scene.announces("boot", &machine, WEB)?;
    Ok(())
}

/// Made of a minted disk image, and read by QEMU in its own format.
#[test]
fn bios_qcow2_as_disk() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("bios_qcow2_as_disk")? else { return Ok(()) };
    let image = scene.image(&scene.feed(WEB), Format::Usb, &Patience::default())?;
    let path = convert_one(&image, Disk::Qcow2, &mut |_| ())?;
    assert!(path.extension().is_some_and(|extension| extension == "qcow2"));
    convert_one(&image, Disk::Vmdk, &mut |_| ())?;
    // Converted twice: what is no disk image is refused.
    let refused = convert_one(&path, Disk::Vmdk, &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("--format usb"), "{refused}");
    scene.announces("boot", &scene.machine(Board::Bios, path, Medium::Disk, WEB)?, WEB)?;
    Ok(())
}
