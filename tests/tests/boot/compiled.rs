//! Firmware compiled from the pinned source: it hands over to the ticket, asks by POST, and lets
//! go when the ticket boots the local disk.

use crate::scene::{NOBODY, Scene, WEB, feed};
use anyhow::Context;
use bootmint_image_factory::{
    format::{Format, Platform},
    ticket::Patience,
};
use bootmint_ipxe_src::firmware::Origin;
use bootmint_tests::{disks, firmware, guest::SWITCHED_OFF, images};
use xtask::qemu::{Board, Machine, Medium};

fn boots(name: &str, format: Format, medium: Medium, uefi: bool) -> anyhow::Result<()> {
    let Some(scene) = Scene::compiled(name)? else { return Ok(()) };
    let board = if uefi { scene.lab.uefi()? } else { Board::Bios };
    let path = scene.image(&scene.feed(WEB), format, &Patience::default())?;
    let request = scene.announces("boot", &scene.machine(board, path, medium, WEB)?, WEB)?;
    assert_eq!(request.method, "POST", "{request:?}");
    Ok(())
}

#[test]
fn bios_iso_as_cd() -> anyhow::Result<()> {
    boots("compiled-bios-cd", Format::Iso, Medium::Cd, false)
}

#[test]
fn bios_floppy() -> anyhow::Result<()> {
    boots("compiled-bios-floppy", Format::Floppy, Medium::Floppy, false)
}

#[test]
fn bios_lkrn_as_kernel() -> anyhow::Result<()> {
    boots("compiled-bios-lkrn", Format::Lkrn, Medium::Kernel, false)
}

#[test]
fn uefi_iso_as_disk() -> anyhow::Result<()> {
    boots("compiled-uefi-disk", Format::Iso, Medium::Disk, true)
}

#[test]
fn uefi_usb_as_usb_stick() -> anyhow::Result<()> {
    boots("compiled-uefi-usb", Format::Usb, Medium::Usb, true)
}

/// The ticket is inside the application; no file system is near.
#[test]
fn uefi_bare_application() -> anyhow::Result<()> {
    boots("compiled-uefi-efi", Format::Efi, Medium::Kernel, true)
}

/// Another embedded script comes without make into what is compiled already, and is what runs.
#[test]
fn another_script_is_relinked_and_runs_on_bios_and_uefi() -> anyhow::Result<()> {
    let Some(scene) = Scene::compiled("compiled-relinked")? else { return Ok(()) };
    let marker = format!("RELINKED-{}", std::process::id());
    let script = format!("#!ipxe\necho {marker}\nsleep 1\npoweroff\n");
    // The first build brings the work tree up to date, so that the second is a relink for sure.
    let first = firmware::relinked("#!ipxe\nshell\n")?.context("the source was there")?;
    let built = firmware::relinked(&script)?.context("the source was there")?;
    assert_eq!(built.origin, Origin::Relinked);
    for (platform, board) in [(Platform::Bios, Board::Bios), (Platform::EfiX64, scene.lab.uefi()?)]
    {
        let path = built.folder.join(platform.file_name());
        let machine = scene.machine(board, path, Medium::Kernel, WEB)?;
        let guest = scene.lab.start(&platform.to_string(), &machine)?;
        guest.expect(&marker)?;
        guest.expect_exit(SWITCHED_OFF)?;
    }
    for folder in [first.folder, built.folder] {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn falls_back(name: &str, uefi: bool) -> anyhow::Result<()> {
    let Some(scene) = Scene::compiled(name)? else { return Ok(()) };
    let (board, marker, status) = if uefi {
        (scene.lab.uefi()?, disks::uefi_marker("inner"), disks::UEFI_EXIT)
    } else {
        (Board::Bios, disks::bios_marker("inner", 0x80), disks::BIOS_EXIT)
    };
    let path = scene.image(&feed(WEB, NOBODY), Format::Iso, &images::impatient())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let machine = Machine { disks, ..scene.machine(board, path, Medium::Cd, WEB)? };
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&marker)?;
    let text = guest.expect_exit(status)?;
    // The embedded script must not take the ticket's end for a missing ticket.
    assert!(!text.contains("found no ticket"), "{text}");
    assert_eq!(text.matches("Bootmint: host").count(), 1, "the ticket ran again: {text}");
    Ok(())
}

#[test]
fn bios_falls_back_to_the_local_disk() -> anyhow::Result<()> {
    falls_back("compiled-fallback-bios", false)
}

#[test]
fn uefi_falls_back_to_the_local_disk() -> anyhow::Result<()> {
    falls_back("compiled-fallback-uefi", true)
}
