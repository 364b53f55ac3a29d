//! Pins: the exact iPXE trees that firmware is built from.
//!
//! The known pins stand in `pin.toml`, which is part of the program; a file of the same form can
//! take its place. A pin holds git's ids of the commit and of its tree. The tree id decides.

use serde::Deserialize;
use std::{collections::BTreeSet, fmt, fs, io, path::PathBuf, str::FromStr};

const EMBEDDED: &str = include_str!("../pin.toml");
/// The largest pin file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// One of git's object ids: 20 bytes, written as 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 20]);

impl ObjectId {
    /// The id with these bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The id's bytes, as they stand in git's tree objects.
    pub const fn bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no object id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no git object id: it takes 40 digits, 0-9 and a-f")]
pub struct BadId(String);

impl FromStr for ObjectId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId(text.chars().take(60).collect());
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(bad()) };
        let pairs: &[[u8; 2]; 20] = pairs.try_into().map_err(|_| bad())?;
        let mut bytes = [0; 20];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high).zip(digit(*low)).map(|(h, l)| h << 4 | l).ok_or_else(bad)?;
        }
        Ok(Self(bytes))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub ObjectId);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// The id of a commit.
    CommitId
}
id! {
    /// The id of a tree: what a folder holds, without who committed it and when.
    TreeId
}

/// One iPXE tree, and where it can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What people call it; letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// iPXE's version, as it stands in the firmware's banner.
    pub version: String,
    /// The tag that names the commit, for mirrors that give out tags only.
    pub tag: Option<String>,
    /// The commit.
    pub commit: CommitId,
    /// The commit's tree.
    pub tree: TreeId,
    /// The git repository it comes from.
    pub git: String,
    /// Where its tarball is, with `{commit}` and `{version}` to be filled in.
    pub tarball: String,
}

impl Pin {
    /// `template`, a tarball's URL, filled in for this pin.
    pub fn tarball_url(&self, template: &str) -> String {
        template.replace("{commit}", &self.commit.to_string()).replace("{version}", &self.version)
    }
}

/// The known pins; there is at least the default one.
#[derive(Clone, Debug)]
pub struct Pins {
    pins: Vec<Pin>,
    default: usize,
}

/// Why pins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The file could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold pins.
    #[error("{file}: {reason}")]
    Bad {
        /// The file.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// No pin has that name.
    #[error("there is no pin \"{name}\": use one of {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// All names.
        known: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawPins {
    default: String,
    pin: Vec<RawPin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawPin {
    name: String,
    version: String,
    tag: Option<String>,
    commit: String,
    tree: String,
    git: String,
    tarball: String,
}

impl Pins {
    /// The pins that are part of the program, or those in `file` instead.
    pub fn load(file: Option<&std::path::Path>) -> Result<Self, PinError> {
        let Some(path) = file else { return Self::parse(EMBEDDED, "pin.toml") };
        let read = || {
            if fs::metadata(path)?.len() > MAX_FILE {
                return Err(io::Error::other("it is too large to be a pin file"));
            }
            fs::read_to_string(path)
        };
        let text = read().map_err(|source| PinError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, file: &str) -> Result<Self, PinError> {
        let bad = |reason: String| PinError::Bad { file: file.to_owned(), reason };
        let raw: RawPins = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        let mut names = BTreeSet::new();
        let mut pins = Vec::with_capacity(raw.pin.len());
        for raw in raw.pin {
            let name = raw.name.clone();
            let pin = check(raw).map_err(|reason| bad(format!("pin \"{name}\": {reason}")))?;
            if !names.insert(name.clone()) {
                return Err(bad(format!("pin \"{name}\" stands twice")));
            }
            pins.push(pin);
        }
        let default = pins
            .iter()
            .position(|pin| pin.name == raw.default)
            .ok_or_else(|| bad(format!("the default, \"{}\", is none of the pins", raw.default)))?;
        Ok(Self { pins, default })
    }

    /// The pin named `name`, or the default one.
    pub fn get(&self, name: Option<&str>) -> Result<&Pin, PinError> {
        let found = match name {
            None => self.pins.get(self.default),
            Some(name) => self.pins.iter().find(|pin| pin.name == name),
        };
        found.ok_or_else(|| PinError::Unknown {
            name: name.unwrap_or("default").to_owned(),
            known: self.pins.iter().map(|pin| pin.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// All pins, in the file's order.
    pub fn all(&self) -> &[Pin] {
        &self.pins
    }
}

fn check(raw: RawPin) -> Result<Pin, String> {
    let word = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let words =
        [("name", Some(&raw.name)), ("version", Some(&raw.version)), ("tag", raw.tag.as_ref())];
    for (field, value) in words {
        if value.is_some_and(|v| v.is_empty() || v.starts_with('-') || !v.chars().all(word)) {
            return Err(format!("its {field} takes letters, digits and . _ + - only"));
        }
    }
    let id = |text: &str| text.parse().map_err(|error: BadId| error.to_string());
    Ok(Pin {
        commit: CommitId(id(&raw.commit)?),
        tree: TreeId(id(&raw.tree)?),
        name: raw.name,
        version: raw.version,
        tag: raw.tag,
        git: raw.git,
        tarball: raw.tarball,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_ipxe_2_0_0() {
        let pins = Pins::load(None).unwrap();
        let pin = pins.get(None).unwrap();
        assert_eq!(pin.commit.to_string(), "12798ec29aa8a64d8675c4378b99f5fe28447afb");
        assert_eq!(pin.tree.to_string(), "bdfffc12ce204d4743a30f23aa1745c25b7169b4");
        let url = pin.tarball_url(&pin.tarball);
        assert!(url.contains(&pin.commit.to_string()) && !url.contains('{'), "{url}");
        let error = pins.get(Some("v3")).unwrap_err().to_string();
        assert_eq!(error, "there is no pin \"v3\": use one of v2.0.0");
    }

    #[test]
    fn ids_are_forty_lower_case_digits() {
        let text = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(text.parse::<ObjectId>().unwrap().to_string(), text);
        for bad in ["", "01", &text[1..], &text.to_uppercase(), &format!("{text}89"), "é"] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_pin_file_says_what_is_wrong() {
        let cases = [
            (EMBEDDED.replace("bdfff", "xdfff"), "no git object id"),
            (EMBEDDED.replace("default = \"v2.0.0\"", "default = \"v9\""), "none of the pins"),
            (EMBEDDED.replace("tag = \"v2.0.0\"", "tag = \"--upload-pack=x\""), "its tag takes"),
            (EMBEDDED.replace("tree =", "trees ="), "unknown field `trees`"),
            (format!("{EMBEDDED}{}", &EMBEDDED[EMBEDDED.find("[[").unwrap()..]), "stands twice"),
        ];
        for (text, expected) in cases {
            let error = Pins::parse(&text, "my.toml").unwrap_err().to_string();
            assert!(error.starts_with("my.toml: ") && error.contains(expected), "{error}");
        }
    }
}
