//! The life of a machine with its image always attached: it installs once for each permission,
//! and boots its own disk in all other cases. The server is the real one, and so is every answer.

use crate::world::{self, HERE, HOST, MAC};
use anyhow::Context;
use bootmint_image_factory::{firmware::Firmware, format::Platform};
use bootmint_tests::{
    disks, firmware,
    guest::SWITCHED_OFF,
    installer,
    lab::{self, Lab, MACHINES},
    server::{RunningServer, Site},
};
use std::time::{Duration, Instant};
use xtask::qemu::{Board, Machine};

/// What each boot of the image begins with.
const TICKET: &str = "Bootmint: host web-01";
/// The attempts of the second part of the life stall after this time, by when the installer has
/// its answers: it takes some 5 s on an idle computer.
const SOON: &str = "BOOTMINT_POLICY__DEADLINE_SECONDS=30";
/// How long the server may take to notice that.
const PATIENCE: Duration = Duration::from_secs(120);

/// A machine, the site that it belongs to, and where its story is written.
struct Life {
    lab: Lab,
    site: Site,
    machine: Machine,
}

impl Life {
    /// A site that knows the machine, and the machine's image, minted from the same feed.
    fn begin(
        lab: Lab,
        firmware: &Firmware,
        platform: Platform,
    ) -> anyhow::Result<(Self, RunningServer)> {
        let site = Site::init(world::program(), &lab.folder().join("site"), &[])?;
        installer::put(&site)?;
        let server = site.serve(None, &[], &lab.log("server"))?;
        let url = format!("http://{HERE}:{}", server.port());
        let host = world::known(&site, &url, &[("os", "small")])?;
        let image = world::image(&lab, "image", firmware, host)?;
        let board = match platform {
            Platform::Bios => Board::Bios,
            _ => lab.uefi()?,
        };
        let machine = installer::machine(&lab, board, &image)?;
        Ok((Self { lab, site, machine }, server))
    }

    /// A boot that installs, up to the report.
    fn installs(&self, label: &str) -> anyhow::Result<()> {
        let guest = self.lab.start(label, &self.machine)?;
        guest.expect(installer::HAS_ANSWERS)?;
        let text = guest.expect_exit(SWITCHED_OFF)?;
        assert!(text.contains("installing a small installer on web-01"), "{text}");
        assert!(text.contains(installer::REPORTED), "{text}");
        assert!(!text.contains("LOCAL-DISK"), "{text}");
        assert_eq!(self.site.state(HOST)?, "installed");
        Ok(())
    }

    /// A boot that ends on the machine's own disk; its console.
    fn boots_its_disk(&self, label: &str) -> anyhow::Result<String> {
        let guest = self.lab.start(label, &self.machine)?;
        let (marker, status) = match self.machine.board {
            Board::Bios => (disks::bios_marker(installer::SYSTEM, 0x80), disks::BIOS_EXIT),
            _ => (disks::uefi_marker(installer::SYSTEM), disks::UEFI_EXIT),
        };
        guest.expect(&marker)?;
        let text = guest.expect_exit(status)?;
        assert_eq!(text.matches(TICKET).count(), 1, "the image was booted again: {text}");
        assert!(!text.contains("INSTALLER"), "{text}");
        Ok(text)
    }

    /// The server told the machine to boot its disk.
    fn is_told_local(&self, label: &str) -> anyhow::Result<()> {
        let text = self.boots_its_disk(label)?;
        assert!(text.contains("web-01 boots its local disk"), "{text}");
        Ok(())
    }

    /// From now on the installer hangs once it has its answers.
    fn hangs(&self) -> anyhow::Result<()> {
        let (says, _) = installer::ANSWER.split_once("waited").context("what it says first")?;
        self.site.put("profiles/small/install.sh", format!("{says}sleep 3600\n"))
    }

    fn arm(&self) -> anyhow::Result<()> {
        self.site.command(&["arm", HOST, "--confirm", HOST])?;
        assert_eq!(self.site.state(HOST)?, "armed");
        Ok(())
    }

    /// An install that is cut off, as by a power failure, and missed by the server in time.
    fn is_cut_off(&self) -> anyhow::Result<()> {
        let guest = self.lab.start("cut-off", &self.machine)?;
        guest.expect(installer::HAS_ANSWERS)?;
        guest.stop();
        let deadline = Instant::now() + PATIENCE;
        while self.site.state(HOST)? != "stalled" {
            assert!(Instant::now() < deadline, "it never stalls");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// The audit log is whole and tells exactly this life.
    fn audit_tells_it(&self) -> anyhow::Result<()> {
        let verified = self.site.command(&["audit", "verify"])?;
        let log = self.site.command(&["audit"])?;
        let mut changes = Vec::new();
        // What is known of a request stands below its row.
        for line in log.lines().filter(|line| !line.starts_with("       ")) {
            // Number, time and actor; host, event and state before; state after and details.
            let (before, after) = line.split_once(" -> ").context("an audit row")?;
            let words = before.split_whitespace().skip(3).chain(["->"]);
            let words = words.chain(after.split_whitespace().take(1));
            changes.push(words.collect::<Vec<_>>().join(" "));
        }
        let install = |was: &str| format!("web-01 boot {was} -> installing");
        let answer = "web-01 answer -> install.sh";
        let expected = [
            // The first account, made by `init`; it belongs to no host.
            "add-account -> account".to_owned(),
            "web-01 import -> new".to_owned(),
            install("new"),
            answer.to_owned(),
            "web-01 done installing -> installed".to_owned(),
            "web-01 arm installed -> armed".to_owned(),
            install("armed"),
            answer.to_owned(),
            "web-01 done installing -> installed".to_owned(),
            "web-01 arm installed -> armed".to_owned(),
            install("armed"),
            answer.to_owned(),
            "web-01 deadline installing -> stalled".to_owned(),
        ];
        assert_eq!(changes, expected, "{log}");
        assert!(verified.contains(&format!("{} rows", expected.len())), "{verified}");
        Ok(())
    }

    /// The server saw each boot that reached it, and which machine it was.
    fn boots_are_remembered(&self) -> anyhow::Result<()> {
        let shown = self.site.command(&["hosts", "show", HOST])?;
        let boots: Vec<_> = shown.lines().filter(|line| line.starts_with("boot ")).collect();
        let mut actions: Vec<_> =
            boots.iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
        actions.reverse();
        assert_eq!(actions, ["install", "local", "install", "install", "local", "local"]);
        let mac = format!("\"mac\":\"{MAC}\"");
        assert!(boots.iter().all(|line| line.contains(&mac)), "{shown}");
        Ok(())
    }
}

fn open(name: &str) -> anyhow::Result<Option<Lab>> {
    Lab::with(name, &[&MACHINES[..], &installer::PACKAGES].concat())
}

fn life(lab: Lab, firmware: &Firmware, platform: Platform) -> anyhow::Result<()> {
    let (life, server) = Life::begin(lab, firmware, platform)?;
    life.installs("first")?;
    life.is_told_local("second")?;
    life.arm()?;
    life.installs("again")?;

    // The server is killed and comes back: it has forgotten nothing.
    let port = server.port();
    drop(server);
    let text = life.boots_its_disk("no-server")?;
    assert!(text.contains("the server gave no usable answer"), "{text}");
    life.hangs()?;
    let server = life.site.serve(Some(port), &[SOON], &life.lab.log("server-again"))?;
    assert_eq!(life.site.state(HOST)?, "installed");

    life.arm()?;
    life.is_cut_off()?;
    life.is_told_local("after-stall")?;
    life.is_told_local("after-stall-again")?;
    assert_eq!(life.site.state(HOST)?, "stalled");
    drop(server);
    life.boots_are_remembered()?;
    life.audit_tells_it()
}

#[test]
fn bios_with_compiled_firmware() -> anyhow::Result<()> {
    let name = "life-compiled";
    let Some(lab) = open(name)? else { return Ok(()) };
    let Some(firmware) = firmware::compiled()? else {
        lab::skip(name, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
        return Ok(());
    };
    life(lab, &firmware, Platform::Bios)
}

#[test]
fn bios_with_the_distributions_firmware() -> anyhow::Result<()> {
    let name = "life-prebuilt";
    let Some(lab) = open(name)? else { return Ok(()) };
    life(lab, &firmware::any()?, Platform::Bios)
}

#[test]
fn uefi_with_the_distributions_firmware() -> anyhow::Result<()> {
    let Some(lab) = open("life-uefi")? else { return Ok(()) };
    life(lab, &firmware::any()?, Platform::EfiX64)
}
