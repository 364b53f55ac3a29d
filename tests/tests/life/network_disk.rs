//! A machine whose ordinary boot is a disk in the network: a real iSCSI target that wants CHAP,
//! named by the real server.

use crate::world::{self, HERE};
use bootmint_tests::{
    disks, firmware,
    iscsi::{Chap, Target},
    lab::{Lab, MACHINES},
    server::Site,
};
use xtask::qemu::Board;

const IQN: &str = "iqn.2026-01.net.example:web-01";
const CHAP: Chap<'_> = Chap { user: "web-01", password: "chap-secret-01" };

#[test]
fn bios_boots_an_iscsi_disk_with_chap() -> anyhow::Result<()> {
    let [qemu, ovmf] = MACHINES;
    let Some(lab) = Lab::with("iscsi", &[qemu, ovmf, "tgt"])? else { return Ok(()) };
    let disk = lab.local_disk("san")?;
    let target = Target::start(lab.folder(), &lab.log("target"), IQN, &disk.path, CHAP)?;

    let site = Site::init(world::program(), &lab.folder().join("site"), &[])?;
    let profile = format!(
        "title = \"the disk of web-01\"\n[sanboot]\n\
         target = \"iscsi:{HERE}::{}:1:{IQN}\"\n\
         user = \"{{{{ host.name }}}}\"\npassword = \"{{{{ secrets.chap }}}}\"\n",
        target.port()
    );
    site.put("profiles/san/profile.toml", profile)?;
    let secrets = format!("root-password-hash = \"!\"\nchap = \"{}\"\n", CHAP.password);
    site.put("secrets.toml", secrets)?;
    let server = site.serve(None, &[], &lab.log("server"))?;
    let url = format!("http://{HERE}:{}", server.port());
    let host = world::known(&site, &url, &[("boot", "san")])?;
    let image = world::image(&lab, "image", &firmware::any()?, host)?;

    let guest = lab.start("boot", &world::machine(Board::Bios, &image)?)?;
    guest.expect(&disks::bios_marker("san", 0x80))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    assert!(text.contains("web-01 boots the disk of web-01 from the network"), "{text}");
    assert!(!text.contains(CHAP.password), "the password is on the console: {text}");
    Ok(())
}
