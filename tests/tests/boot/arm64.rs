//! One image for PCs and AArch64 machines: each finds its own iPXE on it, and both the same ticket.

use crate::scene::{Scene, WEB};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_tests::images;
use std::path::PathBuf;
use xtask::qemu::{Board, Medium};

fn image(scene: &Scene, format: Format) -> anyhow::Result<PathBuf> {
    let hosts = images::hosts(&scene.feed(WEB))?;
    let (folder, firmware) = (scene.lab.folder(), scene.firmware());
    images::mint_with_arm64(folder, firmware, format, &hosts, &Patience::default())
}

#[test]
fn one_iso_boots_arm64_and_x86_64_from_cd() -> anyhow::Result<()> {
    let Some(scene) = Scene::with_arm64("arm64-iso")? else { return Ok(()) };
    let path = image(&scene, Format::Iso)?;
    for (label, board) in [("arm64", scene.lab.uefi_arm64()?), ("x86-64", scene.lab.uefi()?)] {
        let machine = scene.machine(board, path.clone(), Medium::Cd, WEB)?;
        scene.announces(label, &machine, WEB)?;
    }
    Ok(())
}

#[test]
fn one_usb_image_boots_arm64_and_bios_as_disk() -> anyhow::Result<()> {
    let Some(scene) = Scene::with_arm64("arm64-usb")? else { return Ok(()) };
    let path = image(&scene, Format::Usb)?;
    for (label, board) in [("arm64", scene.lab.uefi_arm64()?), ("bios", Board::Bios)] {
        let machine = scene.machine(board, path.clone(), Medium::Disk, WEB)?;
        scene.announces(label, &machine, WEB)?;
    }
    Ok(())
}
