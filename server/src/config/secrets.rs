//! Values that only answer files may hold, and the keys that seal them in the database: from files
//! that their owner alone may read, or from commands that print what such a file would hold.

use super::{ConfigError, read_private};
use crate::{run, seal::SealKeys};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

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
            Some(command) => run::output(command, folder)
                .map_err(|why| ConfigError::Command { key: "secrets.command", why })?,
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
                let keys = run::output(command, folder)
                    .and_then(|text| SealKeys::parse(&text).map_err(|error| error.to_string()));
                keys.map_err(|why| ConfigError::Command { key: "secrets.key-command", why })
            }
            None if !file.exists() => Ok(SealKeys::default()),
            None => SealKeys::parse(&read_private(file)?)
                .map_err(|source| ConfigError::SealKeys { path: file.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
