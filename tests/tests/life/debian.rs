//! A real installer: Debian's, from the distribution's package, started by the shipped profile.
//! It fetches its answer file, writes a boot sector to an empty disk, reports, and restarts; the
//! next boot goes to that disk.

use crate::world::{self, HERE, HOST};
use anyhow::Context;
use bootmint_tests::{
    disks, firmware,
    guest::SWITCHED_OFF,
    installer,
    lab::{Lab, MACHINES},
    server::Site,
    vlan::Trunk,
};
use std::{fs, path::Path, time::Duration};
use xtask::qemu::{Board, Bus, Disk, Machine, Wire, Writes};

/// What the installer needs to unpack itself.
const MEMORY: u32 = 1024;
/// It takes two to four minutes on an idle computer.
const LIMIT: Duration = Duration::from_secs(900);
/// The last of an answer's values counts: in place of the heartbeats and of all that comes after,
/// the disk gets what a whole installation would leave in its first sector.
const EARLY: &str = r#"
d-i preseed/early_command string \
    echo "INSTALLER of {{ host.name }} has its answers" >/dev/ttyS0; \
    modprobe xhci-pci; modprobe usb-storage; modprobe sd_mod; \
    n=0; while [ ! -b /dev/sda ] && [ $n -lt 60 ]; do sleep 1; n=$((n + 1)); done; \
    wget -q -O /tmp/sector {{ files }}/trial/sector && \
    dd if=/tmp/sector of=/dev/sda && sync && \
    wget -q -O /dev/null --post-data=secret={{ secret }} {{ report }}/done && \
    echo "INSTALLER reported that it is done" >/dev/ttyS0; \
    reboot; sleep 600
"#;

/// The site, with the shipped profile but for its policy and the answer above.
fn site(lab: &Lab, sector: &[u8]) -> anyhow::Result<Site> {
    let site = Site::init(world::program(), &lab.folder().join("site"), &[])?;
    let profile = include_str!("../../../server/profiles/debian/profile.toml");
    let preseed = include_str!("../../../server/profiles/debian/preseed.cfg");
    let policy = "\n[policy]\nfirst-boot = \"install\"\n";
    site.put("profiles/debian/profile.toml", [profile, policy].concat())?;
    site.put("profiles/debian/preseed.cfg", [preseed, EARLY].concat())?;
    site.put("secrets.toml", "root-password-hash = \"!\"\n")?;
    site.put("files/trial/sector", sector)?;
    for file in ["linux", "initrd.gz"] {
        let bytes =
            fs::read(Path::new(installer::FOLDER).join(file)).context("the installer's package")?;
        site.put(&format!("files/debian/{file}"), bytes)?;
    }
    Ok(site)
}

/// A machine at `wire` is installed, and boots what it was given; `columns` are those of its feed.
fn installs_once(name: &str, wire: Option<Wire>, columns: &[(&str, &str)]) -> anyhow::Result<()> {
    let packages = [&MACHINES[..], &installer::PACKAGES].concat();
    let Some(lab) = Lab::with(name, &packages)? else { return Ok(()) };
    let installed = fs::read(lab.local_disk("installed")?.path)?;
    let site = site(&lab, installed.get(..512).context("a disk has a first sector")?)?;
    let server = site.serve(None, &[], &lab.log("server"))?;
    let url = format!("http://{HERE}:{}", server.port());
    let always =
        [("os", "debian"), ("console", "\"ttyS0,115200\""), ("mirror-host", "mirror.example.net")];
    let host = world::known(&site, &url, &[&always, columns].concat())?;
    let image = world::image(&lab, "image", &firmware::any()?, host)?;
    let path = lab.folder().join("empty.img");
    fs::write(&path, vec![0; installed.len()])?;
    let disks = vec![Disk { path, writes: Writes::Kept, bus: Bus::Usb }];
    let mut machine = Machine { disks, memory: MEMORY, ..world::machine(Board::Bios, &image)? };
    for (nic, wire) in machine.nics.iter_mut().zip(wire) {
        nic.wire = wire;
    }

    let guest = lab.start_slow("install", &machine, LIMIT)?;
    guest.expect("INSTALLER of web-01 has its answers")?;
    guest.expect("INSTALLER reported that it is done")?;
    guest.expect_exit(SWITCHED_OFF)?;
    assert_eq!(site.state(HOST)?, "installed");

    let guest = lab.start("after", &machine)?;
    guest.expect(&disks::bios_marker("installed", 0x80))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    assert!(text.contains("web-01 boots its local disk"), "{text}");
    Ok(())
}

#[test]
fn the_real_installer_runs_once_and_the_disk_boots_afterwards() -> anyhow::Result<()> {
    installs_once("debian", None, &[])
}

/// The machine's port is a trunk which lets only the host's VLAN pass: iPXE and the installer tag
/// what they send.
#[test]
fn the_real_installer_speaks_vlan() -> anyhow::Result<()> {
    let trunk = Trunk::start(100, &world::network())?;
    installs_once("debian-vlan", Some(trunk.wire()), &[("vlan", "100")])
}
