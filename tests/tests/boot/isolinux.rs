//! An ISO with the distribution's isolinux in place of our BIOS loader boots as every medium that
//! an ISO can be, finds the same ticket, and lets go of the machine in the same way.

use crate::scene::{NOBODY, Scene, WEB, feed};
use bootmint_image_factory::ticket::Patience;
use bootmint_tests::{disks, images};
use xtask::{
    isolinux::PACKAGES,
    qemu::{Board, Machine, Medium},
};

#[test]
fn bios_boots_it_as_cd_as_disk_and_as_usb_stick() -> anyhow::Result<()> {
    let Some(scene) = Scene::with_tools("isolinux", &PACKAGES)? else { return Ok(()) };
    let path = scene.isolinux_image(&scene.feed(WEB), &Patience::default())?;
    for (label, medium) in [("cd", Medium::Cd), ("disk", Medium::Disk), ("usb", Medium::Usb)] {
        scene.announces(label, &scene.machine(Board::Bios, path.clone(), medium, WEB)?, WEB)?;
    }
    Ok(())
}

#[test]
fn uefi_boots_it_as_before() -> anyhow::Result<()> {
    let Some(scene) = Scene::with_tools("isolinux-uefi", &PACKAGES)? else { return Ok(()) };
    let path = scene.isolinux_image(&scene.feed(WEB), &Patience::default())?;
    scene.announces("cd", &scene.machine(scene.lab.uefi()?, path, Medium::Cd, WEB)?, WEB)?;
    Ok(())
}

#[test]
fn bios_falls_back_to_the_local_disk() -> anyhow::Result<()> {
    let Some(scene) = Scene::with_tools("isolinux-fallback", &PACKAGES)? else { return Ok(()) };
    let path = scene.isolinux_image(&feed(WEB, NOBODY), &images::impatient())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let machine = Machine { disks, ..scene.machine(Board::Bios, path, Medium::Cd, WEB)? };
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&disks::bios_marker("inner", 0x80))?;
    guest.expect_exit(disks::BIOS_EXIT)?;
    Ok(())
}
