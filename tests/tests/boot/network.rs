//! A machine finds its own card, speaks its VLAN and its IPv6, and is no other host.

use crate::scene::{Host, Scene, WEB, feed, net, nic, url};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_tests::vlan::Trunk;
use xtask::qemu::{Board, Machine, Medium, Model, Nic, UserNet, Wire};

/// A VLAN's number.
const VLAN: u16 = 100;
/// Another card's address.
const OTHER_MAC: &str = "52:54:00:aa:00:99";

#[test]
fn three_hosts_of_one_feed_each_announce_their_own_address() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("three-hosts")? else { return Ok(()) };
    let hosts = [
        WEB,
        Host { name: "web-02", mac: "52:54:00:aa:00:02", ip: "192.0.2.20" },
        Host { name: "db-01.example.org", mac: "52:54:00:aa:00:03", ip: "192.0.2.130" },
    ];
    for host in hosts {
        let path = scene.image(&scene.feed(host), Format::Iso, &Patience::default())?;
        scene.announces(host.name, &scene.machine(Board::Bios, path, Medium::Cd, host)?, host)?;
    }
    Ok(())
}

/// The card that the host names is the last of three, of another model, and the only one that
/// leads anywhere.
#[test]
fn the_card_is_picked_by_its_mac() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("pick-by-mac")? else { return Ok(()) };
    let path = scene.image(&scene.feed(WEB), Format::Iso, &Patience::default())?;
    let mut machine = scene.machine(Board::Bios, path, Medium::Cd, WEB)?;
    for mac in [OTHER_MAC, "52:54:00:aa:00:98"] {
        machine.nics.insert(0, Nic { model: Model::E1000, ..nic(mac, Wire::Isolated)? });
    }
    let request = scene.announces("boot", &machine, WEB)?;
    assert_eq!(request.field("nic").as_deref(), Some("net2"));
    Ok(())
}

/// The server is reached through a trunk that lets only the host's VLAN pass.
fn speaks_vlan(name: &str, board: impl Fn(&Scene) -> anyhow::Result<Board>) -> anyhow::Result<()> {
    let Some(scene) = Scene::open(name)? else { return Ok(()) };
    let mut feed = scene.feed(WEB);
    feed = feed.replacen('\n', ",vlan\n", 1).trim_end().to_owned() + &format!(",{VLAN}\n");
    let path = scene.image(&feed, Format::Iso, &Patience::default())?;
    let trunk = Trunk::start(VLAN, &net())?;
    let mut machine = scene.machine(board(&scene)?, path, Medium::Cd, WEB)?;
    machine.nics = vec![nic(WEB.mac, trunk.wire())?];
    let request = scene.announces("boot", &machine, WEB)?;
    assert_eq!(request.field("nic").as_deref(), Some("net0-100"));
    let (tagged, _) = trunk.frames();
    assert!(tagged > 3, "a conversation takes more than {tagged} frames");
    Ok(())
}

#[test]
fn bios_speaks_vlan() -> anyhow::Result<()> {
    speaks_vlan("vlan-bios", |_| Ok(Board::Bios))
}

#[test]
fn uefi_speaks_vlan() -> anyhow::Result<()> {
    speaks_vlan("vlan-uefi", |scene| scene.lab.uefi())
}

/// The server's address is an IPv6 one, and so is the host's.
#[test]
fn a_static_ipv6_address_reaches_the_server() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("ipv6")? else { return Ok(()) };
    let server = format!("http://[2001:db8:7::1]:{}", scene.server.port());
    let feed = format!(
        "name,mac,address6,gateway6,server\n{},{},2001:db8:7::10/64,2001:db8:7::1,{server}\n",
        WEB.name, WEB.mac
    );
    let script = "#!ipxe\necho ANSWERED6 ${hostname} ${${bootmint-nic}/ip6}\nsleep 1\nreboot\n";
    scene.server.answer("/boot", bootmint_tests::boot_server::Reply::ok(script));
    let path = scene.image(&feed, Format::Iso, &Patience::default())?;
    let ipv6 = Some(("2001:db8:7::".parse()?, "2001:db8:7::1".parse()?));
    let mut machine = scene.machine(Board::Bios, path, Medium::Cd, WEB)?;
    machine.nics = vec![nic(WEB.mac, Wire::User(UserNet { ipv6, ..net() }))?];
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect("ANSWERED6 web-01 2001:db8:7::10")?;
    guest.expect_exit(bootmint_tests::guest::SWITCHED_OFF)?;
    let request = scene.server.wait_for("/boot", std::time::Duration::ZERO)?;
    assert_eq!(request.field("mac").as_deref(), Some(WEB.mac));
    Ok(())
}

/// An image in a machine that is not its host's finds no card of its own and asks nobody.
#[test]
fn a_foreign_machine_takes_no_identity() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("foreign-machine")? else { return Ok(()) };
    let path = scene.image(&feed(WEB, &url(&scene.server)), Format::Iso, &Patience::default())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let mut machine = Machine { disks, ..scene.machine(Board::Bios, path, Medium::Cd, WEB)? };
    machine.nics = vec![nic(OTHER_MAC, Wire::User(net()))?];
    let guest = scene.lab.start("boot", &machine)?;
    guest.expect(&bootmint_tests::disks::bios_marker("inner", 0x80))?;
    guest.expect_exit(bootmint_tests::disks::BIOS_EXIT)?;
    assert_eq!(scene.server.requests(), []);
    Ok(())
}
