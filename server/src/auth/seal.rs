//! What an OpenID provider gave for later, encrypted for the database (AES-256-GCM).
//!
//! The key follows from the site's secret: who steals the database alone reads nothing.

use super::ldap::PersonId;
use crate::secret::{NoRandom, random_bytes};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;
use std::fmt;

/// What separates the key from whatever else the site's secret is used for.
const KEY: &[u8] = b"bootmint openid refresh key 1";

/// The key that all of them are encrypted with. Its `Debug` hides it.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(hidden)")
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

impl SealKey {
    /// The key that follows from the site's secret.
    pub fn derive(secret: &[u8]) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.trim_ascii()).ok()?;
        mac.update(KEY);
        Some(Self(mac.finalize().into_bytes().into()))
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0).ok()?))
    }

    /// Encrypts `text` for `owner`.
    pub fn seal(&self, owner: &PersonId, text: &str) -> Result<Option<Sealed>, NoRandom> {
        let start = random_bytes::<NONCE_LEN>()?;
        let (nonce, aad) = (Nonce::assume_unique_for_key(start), Aad::from(owner.as_str()));
        let mut body = text.as_bytes().to_vec();
        let done = self.cipher().map(|key| key.seal_in_place_append_tag(nonce, aad, &mut body));
        let Some(Ok(())) = done else { return Ok(None) };
        let all = [start.as_slice(), &body].concat();
        Ok(Some(Sealed(BASE64_STANDARD_NO_PAD.encode(all))))
    }

    /// What was encrypted for `owner`; nothing if it was not, or with another key.
    pub fn open(&self, owner: &PersonId, sealed: &Sealed) -> Option<String> {
        let all = BASE64_STANDARD_NO_PAD.decode(&sealed.0).ok()?;
        let (start, body) = all.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(start).ok()?;
        let mut body = body.to_vec();
        let text = self.cipher()?.open_in_place(nonce, Aad::from(owner.as_str()), &mut body);
        String::from_utf8(text.ok()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_for_its_owner_and_site_alone() {
        let (alice, bob) = (PersonId::of_subject("i", "alice"), PersonId::of_subject("i", "bob"));
        let (key, other) =
            (SealKey::derive(b"one site").unwrap(), SealKey::derive(b"two").unwrap());
        let sealed = key.seal(&alice, "refresh-me").unwrap().unwrap();
        assert_eq!(key.open(&alice, &sealed).as_deref(), Some("refresh-me"));
        assert!(key.open(&bob, &sealed).is_none() && other.open(&alice, &sealed).is_none());
        assert_ne!(key.seal(&alice, "refresh-me").unwrap().unwrap(), sealed, "each is another");
        for bad in ["", "AAAA", "not base 64", &sealed.as_str()[4..]] {
            assert!(key.open(&alice, &Sealed::stored(bad.to_owned())).is_none(), "{bad}");
        }
        assert!(!format!("{sealed:?}{key:?}").contains(&sealed.as_str()[..8]));
    }
}
