//! One image for all machines: each reads who it is in its own definition, by the driver that is
//! laid over iPXE's source, or from SMBIOS.

use crate::scene::{Host, Scene, WEB, url};
use bootmint_image_factory::{
    format::Format,
    ticket::{Common, Facts, Patience, Source, Ticket},
};
use bootmint_tests::{
    boot_server::{BootServer, Reply},
    disks, images,
    lab::Lab,
    vmware,
};
use xtask::qemu::{Board, Identity, Machine, Medium};

const OTHER: Host = Host { name: "web-02", mac: "52:54:00:aa:00:02", ip: "192.0.2.20" };
pub(crate) const TOKEN: &str = "token-of-a-definition";

/// What a definition says, as keys and values; the MAC address as some tools write it.
pub(crate) fn definition(host: Host) -> Vec<(&'static str, String)> {
    let mac = host.mac.to_uppercase();
    let pairs = [
        ("name", host.name),
        ("mac", &mac),
        ("ip", host.ip),
        ("netmask", "255.255.255.0"),
        ("gateway", "192.0.2.1"),
        ("token", TOKEN),
    ];
    pairs.map(|(key, value)| (key, value.to_owned())).into()
}

fn boots(name: &str, source: Source, uefi: bool) -> anyhow::Result<()> {
    let Some(scene) = Scene::compiled(name)? else { return Ok(()) };
    boots_in(&scene, source, uefi)
}

fn boots_in(scene: &Scene, source: Source, uefi: bool) -> anyhow::Result<()> {
    let common = Common { source, server: Some(url(&scene.server).parse()?) };
    let path = scene.own_image(&common, Format::Iso)?;
    for host in [WEB, OTHER] {
        let board = if uefi { scene.lab.uefi()? } else { Board::Bios };
        let mut machine = scene.machine(board, path.clone(), Medium::Cd, host)?;
        define(&mut machine, source, &definition(host));
        let request = scene.announces(host.name, &machine, host)?;
        assert_eq!(request.path, format!("/boot/{TOKEN}"), "{request:?}");
    }
    Ok(())
}

/// Puts a definition where `source` looks, among things that are none of its business.
pub(crate) fn define(machine: &mut Machine, source: Source, definition: &[(&str, String)]) {
    let mut oem = vec!["Example Inc.".to_owned(), "a, b".to_owned()];
    for (key, value) in definition {
        oem.extend([format!("org.bootmint.{key}"), value.clone()]);
    }
    let item = |(key, value): &(&str, String)| (format!("opt/org.bootmint/{key}"), value.clone());
    match source {
        Source::FwCfg => {
            machine.fw_cfg.push(("opt/com.example/ip".into(), "192.0.2.99".into()));
            machine.fw_cfg.extend(definition.iter().map(item));
        }
        Source::Smbios | Source::Guestinfo => {
            machine.identity = Identity { oem, ..Identity::default() };
        }
    }
}

#[test]
fn bios_by_fw_cfg() -> anyhow::Result<()> {
    boots("own-fw-cfg-bios", Source::FwCfg, false)
}

#[test]
fn uefi_by_fw_cfg() -> anyhow::Result<()> {
    boots("own-fw-cfg-uefi", Source::FwCfg, true)
}

#[test]
fn bios_by_smbios() -> anyhow::Result<()> {
    boots("own-smbios-bios", Source::Smbios, false)
}

#[test]
fn uefi_by_smbios() -> anyhow::Result<()> {
    boots("own-smbios-uefi", Source::Smbios, true)
}

/// The distribution's iPXE reads SMBIOS too.
#[test]
fn ready_binaries_by_smbios() -> anyhow::Result<()> {
    let Some(scene) = Scene::open("own-smbios-ready")? else { return Ok(()) };
    boots_in(&scene, Source::Smbios, false)
}

/// A definition without an address, and one whose values would be commands if they could.
#[test]
fn a_definition_that_is_none_ends_at_the_local_disk() -> anyhow::Result<()> {
    let Some(scene) = Scene::compiled("own-bad")? else { return Ok(()) };
    let common = Common { source: Source::FwCfg, server: Some(url(&scene.server).parse()?) };
    let path = scene.own_image(&common, Format::Iso)?;
    let all = definition(WEB);
    let hostile = "x || chain http://192.0.2.1:9/evil || echo INJECTED";
    let hostile = |(key, value): &(&'static str, String)| match *key {
        "ip" => (*key, hostile.to_owned()),
        _ => (*key, value.clone()),
    };
    let cases = [
        ("nothing", vec![], "has no name"),
        ("no-address", all[..2].to_vec(), "has no ip, ip6 or dhcp"),
        ("hostile", all.iter().map(hostile).collect(), "has no valid ip"),
    ];
    for (label, definition, reason) in cases {
        let disks = vec![scene.lab.local_disk("inner")?];
        let machine = scene.machine(Board::Bios, path.clone(), Medium::Cd, WEB)?;
        let mut machine = Machine { disks, ..machine };
        define(&mut machine, Source::FwCfg, &definition);
        let guest = scene.lab.start(label, &machine)?;
        guest.expect(&disks::bios_marker("inner", 0x80))?;
        let text = guest.expect_exit(disks::BIOS_EXIT)?;
        assert!(text.contains(reason) && !text.contains("INJECTED"), "{text}");
    }
    assert_eq!(scene.server.requests(), []);
    Ok(())
}

/// No VMware is at hand: iPXE's own code for it asks a simulated one.
#[test]
fn vmware_by_guestinfo() -> anyhow::Result<()> {
    const NAME: &str = "own-guestinfo";
    const ADDRESS: &str = "10.0.2.77";
    let Some(lab) = Lab::with(NAME, &vmware::TOOLS)? else { return Ok(()) };
    let Some(simulator) = vmware::Simulator::open(NAME)? else { return Ok(()) };
    let server = BootServer::start()?;
    server.answer("/boot", Reply::ok("#!ipxe\necho ANSWERED ${hostname} ${net0/ip}\n"));
    let url = format!("http://10.0.2.2:{}", server.port());
    let common = Common { source: Source::Guestinfo, server: Some(url.parse()?) };
    let boot = |label: &str, patience: &Patience, definition: &[(&str, String)]| {
        let ticket = Ticket::for_own(&common, Facts::Post, patience);
        let key = |(key, value): &(&str, String)| (format!("ipxe.bootmint.{key}"), value.clone());
        let definition: Vec<_> = definition.iter().map(key).collect();
        simulator.boot(&lab, label, &ticket, WEB.mac, &definition)
    };
    let all = definition(Host { ip: ADDRESS, ..WEB });
    let outcome = boot("all", &Patience::default(), &all)?;
    let answered = format!("ANSWERED {} {ADDRESS}", WEB.name);
    assert!(outcome.text.contains(&answered), "{outcome:?}");
    assert!(outcome.text.contains("HOST hears the guest speak as 10.0.2.77"), "{outcome:?}");
    let requests = server.requests();
    assert_eq!(requests[0].path, format!("/boot/{TOKEN}"), "{requests:?}");
    assert_eq!(requests[0].field("host").as_deref(), Some(WEB.name));
    assert_eq!(requests[0].field("mac").as_deref(), Some(WEB.mac));

    // No value of a definition is ever a command, and a machine without one boots its local disk.
    let hostile = "x || chain http://10.0.2.2:9/evil || echo INJECTED";
    let hostile = all.iter().map(|(key, value)| match *key {
        "ip" => (*key, hostile.to_owned()),
        _ => (*key, value.clone()),
    });
    for (label, definition, reason) in [
        ("no-vmware", vec![], "has no name"),
        ("no-address", all[..2].to_vec(), "has no ip, ip6 or dhcp"),
        ("hostile", hostile.collect(), "has no valid ip"),
    ] {
        let outcome = boot(label, &images::impatient(), &definition)?;
        assert!(outcome.text.contains(reason), "{label}: {outcome:?}");
        assert!(outcome.text.contains("booting the local disk"), "{label}: {outcome:?}");
        assert!(!outcome.text.contains("INJECTED"), "{label}: {outcome:?}");
    }
    assert_eq!(server.requests().len(), requests.len());
    Ok(())
}
