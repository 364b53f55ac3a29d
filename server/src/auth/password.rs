//! Passwords: argon2id, computed beside the requests and few at a time.

use crate::secret::{NoRandom, random_bytes};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::{fmt, sync::LazyLock};
use tokio::sync::Semaphore;

/// The shortest password, in characters.
const MIN: usize = 12;
/// The longest password, in bytes.
const MAX: usize = 512;
/// How many are computed at a time: each takes 19 MB and a processor.
static PLACES: Semaphore = Semaphore::const_new(2);
/// What is compared with where there is no account, so that this takes as long.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| compute(b"nobody").ok());

/// A password. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Password(String);

/// Why a password is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {MIN} characters at least, {MAX} bytes at most")]
    Length,
    /// It holds the account's name.
    #[error("a password must not hold the account's name")]
    Name,
    /// It could not be computed.
    #[error("the password's hash could not be computed")]
    Hash,
}

impl Password {
    /// The password that somebody typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A fresh one for one use: 100 random bits, in characters that are not mistaken.
    pub fn one_time() -> Result<Self, NoRandom> {
        const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bytes = random_bytes::<20>()?;
        let mut text = String::with_capacity(24);
        for (at, byte) in bytes.into_iter().enumerate() {
            if at > 0 && at.is_multiple_of(5) {
                text.push('-');
            }
            text.push(char::from(SIGNS[usize::from(byte % 32)]));
        }
        Ok(Self(text))
    }

    /// The text, for who must be told it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is empty, which directories take for no password at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the account `user` may have it.
    pub fn check(&self, user: &str) -> Result<(), PasswordError> {
        if self.0.chars().count() < MIN || self.0.len() > MAX {
            return Err(PasswordError::Length);
        }
        if self.0.to_lowercase().contains(user) {
            return Err(PasswordError::Name);
        }
        Ok(())
    }

    /// Its hash, for the database.
    pub async fn hash(&self) -> Result<String, PasswordError> {
        let text = self.0.clone();
        beside(move || compute(text.as_bytes())).await?
    }

    /// Whether it is the one that `hash` was made of; without a hash this takes as long and says no.
    pub async fn matches(&self, hash: Option<&str>) -> Result<bool, PasswordError> {
        let (text, known) = (self.0.clone(), hash.is_some());
        let hash = hash.map(ToOwned::to_owned);
        beside(move || {
            let hash = hash.or_else(|| NOBODY.clone()).ok_or(PasswordError::Hash)?;
            let hash = PasswordHash::new(&hash).map_err(|_| PasswordError::Hash)?;
            let text = if text.len() > MAX { "" } else { &text };
            Ok(Argon2::default().verify_password(text.as_bytes(), &hash).is_ok() && known)
        })
        .await?
    }
}

fn compute(text: &[u8]) -> Result<String, PasswordError> {
    let hash = Argon2::default().hash_password(text).map_err(|_| PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Runs it on a thread of its own, when there is a place.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let _place = PLACES.acquire().await.map_err(|_| PasswordError::Hash)?;
    tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Hash)
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_hash_alone() {
        let password = Password::one_time().unwrap();
        let hash = password.hash().await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(password.matches(Some(&hash)).await.unwrap());
        assert!(!Password::new("another").matches(Some(&hash)).await.unwrap());
        assert!(!Password::new("nobody").matches(None).await.unwrap());
        assert!(password.matches(Some("no hash")).await.is_err());
        assert_eq!(format!("{password:?}"), "Password(hidden)");
    }

    #[test]
    fn weak_ones_are_refused() {
        assert!(Password::new("too short").check("alice").is_err());
        assert!(Password::new("Alice in wonderland").check("alice").is_err());
        assert!(Password::new("x".repeat(513)).check("alice").is_err());
        assert!(Password::one_time().unwrap().check("alice").is_ok());
    }
}
