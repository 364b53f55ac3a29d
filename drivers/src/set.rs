//! Driver sets: names, files, and the checked form.

use crate::name::{Choice, InvalidName, MAX_NAME, did_you_mean, nearest};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// The sets that ship with Bootmint: name and TOML text, in the order in which they are listed.
const SHIPPED: [(&str, &str); 13] = [
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
    ("undi", include_str!("../sets/undi.toml")),
    ("snp", include_str!("../sets/snp.toml")),
    ("snponly", include_str!("../sets/snponly.toml")),
];

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
        f.pad(match self {
            Self::Bios => "bios",
            Self::EfiX64 => "efi-x86_64",
            Self::EfiArm64 => "efi-arm64",
        })
    }
}

/// Which drivers a platform gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Every network driver of the tree.
    All,
    /// Those of these that work on the platform, and nothing else; never empty.
    Named(BTreeSet<Choice>),
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
        /// The shipped names that look most like it.
        nearest: Vec<String>,
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
            Self::List(names) => Selection::list(&names),
        }
    }
}

impl Selection {
    /// The drivers and devices that it names.
    pub fn named(&self) -> impl Iterator<Item = &Choice> {
        let named = match self {
            Self::All => None,
            Self::Named(choices) => Some(choices),
        };
        named.into_iter().flatten()
    }

    /// A selection of `names` and PCI ids; refuses an empty list, names twice and names no driver
    /// can have.
    pub fn list(names: &[String]) -> Result<Self, String> {
        let mut drivers = BTreeSet::new();
        for name in names {
            let driver: Choice = name.parse().map_err(|e: InvalidName| e.to_string())?;
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
        let snp: Choice = "snp".parse().unwrap();
        for name in DriverSet::shipped().filter(|name| *name != "snponly") {
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
}
