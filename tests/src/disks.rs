//! Local disks that say when they are booted: a boot sector and an EFI application of our own.

use crate::run;
use anyhow::{Context, ensure};
use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// QEMU's exit status after the boot sector ran; its value stands in `fixtures/local-disk/bios.S`.
pub const BIOS_EXIT: i32 = crate::guest::port_exit(0x21);
/// QEMU's exit status after the application ran; its value stands in `fixtures/local-disk/uefi.S`.
pub const UEFI_EXIT: i32 = crate::guest::port_exit(0x22);

/// Bytes of a sector.
const SECTOR: u64 = 512;
/// The disk's size in sectors: 16 MiB.
const DISK_SECTORS: u32 = 32768;
/// Where its one partition starts, in sectors: 1 MiB.
const PARTITION_START: u32 = 2048;
/// The boot sector's code ends where the disk's signature starts.
const CODE_LIMIT: usize = 440;

/// What the boot sector of the disk named `name` prints on BIOS, booted as drive `drive`.
pub fn bios_marker(name: &str, drive: u8) -> String {
    format!("LOCAL-DISK-BIOS {name} drive {drive:02x}")
}

/// What the application on the disk named `name` prints on UEFI.
pub fn uefi_marker(name: &str) -> String {
    format!("LOCAL-DISK-UEFI {name}")
}

/// Makes a raw disk in `folder` that boots on BIOS and UEFI and says its name there: lower-case
/// letters, digits and hyphens.
pub fn local_disk(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(name.chars().all(plain), "a disk's name has plain letters, digits and hyphens: {name}");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/local-disk");
    let disk = folder.join(format!("{name}.img"));
    let boot_sector = folder.join(format!("{name}.bios"));
    let application = folder.join(format!("{name}.efi"));

    let message = format!(r"\r\nLOCAL-DISK-BIOS {name} drive ");
    run::assemble(&source.join("bios.S"), &["-m32", "-Wl,-Ttext=0x7c00"], &message, &boot_sector)?;
    let message = format!(r"\r\n{}\r\n", uefi_marker(name));
    run::assemble(&source.join("uefi.S"), &["-m64", "-Wl,-Ttext=0"], &message, &application)?;

    let file = fs::File::create(&disk).with_context(|| format!("creating {}", disk.display()))?;
    file.set_len(u64::from(DISK_SECTORS) * SECTOR)?;
    file.write_all_at(&master_boot_record(&fs::read(&boot_sector)?)?, 0)?;
    add_system_partition(&disk, &application)?;
    Ok(disk)
}

/// The first sector: code, one active partition of type EF, signature.
fn master_boot_record(code: &[u8]) -> anyhow::Result<[u8; 512]> {
    ensure!(code.len() <= CODE_LIMIT, "the boot sector's code has {} bytes", code.len());
    let mut sector = [0; 512];
    sector[..code.len()].copy_from_slice(code);
    // Status, first CHS, type, last CHS; the CHS triples say "beyond what CHS can say".
    sector[446..454].copy_from_slice(&[0x80, 0xfe, 0xff, 0xff, 0xef, 0xfe, 0xff, 0xff]);
    sector[454..458].copy_from_slice(&PARTITION_START.to_le_bytes());
    sector[458..462].copy_from_slice(&(DISK_SECTORS - PARTITION_START).to_le_bytes());
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    Ok(sector)
}

/// Fills the partition with a FAT volume that holds `application` where UEFI looks for one.
fn add_system_partition(disk: &Path, application: &Path) -> anyhow::Result<()> {
    let volume = format!("{}@@{}", disk.display(), u64::from(PARTITION_START) * SECTOR);
    let sectors = (DISK_SECTORS - PARTITION_START).to_string();
    let geometry = ["-T", &sectors, "-h", "16", "-s", "63", "-N", "B0071DCC", "::"];
    run::tool("mformat", ["-i", &volume].into_iter().chain(geometry))?;
    run::tool("mmd", ["-i", &volume, "::/EFI", "::/EFI/BOOT"])?;
    let application = application.to_str().context("a scratch folder's name is UTF-8")?;
    run::tool("mcopy", ["-i", &volume, application, "::/EFI/BOOT/BOOTX64.EFI"])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_values_are_those_in_the_fixtures() {
        for (source, status) in [("bios.S", BIOS_EXIT), ("uefi.S", UEFI_EXIT)] {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/local-disk").join(source);
            let text = fs::read_to_string(path).unwrap();
            let value = text.split("EXIT_VALUE, 0x").nth(1).unwrap().get(..2).unwrap();
            assert_eq!(i32::from_str_radix(value, 16).unwrap() * 2 + 1, status, "{source}");
        }
    }

    #[test]
    fn code_fits_up_to_the_signature_and_no_further() {
        assert!(master_boot_record(&[0x90; CODE_LIMIT]).is_ok());
        assert!(master_boot_record(&[0x90; CODE_LIMIT + 1]).is_err());
    }

    #[test]
    fn a_name_cannot_leave_the_message() {
        assert!(local_disk(Path::new("/tmp"), "a\" b").is_err());
    }
}
