//! The secret of one sign-in, and what follows from it.

use crate::secret::{Digest, NoRandom, hex, random_bytes};
use std::fmt;

/// How many hexadecimal digits a key has.
const KEY: usize = 64;
/// How many digits of a state name the cookie of its sign-in.
const NAME: usize = 16;

/// What the browser has in a cookie while a sign-in is under way: 256 random bits, from which all
/// follows that the provider is sent. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct FlowKey(String);

impl FlowKey {
    /// A fresh one.
    pub(in crate::auth) fn random() -> Result<Self, NoRandom> {
        random_bytes::<32>().map(|bytes| Self(hex(&bytes)))
    }

    /// The key that a cookie holds, if it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == KEY && digits).then(|| Self(text.to_owned()))
    }

    /// The text, for the cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn follows(&self, what: &str) -> Digest {
        Digest::of(format!("{what}\n{}", self.0).as_bytes())
    }

    /// What the database knows it by.
    pub(in crate::auth) fn id(&self) -> Digest {
        self.follows("openid flow")
    }

    /// What the provider sends back with the person.
    pub fn state(&self) -> Digest {
        self.follows("openid state")
    }

    /// What the ID token must hold.
    pub(super) fn nonce(&self) -> Digest {
        self.follows("openid nonce")
    }

    /// What proves that the code was meant for this browser (RFC 7636).
    pub(super) fn verifier(&self) -> Digest {
        self.follows("openid verifier")
    }

    /// By what the cookie of the sign-in with this state is told from others of the same browser.
    pub fn name_of(state: &str) -> Option<&str> {
        Digest::parse(state)?;
        state.get(..NAME)
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_follows_from_a_key_differs_and_hides_it() {
        let (key, other) = (FlowKey::random().unwrap(), FlowKey::random().unwrap());
        let all = [key.id(), key.state(), key.nonce(), key.verifier(), other.state()];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|two| one != two));
            assert!((43..=128).contains(&one.as_str().len()), "as RFC 7636 wants a verifier");
        }
        assert_eq!(FlowKey::parse(key.reveal()), Some(key.clone()));
        assert_eq!(format!("{key:?}"), "FlowKey(hidden)");
        for bad in ["", "abc", "../../../../etc/passwd", &"g".repeat(64)] {
            assert!(FlowKey::parse(bad).is_none() && FlowKey::name_of(bad).is_none(), "{bad}");
        }
        assert_eq!(FlowKey::name_of(key.state().as_str()).unwrap().len(), NAME);
    }
}
