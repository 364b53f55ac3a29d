//! The texts of API tokens: `bmt_<id>_<secret>`. The database holds digests only.

use crate::secret::{Digest, NoRandom, hex, random_bytes};
use std::fmt;

/// What every token starts with, so that scanners for leaked secrets can find it.
const PREFIX: &str = "bmt_";
/// How many hexadecimal digits an id has.
const ID: usize = 16;
/// How many hexadecimal digits a secret has.
const SECRET: usize = 64;

/// The name of a token. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenId(String);

impl TokenId {
    /// A fresh one.
    pub(super) fn random() -> Result<Self, NoRandom> {
        Ok(Self(hex(&random_bytes::<8>()?)))
    }

    /// The id that a text is.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text, ID).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A token as its owner has it. Its `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    id: TokenId,
    text: String,
}

impl ApiToken {
    /// A fresh one: 256 random bits.
    pub fn random() -> Result<Self, NoRandom> {
        let id = TokenId::random()?;
        let text = format!("{PREFIX}{id}_{}", hex(&random_bytes::<32>()?));
        Ok(Self { id, text })
    }

    /// The token that a request brought, if it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = TokenId::parse(id)?;
        is_hex(secret, SECRET).then(|| Self { id, text: text.to_owned() })
    }

    /// Its name.
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole text, for its owner.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What the database holds. The secret has 256 random bits: nothing slow is needed.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiToken({})", self.id)
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_itself() {
        let token = ApiToken::random().unwrap();
        assert_eq!(ApiToken::parse(token.reveal()).as_ref(), Some(&token));
        assert!(!format!("{token:?}").contains(&token.reveal()[25..]));
        for bad in ["", "bmt_", "bmt_0_0", &token.reveal()[1..], &format!("{}0", token.reveal())] {
            assert!(ApiToken::parse(bad).is_none(), "{bad}");
        }
    }
}
