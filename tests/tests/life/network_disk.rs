//! A machine whose ordinary boot is a menu, whose default, after its time, is a disk in the
//! network: a real iSCSI target that wants CHAP, named by the real server.

use crate::world::{self, HERE, HOST};
use anyhow::Context;
use bootmint_tests::{
    disks, firmware,
    iscsi::{Chap, Target},
    lab::{Lab, MACHINES},
    server::Site,
};
use xtask::qemu::Board;

const IQN: &str = "iqn.2026-01.net.example:web-01";
/// Nobody is there to press a key.
const MENU: &str = "title = \"Disks\"\n[menu]\nentries = [\"local\", \"san\"]\n\
                    default = \"san\"\ntimeout-seconds = 3\n";
const CHAP: Chap<'_> = Chap { user: "web-01", password: "chap-secret-01" };

#[test]
fn bios_shows_a_menu_whose_default_boots_an_iscsi_disk_with_chap() -> anyhow::Result<()> {
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
    site.put("profiles/disks/profile.toml", MENU)?;
    let secrets = format!("root-password-hash = \"!\"\nchap = \"{}\"\n", CHAP.password);
    site.put("secrets.toml", secrets)?;
    let server = site.serve(None, &[], &lab.log("server"))?;
    let url = format!("http://{HERE}:{}", server.port());
    let host = world::known(&site, &url, &[("boot", "disks")])?;
    let image = world::image(&lab, "image", &firmware::any()?, host)?;

    let guest = lab.start("boot", &world::machine(Board::Bios, &image)?)?;
    guest.expect(&disks::bios_marker("san", 0x80))?;
    let text = guest.expect_exit(disks::BIOS_EXIT)?;
    let shown = text.find("web-01 shows the menu Disks").context("no menu")?;
    let chosen = text.find("web-01 boots the disk").context("nothing was chosen")?;
    // The screen, with the title of the menu and what is chosen when its seconds are over.
    let screen = text.get(shown..chosen).context("the menu comes first")?;
    assert!(screen.contains("Disks: web-01") && screen.contains("(3)"), "{text}");
    assert!(text.contains("web-01 boots the disk of web-01 from the network"), "{text}");
    assert!(!text.contains(CHAP.password), "the password is on the console: {text}");
    let boots = site.command(&["hosts", "show", HOST])?;
    let boots = boots.lines().filter(|line| line.starts_with("boot "));
    let mut actions: Vec<_> = boots.filter_map(|line| line.split_whitespace().nth(2)).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["choice", "local"], "it asked for the menu, then for what it chose");
    Ok(())
}
