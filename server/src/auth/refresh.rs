//! What an OpenID provider gave for later, encrypted for the database.
//!
//! The key follows from the site's secret, which every site has: who steals the database alone reads
//! nothing. Secrets that people set have keys of their own (`crate::seal`).

use super::ldap::PersonId;
use crate::{
    cipher::Cipher,
    secret::{NoRandom, derive},
};
use std::fmt;

/// What separates the key from whatever else the site's secret is used for.
const KEY: &[u8] = b"bootmint openid refresh key 1";

/// The key that all of them are encrypted with. Its `Debug` hides it.
#[derive(Clone)]
pub struct RefreshKey(Cipher);

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshKey(hidden)")
    }
}

/// A text that only the site's secret opens, and only for the person that it was sealed for.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// One that was written down before.
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text, for the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(hidden)")
    }
}

impl RefreshKey {
    /// The key that follows from the site's secret.
    pub fn derive(secret: &[u8]) -> Option<Self> {
        derive(secret, KEY).map(|key| Self(Cipher::new(key)))
    }

    /// Encrypts `text` for `owner`; none if it is too long.
    pub fn seal(&self, owner: &PersonId, text: &str) -> Result<Option<Sealed>, NoRandom> {
        Ok(self.0.encrypt(owner.as_str(), text)?.map(Sealed))
    }

    /// What was encrypted for `owner`; none if it was not, or with another key.
    pub fn open(&self, owner: &PersonId, sealed: &Sealed) -> Option<String> {
        self.0.decrypt(owner.as_str(), &sealed.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_for_its_owner_and_site_alone() {
        let (alice, bob) = (PersonId::of_subject("i", "alice"), PersonId::of_subject("i", "bob"));
        let (key, other) =
            (RefreshKey::derive(b"one site").unwrap(), RefreshKey::derive(b"two").unwrap());
        let sealed = key.seal(&alice, "refresh-me").unwrap().unwrap();
        assert_eq!(key.open(&alice, &sealed).as_deref(), Some("refresh-me"));
        assert!(key.open(&bob, &sealed).is_none() && other.open(&alice, &sealed).is_none());
        assert_ne!(key.seal(&alice, "refresh-me").unwrap().unwrap(), sealed, "each is another");
        for bad in ["", "AAAA", "not hexadecimal", &sealed.as_str()[4..]] {
            assert!(key.open(&alice, &Sealed::stored(bad.to_owned())).is_none(), "{bad}");
        }
        assert!(!format!("{sealed:?}{key:?}").contains(&sealed.as_str()[..8]));
    }
}
