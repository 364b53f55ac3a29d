//! The tiny installer: iPXE started by iPXE, so that an install takes seconds. It fetches its
//! answer file, and all that this has it do is to report.

use crate::{
    server::{RunningServer, Site},
    world::HERE,
};
use anyhow::{Context, ensure};
use bootmint_image_factory::{
    firmware::{Capability, Firmware},
    format::Platform,
};

/// The installer on a site.
#[derive(Clone, Copy, Debug)]
pub struct Installer {
    /// Whether its firmware can POST. What cannot is helped with what stands on its console.
    pub reports_itself: bool,
}

impl Installer {
    /// Puts the OS profile `tiny`, which installs at a host's first boot, and its files into `site`.
    pub fn put(site: &Site, firmware: &Firmware, platform: Platform) -> anyhow::Result<Self> {
        let bios = firmware.binary(Platform::Bios).context("firmware for BIOS")?;
        let efi = firmware.binary(Platform::EfiX64).context("firmware for UEFI")?;
        let start = include_str!("../fixtures/installer/start.ipxe");
        let install = include_str!("../fixtures/installer/install.ipxe");
        let autoexec = include_str!("../fixtures/installer/autoexec.ipxe");
        let (started, profile) = match platform {
            Platform::Bios => (bios, include_str!("../fixtures/installer/profile.toml")),
            _ => (efi, include_str!("../fixtures/installer/profile-efi.toml")),
        };
        site.put("files/tiny/ipxe.lkrn", &bios.bytes)?;
        site.put("files/tiny/ipxe.efi", &efi.bytes)?;
        site.put("files/tiny/start.ipxe", start)?;
        site.put("profiles/tiny/profile.toml", profile)?;
        site.put("profiles/tiny/install.ipxe", install)?;
        site.put("profiles/tiny/autoexec.ipxe", autoexec)?;
        Ok(Self { reports_itself: started.about.capabilities.contains(&Capability::Params) })
    }

    /// Makes sure that the install whose console is `text` was reported as done.
    pub fn has_reported(&self, text: &str, server: &RunningServer) -> anyhow::Result<()> {
        if self.reports_itself {
            ensure!(text.contains("INSTALLER reported that it is done"), "{text}");
            return Ok(());
        }
        let word = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key));
        let report = word("REPORT ").context("no REPORT on the console")?;
        let secret = word("SECRET ").context("no SECRET on the console")?;
        let base = format!("http://{HERE}:{}", server.port());
        let path = report.strip_prefix(&base).context("the report goes to the server")?;
        let done = server.request("POST", &format!("{path}/done"), &format!("secret={secret}"))?;
        ensure!(done.0 == 200, "the report was not taken: {done:?}");
        Ok(())
    }
}
