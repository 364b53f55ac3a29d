//! The names of accounts.

use std::{fmt, str::FromStr};

/// The longest name, in bytes.
const MAX: usize = 64;

/// The name of an account: `[a-z0-9][a-z0-9._@-]{0,63}`, in lower case; one of a directory has an
/// `@` and the domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// A text that is no account's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account's name has 1 to {MAX} of the characters a-z 0-9 . _ @ -, first a letter or digit"
)]
pub struct NoUserName;

impl UserName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = NoUserName;

    fn from_str(text: &str) -> Result<Self, NoUserName> {
        let name = text.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._@-".contains(&b);
        let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if starts && name.len() <= MAX && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err(NoUserName)
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_in_lower_case() {
        assert_eq!("Alice@AD.test".parse::<UserName>().unwrap().as_str(), "alice@ad.test");
        for bad in ["", "-a", "a b", "a\n", "a/b", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<UserName>().is_err(), "{bad}");
        }
    }
}
