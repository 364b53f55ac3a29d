//! The drivers of the sets drive the cards that QEMU has of them.

use crate::scene::{Scene, WEB, net, nic, url};
use bootmint_drivers::{Choice, Class, DriverSet, Selection};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_ipxe_src::profile::{self, Profile};
use bootmint_tests::{
    boot_server::{BootServer, Reply},
    firmware,
    guest::SWITCHED_OFF,
    lab::{self, Lab},
};
use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};
use xtask::qemu::{Board, Machine, Medium, Model, Nic, Wire};

/// QEMU's cards that some set is for, with their drivers.
const CARDS: [(Model, &str); 10] = [
    (Model::Virtio, "virtio-net"),
    (Model::E1000, "intel"),
    (Model::E1000e, "intel"),
    (Model::I82559er, "eepro100"),
    (Model::Rtl8139, "realtek"),
    (Model::Vmxnet3, "vmxnet3"),
    (Model::Pcnet, "pcnet32"),
    (Model::Tulip, "tulip"),
    (Model::Ne2k, "undi"),
    (Model::UsbNet, "ecm"),
];

/// Every driver that a shipped set names for BIOS machines.
fn of_all_sets() -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for set in DriverSet::shipped() {
        let set = DriverSet::load(set)?;
        let named = set.drivers(Class::Bios).into_iter().flat_map(Selection::named);
        names.extend(named.map(Choice::to_string));
    }
    Ok(names)
}

fn profile(folder: &Path, drivers: &BTreeSet<String>) -> anyhow::Result<Profile> {
    let drivers: Vec<_> = drivers.iter().collect();
    let text = format!(
        "name = \"cards\"\ndescription = \"d\"\ntargets = [\"bios\"]\ndrivers = {drivers:?}\n\
         [options]\nhttp = true\nparams = true\nhttps = false\naoe = false\nfcp = false\n\
         iscsi = false\nipv6 = false\nmenu = true\n"
    );
    let path = folder.join("cards.toml");
    fs::write(&path, text)?;
    Ok(profile::load(&path.to_string_lossy())?)
}

fn mac(index: usize) -> String {
    format!("52:54:00:aa:01:{index:02x}")
}

/// Has each card fetch something, alone: the others are closed.
fn script(server: &BootServer) -> String {
    let mut script = format!("#!ipxe\nset report {}/report\nifclose\n", url(server));
    let mut line = |text: &str| {
        let _ = writeln!(script, "{text}"); // writing to a String cannot fail
    };
    line("set i:int32 0");
    line(":next");
    line("isset ${net${i}/mac} || goto done");
    line("set net${i}/ip 192.0.2.10");
    line("set net${i}/netmask 255.255.255.0");
    line("ifopen net${i} && iflinkwait --timeout 10000 net${i} ||");
    line("imgfetch --autofree ${report}?mac=${net${i}/mac}&chip=${net${i}/chip} ||");
    line("ifclose net${i}");
    line("inc i");
    line("goto next");
    line(":done");
    line("sleep 1");
    line("reboot");
    script
}

/// One machine with all of them, one after the other.
#[test]
fn every_card_of_the_sets_that_qemu_has_reaches_the_server() -> anyhow::Result<()> {
    const NAME: &str = "cards";
    let Some(lab) = Lab::open(NAME)? else { return Ok(()) };
    let drivers = of_all_sets()?;
    for (model, driver) in CARDS {
        assert!(drivers.contains(driver), "{driver}, which drives {model:?}, is in no set");
    }
    let Some(firmware) = firmware::compiled_as(&profile(lab.folder(), &drivers)?)? else {
        lab::skip(NAME, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(());
    };
    let scene = Scene::with(lab, firmware)?;
    scene.server.answer("/boot", Reply::ok(script(&scene.server)));
    let image = scene.image(&scene.feed(WEB), Format::Iso, &Patience::default())?;
    let first = nic(WEB.mac, Wire::User(net()))?;
    let cards = CARDS.iter().enumerate().map(|(index, (model, _))| {
        anyhow::Ok(Nic { model: *model, ..nic(&mac(index), Wire::User(net()))? })
    });
    let nics = [Ok(first)].into_iter().chain(cards).collect::<anyhow::Result<Vec<_>>>()?;
    let machine = scene.machine(Board::Bios, image, Medium::Cd, WEB)?;
    let guest = scene.lab.start("boot", &Machine { nics, ..machine })?;
    let text = guest.expect_exit(SWITCHED_OFF)?;
    let reports = scene.server.requests();
    let reported = |mac: &str| reports.iter().any(|r| r.field("mac").as_deref() == Some(mac));
    for (index, (model, driver)) in CARDS.iter().enumerate() {
        assert!(reported(&mac(index)), "{model:?} by {driver} fetched nothing: {text}");
    }
    Ok(())
}
