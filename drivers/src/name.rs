//! Names of drivers, PCI ids, and what a list of drivers may hold: either of them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest driver name; the longest in iPXE has 16 characters.
pub(crate) const MAX_NAME: usize = 40;
/// How many names are suggested for an unknown one.
const SUGGESTED: usize = 3;

/// The name of a driver: the base name of its source file, such as `virtio-net`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DriverName(String);

/// A driver name with characters that no driver has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no driver name: use letters, digits, \"-\" and \"_\", such as virtio-net, or a PCI \
     id such as 8086:100e"
)]
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

/// A device on the PCI bus, as vendor and device: `8086:100e`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciId {
    /// The vendor.
    pub vendor: u16,
    /// The vendor's number for the device.
    pub device: u16,
}

/// Text that is no PCI id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no PCI id: write vendor and device as lspci -nn shows them, such as 8086:100e")]
pub struct InvalidId(String);

impl FromStr for PciId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = |part: &str| {
            let hex = part.len() == 4 && part.chars().all(|c| c.is_ascii_hexdigit());
            hex.then(|| u16::from_str_radix(part, 16).ok()).flatten()
        };
        text.split_once(':')
            .and_then(|(vendor, device)| {
                Some(Self { vendor: digits(vendor)?, device: digits(device)? })
            })
            .ok_or_else(|| InvalidId(text.chars().take(MAX_NAME).collect()))
    }
}

impl fmt::Display for PciId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.device)
    }
}

/// One entry of a list of drivers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Choice {
    /// A driver by its name.
    Driver(DriverName),
    /// Whatever drives this device.
    Device(PciId),
}

impl FromStr for Choice {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.parse().map(Self::Device).or_else(|_| text.parse().map(Self::Driver))
    }
}

impl TryFrom<String> for Choice {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Choice> for String {
    fn from(choice: Choice) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver(name) => name.fmt(f),
            Self::Device(id) => id.fmt(f),
        }
    }
}

/// The candidates near enough to `name` to be slips of the finger, the nearest first.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut near: Vec<_> = known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(SUGGESTED).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// The suggestions as a question in parentheses, or nothing.
pub(crate) fn did_you_mean(nearest: &[String]) -> String {
    let quoted: Vec<_> = nearest.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => format!(" (did you mean {only}?)"),
        Some((last, others)) => format!(" (did you mean {} or {last}?)", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_no_hyphens() {
        assert_eq!("virtio-net".parse::<DriverName>().unwrap().object(), "virtio_net");
    }

    #[test]
    fn a_choice_is_a_name_or_a_pci_id() {
        for text in ["virtio-net", "8086:100e", "3c509"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        assert_eq!("8086:100E".parse(), Ok(PciId { vendor: 0x8086, device: 0x100e }));
        assert!(matches!("8086:100e".parse(), Ok(Choice::Device(_))));
        for bad in ["8086:", ":100e", "8086:100", "8086:100e:1", "+086:100e", "", "a b", "-a"] {
            assert!(bad.parse::<Choice>().is_err(), "{bad}");
            assert!(bad.parse::<PciId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn several_near_names_are_suggested_the_nearest_first() {
        let known = ["intel", "intelx", "intelxl", "intelxlvf", "tg3"];
        let near = nearest("intelx1", known.into_iter());
        assert_eq!(near.len(), 3);
        assert!(!near.contains(&"tg3".to_owned()));
        let text = did_you_mean(&near);
        assert!(text.contains("did you mean \"intelx") && text.contains("\" or \""), "{text}");
        assert_eq!(did_you_mean(&[]), "");
    }
}
