//! Secrets: made at random, kept as digests.

use crate::machine::AttemptId;
use bootmint_image_factory::host::Token;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes: the server cannot make secrets without them")]
pub struct NoRandom(#[source] getrandom::Error);

/// Bytes from the system's generator.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandom)?;
    Ok(bytes)
}

/// A key for one purpose, which follows from the site's secret.
pub(crate) fn derive(secret: &[u8], purpose: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.trim_ascii()).ok()?;
    mac.update(purpose);
    Some(mac.finalize().into_bytes().into())
}

/// A fresh name for an attempt.
pub fn new_attempt() -> Result<AttemptId, NoRandom> {
    random_bytes().map(|bytes| AttemptId::from_bits(u128::from_be_bytes(bytes)))
}

/// A secret that an attempt's installer proves itself with: 128 random bits.
///
/// It has no `Display`, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A fresh one.
    pub fn random() -> Result<Self, NoRandom> {
        random_bytes::<16>().map(|bytes| Self(hex(&bytes)))
    }

    /// The secret that an installer sent, once its digest was found.
    pub fn sent(secret: &str) -> Self {
        Self(secret.to_owned())
    }

    /// One that stands in for a real one where a person looks at what would be sent.
    pub fn placeholder() -> Self {
        Self("SECRET".to_owned())
    }

    /// The secret, for what is sent to the machine that it was made for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// SHA-256, in 64 hexadecimal digits: of a token or secret, or of an audit row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// One that was written down before.
    pub fn stored(digits: String) -> Self {
        Self(digits)
    }

    /// The digest of a host's token, as `manifest.json` lists it too.
    pub fn of_token(token: &Token) -> Self {
        Self::of(token.as_str().as_bytes())
    }

    /// The digest that 64 hexadecimal digits are.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == 64 && digits).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Random bytes as 64 hexadecimal digits, for a key file.
pub fn random_key() -> Result<String, NoRandom> {
    random_bytes::<32>().map(|bytes| hex(&bytes))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// What [`hex`] wrote; nothing else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_stay_hidden() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert!(one != other && one.reveal().len() == 32);
        assert_eq!(format!("{one:?}"), "Secret(hidden)");
        assert_ne!(new_attempt().unwrap(), new_attempt().unwrap());
    }

    #[test]
    fn hexadecimal_reads_back_and_nothing_else_does() {
        assert_eq!(unhex(&hex(&[0, 9, 10, 255])), Some(vec![0, 9, 10, 255]));
        for bad in ["0", "0g", "+f", "AA", "é"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    #[test]
    fn digests_are_sha256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), empty);
    }
}
