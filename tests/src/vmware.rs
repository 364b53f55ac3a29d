//! iPXE's own GuestInfo code at work, on a simulated VMware: how to run it.
//!
//! `tests/vmware/` holds the hypervisor's side in C: it answers the tree's guestinfo.c and
//! guestrpc.c, none of them changed, in a program of iPXE's Linux userland platform. The network
//! card is the simulated one of [`crate::hyperv`]; this is about who the machine is.

use crate::{
    hyperv::{Outcome, build},
    lab::Lab,
    run::Background,
    serial::Serial,
};
use anyhow::Context;
use bootmint_image_factory::ticket::Ticket;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use xtask::qemu::CommandLine;

/// How long one run may take: many times what it takes on an idle computer.
const LIMIT: Duration = Duration::from_secs(90);

/// The Debian packages of what builds and runs the simulation.
pub const TOOLS: [&str; 4] = ["gcc", "libslirp-dev", "make", "perl"];

/// The simulator, built.
#[derive(Debug)]
pub struct Simulator {
    program: PathBuf,
}

impl Simulator {
    /// Builds the simulator, unless the cache has it; none, told loudly, where the cache has no
    /// source to build it from.
    pub fn open(test: &str) -> anyhow::Result<Option<Self>> {
        Ok(build::program(test, build::VMWARE)?.map(|program| Self { program }))
    }

    /// Boots `ticket` to its end on a machine with a card of the address `mac`, whose definition
    /// has these `guestinfo` keys with their values; with none it is no VMware. `label` names the
    /// log.
    pub fn boot(
        &self,
        lab: &Lab,
        label: &str,
        ticket: &Ticket,
        mac: &str,
        definition: &[(String, String)],
    ) -> anyhow::Result<Outcome> {
        let path = |end: &str| lab.folder().join(format!("{label}.{end}"));
        let lines = definition.iter().map(|(key, value)| format!("{key}={value}\n"));
        fs::write(path("vmx"), lines.collect::<String>()).context("writing the definition")?;
        fs::write(path("ipxe"), ticket.as_str()).context("writing the ticket")?;
        let host = format!("vmhost,definition={}", path("vmx").display());
        let card = format!("hvhost,ticket={},mac={mac}", path("ipxe").display());
        let args = ["--net".into(), host.into(), "--net".into(), card.into()];
        let args = [self.program.clone().into()].into_iter().chain(args).collect();
        let (mut process, output) = Background::start(&CommandLine { program: "env", args })?;
        let mut serial = Serial::read(output, &lab.log(label))?;
        let ended = process.wait(Instant::now() + LIMIT);
        let status = ended.with_context(|| {
            format!("booting on the simulated VMware; log: {}", lab.log(label).display())
        })?;
        Ok(Outcome { text: serial.finish(), status })
    }
}
