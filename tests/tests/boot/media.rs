//! Every format boots as every medium that it is for, on BIOS and UEFI, and is its host.

use crate::scene::{Host, Scene, WEB, feed, url};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_tests::{boot_server::Reply, guest::SWITCHED_OFF, images};
use xtask::{
    images::convert::{Disk as Convert, convert_one},
    qemu::{Board, Bus, Disk, Machine, Medium, Writes},
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

/// Disks in the formats of hypervisors, one behind the other in one machine: each but the last is
/// told to go on to the next, so that one start shows them all.
fn disks_of_hypervisors(name: &str, formats: &[&'static str], uefi: bool) -> anyhow::Result<()> {
    let Some(scene) = Scene::open(name)? else { return Ok(()) };
    let mut disks = Vec::new();
    for (index, format) in formats.iter().enumerate() {
        let token = token(format);
        let feed = feed(Host { name: format, ..WEB }, &url(&scene.server));
        let feed =
            feed.replacen('\n', ",token\n", 1).trim_end().to_owned() + &format!(",{token}\n");
        let minted = if *format == "vhd" { Format::Vhd } else { Format::Usb };
        let image = scene.image(&feed, minted, &Patience::default())?;
        disks.push(match *format {
            "qcow2" => convert_one(&image, Convert::Qcow2, &mut |_| ())?,
            "vmdk" => convert_one(&image, Convert::Vmdk, &mut |_| ())?,
            _ => image,
        });
        if index + 1 < formats.len() {
            scene.server.answer(&format!("/boot/{token}"), Reply::ok("#!ipxe\nexit 0\n"));
        }
    }
    let board = if uefi { scene.lab.uefi()? } else { Board::Bios };
    let machine = scene.machine(board, disks.remove(0), Medium::Disk, WEB)?;
    let local = |path| Disk { path, writes: Writes::Discarded, bus: Bus::Board };
    let machine = Machine { disks: disks.into_iter().map(local).collect(), ..machine };
    let text = scene.lab.start("boot", &machine)?.expect_exit(SWITCHED_OFF)?;
    let requests = scene.server.requests();
    let asked = requests.iter().filter_map(|request| request.path.strip_prefix("/boot/"));
    let expected: Vec<_> = formats.iter().map(|format| token(format)).collect();
    assert_eq!(asked.collect::<Vec<_>>(), expected, "{text}");
    Ok(())
}

fn token(format: &str) -> String {
    format!("token-of-the-disk-in-{format}")
}

#[test]
fn bios_boots_vmdk_and_qcow2_as_disks() -> anyhow::Result<()> {
    disks_of_hypervisors("bios-hypervisor-disks", &["vmdk", "qcow2"], false)
}

#[test]
fn uefi_boots_vhd_qcow2_and_vmdk_as_disks() -> anyhow::Result<()> {
    disks_of_hypervisors("uefi-hypervisor-disks", &["vhd", "qcow2", "vmdk"], true)
}

/// What is no disk image is not made one.
#[test]
fn what_is_converted_is_not_converted_again() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("convert-twice")? else { return Ok(()) };
    let image = scene.image(&scene.feed(WEB), Format::Usb, &Patience::default())?;
    let path = convert_one(&image, Convert::Qcow2, &mut |_| ())?;
    let refused = convert_one(&path, Convert::Vmdk, &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("--format usb"), "{refused}");
    Ok(())
}
