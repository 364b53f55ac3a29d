//! iPXE's own Hyper-V driver at work, on a simulated host: how to build and run it.
//!
//! `tests/hyperv/` holds the host's side in C, which takes the place of the tree's hypercalls. It
//! is linked with the pinned tree's vmbus.c, netvsc.c and rndis.c, none of them changed, to a
//! program of iPXE's Linux userland platform. The driver and the host are compiled with checks
//! for undefined behaviour and with iPXE's assertions, and run under valgrind, whose requests
//! iPXE's allocator makes: it knows each block of iPXE's heap.

pub(crate) mod build;

use crate::{lab::Lab, run::Background, serial::Serial};
use anyhow::Context;
use bootmint_image_factory::ticket::Ticket;
use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};
use xtask::qemu::CommandLine;

/// How long one run may take: ten times what the longest takes on an idle computer.
const LIMIT: Duration = Duration::from_secs(90);
/// The exit status when valgrind saw a bad access to memory.
const BAD_ACCESS: i32 = 99;
/// How often output is looked at while waiting.
const POLL: Duration = Duration::from_millis(50);

/// The simulator, built.
#[derive(Debug)]
pub struct Simulator {
    program: PathBuf,
}

/// How the host behaves.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour<'m> {
    /// The address of its network card.
    pub mac: &'m str,
    /// A fault's name and its conditions, as in `NAME[,after=N][,times=N]`; see
    /// `tests/hyperv/hvhost_fault.c`.
    pub fault: Option<&'static str>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that iPXE, its driver and the host said.
    pub text: String,
    /// iPXE's exit status.
    pub status: i32,
}

impl Outcome {
    /// Whether it came to its end as programs should: no signal, no memory that is not its own, and
    /// nothing of the guest's that the host had to refuse.
    pub fn is_sound(&self) -> bool {
        (0..128).contains(&self.status)
            && self.status != BAD_ACCESS
            && !self.text.contains("HOST refuses")
            && !self.text.contains("bad packet of the guest's")
    }

    /// The assertions of iPXE's that failed, a line each.
    pub fn assertions(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(|line| line.find("assert(").and_then(|at| line.get(at..)))
    }
}

impl Simulator {
    /// Builds the simulator, unless the cache has it; none, told loudly, where the cache has no
    /// source to build it from.
    pub fn open(test: &str) -> anyhow::Result<Option<Self>> {
        Ok(build::program(test, build::HYPERV)?.map(|program| Self { program }))
    }

    /// Boots `ticket` to its end. `label` names the log.
    pub fn boot(
        &self,
        lab: &Lab,
        label: &str,
        ticket: &Ticket,
        behaviour: Behaviour<'_>,
    ) -> anyhow::Result<Outcome> {
        let started = self.start(lab, label, ticket, behaviour)?;
        ended(started, lab, label)
    }

    /// The same with nobody who watches its memory, in a tenth of the time: a real iPXE as one
    /// client of many.
    pub fn boot_unwatched(
        &self,
        lab: &Lab,
        label: &str,
        ticket: &Ticket,
        behaviour: Behaviour<'_>,
    ) -> anyhow::Result<Outcome> {
        let device = device(lab, label, ticket, behaviour)?;
        let args = vec![self.program.clone().into(), "--net".into(), device.into()];
        let line = CommandLine { program: "env", args };
        ended(begin(&line, lab, label)?, lab, label)
    }

    /// Boots `ticket` until `line` was said more than `times` times, and ends it then; what was
    /// said. Fails when it ends by itself.
    pub fn boot_until_repeated(
        &self,
        lab: &Lab,
        label: &str,
        ticket: &Ticket,
        behaviour: Behaviour<'_>,
        (line, times): (&str, usize),
    ) -> anyhow::Result<String> {
        let (mut process, mut serial) = self.start(lab, label, ticket, behaviour)?;
        let deadline = Instant::now() + LIMIT;
        while serial.text().matches(line).count() <= times {
            anyhow::ensure!(Instant::now() < deadline, "\"{line}\" was not said {times} times");
            if let Ok(status) = process.wait(Instant::now()) {
                anyhow::bail!("it ended with status {status} before \"{line}\" was repeated");
            }
            thread::sleep(POLL);
        }
        drop(process);
        Ok(serial.finish())
    }

    fn start(
        &self,
        lab: &Lab,
        label: &str,
        ticket: &Ticket,
        behaviour: Behaviour<'_>,
    ) -> anyhow::Result<(Background, Serial)> {
        let device = device(lab, label, ticket, behaviour)?;
        // Memory that was never written is not complained about: the platform's console reads
        // some at the end of its input.
        let args = ["-q", "--undef-value-errors=no", "--error-exitcode=99"].map(Into::into);
        let rest = [self.program.clone().into(), "--net".into(), device.into()];
        let line =
            CommandLine { program: "valgrind", args: args.into_iter().chain(rest).collect() };
        begin(&line, lab, label)
    }
}

/// The network device on the command line, whose `ticket` lies in a file of the lab's.
fn device(
    lab: &Lab,
    label: &str,
    ticket: &Ticket,
    behaviour: Behaviour<'_>,
) -> anyhow::Result<String> {
    let path = lab.folder().join(format!("{label}.ipxe"));
    fs::write(&path, ticket.as_str()).context("writing the ticket")?;
    let mut device = format!("hvhost,ticket={},mac={}", path.display(), behaviour.mac);
    if let Some(fault) = behaviour.fault {
        device.push_str(",fault=");
        device.push_str(fault);
    }
    Ok(device)
}

fn begin(line: &CommandLine, lab: &Lab, label: &str) -> anyhow::Result<(Background, Serial)> {
    let (process, output) = Background::start(line)?;
    Ok((process, Serial::read(output, &lab.log(label))?))
}

/// What comes of a run, when it is over.
fn ended(
    (mut process, mut serial): (Background, Serial),
    lab: &Lab,
    label: &str,
) -> anyhow::Result<Outcome> {
    let status = process.wait(Instant::now() + LIMIT).with_context(|| {
        format!("booting on the simulated host; log: {}", lab.log(label).display())
    })?;
    Ok(Outcome { text: serial.finish(), status })
}
