//! OS profiles: a folder each, with `profile.toml` and the answer files that it names.

use super::{
    files::{Files, PROFILE_FILE},
    kind::{self, Chain, Install, Kind, Menu, Sanboot},
    language::Language,
    template::{self, TemplateError},
};
use crate::config::RawPolicy;
use bootmint_image_factory::host::{Invalid, Name, Text};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
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
    version: i64,
    title: Text,
    policy: RawPolicy,
    kind: Kind,
    answers: BTreeMap<String, Answer>,
    /// The text of `profile.toml`.
    text: String,
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
    /// It was published, and can not be read as it is.
    #[error("the published version {version} of profile \"{name}\" is damaged")]
    Damaged {
        /// The profile.
        name: String,
        /// Its version.
        version: i64,
    },
    /// A file that `profile.toml` names is not there.
    #[error("{}: is not there, but profile.toml names it", .0.display())]
    NotThere(PathBuf),
    /// A file is there, and `profile.toml` does not name it.
    #[error("{}: is not named by install.answers in profile.toml: name it, or remove it", .0.display())]
    Unnamed(PathBuf),
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

    /// What it says of its hosts' policy.
    pub(crate) fn policy(&self) -> &RawPolicy {
        &self.policy
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

    /// Which version it is of those that were published; 0 is the folder's.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Its files, as they were read.
    pub fn files(&self) -> Files {
        let mut files: BTreeMap<String, String> =
            self.answers.iter().map(|(name, answer)| (name.clone(), answer.text.clone())).collect();
        files.insert(PROFILE_FILE.to_owned(), self.text.clone());
        Files::of_folder(files)
    }

    /// Reads the profile `name` in `folder`.
    pub fn load(folder: &Path, name: &Name) -> Result<Self, ProfileError> {
        let home = folder.join(name.as_str());
        let path = home.join(PROFILE_FILE);
        if !path.is_file() {
            let (name, folder) = (name.to_string(), folder.to_owned());
            return Err(ProfileError::Missing { name, folder });
        }
        Reading { home: &home, files: None }.profile(name, 0).map_err(|mut errors| errors.remove(0))
    }

    /// The profile that `files` make, as version `version`, or everything that is wrong with
    /// them: one error at least.
    pub fn of_files(name: &Name, version: i64, files: &Files) -> Result<Self, Vec<ProfileError>> {
        Reading { home: Path::new(name.as_str()), files: Some(files) }.profile(name, version)
    }
}

/// Reads the files of one profile, from its folder or as they were sent.
struct Reading<'f> {
    home: &'f Path,
    files: Option<&'f Files>,
}

impl Reading<'_> {
    fn text(&self, file: &str) -> Result<String, ProfileError> {
        let path = self.home.join(file);
        match self.files {
            None => read(&path),
            Some(files) => files.get(file).map(str::to_owned).ok_or(ProfileError::NotThere(path)),
        }
    }

    fn profile(&self, name: &Name, version: i64) -> Result<Profile, Vec<ProfileError>> {
        let path = self.home.join(PROFILE_FILE);
        let text = self.text(PROFILE_FILE).map_err(|error| vec![error])?;
        let raw: RawProfile = toml::from_str(&text).map_err(|source| {
            vec![ProfileError::Toml { path: path.clone(), source: Box::new(source) }]
        })?;
        let value = |what: String| ProfileError::Value { path: path.clone(), what };
        let mut wrong = Vec::new();
        let title = raw.title.parse::<Text>();
        let title = title.map_err(|error: Invalid| wrong.push(value(format!("title: {error}"))));
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
            wrong.push(value(what.to_owned()));
            return Err(wrong);
        };
        kind::check(&kind, &path, &mut wrong);
        let answers = match &kind {
            Kind::Install(install) => self.answers(&path, &install.answers, &mut wrong),
            _ => BTreeMap::new(),
        };
        // A folder may hold more, such as a note for people; what is published is all of it.
        for (file, _) in self.files.iter().flat_map(|files| files.iter()) {
            let named = |name: &str| match &kind {
                Kind::Install(install) => install.answers.contains_key(name),
                _ => false,
            };
            if file != PROFILE_FILE && !named(file) {
                wrong.push(ProfileError::Unnamed(self.home.join(file)));
            }
        }
        match title {
            Ok(title) if wrong.is_empty() => {
                let (name, policy) = (name.clone(), raw.policy);
                Ok(Profile { name, version, title, policy, kind, answers, text })
            }
            _ => Err(wrong),
        }
    }

    fn answers(
        &self,
        profile: &Path,
        named: &BTreeMap<String, Language>,
        wrong: &mut Vec<ProfileError>,
    ) -> BTreeMap<String, Answer> {
        let mut answers = BTreeMap::new();
        for (file, &language) in named {
            match self.answer(profile, file, language) {
                Ok(answer) => drop(answers.insert(file.clone(), answer)),
                Err(error) => wrong.push(error),
            }
        }
        answers
    }

    fn answer(
        &self,
        profile: &Path,
        file: &str,
        language: Language,
    ) -> Result<Answer, ProfileError> {
        let name: Name = file.parse().map_err(|error: Invalid| ProfileError::Value {
            path: profile.to_owned(),
            what: format!("install.answers: {error}"),
        })?;
        let text = self.text(name.as_str())?;
        template::check(&text, language).map_err(|source| ProfileError::Template {
            path: self.home.join(name.as_str()),
            what: "the file".to_owned(),
            source: Box::new(source),
        })?;
        Ok(Answer { text, language })
    }
}

fn read(path: &Path) -> Result<String, ProfileError> {
    let failed = |source| ProfileError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
        return Err(ProfileError::Large(path.to_owned()));
    }
    fs::read_to_string(path).map_err(failed)
}
