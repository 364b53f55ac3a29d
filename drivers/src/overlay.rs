//! Out-of-tree drivers: C code that is laid over iPXE's source for a build.
//!
//! A driver is a folder with `driver.toml` and the files that it names. Nothing of the source is
//! patched: its files get a folder of their own in the build's copy of the tree, and the linker is
//! asked for its objects by name. `docs/drivers.md` tells how to write one.

use crate::{
    name::{did_you_mean, nearest},
    set::Class,
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A driver that ships with Bootmint.
struct Shipped {
    name: &'static str,
    toml: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const SHIPPED: [Shipped; 1] = [Shipped {
    name: "fw-cfg",
    toml: include_str!("../fw-cfg/driver.toml"),
    files: &[
        ("fw_cfg.c", include_str!("../fw-cfg/fw_cfg.c")),
        ("fw_cfg_files.c", include_str!("../fw-cfg/fw_cfg_files.c")),
        ("fw_cfg_files.h", include_str!("../fw-cfg/fw_cfg_files.h")),
    ],
}];

/// The description's file name.
const DESCRIPTION: &str = "driver.toml";
/// The most files that a driver has.
const MAX_FILES: usize = 64;
/// The largest file, in bytes.
const MAX_FILE: u64 = 256 << 10;
/// The longest name of a driver or a file.
const MAX_NAME: usize = 40;

/// What a driver drives: the folder that its files are laid into, from which iPXE's makefiles
/// take the class of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A network card.
    Net,
    /// A source of settings.
    Settings,
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Settings => "settings",
        }
    }
}

/// The licences under which code can be linked into iPXE and passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum License {
    /// GPL, version 2 or later.
    #[serde(rename = "GPL-2.0-or-later")]
    Gpl2OrLater,
    /// GPL, version 2.
    #[serde(rename = "GPL-2.0-only")]
    Gpl2Only,
    /// BSD, two clauses.
    #[serde(rename = "BSD-2-Clause")]
    Bsd2,
    /// BSD, three clauses.
    #[serde(rename = "BSD-3-Clause")]
    Bsd3,
    /// MIT.
    #[serde(rename = "MIT")]
    Mit,
}

/// A file of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayFile {
    /// Its bare name.
    pub name: String,
    /// Its text.
    pub text: Cow<'static, str>,
}

/// An out-of-tree driver with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    name: String,
    description: String,
    kind: Kind,
    license: License,
    classes: BTreeSet<Class>,
    sources: Vec<OverlayFile>,
    headers: Vec<OverlayFile>,
}

/// Why an out-of-tree driver cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// There is no shipped driver of this name.
    #[error(
        "unknown out-of-tree driver \"{name}\"{}: use one of {known}, or the path of a driver's \
         folder", did_you_mean(.nearest)
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The shipped names that look most like it.
        nearest: Vec<String>,
        /// All shipped names.
        known: String,
    },
    /// A file of it could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its description is no valid TOML, or has unknown fields.
    #[error("driver {origin}: {DESCRIPTION}")]
    Toml {
        /// The driver's name or folder.
        origin: String,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// Its description says something impossible.
    #[error("driver {origin}: {reason}")]
    Invalid {
        /// The driver's name or folder.
        origin: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawOverlay {
    name: String,
    description: String,
    kind: Kind,
    license: License,
    platforms: Vec<RawClass>,
    sources: Vec<String>,
    #[serde(default)]
    headers: Vec<String>,
}

/// A platform by the name that profiles have for it.
#[derive(Deserialize, Clone, Copy)]
enum RawClass {
    #[serde(rename = "bios")]
    Bios,
    #[serde(rename = "efi-x86_64")]
    EfiX64,
    #[serde(rename = "efi-arm64")]
    EfiArm64,
}

impl From<RawClass> for Class {
    fn from(raw: RawClass) -> Self {
        match raw {
            RawClass::Bios => Self::Bios,
            RawClass::EfiX64 => Self::EfiX64,
            RawClass::EfiArm64 => Self::EfiArm64,
        }
    }
}

impl Overlay {
    /// The shipped driver called `name`, or the one in the folder `name` when that is a path (it
    /// has a `/`), looked for from `base`.
    pub fn load(name: &str, base: &Path) -> Result<Self, OverlayError> {
        if name.contains('/') {
            return Self::load_folder(&base.join(name));
        }
        let shipped = SHIPPED.iter().find(|shipped| shipped.name == name).ok_or_else(|| {
            let known = SHIPPED.iter().map(|shipped| shipped.name);
            OverlayError::Unknown {
                name: name.chars().take(MAX_NAME).collect(),
                nearest: nearest(name, known.clone()),
                known: known.collect::<Vec<_>>().join(", "),
            }
        })?;
        let file = |wanted: &str| {
            let (_, text) =
                shipped.files.iter().find(|(name, _)| *name == wanted).ok_or_else(|| {
                    let reason = format!("{DESCRIPTION} names {wanted}, which is not built in");
                    OverlayError::Invalid { origin: name.to_owned(), reason }
                })?;
            Ok(Cow::Borrowed(*text))
        };
        Self::parse(shipped.toml, name, file)
    }

    /// The names of all shipped drivers.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|shipped| shipped.name)
    }

    fn load_folder(folder: &Path) -> Result<Self, OverlayError> {
        let text = read(&folder.join(DESCRIPTION))?;
        let file = |name: &str| read(&folder.join(name)).map(Cow::Owned);
        Self::parse(&text, &folder.display().to_string(), file)
    }

    fn parse(
        text: &str,
        origin: &str,
        file: impl Fn(&str) -> Result<Cow<'static, str>, OverlayError>,
    ) -> Result<Self, OverlayError> {
        let raw: RawOverlay = toml::from_str(text).map_err(|source| OverlayError::Toml {
            origin: origin.to_owned(),
            source: Box::new(source),
        })?;
        let invalid = |reason| OverlayError::Invalid { origin: origin.to_owned(), reason };
        check(&raw).map_err(invalid)?;
        let files = |names: &[String]| -> Result<Vec<_>, OverlayError> {
            let read = |name: &String| Ok(OverlayFile { name: name.clone(), text: file(name)? });
            names.iter().map(read).collect()
        };
        let sources = files(&raw.sources)?;
        let headers = files(&raw.headers)?;
        let unlicensed = |file: &&OverlayFile| !file.text.contains("FILE_LICENCE (");
        if let Some(file) = sources.iter().chain(&headers).find(unlicensed) {
            let reason = format!("{} has no line FILE_LICENCE ( ... );", file.name);
            return Err(invalid(reason));
        }
        Ok(Self {
            name: raw.name,
            description: raw.description,
            kind: raw.kind,
            license: raw.license,
            classes: raw.platforms.into_iter().map(Class::from).collect(),
            sources,
            headers,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does, one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its licence.
    pub fn license(&self) -> License {
        self.license
    }

    /// Whether it can be built for `class`.
    pub fn works_on(&self, class: Class) -> bool {
        self.classes.contains(&class)
    }

    /// The folder in the tree's `src` that its files, and nothing else, are laid into.
    pub fn folder(&self) -> String {
        format!("bootmint/drivers/{}/{}", self.kind.folder(), self.name)
    }

    /// All its files, sources first.
    pub fn files(&self) -> impl Iterator<Item = &OverlayFile> {
        self.sources.iter().chain(&self.headers)
    }

    /// The paths of its sources in the tree's `src`.
    pub fn sources(&self) -> impl Iterator<Item = String> {
        let folder = self.folder();
        self.sources.iter().map(move |file| format!("{folder}/{}", file.name))
    }

    /// The names of its objects, as make knows them: all of them are linked.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|file| stem(&file.name))
    }
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

fn check(raw: &RawOverlay) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if raw.name.is_empty() || raw.name.len() > MAX_NAME || !raw.name.chars().all(allowed) {
        return Err(format!(
            "its name must be 1 to {MAX_NAME} lower-case letters, digits and hyphens"
        ));
    }
    if raw.platforms.is_empty() || raw.sources.is_empty() {
        return Err("it must name a platform and a source, at least".to_owned());
    }
    if raw.sources.len() + raw.headers.len() > MAX_FILES {
        return Err(format!("it has more than {MAX_FILES} files"));
    }
    let mut names = BTreeSet::new();
    let named = [(&raw.sources, ".c"), (&raw.headers, ".h")];
    for (name, ending) in named.iter().flat_map(|(names, end)| names.iter().map(move |n| (n, end)))
    {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let stem = name.strip_suffix(ending).unwrap_or_default();
        let starts_well = stem.starts_with(|c: char| c.is_ascii_alphabetic());
        if !starts_well || stem.len() > MAX_NAME || !stem.chars().all(allowed) {
            return Err(format!(
                "\"{name}\" must be the bare name of a file that ends in {ending}: letters, \
                 digits, \"-\" and \"_\""
            ));
        }
        if !names.insert(name) {
            return Err(format!("\"{name}\" stands twice"));
        }
    }
    Ok(())
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn read(path: &Path) -> Result<String, OverlayError> {
    let read = || {
        let mut text = String::new();
        fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE {
            return Err(io::Error::other(format!("more than {MAX_FILE} bytes")));
        }
        Ok(text)
    };
    read().map_err(|source| OverlayError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    const GOOD: &str = "name = \"d\"\ndescription = \"x\"\nkind = \"net\"\nlicense = \"MIT\"\n\
                        platforms = [\"bios\"]\nsources = [\"a-b.c\"]\nheaders = [\"a-b.h\"]\n";

    fn load(toml: &str) -> Result<Overlay, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            (DESCRIPTION, toml),
            ("a-b.c", "FILE_LICENCE ( MIT );\n"),
            ("a-b.h", "FILE_LICENCE ( MIT );\n"),
            ("bare.c", "int x;\n"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let name = format!("{}/", folder.path().display());
        Overlay::load(&name, Path::new("")).map_err(|error| {
            format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
        })
    }

    #[test]
    fn all_shipped_drivers_are_valid() {
        for name in Overlay::shipped() {
            let overlay = Overlay::load(name, Path::new("")).unwrap();
            assert_eq!(overlay.name(), name);
            assert_eq!(overlay.license(), License::Gpl2OrLater);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            let files = fs::read_dir(folder).unwrap().count();
            assert_eq!(files, overlay.files().count() + 1, "{name}: a file is not built in");
        }
    }

    #[test]
    fn a_folder_is_a_driver_too() {
        let overlay = load(GOOD).unwrap();
        let sources: Vec<_> = overlay.sources().collect();
        assert_eq!(sources, ["bootmint/drivers/net/d/a-b.c"]);
        assert_eq!(overlay.objects().collect::<Vec<_>>(), ["a-b"]);
        assert!(overlay.works_on(Class::Bios) && !overlay.works_on(Class::EfiX64));
    }

    #[test]
    fn an_unknown_driver_suggests_the_nearest() {
        let error = Overlay::load("fwcfg", Path::new("")).unwrap_err().to_string();
        assert!(error.contains("\"fwcfg\" (did you mean \"fw-cfg\"?)"), "{error}");
    }

    #[test]
    fn faults_name_the_field_and_the_remedy() {
        for (from, to, expected) in [
            ("\"d\"", "\"../d\"", "lower-case letters"),
            ("\"a-b.c\"", "\"../a.c\"", "bare name"),
            ("\"a-b.c\"", "\".c\"", "bare name"),
            ("\"a-b.c\"", "\"a-b.S\"", "ends in .c"),
            ("\"a-b.c\"", "\"a-b.c\", \"a-b.c\"", "twice"),
            ("\"a-b.c\"", "\"absent.c\"", "absent.c"),
            ("\"a-b.c\"", "\"bare.c\"", "bare.c has no line FILE_LICENCE"),
            ("[\"a-b.c\"]", "[]", "a source"),
            ("[\"bios\"]", "[\"riscv\"]", "unknown variant `riscv`"),
            ("\"net\"", "\"disk\"", "unknown variant `disk`"),
            ("\"MIT\"", "\"Proprietary\"", "unknown variant `Proprietary`"),
            ("name", "nam", "unknown field `nam`"),
        ] {
            let error = load(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
