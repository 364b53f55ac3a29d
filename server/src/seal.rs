//! Secrets at rest, and tokens that came with a feed: sealed under a key that is not in the
//! database. A seal holds for one place and name, or for one host's token, so that sealed values
//! cannot be exchanged.

use crate::{
    cipher::Cipher,
    secret::{Digest, NoRandom, unhex},
};
use bootmint_image_factory::host::{HostName, Invalid, Name, Token};
use std::{fmt, str::FromStr};

/// The name of a secret.
pub type SecretName = Name;

/// What separates these seals, and the keys' names, from whatever else the keys may be used for.
const SEAL: &str = "bootmint secret 1";
const TOKEN_SEAL: &str = "bootmint host token 1";
const KEY_ID: &str = "bootmint secrets key 1\n";
/// The format of a seal.
const VERSION: &str = "v1";
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 8192;
/// The most keys of a file.
const MAX_KEYS: usize = 8;

/// Where a secret counts: what is narrower comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Everywhere.
    Everywhere,
    /// For the hosts of a site.
    Site(Name),
    /// For one host.
    Host(HostName),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => Ok(()),
            Self::Site(name) => write!(f, "site:{name}"),
            Self::Host(name) => write!(f, "host:{name}"),
        }
    }
}

/// A text that is no place.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// It is of no such shape.
    #[error("\"{0}\" is no place: write site:NAME, host:NAME, or nothing for everywhere")]
    Shape(String),
    /// The name is wrong.
    #[error(transparent)]
    Name(#[from] Invalid),
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        match text.split_once(':') {
            None if text.is_empty() => Ok(Self::Everywhere),
            Some(("site", name)) => Ok(Self::Site(name.parse()?)),
            Some(("host", name)) => Ok(Self::Host(name.parse()?)),
            _ => Err(NoPlace::Shape(text.chars().take(80).collect())),
        }
    }
}

/// A text that holds no keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// A line is none.
    #[error(
        "line {0} is no key: a key is 64 hexadecimal digits; `bootmint secrets new-key` makes one"
    )]
    Line(usize),
    /// There are none.
    #[error("there is no key in it: `bootmint secrets new-key` makes one")]
    None,
    /// There are too many.
    #[error(
        "there are more than {MAX_KEYS} keys in it: `bootmint secrets reseal`, then remove the old ones"
    )]
    TooMany,
}

/// What was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A secret.
    Secret(SecretName),
    /// The token of a host.
    Token(HostName),
}

impl Sealed {
    /// How it is had again.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Secret(_) => "set it anew",
            Self::Token(_) => "import the host again with its token",
        }
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "secret \"{name}\""),
            Self::Token(host) => write!(f, "token of host \"{host}\""),
        }
    }
}

/// Why a value is not sealed, or a sealed one not opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The value is too long, empty, or no text that an answer file could hold.
    #[error(
        "a secret is text of 1 to {MAX_VALUE} bytes without control characters but line ends and tabs"
    )]
    Value,
    /// There is no key.
    #[error("there is no key to seal secrets with: `bootmint secrets new-key` makes one")]
    NoKey,
    /// The key is another one.
    #[error(
        "the {what} was sealed with the key {key}, which is not in the key file: put that back, \
         or {}",
        what.remedy()
    )]
    OtherKey {
        /// What was sealed.
        what: Sealed,
        /// The key's name.
        key: String,
    },
    /// It does not open.
    #[error("the {what} was changed in the database, or belongs elsewhere: {}", what.remedy())]
    Broken {
        /// What was sealed.
        what: Sealed,
    },
}

#[derive(Clone)]
struct SealKey {
    id: String,
    cipher: Cipher,
}

/// The keys: the first one seals, all of them open. `Debug` hides them.
#[derive(Clone, Default)]
pub struct SealKeys(Vec<SealKey>);

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl SealKeys {
    /// The keys of a file: one in each line; empty lines and those that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, NoKeys> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = unhex(line).and_then(|key| key.try_into().ok());
            let key: [u8; 32] = key.ok_or(NoKeys::Line(number))?;
            let id = Digest::of(&[KEY_ID.as_bytes(), &key].concat());
            let id = id.as_str().chars().take(16).collect();
            keys.push(SealKey { id, cipher: Cipher::new(key) });
        }
        match keys.len() {
            0 => Err(NoKeys::None),
            1..=MAX_KEYS => Ok(Self(keys)),
            _ => Err(NoKeys::TooMany),
        }
    }

    /// The name of the key that seals.
    pub fn current(&self) -> Option<&str> {
        self.0.first().map(|key| key.id.as_str())
    }

    /// Seals a value for a place and name.
    pub fn seal(&self, place: &Place, name: &SecretName, value: &str) -> Result<String, SealError> {
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        if !(1..=MAX_VALUE).contains(&value.len()) || !value.chars().all(plain) {
            return Err(SealError::Value);
        }
        self.close(&bound(place, name), value)
    }

    /// Seals the token of a host.
    pub fn seal_token(&self, host: &HostName, token: &Token) -> Result<String, SealError> {
        self.close(&bound_token(host), token.as_str())
    }

    fn close(&self, bound: &str, value: &str) -> Result<String, SealError> {
        let key = self.0.first().ok_or(SealError::NoKey)?;
        let sealed = key.cipher.encrypt(bound, value)?.ok_or(SealError::Value)?;
        Ok(format!("{VERSION}.{}.{sealed}", key.id))
    }

    /// Opens what was sealed for a place and name.
    pub fn open(
        &self,
        place: &Place,
        name: &SecretName,
        sealed: &str,
    ) -> Result<String, SealError> {
        self.unseal(&bound(place, name), sealed, || Sealed::Secret(name.clone()))
    }

    /// Opens the sealed token of a host.
    pub fn open_token(&self, host: &HostName, sealed: &str) -> Result<Token, SealError> {
        let what = || Sealed::Token(host.clone());
        let token = self.unseal(&bound_token(host), sealed, what)?;
        token.parse().map_err(|_| SealError::Broken { what: what() })
    }

    fn unseal(
        &self,
        bound: &str,
        sealed: &str,
        what: impl Fn() -> Sealed,
    ) -> Result<String, SealError> {
        let broken = || SealError::Broken { what: what() };
        let parts: Vec<_> = sealed.split('.').collect();
        let [VERSION, id, sealed] = parts[..] else { return Err(broken()) };
        let other = || SealError::OtherKey { what: what(), key: id.chars().take(16).collect() };
        let key = self.0.iter().find(|key| key.id == id).ok_or_else(other)?;
        key.cipher.decrypt(bound, sealed).ok_or_else(broken)
    }

    /// Whether the key that seals sealed this.
    pub fn is_current(&self, sealed: &str) -> bool {
        self.current().is_some_and(|id| sealed.split('.').nth(1) == Some(id))
    }
}

/// What a seal is bound to.
fn bound(place: &Place, name: &SecretName) -> String {
    format!("{SEAL}\n{place}\n{name}")
}

fn bound_token(host: &HostName) -> String {
    format!("{TOKEN_SEAL}\n{host}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(digits: &[char]) -> SealKeys {
        let lines: Vec<_> = digits.iter().map(|d| d.to_string().repeat(64)).collect();
        SealKeys::parse(&lines.join("\n")).unwrap()
    }

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    #[test]
    fn a_seal_opens_with_its_key_at_its_place_under_its_name_alone() {
        let (here, there) = (Place::Site(name("berlin")), Place::Host("web-01".parse().unwrap()));
        let sealed = keys(&['a']).seal(&here, &name("root"), "$6$hash").unwrap();
        assert!(!sealed.contains("hash") && !sealed.contains("68617368"), "{sealed}");
        let open = |keys: &SealKeys, place: &Place, as_name: &str, sealed: &str| {
            keys.open(place, &name(as_name), sealed).map_err(|error| error.to_string())
        };
        assert_eq!(open(&keys(&['b', 'a']), &here, "root", &sealed).unwrap(), "$6$hash");
        for (keys, place, as_name, why) in [
            (keys(&['b']), &here, "root", "not in the key file"),
            (keys(&['a']), &there, "root", "belongs elsewhere"),
            (keys(&['a']), &here, "admin", "belongs elsewhere"),
        ] {
            let error = open(&keys, place, as_name, &sealed).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(open(&SealKeys::default(), &here, "root", &sealed).is_err());
    }

    #[test]
    fn a_sealed_token_opens_for_its_host_alone_and_is_no_secret() {
        let (keys, host) = (keys(&['a']), "web-01".parse().unwrap());
        let token: Token = "a-token-of-the-feed-0123456789".parse().unwrap();
        let sealed = keys.seal_token(&host, &token).unwrap();
        assert!(!sealed.contains("feed"), "{sealed}");
        assert_eq!(keys.open_token(&host, &sealed).unwrap().as_str(), token.as_str());
        let said = keys.open_token(&"web-02".parse().unwrap(), &sealed).unwrap_err().to_string();
        assert!(said.contains("web-02") && said.contains("import the host again"), "{said}");
        assert!(keys.open(&Place::Host(host.clone()), &name("token"), &sealed).is_err());
        let secret = keys.seal(&Place::Host(host.clone()), &name("token"), token.as_str()).unwrap();
        assert!(keys.open_token(&host, &secret).is_err());
    }

    #[test]
    fn the_first_key_seals() {
        let (old, both) = (keys(&['a']), keys(&['b', 'a']));
        let sealed = old.seal(&Place::Everywhere, &name("root"), "x").unwrap();
        assert!(old.is_current(&sealed) && !both.is_current(&sealed));
        let sealed = both.seal(&Place::Everywhere, &name("root"), "x").unwrap();
        assert!(both.is_current(&sealed));
        assert!(keys(&['b']).open(&Place::Everywhere, &name("root"), &sealed).is_ok());
        assert!(matches!(
            SealKeys::default().seal(&Place::Everywhere, &name("root"), "x"),
            Err(SealError::NoKey)
        ));
    }

    #[test]
    fn key_files_are_read_strictly_and_stay_hidden() {
        let key = "0f".repeat(32);
        let keys = SealKeys::parse(&format!("# ours\n\n {key} \n")).unwrap();
        assert!(!format!("{keys:?}").contains(&key[..20]), "{keys:?}");
        let wrong = |text: &str| SealKeys::parse(text).unwrap_err();
        assert_eq!(wrong("# none\n"), NoKeys::None);
        assert_eq!(wrong(&format!("{key}\nABC")), NoKeys::Line(2));
        assert_eq!(wrong(&format!("{key}\n").repeat(9)), NoKeys::TooMany);
    }

    #[test]
    fn what_no_answer_could_hold_is_not_sealed() {
        for bad in ["", "a\0b", "\u{1b}[2J", &"x".repeat(MAX_VALUE + 1)] {
            assert!(keys(&['a']).seal(&Place::Everywhere, &name("root"), bad).is_err(), "{bad:?}");
        }
        assert!(keys(&['a']).seal(&Place::Everywhere, &name("root"), "a\n\tb").is_ok());
    }

    #[test]
    fn places_read_back() {
        for text in ["", "site:berlin", "host:web-01"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for bad in ["berlin", "site:", "site:../x", "group:x", "host:a b"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_was_touched_opens(value in "[ -~]{1,60}", at in 0_usize..200, to in "[0-9a-f.]") {
            let (keys, root) = (keys(&['a']), name("root"));
            let sealed = keys.seal(&Place::Everywhere, &root, &value).unwrap();
            prop_assert_eq!(&keys.open(&Place::Everywhere, &root, &sealed).unwrap(), &value);
            let at = at % sealed.len();
            let mut touched = sealed.clone();
            touched.replace_range(at..=at, &to);
            if touched != sealed {
                prop_assert!(keys.open(&Place::Everywhere, &root, &touched).is_err());
            }
        }
    }
}
