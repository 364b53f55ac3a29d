//! Runs the programs that a configuration names.

use std::{
    fs::File,
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);
/// The most that a command may print, in bytes.
const MAX_OUTPUT: u64 = 1 << 20;

/// What a command prints. It runs in `folder`, with no shell between, and what it has to say
/// otherwise goes to where the server's own messages go. An error says why there is no text.
#[expect(clippy::disallowed_methods, reason = "the one place that runs other programs")]
pub(crate) fn output(command: &[String], folder: &Path) -> Result<String, String> {
    let (program, arguments) = command.split_first().ok_or("it names no program")?;
    // A file, not a pipe: nothing has to read while it runs.
    let mut printed = tempfile::tempfile().map_err(|error| error.to_string())?;
    let to = printed.try_clone().map_err(|error| error.to_string())?;
    let at = if folder == Path::new("") { PathBuf::from(".") } else { folder.to_owned() };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(at)
        .stdin(Stdio::null())
        .stdout(to)
        .spawn()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            Ok(None) => {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} took more than {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    if !status.success() {
        return Err(format!("{program} failed ({status}): see what it said above"));
    }
    text(&mut printed)
}

fn text(printed: &mut File) -> Result<String, String> {
    printed.rewind().map_err(|error| error.to_string())?;
    let mut text = String::new();
    let read = printed.take(MAX_OUTPUT + 1).read_to_string(&mut text);
    match read {
        Ok(size) if size as u64 > MAX_OUTPUT => Err("it printed more than 1 MiB".to_owned()),
        Ok(_) => Ok(text),
        Err(_) => Err("it printed no text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<String, String> {
        output(&["sh", "-c", script].map(ToOwned::to_owned), Path::new(""))
    }

    #[test]
    fn a_command_that_fails_says_how() {
        assert_eq!(run("echo x").unwrap(), "x\n");
        assert!(run("exit 3").unwrap_err().contains("exit status: 3"));
        assert!(run("printf '\\377'").unwrap_err().contains("no text"));
        assert!(run("head -c 1048577 /dev/zero").unwrap_err().contains("1 MiB"));
        assert!(output(&[], Path::new("")).unwrap_err().contains("no program"));
        assert!(output(&["/no/such".into()], Path::new("")).unwrap_err().contains("not start"));
    }
}
