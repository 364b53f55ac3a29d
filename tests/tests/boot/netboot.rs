//! Single binaries with the ticket inside: loaded by PXE on BIOS and UEFI, and from a card's ROM.

use crate::scene::{Scene, WEB, net};
use anyhow::Context;
use bootmint_ipxe_src::{cache::Cache, pin::Pins, source};
use bootmint_tests::lab::{self, Lab};
use clap::Parser as _;
use std::{fs, path::PathBuf, sync::Mutex};
use xtask::{
    firmware,
    qemu::{Board, Image, Machine, Medium, Model, Nic, Wire},
    ui,
};

/// The least that asks a server; the drivers are those of each binary.
const PROFILE: &str = "name = \"netboot\"\ndescription = \"d\"\ntargets = [\"bios\"]\n\
    drivers = [\"undi\"]\n[options]\nhttp = true\nparams = true\nhttps = false\naoe = false\n\
    fcp = false\niscsi = false\nipv6 = false\nmenu = true\n";

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: firmware::Args,
}

#[derive(clap::Parser)]
struct Quiet {
    #[command(flatten)]
    ui: ui::Args,
}

/// The scene and the binary that `firmware export` makes for its host; none without a source.
fn exported(name: &str, kind: &[&str]) -> anyhow::Result<Option<(Scene, PathBuf)>> {
    /// Each build takes all processors.
    static ONE: Mutex<()> = Mutex::new(());
    let Some(lab) = Lab::open(name)? else { return Ok(None) };
    if source::locate(&Cache::open(None)?, Pins::load(None)?.get(None)?).is_none() {
        lab::skip(name, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(None);
    }
    let scene = Scene::with(lab, bootmint_tests::firmware::any()?)?;
    let folder = scene.lab.folder();
    let (profile, hosts) = (folder.join("netboot.toml"), folder.join("hosts.csv"));
    fs::write(&profile, PROFILE)?;
    fs::write(&hosts, scene.feed(WEB))?;
    // QEMU's server gives out everything beside it.
    let out = folder.join("tftp").join(name);
    fs::create_dir_all(out.parent().context("a folder")?)?;
    let (profile, hosts, to) = (profile.to_string_lossy(), hosts.to_string_lossy(), &out);
    let args = ["--profile", &profile, "--hosts", &hosts, "--out", &to.to_string_lossy()];
    let line = Line::try_parse_from(["firmware", "export"].iter().chain(kind).chain(&args))?;
    let quiet = Quiet::try_parse_from(["firmware", "--quiet"])?;
    let _one = ONE.lock();
    firmware::run(line.args, &ui::Ui::new(&quiet.ui))?;
    Ok(Some((scene, out)))
}

fn boots(
    name: &str,
    kind: &[&str],
    medium: Medium,
    model: Model,
    board: impl FnOnce(&Scene) -> anyhow::Result<Board>,
) -> anyhow::Result<()> {
    let Some((scene, path)) = exported(name, kind)? else { return Ok(()) };
    let machine = Machine {
        image: Some(Image { path, medium }),
        nics: vec![Nic { mac: WEB.mac.parse()?, model, wire: Wire::User(net()) }],
        ..Machine::new(board(&scene)?)
    };
    let request = scene.announces("boot", &machine, WEB)?;
    assert_eq!(request.method, "POST", "{request:?}");
    Ok(())
}

#[test]
fn bios_loads_undionly_by_pxe() -> anyhow::Result<()> {
    boots("undionly.kpxe", &["undionly"], Medium::Pxe, Model::E1000, |_| Ok(Board::Bios))
}

#[test]
fn uefi_loads_snponly_by_pxe() -> anyhow::Result<()> {
    boots("snponly.efi", &["snponly"], Medium::Pxe, Model::Virtio, |scene| scene.lab.uefi())
}

#[test]
fn bios_starts_the_option_rom_of_its_card() -> anyhow::Result<()> {
    let kind = ["rom", "--pci", "8086:100e"];
    boots("8086100e.rom", &kind, Medium::OptionRom, Model::E1000, |_| Ok(Board::Bios))
}
