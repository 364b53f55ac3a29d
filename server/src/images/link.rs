//! Links to images for who cannot sign in, such as a BMC that mounts virtual media: they carry
//! their own proof, and end.

use crate::{
    secret::{derive, hex, unhex},
    time::Timestamp,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What separates the key, and each signature, from whatever else the secret is used for.
const KEY: &[u8] = b"bootmint link key 1";
const SIGNATURE: &[u8] = b"bootmint image link 1\0";

/// The key that links are signed with. Its `Debug` hides it.
#[derive(Clone)]
pub struct LinkKey(Hmac<Sha256>);

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The image: `<host>.<extension>`.
    pub image: &'a str,
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
        mac.update(SIGNATURE);
        for part in [link.image, &link.expires.as_unix().to_string(), link.record] {
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
        let link = Link { image: "web-01.iso", expires: at, record: "r" };
        let signature = key.sign(&link);
        assert!(key.verify(&link, &signature));
        for other in [
            Link { image: "web-02.iso", ..link.clone() },
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
