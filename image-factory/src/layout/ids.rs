//! Serial numbers and GUIDs that derive from a template's seed, so that the same inputs give the
//! same bytes and different templates differ.

use super::loader::field;
use sha2::{Digest, Sha256};

/// The ids of one template.
pub(super) struct Ids<'a> {
    seed: &'a [u8; 32],
}

impl<'a> Ids<'a> {
    pub(super) const fn new(seed: &'a [u8; 32]) -> Self {
        Self { seed }
    }

    /// A number for the purpose `what`; never zero, which several formats take for "none".
    pub(super) fn number(&self, what: &str) -> u32 {
        u32::from_le_bytes(field(&self.derive(what), 0)).max(1)
    }

    /// A GUID in its on-disk form, marked as version 8 (made in a way of one's own, RFC 9562).
    pub(super) fn guid(&self, what: &str) -> [u8; 16] {
        let mut guid: [u8; 16] = field(&self.derive(what), 0);
        guid[7] = guid[7] & 0x0f | 0x80; // the high byte of the little-endian third group
        guid[8] = guid[8] & 0x3f | 0x80;
        guid
    }

    fn derive(&self, what: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.seed).chain_update(what).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_seed_and_the_purpose() {
        let (a, b) = ([1; 32], [2; 32]);
        assert_eq!(Ids::new(&a).number("fat"), Ids::new(&a).number("fat"));
        assert_ne!(Ids::new(&a).number("fat"), Ids::new(&b).number("fat"));
        assert_ne!(Ids::new(&a).guid("disk"), Ids::new(&a).guid("partition"));
        let guid = Ids::new(&a).guid("disk");
        assert_eq!((guid[7] >> 4, guid[8] >> 6), (8, 2));
    }
}
