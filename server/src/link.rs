//! Links for who cannot sign in, such as a BMC that mounts virtual media, or cloud-init: they carry
//! their own proof, and end.

use crate::{
    secret::{derive, hex, unhex},
    time::Timestamp,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What separates the key from whatever else the secret is used for.
const KEY: &[u8] = b"bootmint link key 1";

/// The longest life of a link, in minutes.
pub const MAX_MINUTES: u32 = 7 * 24 * 60;

/// The key that links are signed with. Its `Debug` hides it.
#[derive(Clone)]
pub struct LinkKey(Hmac<Sha256>);

/// Where a link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// To an image: `<host>.<extension>`.
    Image(&'a str),
    /// To the NoCloud files of a host.
    NoCloud(&'a str),
}

impl<'a> Target<'a> {
    /// What separates signatures of one kind from those of another, and what is signed.
    fn parts(self) -> (&'static [u8], &'a str) {
        match self {
            Self::Image(image) => (b"bootmint image link 1\0", image),
            Self::NoCloud(host) => (b"bootmint nocloud link 1\0", host),
        }
    }
}

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Where it leads.
    pub target: Target<'a>,
    /// Until when it counts.
    pub expires: Timestamp,
    /// The digest of the host's record, so that it ends when the host becomes another.
    pub record: &'a str,
}

impl LinkKey {
    /// The key that follows from the site's secret.
    pub fn derive(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(&derive(secret, KEY)?).ok().map(Self)
    }

    /// The signature of a link, in hexadecimal.
    pub fn sign(&self, link: &Link<'_>) -> String {
        hex(&self.mac(link).finalize().into_bytes())
    }

    /// Whether `signature` is that of the link; takes as long whatever is wrong with it.
    pub fn verify(&self, link: &Link<'_>, signature: &str) -> bool {
        let Some(bytes) = unhex(signature) else { return false };
        self.mac(link).verify_slice(&bytes).is_ok()
    }

    fn mac(&self, link: &Link<'_>) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        let (kind, name) = link.target.parts();
        mac.update(kind);
        for part in [name, &link.expires.as_unix().to_string(), link.record] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        mac
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_link_alone() {
        let key = LinkKey::derive(b"0123456789abcdef\n").unwrap();
        let at = Timestamp::from_unix(100);
        let link = Link { target: Target::Image("web-01.iso"), expires: at, record: "r" };
        let signature = key.sign(&link);
        assert!(key.verify(&link, &signature));
        for other in [
            Link { target: Target::Image("web-02.iso"), ..link.clone() },
            Link { target: Target::NoCloud("web-01.iso"), ..link.clone() },
            Link { expires: Timestamp::from_unix(101), ..link.clone() },
            Link { record: "s", ..link.clone() },
        ] {
            assert!(!key.verify(&other, &signature), "{other:?}");
        }
        for bad in ["", "00", &"+".repeat(64), &"é".repeat(32), &signature[1..]] {
            assert!(!key.verify(&link, bad), "{bad}");
        }
        let another = LinkKey::derive(b"0123456789abcdeX").unwrap();
        assert!(!another.verify(&link, &signature));
    }
}
