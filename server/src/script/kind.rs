//! What a profile does: the sections that its `profile.toml` may have, and what is checked of them.

use super::{language::Language, profile::ProfileError, template};
use crate::time::Seconds;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// What a profile does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Starts an installer.
    Install(Install),
    /// Boots a disk from the network.
    Sanboot(Sanboot),
    /// Goes on with another script or program.
    Chain(Chain),
    /// Gives a person iPXE's shell.
    Shell,
    /// Starts a system that installs nothing by itself.
    Live(Install),
    /// Lets a person choose.
    Menu(Menu),
}

/// A menu.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Menu {
    /// Profiles, other menus among them, and `local`.
    pub(super) entries: Vec<String>,
    /// What is taken when the time is over [default: local].
    pub(super) default: Option<String>,
    /// How long a person has; without it the menu waits.
    pub(super) timeout_seconds: Option<Seconds>,
}

/// An installer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Install {
    /// The kernel: a path below the served files, or a URL.
    pub(super) kernel: String,
    /// The kernel for machines with UEFI, where that is another one.
    pub(super) kernel_efi: Option<String>,
    /// Files that are handed to the kernel under names of their own, as wimboot wants them.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// Answer files that are handed to the kernel likewise.
    #[serde(default)]
    pub(super) load: Vec<String>,
    /// The initrds, likewise.
    #[serde(default)]
    pub(super) initrd: Vec<String>,
    /// The kernel's arguments, a template.
    pub(super) arguments: String,
    /// Whether it looks for the disk of the host's variable `disk-serial` before it wipes one.
    #[serde(default)]
    pub(super) checks_disk_serial: bool,
    /// The answer files, with the language of each.
    #[serde(default)]
    pub(super) answers: BTreeMap<String, Language>,
}

/// A disk in the network.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sanboot {
    /// Its URI (`iscsi:...`, `http://...`), a template.
    pub(super) target: String,
    /// The iSCSI initiator's name, a template.
    pub(super) initiator: Option<String>,
    /// The CHAP user, a template that may hold secrets.
    pub(super) user: Option<String>,
    /// The CHAP password, a template that may hold secrets.
    pub(super) password: Option<String>,
}

/// Another script or program.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chain {
    /// Its URL, a template.
    pub(super) url: String,
}

/// Checks what is written into scripts, and the syntax of what is rendered for them.
pub(super) fn check(kind: &Kind, path: &Path, wrong: &mut Vec<ProfileError>) {
    let mut value = |what| wrong.push(ProfileError::Value { path: path.to_owned(), what });
    let templates: Vec<(&str, &str)> = match kind {
        Kind::Install(install) | Kind::Live(install) => {
            if let Err(what) = check_files(kind, install) {
                value(what);
            }
            vec![("arguments", &install.arguments)]
        }
        Kind::Menu(menu) => {
            let first = menu.entries.first();
            let default = menu.default.as_ref().filter(|name| !menu.entries.contains(name));
            match (first, default) {
                (None, _) => value("menu: has no entries".to_owned()),
                (_, Some(name)) => {
                    value(format!("menu: its default {name:?} is none of its entries"));
                }
                _ => {}
            }
            vec![]
        }
        Kind::Sanboot(sanboot) => {
            let mut all = vec![("sanboot.target", sanboot.target.as_str())];
            all.extend(sanboot.initiator.as_deref().map(|text| ("sanboot.initiator", text)));
            all.extend(sanboot.user.as_deref().map(|text| ("sanboot.user", text)));
            all.extend(sanboot.password.as_deref().map(|text| ("sanboot.password", text)));
            all
        }
        Kind::Chain(chain) => vec![("chain.url", &chain.url)],
        Kind::Shell => vec![],
    };
    for (what, text) in templates {
        if let Err(source) = template::check(text, Language::Words) {
            wrong.push(ProfileError::Template {
                path: path.to_owned(),
                what: what.to_owned(),
                source: Box::new(source),
            });
        }
    }
}

/// Checks what a kernel is started with.
fn check_files(kind: &Kind, install: &Install) -> Result<(), String> {
    let paths = std::iter::once(&install.kernel)
        .chain(&install.kernel_efi)
        .chain(&install.initrd)
        .chain(install.files.values());
    for file in paths {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/@+,=%~".contains(c);
        let climbs = file.split('/').any(|part| part == "..");
        if file.is_empty() || !file.chars().all(plain) || climbs || file.starts_with('-') {
            return Err(format!("{file:?} is neither a path below the served files nor a URL"));
        }
    }
    for name in install.files.keys() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
            return Err(format!(
                "files: {name:?} is no file name: use letters, digits, '.', '_', '-'"
            ));
        }
    }
    if let Some(name) = install.load.iter().find(|name| !install.answers.contains_key(*name)) {
        return Err(format!("load: {name:?} is none of its answers"));
    }
    if matches!(kind, Kind::Live(_)) && (!install.answers.is_empty() || install.checks_disk_serial)
    {
        return Err("live: only [install] has answers, and wipes disks".to_owned());
    }
    Ok(())
}
