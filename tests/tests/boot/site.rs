//! One image for a whole site: each machine finds itself in it, by MAC, serial number or UUID.

use crate::scene::{Host, Scene, WEB, net, nic, url};
use bootmint_image_factory::{format::Format, ticket::Patience};
use bootmint_tests::disks;
use xtask::qemu::{Board, Identity, Machine, Medium, Wire};

/// A site with one host of each kind.
fn feed(scene: &Scene) -> String {
    let server = url(&scene.server);
    format!(
        "name,mac,serial,uuid,address,gateway,server\n\
         db-01,52:54:00:aa:00:77,,,192.0.2.77/24,192.0.2.1,{server}\n\
         {},{},,,{}/24,192.0.2.1,{server}\n\
         by-serial,,SN 0815/4,,192.0.2.30/24,192.0.2.1,{server}\n\
         by-uuid,,,4c4c4544-0050-3510-8043-b4c04f4d3132,192.0.2.40/24,192.0.2.1,{server}\n",
        WEB.name, WEB.mac, WEB.ip
    )
}

#[test]
fn each_machine_finds_itself() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("site")? else { return Ok(()) };
    let path = scene.image(&feed(&scene), Format::Iso, &Patience::default())?;
    let serial = Identity { serial: Some("SN 0815/4".into()), ..Identity::default() };
    let uuid = "4c4c4544-0050-3510-8043-b4c04f4d3132".parse()?;
    let uuid = Identity { uuid: Some(uuid), ..Identity::default() };
    let unnamed = "52:54:00:aa:00:99";
    let machines = [
        (WEB, Identity::default()),
        (Host { name: "by-serial", mac: unnamed, ip: "192.0.2.30" }, serial),
        (Host { name: "by-uuid", mac: unnamed, ip: "192.0.2.40" }, uuid),
    ];
    for (host, identity) in machines {
        let machine = scene.machine(Board::Bios, path.clone(), Medium::Cd, host)?;
        scene.announces(host.name, &Machine { identity, ..machine }, host)?;
    }
    Ok(())
}

#[test]
fn a_machine_of_another_site_boots_its_own_disk() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("site-stranger")? else { return Ok(()) };
    let path = scene.image(&feed(&scene), Format::Iso, &Patience::default())?;
    let disks = vec![scene.lab.local_disk("inner")?];
    let mut machine = scene.machine(Board::Bios, path, Medium::Cd, WEB)?;
    machine.nics = vec![nic("52:54:00:aa:00:99", Wire::User(net()))?];
    let guest = scene.lab.start("boot", &Machine { disks, ..machine })?;
    guest.expect(&disks::bios_marker("inner", 0x80))?;
    guest.expect_exit(disks::BIOS_EXIT)?;
    assert_eq!(scene.server.requests(), []);
    Ok(())
}
