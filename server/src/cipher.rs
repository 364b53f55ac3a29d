//! Texts encrypted for the database, by XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): each is
//! bound to what it is for, so that no two can be exchanged.

use crate::secret::{NoRandom, hex, random_bytes, unhex};
use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};

/// How many bytes before an encrypted text make each of them another one.
const NONCE: usize = 24;

/// A key to encrypt with. It has no `Debug`.
#[derive(Clone)]
pub(crate) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    /// The cipher of a key.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(key)))
    }

    /// Encrypts `text` for what `bound` says, in hexadecimal; none if it is too long.
    pub(crate) fn encrypt(&self, bound: &str, text: &str) -> Result<Option<String>, NoRandom> {
        let nonce = random_bytes::<NONCE>()?;
        let payload = Payload { msg: text.as_bytes(), aad: bound.as_bytes() };
        let body = self.0.encrypt(&XNonce::from(nonce), payload).ok();
        Ok(body.map(|body| hex(&nonce) + &hex(&body)))
    }

    /// What was encrypted for `bound`; none if it was not, or with another key.
    pub(crate) fn decrypt(&self, bound: &str, encrypted: &str) -> Option<String> {
        let all = unhex(encrypted)?;
        let (nonce, body) = all.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: body, aad: bound.as_bytes() };
        String::from_utf8(self.0.decrypt(&XNonce::from(*nonce), payload).ok()?).ok()
    }
}
