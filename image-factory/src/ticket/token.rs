//! Tokens derived from one secret key, so that images can be minted again without a database.

use crate::{
    firmware::hex,
    host::{HostName, Token},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What separates these tokens from anything else made with the same key.
const CONTEXT: &[u8] = b"bootmint host token 1\0";
/// The shortest key, in bytes.
const MIN_KEY: usize = 16;

/// A secret from which every host's token follows. Its `Debug` output does not show it.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

/// Why a token key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeyError {
    /// Too short to be a secret.
    #[error(
        "the token key has {0} bytes: give at least {MIN_KEY} random ones, such as the output of `openssl rand -hex 32`"
    )]
    TooShort(usize),
    /// The derived token was refused.
    #[error("the token key yields no valid token")]
    NoToken,
}

impl TokenKey {
    /// The key that `secret` holds; white space around it does not count, so that a text file
    /// with a final newline gives the same key everywhere.
    pub fn new(secret: &[u8]) -> Result<Self, TokenKeyError> {
        let secret = secret.trim_ascii();
        if secret.len() < MIN_KEY {
            return Err(TokenKeyError::TooShort(secret.len()));
        }
        // HMAC takes keys of any length (RFC 2104 section 2).
        Hmac::new_from_slice(secret).map(Self).map_err(|_| TokenKeyError::NoToken)
    }

    /// The token of a host: HMAC-SHA-256 over its name, in hexadecimal.
    pub fn token(&self, host: &HostName) -> Result<Token, TokenKeyError> {
        let mut mac = self.0.clone();
        mac.update(CONTEXT);
        mac.update(host.as_str().as_bytes());
        hex(&mac.finalize().into_bytes()).parse().map_err(|_| TokenKeyError::NoToken)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_follows_from_key_and_name_alone() {
        let key = TokenKey::new(b"0123456789abcdef\n").unwrap();
        let (a, b): (HostName, HostName) = ("web-01".parse().unwrap(), "web-02".parse().unwrap());
        assert_eq!(key.token(&a), TokenKey::new(b"0123456789abcdef").unwrap().token(&a));
        assert_ne!(key.token(&a), key.token(&b));
        assert_ne!(key.token(&a), TokenKey::new(b"0123456789abcdeg").unwrap().token(&a));
        assert_eq!(format!("{key:?}"), "TokenKey(secret)");
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(TokenKey::new(b" short \n").unwrap_err(), TokenKeyError::TooShort(5));
    }
}
