//! HTTPS from end to end: firmware compiled with the root of a site boots from that site's server
//! and from no other.

use crate::world::{self, HERE, HOST};
use anyhow::Context;
use bootmint_image_factory::firmware::Firmware;
use bootmint_ipxe_src::profile::{self, Profile};
use bootmint_tests::{
    disks, firmware,
    lab::{self, Lab},
    server::{RunningServer, Site},
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use xtask::qemu::{Board, Machine};

/// A site's authority that stays from run to run, so that the firmware that trusts it is compiled
/// once: the folder of its certificate and key.
fn authority(lab: &Lab) -> anyhow::Result<PathBuf> {
    let folder = lab::lasting_folder("https-authority")?;
    if !folder.join("ca.key").is_file() {
        let made = Site::init(world::program(), &lab.folder().join("made"), &["--name", HERE])?;
        fs::create_dir_all(&folder)?;
        copy_authority(&made.folder().join("tls"), &folder)?;
    }
    Ok(folder)
}

fn copy_authority(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in ["ca.pem", "ca.key"] {
        fs::copy(from.join(file), to.join(file)).with_context(|| format!("copying {file}"))?;
    }
    Ok(())
}

/// A site that speaks HTTPS, with that authority where one is given and with its own elsewhere.
fn site(lab: &Lab, name: &str, authority: Option<&Path>) -> anyhow::Result<(Site, RunningServer)> {
    let site = Site::init(world::program(), &lab.folder().join(name), &["--name", HERE])?;
    if let Some(authority) = authority {
        copy_authority(authority, &site.folder().join("tls"))?;
        site.command(&["certificate", "--name", HERE])?;
    }
    let tls = "BOOTMINT_BOOT__LISTEN_TLS=127.0.0.1:0";
    let server = site.serve(None, &[tls], &lab.log(name))?;
    Ok((site, server))
}

/// The shipped profile `kvm`, trusting that authority alone.
fn trusting(authority: &Path) -> anyhow::Result<Profile> {
    let text = include_str!("../../../ipxe-src/profiles/kvm.toml")
        .replacen("\"kvm\"\n", "\"tests-https\"\n", 1)
        .replacen("[options]", "trust = [\"ca.pem\"]\n\n[options]", 1);
    let path = authority.join("tests-https.toml");
    fs::write(&path, text)?;
    Ok(profile::load(&path.to_string_lossy())?)
}

/// Boots the machine from an image of `site`; what stood on its console when its own disk started.
fn boot(
    lab: &Lab,
    label: &str,
    firmware: &Firmware,
    (site, server): (&Site, &RunningServer),
) -> anyhow::Result<String> {
    let host = world::known(site, &format!("https://{HERE}:{}", server.tls_port()?), &[])?;
    let image = world::image(lab, &format!("image-{label}"), firmware, host)?;
    let disks = vec![lab.local_disk(label)?];
    let machine = Machine { disks, ..world::machine(Board::Bios, &image)? };
    let guest = lab.start(label, &machine)?;
    guest.expect(&disks::bios_marker(label, 0x80))?;
    guest.expect_exit(disks::BIOS_EXIT)
}

/// Whether the site's server was ever asked for that machine.
fn was_asked(site: &Site) -> anyhow::Result<bool> {
    let shown = site.command(&["hosts", "show", HOST])?;
    Ok(shown.lines().any(|line| line.starts_with("boot ")))
}

#[test]
fn compiled_firmware_boots_from_the_server_that_it_trusts_and_no_other() -> anyhow::Result<()> {
    let name = "https";
    let Some(lab) = Lab::open(name)? else { return Ok(()) };
    let authority = authority(&lab)?;
    let Some(firmware) = firmware::compiled_as(&trusting(&authority)?)? else {
        lab::skip(name, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(());
    };
    let (ours, server) = site(&lab, "ours", Some(&authority))?;
    let text = boot(&lab, "trusted", &firmware, (&ours, &server))?;
    assert!(text.contains("web-01 boots its local disk"), "the server answered: {text}");
    assert!(was_asked(&ours)?);

    let (other, server) = site(&lab, "other", None)?;
    let text = boot(&lab, "stranger", &firmware, (&other, &server))?;
    assert!(text.contains("the server gave no usable answer"), "{text}");
    assert!(!was_asked(&other)?);
    Ok(())
}
