//! The one place where the tests run other programs.

use anyhow::{Context, bail, ensure};
use std::{
    ffi::OsStr,
    io::PipeReader,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use xtask::qemu::CommandLine;

/// How many of a failed tool's last lines are shown.
const LAST_LINES: usize = 20;

#[allow(clippy::disallowed_methods, reason = "this is the crate's module that runs programs")]
fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // The last lines of what it says are what it has to say, whatever the tester's shell asks for.
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Runs a tool to its end; its standard output, or an error with its last lines.
pub fn tool<S: AsRef<OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = S>,
) -> anyhow::Result<Vec<u8>> {
    let mut command = command(program);
    command.args(args);
    finish(command)
}

/// Assembles a GNU assembler source that the C preprocessor reads first, and links it flat.
///
/// `flags` choose the machine and the address; `message` becomes the macro `MESSAGE`, a string.
pub fn assemble(source: &Path, flags: &[&str], message: &str, output: &Path) -> anyhow::Result<()> {
    let folder = output.parent().context("an output file lies in a folder")?;
    let compiler = cc::Build::new()
        .target("x86_64-unknown-linux-gnu")
        .host("x86_64-unknown-linux-gnu")
        .opt_level(0)
        .out_dir(folder)
        .cargo_metadata(false)
        .no_default_flags(true)
        .try_get_compiler()
        .context("looking for a C compiler: install gcc (Debian, Fedora)")?;
    let mut command = compiler.to_command();
    command
        .args(["-nostdlib", "-static", "-no-pie", "-Wl,--oformat=binary,--build-id=none"])
        .args(flags)
        .arg(format!("-DMESSAGE=\"{message}\""))
        .arg(source)
        .arg("-o")
        .arg(output);
    finish(command)?;
    Ok(())
}

fn finish(mut command: Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {command:?}: is it installed?"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        bail!("{command:?} ended with {}:\n{}", output.status, last.join("\n"));
    }
    Ok(output.stdout)
}

/// A program in the background. It and all its children end when this is dropped, and also when
/// the thread that started it ends without dropping it.
#[derive(Debug)]
pub struct Background {
    child: Child,
}

impl Background {
    /// Starts a machine with nothing on its standard input; what it writes, errors included.
    pub fn start(line: &CommandLine) -> anyhow::Result<(Self, PipeReader)> {
        let (output, writer) = std::io::pipe()?;
        // setpriv asks the kernel to kill QEMU with us: a killed test leaves nothing behind.
        let mut command = command("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", line.program])
            .args(&line.args)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let child = command.spawn().with_context(|| format!("starting setpriv for {line}"))?;
        Ok((Self { child }, output))
    }

    /// Waits for its end, but not beyond `deadline`; its exit status.
    pub fn wait(&mut self, deadline: Instant) -> anyhow::Result<i32> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return status.code().with_context(|| format!("it was killed: {status}"));
            }
            ensure!(Instant::now() < deadline, "it did not end in time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The leader is not reaped yet unless `wait` saw its end, so the group's number is ours.
        if matches!(self.child.try_wait(), Ok(None))
            && let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed())
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(program: &'static str, args: &[&str]) -> CommandLine {
        CommandLine { program, args: args.iter().map(Into::into).collect() }
    }

    #[test]
    fn a_failed_tool_shows_its_command_and_its_last_words() {
        let error = tool("ls", ["/no/such/place"]).unwrap_err().to_string();
        assert!(error.contains("\"ls\" \"/no/such/place\" ended with exit status"), "{error}");
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn a_background_program_tells_its_status() {
        let (mut program, _output) = Background::start(&line("sh", &["-c", "exit 67"])).unwrap();
        assert_eq!(program.wait(Instant::now() + Duration::from_secs(10)).unwrap(), 67);
    }

    #[test]
    fn dropping_ends_children_too() {
        use std::io::Read;
        let sleepers = line("sh", &["-c", "sleep 600 & sleep 600"]);
        let (mut program, mut output) = Background::start(&sleepers).unwrap();
        let error = program.wait(Instant::now()).unwrap_err().to_string();
        assert_eq!(error, "it did not end in time");
        drop(program);
        // The pipe reads its end only when every holder of it is gone.
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
    }
}
