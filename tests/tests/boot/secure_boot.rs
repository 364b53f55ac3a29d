//! Secure Boot with keys of our own: signed firmware starts, unsigned and altered firmware does not.

use crate::{
    own,
    scene::{Scene, WEB, feed, net, url},
};
use bootmint_image_factory::{
    firmware::Firmware,
    format::{Format, Platform},
    ticket::{Common, Patience, Source},
};
use bootmint_ipxe_src::{
    cache::Cache,
    prebuilt,
    profile::{self, Profile},
};
use bootmint_tests::{
    boot_server::{BootServer, Reply},
    firmware,
    guest::SWITCHED_OFF,
    images,
    lab::{self, Lab},
    run::tool,
};
use clap::Parser as _;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};
use xtask::{
    qemu::{Bus, Disk, Image, Machine, Medium, Model, Nic, Wire, Writes},
    secureboot, ui,
};

/// The Debian packages that these tests need besides those of machines.
const TOOLS: [&str; 5] = ["openssl", "sbsigntool", "efitools", "shim-unsigned", "mtools"];
/// What may be signed, and is enough to ask a server.
const PROFILE: &str = "name = \"secure\"\ndescription = \"d\"\ntargets = [\"efi-x86_64\"]\n\
    drivers = [\"intel\", \"snp\"]\n\
    [options]\nhttp = true\nhttps = true\nparams = true\nvlan = true\nimage-trust = true\n\
    [secure-boot]\nlane = \"own-key\"\ncert = \"db.pem\"\nkey = \"db.key\"\n";
const PROFILE_FILE: &str = "secure.toml";
/// Says that Secure Boot is on, by the machine's own variable.
const ANSWER: &str = "#!ipxe\nimgfetch --autofree ${report}?secure=${efi/SecureBoot:hexraw} ||\n\
    echo RAN-SIGNED\nsleep 1\nreboot\n";

#[derive(clap::Parser)]
struct Quiet {
    #[command(flatten)]
    ui: ui::Args,
}

/// The keys of these tests with their profile beside them: one set for all runs, so that their
/// firmware is compiled once.
fn keys() -> anyhow::Result<PathBuf> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let folder = lab::lasting_folder("secureboot-keys")?;
    if !folder.is_dir() {
        let fresh = folder.with_extension("new");
        let _ = fs::remove_dir_all(&fresh); // what a killed run left
        fs::create_dir_all(&fresh)?;
        let ui = ui::Ui::new(&Quiet::parse_from(["test", "--quiet"]).ui);
        secureboot::make(&fresh, "Bootmint test", &ui)?;
        fs::rename(&fresh, &folder)?;
    }
    // Not written twice: another test may be reading it.
    let profile = folder.join(PROFILE_FILE);
    if fs::read(&profile).ok().as_deref() != Some(PROFILE.as_bytes()) {
        fs::write(&profile, PROFILE)?;
    }
    Ok(folder)
}

fn tools() -> Vec<&'static str> {
    [&lab::MACHINES[..], &TOOLS].concat()
}

fn profile(keys: &Path) -> anyhow::Result<Profile> {
    Ok(profile::load(&keys.join(PROFILE_FILE).to_string_lossy())?)
}

/// A scene whose firmware our key has signed, and the folder of the keys.
fn scene(name: &str, tools: &[&str]) -> anyhow::Result<Option<(Scene, PathBuf)>> {
    let Some(lab) = Lab::with(name, tools)? else { return Ok(None) };
    let keys = keys()?;
    let Some(firmware) = firmware::compiled_as(&profile(&keys)?)? else {
        lab::skip(name, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(None);
    };
    let scene = Scene::with(lab, firmware)?;
    answer(&scene.server);
    Ok(Some((scene, keys)))
}

fn answer(server: &BootServer) {
    let report = format!("\nset report {}/report\n", url(server));
    server.answer("/boot", Reply::ok(ANSWER.replacen('\n', &report, 1)));
}

fn image(scene: &Scene, firmware: &Firmware, folder: &str) -> anyhow::Result<PathBuf> {
    let folder = scene.lab.folder().join(folder);
    fs::create_dir_all(&folder)?;
    let hosts = images::hosts(&feed(WEB, &url(&scene.server)))?;
    images::mint(&folder, firmware, Format::Usb, &hosts, &Patience::default())
}

/// `image` with one byte of the EFI binary changed.
fn altered(image: &Path, binary: &[u8]) -> anyhow::Result<PathBuf> {
    let mut bytes = fs::read(image)?;
    let code = &binary[binary.len() / 2..][..64];
    let at = bytes.windows(code.len()).position(|window| window == code);
    bytes[at.ok_or_else(|| anyhow::anyhow!("the binary is not in the image"))?] ^= 1;
    let path = image.with_extension("altered");
    fs::write(&path, bytes)?;
    Ok(path)
}

/// The signed image, which is nobody's: the machine's SMBIOS says who it is.
fn own_image(scene: &Scene, folder: &str) -> anyhow::Result<PathBuf> {
    let folder = scene.lab.folder().join(folder);
    fs::create_dir_all(&folder)?;
    let common = Common { source: Source::Smbios, server: Some(url(&scene.server).parse()?) };
    images::mint_own(&folder, scene.firmware(), Format::Usb, &common, &Patience::default())
}

/// The machine tries an unsigned image, an altered one, and the signed one, in this order.
#[test]
fn only_what_our_key_signed_starts() -> anyhow::Result<()> {
    let Some((scene, keys)) = scene("secure-boot-own-key", &tools())? else { return Ok(()) };
    let signed = own_image(&scene, "signed")?;
    let binary = scene.firmware().binary(Platform::EfiX64).map(|found| found.bytes.clone());
    let altered = altered(&signed, &binary.unwrap_or_default())?;
    let unsigned = image(&scene, &firmware::any()?, "unsigned")?;
    let disk = |path| Disk { path, writes: Writes::Discarded, bus: Bus::Board };
    let mut machine = Machine {
        image: Some(Image { path: unsigned, medium: Medium::Disk }),
        disks: vec![disk(altered), disk(signed)],
        nics: vec![card()?],
        ..Machine::new(scene.lab.uefi_secure(&keys)?)
    };
    own::define(&mut machine, Source::Smbios, &own::definition(WEB));
    let text = scene.lab.start("boot", &machine)?.expect_exit(SWITCHED_OFF)?;
    assert!(text.contains("RAN-SIGNED"), "{text}");
    assert_eq!(text.matches("Access Denied").count(), 2, "{text}");
    assert_eq!(text.matches("Bootmint: host").count(), 1, "{text}");
    scene.server.wait_for(&format!("/boot/{}", own::TOKEN), Duration::ZERO)?;
    says_secure(&scene)
}

/// A card whose own driver in iPXE may be signed: OVMF starts no card that is not in QEMU's boot
/// order, so that `snp` would find none.
fn card() -> anyhow::Result<Nic> {
    Ok(Nic { mac: WEB.mac.parse()?, model: Model::E1000, wire: Wire::User(net()) })
}

fn says_secure(scene: &Scene) -> anyhow::Result<()> {
    let report = scene.server.wait_for("/report", Duration::ZERO)?;
    assert_eq!(report.field("secure").as_deref(), Some("01"), "{report:?}");
    Ok(())
}

/// A vendor's lane, our key in the vendor's place: a real shim starts the signed iPXE beside it.
#[test]
fn a_shim_starts_the_ipxe_beside_it() -> anyhow::Result<()> {
    let Some((scene, keys)) = scene("secure-boot-shim", &tools())? else { return Ok(()) };
    let vendor = scene.lab.folder().join("vendor");
    fs::create_dir_all(&vendor)?;
    let shims = ["/usr/lib/shim/shimx64.efi", "/usr/share/shim/x64/shimx64.efi"];
    let shim = shims.into_iter().find(|path| Path::new(path).is_file()).unwrap_or_default();
    let (cert, key) = (keys.join("db.pem"), keys.join("db.key"));
    let out = vendor.join("shimx64.efi");
    let paths = [key.as_os_str(), "--cert".as_ref(), cert.as_os_str(), "--output".as_ref()];
    let args = ["--key".as_ref()].into_iter().chain(paths).chain([out.as_os_str(), shim.as_ref()]);
    tool("sbsign", args)?;
    let binary = scene.firmware().binary(Platform::EfiX64).map(|found| found.bytes.clone());
    fs::write(vendor.join("ipxe.efi"), binary.unwrap_or_default())?;

    let cache = Cache::open(Some(scene.lab.folder().join("cache")))?;
    let loader = "GRUBX64.EFI"; // what a distribution's shim looks for
    let folder = prebuilt::from_shim_folder(&cache, &vendor, Platform::EfiX64, loader, &mut ())?;
    let image = image(&scene, &Firmware::load(&folder)?, "shim")?;
    let machine = Machine {
        nics: vec![card()?],
        ..scene.machine(scene.lab.uefi_secure(&keys)?, image, Medium::Disk, WEB)?
    };
    let text = scene.lab.start("boot", &machine)?.expect_exit(SWITCHED_OFF)?;
    assert!(text.contains("RAN-SIGNED"), "{text}");
    says_secure(&scene)
}

/// A PC as it is sold, with Microsoft's keys alone: the distribution's shim, which Microsoft
/// signed, starts an iPXE whose key the owner enrolled for the shim, and not one that is altered.
#[test]
fn a_shim_of_microsofts_starts_what_the_owner_enrolled() -> anyhow::Result<()> {
    let tools = [tools(), vec!["shim-signed"]].concat();
    let Some((scene, keys)) = scene("secure-boot-microsoft", &tools)? else { return Ok(()) };
    let vendor = scene.lab.folder().join("vendor");
    fs::create_dir_all(&vendor)?;
    let shims = ["/usr/lib/shim/shimx64.efi.signed", "/boot/efi/EFI/BOOT/BOOTX64.EFI"];
    let shim = shims.into_iter().find(|path| Path::new(path).is_file()).unwrap_or_default();
    fs::copy(shim, vendor.join("shimx64.efi.signed"))?;
    let binary = scene.firmware().binary(Platform::EfiX64).map(|found| found.bytes.clone());
    let binary = binary.unwrap_or_default();
    fs::write(vendor.join("ipxe.efi"), &binary)?;
    let cache = Cache::open(Some(scene.lab.folder().join("cache")))?;
    let loader = "GRUBX64.EFI";
    let folder = prebuilt::from_shim_folder(&cache, &vendor, Platform::EfiX64, loader, &mut ())?;
    let good = image(&scene, &Firmware::load(&folder)?, "microsoft")?;
    let altered = altered(&good, &binary)?;
    let machine = |path| -> anyhow::Result<Machine> {
        let board = scene.lab.uefi_microsoft(&keys.join("db.esl"))?;
        Ok(Machine { nics: vec![card()?], ..scene.machine(board, path, Medium::Disk, WEB)? })
    };
    // The shim shows it until somebody presses a key, which nobody does.
    scene.lab.start("altered", &machine(altered)?)?.expect("Verification failed")?;
    let text = scene.lab.start("boot", &machine(good)?)?.expect_exit(SWITCHED_OFF)?;
    assert!(text.contains("RAN-SIGNED"), "{text}");
    says_secure(&scene)
}

/// What a firmware setup would enrol is what the key folder says, and no private key is with it.
#[test]
fn the_enrolment_image_holds_certificates_and_no_key() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("secure-boot-enrol", &TOOLS)? else { return Ok(()) };
    let keys = keys()?;
    let path = lab.folder().join("enrol.img");
    fs::write(&path, secureboot::enrolment(&keys)?)?;
    let fat = format!("{}@@32768", path.display());
    for (name, form) in [("PK", "auth"), ("KEK", "esl"), ("db", "cer")] {
        let inside = format!("::KEYS/{}.{}", name.to_uppercase(), form.to_uppercase());
        let read = tool("mtype", ["-i", &fat, &inside])?;
        assert_eq!(read, fs::read(keys.join(format!("{name}.{form}")))?, "{inside}");
    }
    let list = String::from_utf8(tool("mdir", ["-/", "-b", "-i", &fat, "::"])?)?;
    assert!(list.contains("README.TXT") && !list.to_lowercase().contains(".key"), "{list}");
    Ok(())
}
