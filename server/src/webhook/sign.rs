//! Signatures of webhooks: HMAC-SHA-256 over id, time and body, as Standard Webhooks defines them.

use crate::{
    secret::{NoRandom, random_bytes},
    time::Timestamp,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What every key starts with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "whsec_";
/// How many bytes a key has.
const LENGTH: std::ops::RangeInclusive<usize> = 24..=64;
/// The most keys that sign at a time: the one before, until every receiver knows the next.
const MAX_KEYS: usize = 4;

/// The keys of a webhook; each signs. `Debug` hides them.
#[derive(Clone)]
pub(super) struct Keys(Vec<Hmac<Sha256>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} hidden)", self.0.len())
    }
}

impl Keys {
    /// Reads a key file: one key a line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Option<Vec<_>> = lines.map(key).collect();
        let keys = keys.ok_or(
            "its secret-file holds a line that is no key: `bootmint webhook key FILE` makes one",
        )?;
        if !(1..=MAX_KEYS).contains(&keys.len()) {
            return Err(format!("its secret-file must hold 1 to {MAX_KEYS} keys, one a line"));
        }
        Ok(Self(keys))
    }

    /// The header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let one = |key: &Hmac<Sha256>| {
            let mut mac = key.clone();
            for part in [id, ".", &at.as_unix().to_string(), ".", body] {
                mac.update(part.as_bytes());
            }
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn key(line: &str) -> Option<Hmac<Sha256>> {
    let bytes = STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?;
    if !LENGTH.contains(&bytes.len()) {
        return None;
    }
    Hmac::new_from_slice(&bytes).ok()
}

/// A fresh key, as it stands in a key file.
pub fn new_key() -> Result<String, NoRandom> {
    Ok(format!("{PREFIX}{}", STANDARD.encode(random_bytes::<32>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn a_signature_is_what_the_specification_says() {
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp::from_unix(1_614_265_330));
        let signature = keys.sign(id, at, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_key_signs_and_none_is_shown() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert_ne!(one, other);
        let keys = Keys::parse(&format!("{one}\n\n  {other}\n")).unwrap();
        let both = keys.sign("evt_1", Timestamp::from_unix(1), "{}");
        assert_eq!(both.split(' ').count(), 2);
        let alone = Keys::parse(&other).unwrap().sign("evt_1", Timestamp::from_unix(1), "{}");
        assert!(both.ends_with(&alone));
        assert_eq!(format!("{keys:?}"), "Keys(2 hidden)");
        for bad in ["", "whsec_", "nonsense", "whsec_c2hvcnQ=", &one[6..], "whsec_!!!"] {
            let error = Keys::parse(bad).unwrap_err();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }
}
