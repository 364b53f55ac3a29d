//! The local disks of the other tests do what those tests take them to do.

use bootmint_tests::{disks, guest, lab::Lab};
use xtask::qemu::{Board, Machine};

#[test]
fn bios_boots_the_first_local_disk() -> anyhow::Result<()> {
    let Some(lab) = Lab::open("local-disk-bios")? else { return Ok(()) };
    let disks = vec![lab.local_disk("first")?, lab.local_disk("second")?];
    let guest = lab.start("bios", &Machine { disks, ..Machine::new(Board::Bios) })?;
    guest.expect(&disks::bios_marker("first", 0x80))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    assert!(!text.contains("second"), "{text}");
    Ok(())
}

#[test]
fn uefi_boots_the_first_local_disk() -> anyhow::Result<()> {
    let Some(lab) = Lab::open("local-disk-uefi")? else { return Ok(()) };
    let disks = vec![lab.local_disk("first")?, lab.local_disk("second")?];
    let guest = lab.start("uefi", &Machine { disks, ..Machine::new(lab.uefi()?) })?;
    guest.expect(&disks::uefi_marker("first"))?;
    let text = guest.expect_exit(disks::UEFI_EXIT)?;
    assert!(!text.contains("second"), "{text}");
    Ok(())
}

#[test]
fn a_machine_without_anything_to_boot_is_no_success() -> anyhow::Result<()> {
    let Some(lab) = Lab::open("nothing-to-boot")? else { return Ok(()) };
    let guest = lab.start("bios", &Machine::new(Board::Bios))?;
    guest.expect("No bootable device")?;
    let text = guest.stop();
    assert!(!text.contains("LOCAL-DISK"), "{text}");
    assert_ne!(disks::BIOS_EXIT, guest::SWITCHED_OFF);
    Ok(())
}
