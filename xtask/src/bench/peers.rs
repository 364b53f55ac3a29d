//! What others do for the same result, measured on the same file system in the same run.

use super::{disk, mint::Measured};
use crate::{deps::on_path, isolinux, ui::Ui};
use anyhow::Context;
use bootmint_image_factory::{
    firmware::Firmware,
    format::Platform,
    host::Host,
    template::Template,
    ticket::{Facts, Patience, Ticket},
};
use std::{fs, path::Path};
use xshell::{Shell, cmd};

/// `cp` of the template, one process per image.
pub(super) fn cp_each(
    template: &Template,
    count: usize,
    scratch: &Path,
    ui: &Ui,
) -> anyhow::Result<Measured> {
    ui.note("copying with cp, one process per image");
    let (shell, out) = (Shell::new()?, scratch.join("cp"));
    let original = scratch.join("template.iso");
    fs::write(&original, template.bytes())?;
    fs::create_dir(&out)?;
    measure("cp of the template, per image", count, &out, |n| {
        let to = out.join(format!("{n}.iso"));
        Ok(cmd!(shell, "cp {original} {to}").quiet().run()?)
    })
}

/// One `cp -r` of all that was minted.
pub(super) fn cp_r(
    minted: &Path,
    count: usize,
    scratch: &Path,
    ui: &Ui,
) -> anyhow::Result<Measured> {
    ui.note("copying all images with one cp -r");
    let (shell, out) = (Shell::new()?, scratch.join("cp-r"));
    disk::sync(scratch)?;
    let ((), written) = disk::timed(|| Ok(cmd!(shell, "cp -r {minted} {out}").quiet().run()?))?;
    let ((), synced) = disk::timed(|| disk::sync(&out))?;
    let measured = Measured::new(
        "cp -r of all images, one process",
        count,
        written,
        synced,
        disk::used(&out)?,
    );
    fs::remove_dir_all(&out)?;
    Ok(measured)
}

/// The usual recipe: an EFI system partition by mtools, an ISO by genisoimage, for each host.
pub(super) fn genisoimage(
    firmware: &Firmware,
    hosts: &[Host],
    count: usize,
    scratch: &Path,
    ui: &Ui,
) -> anyhow::Result<Vec<Measured>> {
    let there =
        ["genisoimage", "mformat", "mmd", "mcopy"].iter().all(|name| on_path(name).is_some());
    let (Some(isolinux), true) = (isolinux::find(), there) else {
        ui.warn("genisoimage, mtools or isolinux is missing: their figures are left out");
        return Ok(vec![]);
    };
    ui.note("making images with genisoimage and mtools");
    let (shell, out) = (Shell::new()?, scratch.join("genisoimage"));
    let tree = out.join("tree");
    fs::create_dir_all(&tree)?;
    let binaries = Binaries::write(firmware, &out)?;
    fs::copy(isolinux.isolinux, tree.join("isolinux.bin"))?;
    fs::copy(isolinux.ldlinux, tree.join("ldlinux.c32"))?;
    fs::copy(&binaries.bios, tree.join("ipxe.krn"))?;
    fs::write(
        tree.join("isolinux.cfg"),
        "DEFAULT ipxe\nLABEL ipxe\n KERNEL ipxe.krn\n INITRD autoexec.ipx\n",
    )?;
    let (esp, script, efi) = (tree.join("esp.img"), tree.join("autoexec.ipx"), &binaries.efi);
    let sectors = (fs::metadata(efi)?.len() / 512 + 256).next_multiple_of(64).to_string();
    let measured = measure("genisoimage + mtools, per host", count, &out, |n| {
        fs::write(&script, ticket(hosts, n)?)?;
        let _ = fs::remove_file(&esp); // there is none before the first image
        let iso = out.join(format!("{n}.iso"));
        cmd!(shell, "mformat -C -i {esp} -T {sectors} -h 1 -s 2 ::").quiet().run()?;
        cmd!(shell, "mmd -i {esp} ::/EFI ::/EFI/BOOT").quiet().run()?;
        cmd!(shell, "mcopy -i {esp} {efi} ::/EFI/BOOT/BOOTX64.EFI").quiet().run()?;
        cmd!(shell, "mcopy -i {esp} {script} ::/autoexec.ipxe").quiet().run()?;
        cmd!(shell, "genisoimage -quiet -o {iso} -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table -eltorito-alt-boot -e esp.img -no-emul-boot {tree}")
            .quiet()
            .ignore_stderr()
            .run()?;
        Ok(())
    })?;
    Ok(vec![measured])
}

/// The firmware's binaries as files.
pub(super) struct Binaries {
    pub(super) bios: std::path::PathBuf,
    pub(super) efi: std::path::PathBuf,
}

impl Binaries {
    pub(super) fn write(firmware: &Firmware, folder: &Path) -> anyhow::Result<Self> {
        let write = |platform: Platform| {
            let path = folder.join(platform.file_name());
            let binary = firmware.binary(platform);
            let binary =
                binary.with_context(|| format!("the profile has no {platform} firmware"))?;
            fs::write(&path, &binary.bytes)?;
            anyhow::Ok(path)
        };
        Ok(Self { bios: write(Platform::Bios)?, efi: write(Platform::EfiX64)? })
    }
}

pub(super) fn ticket(hosts: &[Host], n: usize) -> anyhow::Result<String> {
    let host = hosts.get(n).context("fewer hosts than images")?;
    Ok(Ticket::for_host(host, Facts::Post, &Patience::default()).as_str().to_owned())
}

/// Makes `count` images into `out`, one after the other, measures, and removes them.
pub(super) fn measure(
    name: &str,
    count: usize,
    out: &Path,
    mut make: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<Measured> {
    disk::sync(out)?;
    let ((), written) = disk::timed(|| (0..count).try_for_each(&mut make))?;
    let ((), synced) = disk::timed(|| disk::sync(out))?;
    let measured = Measured::new(name, count, written, synced, disk::used(out)?);
    fs::remove_dir_all(out)?;
    Ok(measured)
}
