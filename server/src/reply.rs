//! Answers that are kept for who repeats a change, encrypted for the database: some of them hold
//! what is shown once, such as a token.
//!
//! The key follows from the site's secret: who steals the database or a backup reads nothing.

use crate::{
    cipher::Cipher,
    secret::{Digest, NoRandom, derive},
};
use std::fmt;

/// What separates the key from whatever else the site's secret is used for.
const KEY: &[u8] = b"bootmint reply key 1";

/// The key that all of them are encrypted with. Its `Debug` hides it.
#[derive(Clone)]
pub struct ReplyKey(Cipher);

impl fmt::Debug for ReplyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyKey(hidden)")
    }
}

/// Which answer: whose key, to which change, with which status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyTo<'a> {
    pub(crate) id: &'a Digest,
    pub(crate) asked: &'a Digest,
    pub(crate) status: i64,
}

impl ReplyTo<'_> {
    /// What a sealed answer is bound to.
    fn bound(&self) -> String {
        format!("{}\n{}\n{}", self.id.as_str(), self.asked.as_str(), self.status)
    }
}

impl ReplyKey {
    /// The key that follows from the site's secret.
    pub fn derive(secret: &[u8]) -> Option<Self> {
        derive(secret, KEY).map(|key| Self(Cipher::new(key)))
    }

    /// Encrypts the body of an answer; none if it is too long.
    pub(crate) fn seal(&self, to: ReplyTo<'_>, body: &str) -> Result<Option<String>, NoRandom> {
        self.0.encrypt(&to.bound(), body)
    }

    /// The body; none if it was encrypted for another answer or with another key, or not at all.
    pub(crate) fn open(&self, to: ReplyTo<'_>, sealed: &str) -> Option<String> {
        self.0.decrypt(&to.bound(), sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_opens_for_its_change_and_site_alone() {
        let (key, other) = (ReplyKey::derive(b"one").unwrap(), ReplyKey::derive(b"two").unwrap());
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let to = ReplyTo { id: &one, asked: &two, status: 201 };
        let sealed = key.seal(to, "{\"token\":\"bmt\"}").unwrap().unwrap();
        assert!(!sealed.contains("bmt") && !sealed.contains("626d74"), "{sealed}");
        assert_eq!(key.open(to, &sealed).as_deref(), Some("{\"token\":\"bmt\"}"));
        assert!(other.open(to, &sealed).is_none());
        for wrong in [
            ReplyTo { id: &two, ..to },
            ReplyTo { asked: &one, ..to },
            ReplyTo { status: 200, ..to },
        ] {
            assert!(key.open(wrong, &sealed).is_none(), "{wrong:?}");
        }
        assert!(key.open(to, "{\"token\":\"bmt\"}").is_none(), "kept before they were sealed");
        assert_eq!(format!("{key:?}"), "ReplyKey(hidden)");
    }
}
