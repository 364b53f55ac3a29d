//! What a browser shows in its cookie: one half lasts as long as the session, the other one turns
//! into a new one while it is used.

use crate::secret::{Digest, NoRandom, hex, random_bytes};
use std::fmt;

/// How many hexadecimal digits each half has.
const HALF: usize = 32;

/// What a browser has in its cookie: 256 random bits. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(String);

impl SessionKey {
    pub(super) fn random() -> Result<Self, NoRandom> {
        random_bytes::<32>().map(|bytes| Self(hex(&bytes)))
    }

    /// Another key of the same session.
    pub(super) fn turned(&self) -> Result<Self, NoRandom> {
        random_bytes::<16>().map(|bytes| Self(format!("{}{}", self.lasting(), hex(&bytes))))
    }

    /// The key that a cookie holds, if it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == 2 * HALF && digits).then(|| Self(text.to_owned()))
    }

    /// The text, for the cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The half that lasts. Who knows it had a key of this session at some time.
    fn lasting(&self) -> &str {
        self.0.get(..HALF).unwrap_or_default()
    }

    /// What the database finds the session by.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(format!("session\n{}", self.lasting()).as_bytes())
    }

    /// What the database tells the session's keys apart by.
    pub(super) fn turn(&self) -> Digest {
        Digest::of(format!("turn\n{}", self.0).as_bytes())
    }

    /// What every form of this session holds, so that other sites can't send one: it can't be
    /// known without a key, no key follows from it, and it lasts as long as the session.
    pub fn form_token(&self) -> Digest {
        Digest::of(format!("form\n{}", self.lasting()).as_bytes())
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}
