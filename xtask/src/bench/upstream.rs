//! iPXE's own ways to an image for one host, where its source is at hand.

use super::{
    disk,
    mint::Measured,
    peers::{Binaries, measure, ticket},
};
use crate::ui::Ui;
use bootmint_image_factory::{firmware::Firmware, host::Host};
use bootmint_ipxe_src::{
    cache::Cache,
    firmware::{self, BuildOptions, Link},
    pin::Pins,
    profile::Profile,
    source,
};
use std::{fs, path::Path, time::Duration};
use xshell::{Shell, cmd};

/// The script of the source tree that makes an image, and one relink by make.
pub(super) fn measure_all(
    cache: &Cache,
    profile: &Profile,
    firmware: &Firmware,
    hosts: &[Host],
    count: usize,
    scratch: &Path,
    ui: &Ui,
) -> anyhow::Result<Vec<Measured>> {
    let pins = Pins::load(None)?;
    let Some(tree) = source::locate(cache, pins.get(profile.pin())?) else {
        ui.warn("iPXE's source is not at hand (cargo xtask source import): genfsimg and make are left out");
        return Ok(vec![]);
    };
    ui.note("making images with genfsimg");
    let genfsimg = genfsimg(&tree.path, firmware, hosts, count, scratch)?;
    ui.note("relinking with another embedded script");
    // Another one in each run, or make would find nothing to do.
    let other = std::process::id() as usize % hosts.len().max(1);
    let relinked = profile.clone().with_script("bench-relink", &ticket(hosts, other)?);
    let ((), time) = disk::timed(|| {
        let by_make = BuildOptions { link: Link::ByMake, ..BuildOptions::default() };
        let built = firmware::build(cache, &tree, &relinked, &by_make, &mut ())?;
        // A benchmark leaves no firmware behind that nobody asked for, and relinks next time too.
        Ok(fs::remove_dir_all(built.folder)?)
    })?;
    let relink = Measured::new("make EMBED=, one relink", 1, time, Duration::ZERO, 0);
    Ok(vec![genfsimg, relink])
}

fn genfsimg(
    tree: &Path,
    firmware: &Firmware,
    hosts: &[Host],
    count: usize,
    scratch: &Path,
) -> anyhow::Result<Measured> {
    let (shell, out) = (Shell::new()?, scratch.join("genfsimg"));
    fs::create_dir(&out)?;
    let program = tree.join("src/util/genfsimg");
    let binaries = Binaries::write(firmware, &out)?;
    let (bios, efi, script) = (&binaries.bios, &binaries.efi, out.join("script.ipxe"));
    measure("iPXE's genfsimg, per host", count, &out, |n| {
        fs::write(&script, ticket(hosts, n)?)?;
        let iso = out.join(format!("{n}.iso"));
        let run = cmd!(shell, "sh {program} -o {iso} -s {script} {bios} {efi}");
        Ok(run.quiet().ignore_stdout().ignore_stderr().run()?)
    })
}
