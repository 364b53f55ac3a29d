//! Values that only answer files may hold, and the keys that seal them in the database: from files
//! that their owner alone may read, or from commands that print what such a file would hold.

use super::{ConfigError, read_private};
use crate::seal::SealKeys;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
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

/// The section `[secrets]`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawSecrets {
    command: Option<Vec<String>>,
    key_command: Option<Vec<String>>,
}

/// Values that only answer files may hold. `Debug` shows their names only.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// The secrets by name.
    pub fn reveal(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The same names, with a word in place of every value.
    #[must_use]
    pub fn hidden(&self) -> Self {
        Self(self.0.keys().map(|name| (name.clone(), "hidden".to_owned())).collect())
    }

    /// Secrets with these values.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }

    /// The same, with `value` under that name.
    #[must_use]
    pub fn with(mut self, name: &str, value: String) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl RawSecrets {
    /// The secrets: what the command prints or, without one, of `file`.
    pub(super) fn values(&self, folder: &Path, file: &Path) -> Result<Secrets, ConfigError> {
        let text = match &self.command {
            Some(command) => output("secrets.command", command, folder)?,
            None => read_private(file)?,
        };
        let values = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
            let from = match &self.command {
                Some(_) => "the command secrets.command".to_owned(),
                None => file.display().to_string(),
            };
            ConfigError::Secrets { from, line }
        })?;
        Ok(Secrets(values))
    }

    /// The keys: what the command prints or, without one, of `file`, which need not be there.
    pub(super) fn keys(&self, folder: &Path, file: &Path) -> Result<SealKeys, ConfigError> {
        match &self.key_command {
            Some(command) => {
                let text = output("secrets.key-command", command, folder)?;
                SealKeys::parse(&text).map_err(|source| ConfigError::Command {
                    key: "secrets.key-command",
                    why: source.to_string(),
                })
            }
            None if !file.exists() => Ok(SealKeys::default()),
            None => SealKeys::parse(&read_private(file)?)
                .map_err(|source| ConfigError::SealKeys { path: file.to_owned(), source }),
        }
    }
}

/// What a command prints. It runs in the configuration's folder, with no shell between.
fn output(key: &'static str, command: &[String], folder: &Path) -> Result<String, ConfigError> {
    let failed = |why: String| ConfigError::Command { key, why };
    let (program, arguments) =
        command.split_first().ok_or_else(|| failed("it names no program".to_owned()))?;
    // A file, not a pipe: nothing has to read while it runs.
    let mut printed = tempfile::tempfile().map_err(|error| failed(error.to_string()))?;
    let to = printed.try_clone().map_err(|error| failed(error.to_string()))?;
    let at = if folder == Path::new("") { PathBuf::from(".") } else { folder.to_owned() };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(at)
        .stdin(Stdio::null())
        .stdout(to)
        .spawn()
        .map_err(|error| failed(format!("{program} does not start: {error}")))?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            Ok(None) => {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("{program} took more than {} s", PATIENCE.as_secs())));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    if !status.success() {
        return Err(failed(format!("{program} failed ({status}): see what it said above")));
    }
    text(&mut printed).map_err(failed)
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
        let command = ["sh", "-c", script].map(ToOwned::to_owned);
        output("secrets.command", &command, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_gives_secrets_and_keys() {
        let work = tempfile::tempdir().unwrap();
        std::fs::write(work.path().join("sealed"), "root = \"x\"\n").unwrap();
        let raw = RawSecrets {
            command: Some(["cat", "sealed"].map(ToOwned::to_owned).into()),
            key_command: Some(["printf", "%064d", "7"].map(ToOwned::to_owned).into()),
        };
        let none = work.path().join("none");
        let values = raw.values(work.path(), &none).unwrap();
        assert_eq!(values.reveal().get("root").map(String::as_str), Some("x"));
        assert!(raw.keys(work.path(), &none).unwrap().current().is_some());
    }

    #[test]
    fn a_command_that_fails_says_how() {
        assert!(run("exit 3").unwrap_err().contains("exit status: 3"));
        assert!(run("printf '\\377'").unwrap_err().contains("no text"));
        assert!(run("head -c 1048577 /dev/zero").unwrap_err().contains("1 MiB"));
        let none = output("secrets.command", &[], Path::new("")).unwrap_err().to_string();
        assert!(none.contains("secrets.command") && none.contains("no program"), "{none}");
    }

    #[test]
    fn what_a_command_printed_stands_in_no_message() {
        let raw = RawSecrets {
            command: Some(["echo", "hunter2 = hunter3"].map(ToOwned::to_owned).into()),
            key_command: Some(["echo", "hunter2"].map(ToOwned::to_owned).into()),
        };
        let here = Path::new("");
        for error in [
            raw.values(here, here).map(drop).unwrap_err(),
            raw.keys(here, here).map(drop).unwrap_err(),
        ] {
            let error = format!("{error} {error:?}");
            assert!(!error.contains("hunter"), "{error}");
        }
        let work = tempfile::tempdir().unwrap();
        let file = work.path().join("secrets.toml");
        super::super::write_private(&file, "root = \"x\"\nadmin = hunter2\n").unwrap();
        let error = RawSecrets::default().values(here, &file).map(drop).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("line 2 is not") && !text.contains("hunter"), "{text}");
    }
}
