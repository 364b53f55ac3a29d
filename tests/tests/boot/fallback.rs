//! When there is no answer, or the answer says so, the machine boots its local disk.

use crate::scene::{NOBODY, Scene, WEB, feed};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_tests::{boot_server::Reply, disks, images};
use std::time::Duration;
use xtask::qemu::{Board, Machine, Medium};

fn falls_back(name: &str, format: Format, medium: Medium, drive: u8) -> anyhow::Result<()> {
    let Some(scene) = Scene::open(name)? else { return Ok(()) };
    let path = scene.image(&feed(WEB, NOBODY), format, &images::impatient())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let machine = Machine { disks, ..scene.machine(Board::Bios, path, medium, WEB)? };
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&disks::bios_marker("inner", drive))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    assert_eq!(text.matches("Bootmint: host").count(), 1, "the image was booted again: {text}");
    assert_eq!(scene.server.requests(), []);
    Ok(())
}

fn falls_back_on_uefi(name: &str, format: Format, medium: Medium) -> anyhow::Result<()> {
    let Some(scene) = Scene::open(name)? else { return Ok(()) };
    let path = scene.image(&feed(WEB, NOBODY), format, &images::impatient())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let machine = Machine { disks, ..scene.machine(scene.lab.uefi()?, path, medium, WEB)? };
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&disks::uefi_marker("inner"))?;
    let text = guest.expect_exit(disks::UEFI_EXIT)?;
    assert_eq!(text.matches("Bootmint: host").count(), 1, "the image was booted again: {text}");
    assert_eq!(scene.server.requests(), []);
    Ok(())
}

/// From a CD the first disk is the local one.
#[test]
fn bios_from_cd() -> anyhow::Result<()> {
    falls_back("fallback-bios-cd", Format::Iso, Medium::Cd, 0x80)
}

/// The image itself is the first disk: the local one is the second.
#[test]
fn bios_from_disk() -> anyhow::Result<()> {
    falls_back("fallback-bios-disk", Format::Iso, Medium::Disk, 0x81)
}

/// A stick that the firmware boots first is the first disk.
#[test]
fn bios_from_usb_stick() -> anyhow::Result<()> {
    falls_back("fallback-bios-usb", Format::Usb, Medium::Usb, 0x81)
}

#[test]
fn bios_from_floppy() -> anyhow::Result<()> {
    falls_back("fallback-bios-floppy", Format::Floppy, Medium::Floppy, 0x80)
}

#[test]
fn uefi_from_cd() -> anyhow::Result<()> {
    falls_back_on_uefi("fallback-uefi-cd", Format::Iso, Medium::Cd)
}

#[test]
fn uefi_from_usb_stick() -> anyhow::Result<()> {
    falls_back_on_uefi("fallback-uefi-usb", Format::Usb, Medium::Usb)
}

/// The server's script ends well: that means the local disk, and no further question.
#[test]
fn bios_when_the_server_says_so() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("fallback-told-bios")? else { return Ok(()) };
    scene.server.answer("/boot", Reply::ok("#!ipxe\necho TOLD ${hostname}\nexit 0\n"));
    let path = scene.image(&scene.feed(WEB), Format::Iso, &Patience::default())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let machine = Machine { disks, ..scene.machine(Board::Bios, path, Medium::Cd, WEB)? };
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&disks::bios_marker("inner", 0x80))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    assert!(text.contains("TOLD web-01"), "{text}");
    scene.server.wait_for("/boot", Duration::ZERO)?;
    assert_eq!(scene.server.requests().len(), 1);
    Ok(())
}
