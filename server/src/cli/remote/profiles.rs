//! `bootmint remote profiles`: OS profiles between a server and a folder, such as one in git.

use super::{Desk, text};
use crate::remote::RemoteError;
use anyhow::{Context, bail};
use bootmint_image_factory::host::Name;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(clap::Subcommand)]
pub(super) enum Profiles {
    /// Lists profiles, with the version that hosts get
    List,
    /// Lists the published versions of a profile, the newest first
    Versions {
        /// The profile
        profile: Name,
    },
    /// Writes the files of a profile to a folder
    Export {
        /// The profile
        profile: Name,
        /// The folder, which is made
        folder: PathBuf,
        /// Which version; 0 is the one of the server's folder [default: what hosts get]
        #[arg(long)]
        version: Option<u32>,
    },
    /// Publishes the files of a folder as the next version of a profile
    Publish {
        /// The profile
        profile: Name,
        /// The folder: profile.toml, and the answer files that it names
        folder: PathBuf,
        /// Why, for the versions and the audit log
        #[arg(long, required_unless_present = "check")]
        reason: Option<String>,
        /// Publish only if the newest version is still this one [default: whatever it is now]
        #[arg(long, value_name = "VERSION")]
        base: Option<i64>,
        /// Publish nothing; say what is wrong
        #[arg(long, conflicts_with = "base")]
        check: bool,
    },
    /// Publishes an earlier version again, or lets the server's folder count again
    Revert {
        /// The profile
        profile: Name,
        /// The version; 0 is the one of the server's folder
        #[arg(long)]
        to: u32,
        /// Why, for the versions and the audit log
        #[arg(long)]
        reason: String,
    },
}

impl Desk<'_> {
    pub(super) fn profiles(&self, command: Profiles) -> anyhow::Result<()> {
        match command {
            Profiles::List => self.list_profiles(),
            Profiles::Versions { profile } => {
                self.pages(&format!("/profiles/{profile}/versions?"), &|one| {
                    let (at, author) = (text(one, "at"), text(one, "author"));
                    format!(
                        "{:<6} {at} {author:<20} {}",
                        number(one, "version"),
                        text(one, "reason")
                    )
                })
            }
            Profiles::Export { profile, folder, version } => {
                self.export(&profile, &folder, version)
            }
            Profiles::Publish { profile, folder, check: true, .. } => {
                let body = json!({ "files": read(&folder)? });
                let done = self.remote.post(&format!("/profiles/{profile}/check"), &body)?;
                self.say(&done, |done| self.checked(done));
                if done["good"] != true {
                    bail!("the profile has faults");
                }
                Ok(())
            }
            Profiles::Publish { profile, folder, reason, base, .. } => {
                let body = json!({ "files": read(&folder)?, "reason": reason });
                self.publish(&profile, "publish", base, &body)
            }
            Profiles::Revert { profile, to, reason } => {
                let body = json!({ "version": to, "reason": reason });
                self.publish(&profile, "revert", None, &body)
            }
        }
    }

    fn list_profiles(&self) -> anyhow::Result<()> {
        self.pages("/profiles?", &|one| {
            let (name, kind) = (text(one, "name"), text(one, "kind"));
            let version = match number(one, "version") {
                0 => "the folder's".to_owned(),
                version => format!("version {version}"),
            };
            format!("{name:<24} {kind:<8} {version:<14} {}", text(one, "title"))
        })
    }

    fn export(&self, profile: &Name, folder: &Path, version: Option<u32>) -> anyhow::Result<()> {
        let answer = self.remote.get(&match version {
            None => format!("/profiles/{profile}"),
            Some(version) => format!("/profiles/{profile}/versions/{version}"),
        })?;
        let files = answer["files"].as_object().context("the answer has no files")?;
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        for (name, text) in files {
            // What a server calls a file is not trusted to be a name.
            let name: Name = name.parse().context("the server's name of a file")?;
            let path = folder.join(name.as_str());
            let text = text.as_str().context("a file is no text")?;
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            self.ui.line(path.display());
        }
        Ok(())
    }

    fn publish(
        &self,
        profile: &Name,
        how: &str,
        base: Option<i64>,
        body: &Value,
    ) -> anyhow::Result<()> {
        let base = match base {
            Some(base) => base,
            None => self.newest(profile)?,
        };
        let path = format!("/profiles/{profile}/{how}");
        let done = self.remote.post_if(&path, &format!("\"g{base}\""), body)?;
        self.say(&done, |done| {
            let version = number(done, "version");
            self.ui.line(format_args!("{profile} version {version} is published"));
        });
        Ok(())
    }

    /// The newest version; 0 if there is none.
    fn newest(&self, profile: &Name) -> anyhow::Result<i64> {
        match self.remote.get(&format!("/profiles/{profile}/versions?limit=1")) {
            Ok(page) => Ok(page.pointer("/items/0/version").and_then(Value::as_i64).unwrap_or(0)),
            Err(RemoteError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn checked(&self, done: &Value) {
        for fault in done["faults"].as_array().into_iter().flatten() {
            let (file, row, column) =
                (text(fault, "file"), number(fault, "row"), number(fault, "column"));
            self.ui.line(format_args!("{file}:{row}:{column}: {}", text(fault, "message")));
        }
        let (users, rendered) = (number(done, "users"), number(done, "rendered"));
        self.ui.line(format_args!("{users} hosts use it, tried for {rendered} of them"));
    }
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}

/// The files of a folder, by name; what it has besides files is no part of a profile.
fn read(folder: &Path) -> anyhow::Result<Map<String, Value>> {
    let mut files = Map::new();
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_file() {
            let text = fs::read_to_string(&path);
            let text = text.with_context(|| format!("reading {} as text", path.display()))?;
            files.insert(name.to_string_lossy().into_owned(), text.into());
        }
    }
    if !files.contains_key("profile.toml") {
        bail!("{}: has no profile.toml: name the folder of one profile", folder.display());
    }
    Ok(files)
}
