//! Driver sets: names, files, and the checked form.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// The sets that ship with Bootmint: name and TOML text, in the order in which they are listed.
const SHIPPED: [(&str, &str); 11] = [
    ("all", include_str!("../sets/all.toml")),
    ("kvm", include_str!("../sets/kvm.toml")),
    ("hyperv", include_str!("../sets/hyperv.toml")),
    ("vmware", include_str!("../sets/vmware.toml")),
    ("xen", include_str!("../sets/xen.toml")),
    ("cloud", include_str!("../sets/cloud.toml")),
    ("intel", include_str!("../sets/intel.toml")),
    ("realtek", include_str!("../sets/realtek.toml")),
    ("broadcom", include_str!("../sets/broadcom.toml")),
    ("usb", include_str!("../sets/usb.toml")),
    ("snp", include_str!("../sets/snp.toml")),
];

/// The longest driver name; the longest in iPXE has 16 characters.
const MAX_NAME: usize = 40;

/// The kinds of platform that drivers are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// PC BIOS.
    Bios,
    /// UEFI on x86-64.
    EfiX64,
    /// UEFI on AArch64.
    EfiArm64,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bios => "bios",
            Self::EfiX64 => "efi",
            Self::EfiArm64 => "efi-arm64",
        })
    }
}

/// The name of a driver: the base name of its source file, such as `virtio-net`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DriverName(String);

/// A driver name with characters that no driver has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no driver name: use letters, digits, \"-\" and \"_\", such as virtio-net")]
pub struct InvalidName(String);

impl DriverName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its object in iPXE's symbol table, which knows no hyphens.
    pub fn object(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl FromStr for DriverName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && name.len() <= MAX_NAME && name.chars().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName(name.chars().take(MAX_NAME).collect()))
        }
    }
}

impl TryFrom<String> for DriverName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        name.parse()
    }
}

impl From<DriverName> for String {
    fn from(name: DriverName) -> Self {
        name.0
    }
}

impl fmt::Display for DriverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which drivers a platform gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Every network driver of the tree.
    All,
    /// These, and nothing else; never empty.
    Named(BTreeSet<DriverName>),
}

/// A named choice of drivers, one for each class of platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverSet {
    name: String,
    description: String,
    bios: Option<Selection>,
    efi: Option<Selection>,
    efi_arm64: Option<Selection>,
}

/// Why a driver set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// There is no shipped set of this name.
    #[error("unknown driver set \"{name}\"{}: use one of {known}", did_you_mean(.nearest))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The shipped name that looks most like it.
        nearest: Option<String>,
        /// All shipped names.
        known: String,
    },
    /// The set's file is not valid.
    #[error("driver set \"{name}\"")]
    Toml {
        /// The set.
        name: String,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// The file parses, but says something impossible.
    #[error("driver set \"{name}\": {reason}")]
    Invalid {
        /// The set.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

pub(crate) fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean \"{name}\"?)")).unwrap_or_default()
}

/// The candidate nearest to `name`, where one is near enough to be a slip of the finger.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawSet {
    name: String,
    description: String,
    drivers: RawDrivers,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawDrivers {
    bios: Option<RawSelection>,
    efi: Option<RawSelection>,
    efi_arm64: Option<RawSelection>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawSelection {
    Word(String),
    List(Vec<String>),
}

impl RawSelection {
    fn check(self) -> Result<Selection, String> {
        match self {
            Self::Word(word) if word == "all" => Ok(Selection::All),
            Self::Word(word) => {
                Err(format!("\"{word}\" is neither \"all\" nor a list of driver names"))
            }
            Self::List(names) => Selection::named(&names),
        }
    }
}

impl Selection {
    /// A selection of `names`; refuses an empty list, names twice and names no driver can have.
    pub fn named(names: &[String]) -> Result<Self, String> {
        let mut drivers = BTreeSet::new();
        for name in names {
            let driver: DriverName = name.parse().map_err(|e: InvalidName| e.to_string())?;
            if !drivers.insert(driver) {
                return Err(format!("driver \"{name}\" stands twice"));
            }
        }
        if drivers.is_empty() {
            return Err("a list of drivers is empty: name one, or write \"all\"".to_owned());
        }
        Ok(Self::Named(drivers))
    }
}

impl DriverSet {
    /// The shipped set called `name`.
    pub fn load(name: &str) -> Result<Self, SetError> {
        let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            let known = SHIPPED.iter().map(|(known, _)| *known);
            SetError::Unknown {
                name: name.chars().take(MAX_NAME).collect(),
                nearest: nearest(name, known.clone()),
                known: known.collect::<Vec<_>>().join(", "),
            }
        })?;
        Self::parse(name, text)
    }

    /// The names of all shipped sets.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    fn parse(name: &str, text: &str) -> Result<Self, SetError> {
        let raw: RawSet = toml::from_str(text)
            .map_err(|source| SetError::Toml { name: name.to_owned(), source: Box::new(source) })?;
        let invalid = |reason: String| SetError::Invalid { name: name.to_owned(), reason };
        if raw.name != name {
            return Err(invalid(format!("the file calls it \"{}\"", raw.name)));
        }
        let check = |selection: Option<RawSelection>| {
            selection.map(RawSelection::check).transpose().map_err(invalid)
        };
        let bios = check(raw.drivers.bios)?;
        let efi = check(raw.drivers.efi)?;
        let efi_arm64 = check(raw.drivers.efi_arm64)?;
        Ok(Self { name: raw.name, description: raw.description, bios, efi, efi_arm64 })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The drivers for `class`; AArch64 takes those of UEFI where it has none of its own.
    pub fn drivers(&self, class: Class) -> Option<&Selection> {
        match class {
            Class::Bios => self.bios.as_ref(),
            Class::EfiX64 => self.efi.as_ref(),
            Class::EfiArm64 => self.efi_arm64.as_ref().or(self.efi.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shipped_sets_are_valid_and_described() {
        for name in DriverSet::shipped() {
            let set = DriverSet::load(name).unwrap();
            assert!(set.description().len() > 20, "{name}");
            assert!(set.drivers(Class::EfiX64).is_some(), "{name}");
        }
    }

    #[test]
    fn every_slim_uefi_set_has_the_firmware_driver() {
        // Without it Hyper-V generation 2, and any NIC only the firmware knows, stay dark.
        let snp: DriverName = "snp".parse().unwrap();
        for name in DriverSet::shipped() {
            for class in [Class::EfiX64, Class::EfiArm64] {
                match DriverSet::load(name).unwrap().drivers(class) {
                    Some(Selection::Named(drivers)) => assert!(drivers.contains(&snp), "{name}"),
                    other => assert_eq!(other, Some(&Selection::All), "{name}"),
                }
            }
        }
    }

    #[test]
    fn an_unknown_set_suggests_the_nearest() {
        let error = DriverSet::load("hyper-v").unwrap_err().to_string();
        assert!(error.contains("did you mean \"hyperv\"?") && error.contains("vmware"), "{error}");
        let far = DriverSet::load("zzz").unwrap_err().to_string();
        assert!(!far.contains("did you mean"), "{far}");
    }

    #[test]
    fn bad_files_are_refused_with_the_reason() {
        let set = |drivers: &str| {
            let text = format!("name = \"x\"\ndescription = \"d\"\n[drivers]\n{drivers}");
            let error = DriverSet::parse("x", &text).unwrap_err();
            format!("{error} {:?}", std::error::Error::source(&error).map(ToString::to_string))
        };
        assert!(set("bios = []").contains("empty"));
        assert!(set("bios = \"some\"").contains("neither"));
        assert!(set("bios = [\"a\", \"a\"]").contains("twice"));
        assert!(set("bios = [\"a b\"]").contains("no driver name"));
        assert!(set("bios = [\"-a\"]").contains("no driver name"));
        assert!(set("uefi = [\"snp\"]").contains("uefi"));
    }

    #[test]
    fn objects_have_no_hyphens() {
        assert_eq!("virtio-net".parse::<DriverName>().unwrap().object(), "virtio_net");
    }
}
