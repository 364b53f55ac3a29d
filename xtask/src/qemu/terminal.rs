//! Runs a machine whose console is the user's terminal.

use super::command::CommandLine;
use anyhow::{Context, bail};
use std::{
    io::ErrorKind,
    process::{Command, ExitStatus},
};

/// Runs `line` to its end with the terminal as its standard input and output.
#[allow(
    clippy::disallowed_methods,
    reason = "xshell closes standard input, and a console needs the terminal's"
)]
pub fn run(line: &CommandLine) -> anyhow::Result<ExitStatus> {
    match Command::new(line.program).args(&line.args).status() {
        Ok(status) => Ok(status),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let (debian, fedora) = match line.program {
                "qemu-system-aarch64" => ("qemu-system-arm", "qemu-system-aarch64-core"),
                _ => ("qemu-system-x86", "qemu-system-x86-core"),
            };
            bail!("{} is missing: install {debian} (Debian) or {fedora} (Fedora)", line.program)
        }
        Err(error) => Err(error).with_context(|| format!("starting {line}")),
    }
}
