//! The second factor of local accounts: six digits that change every half minute (RFC 6238,
//! HMAC-SHA-1, 30 s), as the usual apps for telephones show them.
//!
//! The secret is not stored: it follows from the site's secret, the account's name, and a number
//! drawn when it was set up. Who steals the database alone has no codes.

use super::UserName;
use crate::{
    secret::{NoRandom, derive, hex, random_bytes},
    time::Timestamp,
};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::fmt;

/// What separates the key from whatever else the site's secret is used for.
const KEY: &[u8] = b"bootmint second factor key 1";
/// How long a code is shown, in seconds.
const PERIOD: i64 = 30;
/// How many codes there are.
const CODES: u32 = 1_000_000;
/// How many digits a code has.
const DIGITS: usize = 6;
/// Who the codes are for, in the app.
const ISSUER: &str = "Bootmint";

/// The key that all secrets follow from. Its `Debug` hides it.
#[derive(Clone)]
pub struct FactorKey(Hmac<Sha256>);

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKey(hidden)")
    }
}

impl FactorKey {
    /// The key that follows from the site's secret.
    pub fn derive(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(&derive(secret, KEY)?).ok().map(Self)
    }

    /// The secret of an account whose factor was set up with this number.
    pub fn secret(&self, owner: &UserName, number: &FactorNumber) -> FactorSecret {
        let mut mac = self.0.clone();
        mac.update(owner.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(number.0.as_bytes());
        let mut secret = [0; 20];
        // The authenticator apps take 160 bits.
        for (to, from) in secret.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        FactorSecret(secret)
    }
}

/// What is drawn anew each time a factor is set up, so that the one before counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorNumber(String);

impl FactorNumber {
    /// A fresh one.
    pub fn random() -> Result<Self, NoRandom> {
        random_bytes::<16>().map(|bytes| Self(hex(&bytes)))
    }

    /// Reads one that was stored.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 32 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The text, as the database holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an account and its owner's app share. Its `Debug` hides it.
#[derive(Clone)]
pub struct FactorSecret([u8; 20]);

impl fmt::Debug for FactorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorSecret(hidden)")
    }
}

impl FactorSecret {
    /// The secret for people who type it, in base 32 (RFC 4648, section 6).
    pub fn text(&self) -> String {
        data_encoding::BASE32_NOPAD.encode(&self.0)
    }

    /// The address that apps read from a QR code.
    pub fn uri(&self, owner: &UserName) -> String {
        let name = owner.as_str().replace('@', "%40");
        format!("otpauth://totp/{ISSUER}:{name}?secret={}&issuer={ISSUER}", self.text())
    }

    /// The step whose code this is, if it is the code of now, of half a minute ago or in half a
    /// minute, and of a later step than `last`: a code counts once.
    pub fn matches(&self, code: &str, now: Timestamp, last: i64) -> Option<i64> {
        let digits: String = code.chars().filter(|c| *c != ' ').collect();
        if digits.len() != DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let here = now.as_unix() / PERIOD;
        let mut found = None;
        // All three are computed whatever the first one says.
        for step in [here.saturating_sub(1), here, here.saturating_add(1)] {
            if self.code(step) == digits && step > last {
                found = Some(step);
            }
        }
        found
    }

    /// The code of a step (RFC 4226, section 5.3).
    pub(crate) fn code(&self, step: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else { return String::new() };
        mac.update(&step.to_be_bytes());
        let digest: [u8; 20] = mac.finalize().into_bytes().into();
        let start = usize::from(digest[19] & 15);
        let four = [0, 1, 2, 3].map(|at| digest.get(start + at).copied().unwrap_or_default());
        let number = u32::from_be_bytes(four) & 0x7fff_ffff;
        format!("{:0DIGITS$}", number % CODES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 6238, appendix B, SHA-1: the last six of its eight digits.
        let secret = FactorSecret(*b"12345678901234567890");
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_unix(time);
            assert_eq!(secret.code(time / PERIOD), code);
            assert_eq!(secret.matches(code, now, 0), Some(time / PERIOD));
            assert_eq!(secret.matches(code, now, time / PERIOD), None, "once");
            let spaced = format!("{} {}", &code[..3], &code[3..]);
            assert!(secret.matches(&spaced, Timestamp::from_unix(time + 30), 0).is_some());
            assert!(secret.matches(code, Timestamp::from_unix(time + 90), 0).is_none(), "over");
        }
        for bad in ["", "28708", "2870820", "28708a", "२८७०८२"] {
            assert!(secret.matches(bad, Timestamp::from_unix(59), 0).is_none(), "{bad}");
        }
        assert_eq!(secret.text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(!format!("{secret:?}").contains("GEZ"));
    }

    #[test]
    fn each_account_and_each_time_has_a_secret_of_its_own() {
        let key = FactorKey::derive(b"a site's secret").unwrap();
        let number = |text: &str| FactorNumber::parse(&text.repeat(32)).unwrap();
        let of = |name: &str, text| key.secret(&name.parse().unwrap(), &number(text)).text();
        assert_eq!(of("root", "a"), of("root", "a"));
        assert_ne!(of("root", "a"), of("root", "b"));
        assert_ne!(of("root", "a"), of("alice", "a"));
        let other = FactorKey::derive(b"another site's secret").unwrap();
        assert_ne!(other.secret(&"root".parse().unwrap(), &number("a")).text(), of("root", "a"));
        assert!(FactorNumber::parse("../x").is_none());
        let uri = key
            .secret(&"a@b.example".parse().unwrap(), &number("a"))
            .uri(&"a@b.example".parse().unwrap());
        assert!(uri.starts_with("otpauth://totp/Bootmint:a%40b.example?secret="), "{uri}");
    }
}
