//! What an OpenID provider gave for later, encrypted for the database (XChaCha20-Poly1305).
//!
//! The key follows from the site's secret, which every site has: who steals the database alone reads
//! nothing. Secrets that people set have keys of their own (`crate::seal`).

use super::ldap::PersonId;
use crate::secret::{NoRandom, hex, random_bytes, unhex};
use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// How many bytes of a sealed text make each of them another one.
const NONCE: usize = 24;
/// What separates the key from whatever else the site's secret is used for.
const KEY: &[u8] = b"bootmint openid refresh key 1";

/// The key that all of them are encrypted with. Its `Debug` hides it.
#[derive(Clone)]
pub struct RefreshKey([u8; 32]);

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
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.trim_ascii()).ok()?;
        mac.update(KEY);
        Some(Self(mac.finalize().into_bytes().into()))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.0))
    }

    /// Encrypts `text` for `owner`.
    pub fn seal(&self, owner: &PersonId, text: &str) -> Result<Option<Sealed>, NoRandom> {
        let start = random_bytes::<NONCE>()?;
        let payload = Payload { msg: text.as_bytes(), aad: owner.as_str().as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(start), payload).ok();
        Ok(sealed.map(|body| Sealed(format!("{}{}", hex(&start), hex(&body)))))
    }

    /// What was encrypted for `owner`; nothing if it was not, or with another key.
    pub fn open(&self, owner: &PersonId, sealed: &Sealed) -> Option<String> {
        let all = unhex(&sealed.0)?;
        let (start, body) = all.split_at_checked(NONCE)?;
        let start: [u8; NONCE] = start.try_into().ok()?;
        let payload = Payload { msg: body, aad: owner.as_str().as_bytes() };
        let text = self.cipher().decrypt(&XNonce::from(start), payload).ok()?;
        String::from_utf8(text).ok()
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
