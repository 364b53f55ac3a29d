//! OS profiles: a folder each, with `profile.toml` and the answer files that it names.

use super::{
    LOCAL,
    language::Language,
    template::{self, TemplateError},
};
use crate::{config::RawPolicy, machine::Policy, time::Seconds};
use bootmint_image_factory::host::{Invalid, Name, Text};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The largest file of a profile, in bytes.
const MAX_FILE: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawProfile {
    title: String,
    #[serde(default)]
    policy: RawPolicy,
    install: Option<Install>,
    sanboot: Option<Sanboot>,
    chain: Option<Chain>,
    shell: Option<RawShell>,
    live: Option<Install>,
    menu: Option<Menu>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShell {}

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
    checks_disk_serial: bool,
    /// The answer files, with the language of each.
    #[serde(default)]
    answers: BTreeMap<String, Language>,
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

/// A template of an answer file.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) language: Language,
}

/// A checked profile.
#[derive(Clone, Debug)]
pub struct Profile {
    name: Name,
    title: Text,
    policy: RawPolicy,
    kind: Kind,
    answers: BTreeMap<String, Answer>,
}

/// A profile that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is not there.
    #[error("there is no OS profile \"{name}\" in {}", folder.display())]
    Missing {
        /// What was asked for.
        name: String,
        /// Where.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large.
    #[error("{}: has more than {MAX_FILE} bytes", .0.display())]
    Large(PathBuf),
    /// `profile.toml` is wrong.
    #[error("{}: is wrong", path.display())]
    Toml {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value is wrong.
    #[error("{}: {what}", path.display())]
    Value {
        /// In which file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// A template's syntax is wrong.
    #[error("{}: {what} is no template", path.display())]
    Template {
        /// In which file.
        path: PathBuf,
        /// Which key, or "the file".
        what: String,
        /// Where and why.
        source: Box<TemplateError>,
    },
}

impl Profile {
    /// Its name, that of its folder.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What people see.
    pub fn title(&self) -> &str {
        self.title.as_str()
    }

    /// What it does.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The site's policy with what the profile says over it.
    pub fn policy(&self, site: &Policy) -> Policy {
        self.policy.over(site)
    }

    /// Whether it looks for the disk of the host's variable `disk-serial` before it wipes one.
    pub fn checks_disk_serial(&self) -> bool {
        matches!(&self.kind, Kind::Install(install) if install.checks_disk_serial)
    }

    /// The names of its answer files.
    pub fn answers(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }

    pub(super) fn answer(&self, file: &str) -> Option<&Answer> {
        self.answers.get(file)
    }

    /// Reads the profile `name` in `folder`.
    pub fn load(folder: &Path, name: &Name) -> Result<Self, ProfileError> {
        let home = folder.join(name.as_str());
        let path = home.join("profile.toml");
        if !path.is_file() {
            let (name, folder) = (name.to_string(), folder.to_owned());
            return Err(ProfileError::Missing { name, folder });
        }
        let raw: RawProfile = toml::from_str(&read(&path)?).map_err(|source| {
            ProfileError::Toml { path: path.clone(), source: Box::new(source) }
        })?;
        let value = |what: String| ProfileError::Value { path: path.clone(), what };
        let title: Text =
            raw.title.parse().map_err(|error: Invalid| value(format!("title: {error}")))?;
        let kinds = [
            raw.install.map(Kind::Install),
            raw.sanboot.map(Kind::Sanboot),
            raw.chain.map(Kind::Chain),
            raw.shell.map(|RawShell {}| Kind::Shell),
            raw.live.map(Kind::Live),
            raw.menu.map(Kind::Menu),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            let what = "has not exactly one of the sections [install], [sanboot], [chain], \
                        [shell], [live], [menu]: write one";
            return Err(value(what.to_owned()));
        };
        check_kind(&kind, &path)?;
        let answers = match &kind {
            Kind::Install(install) => read_answers(&home, &path, &install.answers)?,
            _ => BTreeMap::new(),
        };
        Ok(Self { name: name.clone(), title, policy: raw.policy, kind, answers })
    }
}

/// Checks what is written into scripts, and the syntax of what is rendered for them.
fn check_kind(kind: &Kind, path: &Path) -> Result<(), ProfileError> {
    let templates: Vec<(&str, &str)> = match kind {
        Kind::Install(install) | Kind::Live(install) => {
            check_files(kind, install)
                .map_err(|what| ProfileError::Value { path: path.to_owned(), what })?;
            vec![("arguments", &install.arguments)]
        }
        Kind::Menu(menu) => {
            let first = menu.entries.first();
            let default = menu.default.as_ref().filter(|name| !menu.entries.contains(name));
            let what = match (first, default) {
                (None, _) => "menu: has no entries".to_owned(),
                (_, Some(name)) => format!("menu: its default {name:?} is none of its entries"),
                _ => return Ok(()),
            };
            return Err(ProfileError::Value { path: path.to_owned(), what });
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
        template::check(text, Language::Words).map_err(|source| ProfileError::Template {
            path: path.to_owned(),
            what: what.to_owned(),
            source: Box::new(source),
        })?;
    }
    Ok(())
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

fn read_answers(
    home: &Path,
    profile: &Path,
    named: &BTreeMap<String, Language>,
) -> Result<BTreeMap<String, Answer>, ProfileError> {
    let mut answers = BTreeMap::new();
    for (file, &language) in named {
        let name: Name = file.parse().map_err(|error: Invalid| ProfileError::Value {
            path: profile.to_owned(),
            what: format!("install.answers: {error}"),
        })?;
        let path = home.join(name.as_str());
        let text = read(&path)?;
        template::check(&text, language).map_err(|source| ProfileError::Template {
            path,
            what: "the file".to_owned(),
            source: Box::new(source),
        })?;
        answers.insert(file.clone(), Answer { text, language });
    }
    Ok(answers)
}

fn read(path: &Path) -> Result<String, ProfileError> {
    let failed = |source| ProfileError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
        return Err(ProfileError::Large(path.to_owned()));
    }
    fs::read_to_string(path).map_err(failed)
}

/// All profiles of a folder, read once.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    folder: PathBuf,
    by_name: BTreeMap<Name, Profile>,
}

impl Profiles {
    /// Reads every profile in `folder`; one that is wrong is an error.
    pub fn load(folder: &Path) -> Result<Self, ProfileError> {
        let failed = |source| ProfileError::Read { path: folder.to_owned(), source };
        let mut by_name = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if !entry.path().join("profile.toml").is_file() {
                continue;
            }
            let name: Name = name.to_string_lossy().parse().map_err(|error: Invalid| {
                ProfileError::Value { path: entry.path(), what: error.to_string() }
            })?;
            by_name.insert(name.clone(), Profile::load(folder, &name)?);
        }
        let all = Self { folder: folder.to_owned(), by_name };
        for profile in all.iter() {
            if let Kind::Menu(menu) = profile.kind() {
                menu.entries
                    .iter()
                    .filter(|name| *name != LOCAL)
                    .try_for_each(|name| all.get(name).map(drop))?;
            }
        }
        Ok(all)
    }

    /// The profile of that name.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfileError> {
        let found = name.parse::<Name>().ok().and_then(|name| self.by_name.get(&name));
        found.ok_or_else(|| ProfileError::Missing {
            name: name.to_owned(),
            folder: self.folder.clone(),
        })
    }

    /// Whether the menu `menu` leads to the profile `wanted`, by way of other menus too.
    pub fn leads_to(&self, menu: &Profile, wanted: &Profile) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![menu]);
        while let Some(profile) = open.pop() {
            if profile.name == wanted.name {
                return true;
            }
            let Kind::Menu(menu) = profile.kind() else { continue };
            if seen.insert(&profile.name) {
                open.extend(menu.entries.iter().filter_map(|name| self.get(name).ok()));
            }
        }
        false
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.by_name.values()
    }
}
