//! The scene of most boot tests: one network, whose gateway is this computer with the boot server.

use bootmint_image_factory::{
    firmware::Firmware,
    format::Format,
    layout::BiosLoader,
    ticket::{Common, Patience},
};
use bootmint_tests::{
    boot_server::{BootServer, Reply, Request},
    firmware,
    guest::SWITCHED_OFF,
    images,
    lab::{self, Lab},
};
use std::{path::PathBuf, time::Duration};
use xtask::{
    isolinux,
    qemu::{Board, Image, Machine, Medium, Model, Nic, UserNet, Wire},
};

/// The CSV columns that the scene's feeds start with.
const HEADER: &str = "name,mac,address,gateway,server";
/// A server where nobody listens: the machine's connection is refused at once.
pub(crate) const NOBODY: &str = "http://192.0.2.1:9";
/// What answers are scripted to: says who the machine takes itself for, on its console and to the
/// server, and restarts, which ends QEMU. The pause lets SeaBIOS copy the screen.
const ANSWER: &str = "#!ipxe\n\
    echo ANSWERED ${hostname} ${${bootmint-nic}/mac} ${${bootmint-nic}/ip}\n\
    imgfetch --autofree ${report}?name=${hostname}&ip=${${bootmint-nic}/ip} ||\n\
    sleep 1\n\
    reboot\n";

/// A host of the scene.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// Its name.
    pub(crate) name: &'static str,
    /// The MAC address of its first NIC.
    pub(crate) mac: &'static str,
    /// Its IPv4 address in 192.0.2.0/24.
    pub(crate) ip: &'static str,
}

/// The usual host.
pub(crate) const WEB: Host = Host { name: "web-01", mac: "52:54:00:aa:00:01", ip: "192.0.2.10" };

/// A test's lab, server and firmware.
pub(crate) struct Scene {
    /// The lab.
    pub(crate) lab: Lab,
    /// The server, which gives [`ANSWER`] to whoever asks.
    pub(crate) server: BootServer,
    firmware: Firmware,
}

impl Scene {
    /// The scene of the test `name`; none when tools are missing and that is allowed.
    pub(crate) fn open(name: &str) -> anyhow::Result<Option<Self>> {
        let Some(lab) = Lab::open(name)? else { return Ok(None) };
        Self::with(lab, firmware::any()?).map(Some)
    }

    /// The scene of a test that needs the tools of more Debian packages than machines do.
    pub(crate) fn with_tools(name: &str, packages: &[&str]) -> anyhow::Result<Option<Self>> {
        let packages = [&lab::MACHINES, packages].concat();
        let Some(lab) = Lab::with(name, &packages)? else { return Ok(None) };
        Self::with(lab, firmware::any()?).map(Some)
    }

    /// The scene of a test about compiled firmware; none, loudly, where there is no source.
    pub(crate) fn compiled(name: &str) -> anyhow::Result<Option<Self>> {
        let Some(lab) = Lab::open(name)? else { return Ok(None) };
        let Some(firmware) = firmware::compiled()? else {
            lab::skip(name, "iPXE's source is not in the cache: run `cargo xtask source fetch`");
            return Ok(None);
        };
        Self::with(lab, firmware).map(Some)
    }

    /// The scene of a test about AArch64 machines; none, loudly, where no firmware for them is.
    pub(crate) fn with_arm64(name: &str) -> anyhow::Result<Option<Self>> {
        let tools = ["qemu-system-x86", "ovmf", "qemu-system-arm", "qemu-efi-aarch64"];
        let Some(lab) = Lab::with(name, &tools)? else { return Ok(None) };
        let Some(firmware) = firmware::with_arm64()? else {
            lab::skip(
                name,
                "the distribution has no iPXE for AArch64, and iPXE's source is not in the cache: \
                 run `cargo xtask source fetch`",
            );
            return Ok(None);
        };
        Self::with(lab, firmware).map(Some)
    }

    /// The scene of a test in `lab`, with `firmware`.
    pub(crate) fn with(lab: Lab, firmware: Firmware) -> anyhow::Result<Self> {
        let server = BootServer::start()?;
        let report = format!("set report {}/report\n", url(&server));
        server.answer("/boot", Reply::ok(ANSWER.replacen('\n', &format!("\n{report}"), 1)));
        server.answer("/report", Reply::ok("#!ipxe\n"));
        Ok(Self { lab, server, firmware })
    }

    /// Its firmware.
    pub(crate) fn firmware(&self) -> &Firmware {
        &self.firmware
    }

    /// A feed with `host`, whose server is the scene's.
    pub(crate) fn feed(&self, host: Host) -> String {
        feed(host, &url(&self.server))
    }

    /// The image of the host in `feed`, or of the site when there are several.
    pub(crate) fn image(
        &self,
        feed: &str,
        format: Format,
        patience: &Patience,
    ) -> anyhow::Result<PathBuf> {
        let hosts = images::hosts(feed)?;
        images::mint(self.lab.folder(), &self.firmware, format, &hosts, patience)
    }

    /// As [`Scene::image`], an ISO that isolinux starts on a BIOS.
    pub(crate) fn isolinux_image(
        &self,
        feed: &str,
        patience: &Patience,
    ) -> anyhow::Result<PathBuf> {
        let (hosts, files) = (images::hosts(feed)?, isolinux::read()?);
        let loader = BiosLoader::Isolinux { files: &files };
        let folder = self.lab.folder();
        images::mint_with(folder, &self.firmware, Format::Iso, &hosts, patience, loader)
    }

    /// The image of all machines that find out who they are.
    pub(crate) fn own_image(&self, common: &Common, format: Format) -> anyhow::Result<PathBuf> {
        let patience = Patience::default();
        images::mint_own(self.lab.folder(), &self.firmware, format, common, &patience)
    }

    /// A machine that is `host`, with the image in `path` attached as `medium`.
    pub(crate) fn machine(
        &self,
        board: Board,
        path: PathBuf,
        medium: Medium,
        host: Host,
    ) -> anyhow::Result<Machine> {
        Ok(Machine {
            image: Some(Image { path, medium }),
            nics: vec![nic(host.mac, Wire::User(net()))?],
            ..Machine::new(board)
        })
    }

    /// Boots `machine` and demands that it takes itself for `host`: on its console, in its request
    /// and in the report of the script that it was answered.
    pub(crate) fn announces(
        &self,
        label: &str,
        machine: &Machine,
        host: Host,
    ) -> anyhow::Result<Request> {
        let guest = self.lab.start(label, machine)?;
        guest.expect(&format!("ANSWERED {} {} {}", host.name, host.mac, host.ip))?;
        let text = guest.expect_exit(SWITCHED_OFF)?;
        assert!(!text.contains("LOCAL-DISK"), "{text}");
        let asked = |request: &Request| {
            request.path.starts_with("/boot") && request.field("host").as_deref() == Some(host.name)
        };
        let request = self.server.wait_until(asked, Duration::ZERO)?;
        assert_eq!(request.field("mac").as_deref(), Some(host.mac), "{request:?}");
        let reported = |request: &Request| {
            request.path == "/report" && request.field("name").as_deref() == Some(host.name)
        };
        let report = self.server.wait_until(reported, Duration::ZERO)?;
        assert_eq!(report.field("ip").as_deref(), Some(host.ip), "{report:?}");
        Ok(request)
    }
}

/// A feed with `host`, whose server is at `url`.
pub(crate) fn feed(host: Host, url: &str) -> String {
    let Host { name, mac, ip } = host;
    format!("{HEADER}\n{name},{mac},{ip}/24,192.0.2.1,{url}\n")
}

/// The server's address, as machines of the scene see it.
pub(crate) fn url(server: &BootServer) -> String {
    format!("http://192.0.2.1:{}", server.port())
}

/// The scene's network.
pub(crate) fn net() -> UserNet {
    UserNet {
        network: [192, 0, 2, 0].into(),
        prefix: 24,
        gateway: [192, 0, 2, 1].into(),
        ipv6: None,
    }
}

/// A network card on `wire`.
pub(crate) fn nic(mac: &str, wire: Wire) -> anyhow::Result<Nic> {
    Ok(Nic { mac: mac.parse()?, model: Model::Virtio, wire })
}
