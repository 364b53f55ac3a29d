//! A running machine: started within the budget, watched up to its deadline, never left behind.

use crate::{run::Background, serial::Serial};
use anyhow::{Context, ensure};
use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};
use xtask::qemu::{Board, CommandLine, Machine, Operator};

/// How many machines run at a time: an emulated processor takes a whole real one.
const MACHINES: usize = 2;

/// The exit status of a machine that switched itself off or restarted.
pub const SWITCHED_OFF: i32 = 0;

/// The exit status after the machine wrote `value` to the port that ends QEMU.
pub const fn port_exit(value: u8) -> i32 {
    (value as i32) * 2 + 1
}

/// How long a machine may take: many times what it takes on an idle computer, so that only a
/// machine that hangs runs into it.
pub const fn limit(board: &Board) -> Duration {
    Duration::from_secs(match board {
        Board::Bios => 90,
        Board::Uefi(_) | Board::UefiSecure(_) | Board::UefiArm64(_) => 180,
    })
}

/// A machine in QEMU.
#[derive(Debug)]
pub struct Guest {
    process: Background,
    serial: Serial,
    log: PathBuf,
    deadline: Instant,
    _permit: Permit,
}

impl Guest {
    /// Starts `machine` when one of the `MACHINES` places is free; its serial log goes to `log`.
    pub fn start(machine: &Machine, log: &Path) -> anyhow::Result<Self> {
        Self::start_within(machine, log, limit(&machine.board))
    }

    /// Likewise, for a machine that may take as long as `limit`.
    pub fn start_within(machine: &Machine, log: &Path, limit: Duration) -> anyhow::Result<Self> {
        ensure!(machine.operator == Operator::Program, "a test's machine is watched by a program");
        let line = machine.command()?;
        let permit = Permit::take();
        announce(&line, log);
        let (process, output) = Background::start(&line)?;
        let serial = Serial::read(output, log)?;
        let deadline = Instant::now() + limit;
        Ok(Self { process, serial, log: log.to_owned(), deadline, _permit: permit })
    }

    /// Waits until `text` stands on the serial line.
    pub fn expect(&self, text: &str) -> anyhow::Result<()> {
        self.serial.wait_for(text, self.deadline).with_context(|| self.where_to_look())
    }

    /// Waits until QEMU ends with `status`; everything that stood on the serial line.
    pub fn expect_exit(mut self, status: i32) -> anyhow::Result<String> {
        let ended = self.process.wait(self.deadline).with_context(|| self.where_to_look())?;
        let text = self.serial.finish();
        ensure!(
            ended == status,
            "QEMU ended with status {ended} instead of {status}: {}",
            self.where_to_look()
        );
        Ok(text)
    }

    /// Ends a machine that has shown what it had to and cannot end itself; its serial text.
    pub fn stop(self) -> String {
        let Self { process, mut serial, .. } = self;
        drop(process);
        serial.finish()
    }

    fn where_to_look(&self) -> String {
        format!("watching the machine whose serial log is {}", self.log.display())
    }
}

/// What someone who looks into a failed test wants to know first.
#[allow(clippy::print_stdout, reason = "the test runner keeps it and shows it when a test fails")]
fn announce(line: &CommandLine, log: &Path) {
    println!("starting {line}\nserial log: {}", log.display());
}

/// One of the places for a machine.
#[derive(Debug)]
struct Permit;

static RUNNING: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Permit {
    fn take() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = FREED.wait_while(running, |running| *running >= MACHINES);
        *wait.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
