//! Other people's tools read what we lay out, and complain of nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "shared with other test files, which use other parts")]
mod common;

use bootmint_image_factory::{
    format::{Format, Platform},
    layout::Laid,
};
use common::{cut, run, template, text};
use std::path::Path;

const CHOICES: [&[Platform]; 4] =
    [&Platform::ALL, &[Platform::Bios, Platform::EfiX64], &[Platform::Bios], &[Platform::EfiX64]];

/// sgdisk finds one sound partition; returns where it lies, in bytes.
fn partition(image: &Path) -> Option<(u64, u64)> {
    let said = run("gdisk", "sgdisk", &["-v", text(image)])?;
    assert!(said.text.contains("No problems found"), "{}", said.text);
    let said = run("gdisk", "sgdisk", &["-i", "1", text(image)])?;
    let number = |key: &str| -> u64 {
        let line = said.text.lines().find(|line| line.starts_with(key)).unwrap();
        line[key.len()..]
            .trim_start_matches(':')
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(said.text.contains("C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)"));
    let (first, last) = (number("First sector"), number("Last sector"));
    Some((first * 512, (last - first + 1) * 512))
}

/// fsck.fat and mtools read the volume at `offset`; the ticket in it is the slot's content.
fn fat(laid: &Laid, offset: u64, len: u64, files: &[&str]) -> Option<()> {
    let volume = cut(laid, offset, len);
    run("dosfstools", "fsck.fat", &["-n", "-v", text(volume.path())])?;
    let listed = run("mtools", "mdir", &["-b", "-/", "-i", text(volume.path()), "::/"])?.text;
    for file in files.iter().chain(&["autoexec.ipxe"]) {
        assert!(listed.lines().any(|line| line == format!("::/{file}")), "{file} in {listed}");
    }
    let ticket = run("mtools", "mtype", &["-i", text(volume.path()), "::/autoexec.ipxe"])?.bytes;
    assert_eq!(ticket, slot(laid));
    Some(())
}

fn slot(laid: &Laid) -> &[u8] {
    let region = laid.slots.slots()[0].region;
    &laid.bytes[region.offset as usize..][..region.len as usize]
}

fn efi_files(platforms: &[Platform]) -> Vec<&'static str> {
    let names =
        [(Platform::EfiX64, "EFI/BOOT/BOOTX64.EFI"), (Platform::EfiArm64, "EFI/BOOT/BOOTAA64.EFI")];
    names.into_iter().filter(|(item, _)| platforms.contains(item)).map(|(_, name)| name).collect()
}

#[test]
fn iso_images_satisfy_sgdisk_fsck_and_mtools() {
    for platforms in CHOICES {
        let (file, laid) = template(Format::Iso, platforms);
        let Some((offset, len)) = partition(file.path()) else { continue };
        fat(&laid, offset, len, &efi_files(platforms));
    }
}

#[test]
fn iso_images_satisfy_xorriso() {
    for platforms in CHOICES {
        let (file, _) = template(Format::Iso, platforms);
        let arguments = ["-indev", text(file.path()), "-report_el_torito", "plain"];
        let Some(said) = run("xorriso", "xorriso", &arguments) else { continue };
        let entries = said.text.lines().filter(|line| line.starts_with("El Torito boot img"));
        let entries: Vec<_> = entries.map(|line| line.split_whitespace().nth(6).unwrap()).collect();
        let uefi = !efi_files(platforms).is_empty();
        let bios = platforms.contains(&Platform::Bios);
        let expected = [("BIOS", bios), ("UEFI", uefi)];
        let expected: Vec<_> =
            expected.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        assert_eq!(entries, expected, "{}", said.text);
        assert!(said.text.contains("protective-msdos-label"), "{}", said.text);
        assert!(said.text.contains("GPT"), "{}", said.text);
    }
}

#[test]
fn iso_images_satisfy_isoinfo_which_reads_the_ticket() {
    for platforms in CHOICES {
        let (file, laid) = template(Format::Iso, platforms);
        let image = text(file.path());
        let Some(said) = run("genisoimage", "isoinfo", &["-l", "-i", image]) else { continue };
        assert!(said.text.contains("AUTOEXEC.IPXE;1"), "{}", said.text);
        let ticket = run("genisoimage", "isoinfo", &["-x", "/AUTOEXEC.IPXE;1", "-i", image]);
        assert_eq!(ticket.unwrap().bytes, slot(&laid));
        let volume = run("genisoimage", "isoinfo", &["-d", "-i", image]).unwrap().text;
        let size = format!("Volume size is: {}", laid.bytes.len() / 2048);
        assert!(volume.contains(&size), "{volume}");
    }
}

#[test]
fn usb_images_satisfy_sgdisk_fsck_and_mtools() {
    for platforms in CHOICES {
        let (file, laid) = template(Format::Usb, platforms);
        let Some((offset, len)) = partition(file.path()) else { continue };
        let mut files = efi_files(platforms);
        if platforms.contains(&Platform::Bios) {
            files.push("ipxe.lkrn");
        }
        fat(&laid, offset, len, &files);
    }
}

#[test]
fn floppies_satisfy_fsck_and_mtools() {
    let (file, laid) = template(Format::Floppy, &[Platform::Bios]);
    assert_eq!(laid.bytes.len(), 1_474_560);
    fat(&laid, 0, laid.bytes.len() as u64, &["ipxe.lkrn"]);
    if let Some(said) = run("mtools", "minfo", &["-i", text(file.path()), "::"]) {
        for line in ["sectors per track: 18", "heads: 2", "cylinders: 80", "media byte: f0"] {
            assert!(said.text.contains(line), "{line} in {}", said.text);
        }
    }
}

#[test]
fn virtual_hard_disks_satisfy_qemu_img_and_sgdisk() {
    let (file, laid) = template(Format::Vhd, &[Platform::Bios, Platform::EfiX64]);
    let size = laid.bytes.len() as u64 - 512;
    assert!(size.is_multiple_of(1 << 20), "{size}");
    let arguments = ["info", "-f", "vpc", "--output", "json", text(file.path())];
    if let Some(said) = run("qemu-utils", "qemu-img", &arguments) {
        assert!(said.text.contains(&format!("\"virtual-size\": {size},")), "{}", said.text);
    }
    let disk = cut(&laid, 0, size);
    if let Some((offset, len)) = partition(disk.path()) {
        fat(&laid, offset, len, &["EFI/BOOT/BOOTX64.EFI", "ipxe.lkrn"]);
    }
}
