//! What a machine says of itself. It is kept for people to read and proves nothing; nothing of it
//! enters a script but the name of the interface that asked, which is one or is not taken.

use crate::script::NicName;
use bootmint_image_factory::host::{Mac, Text, Uuid};
use std::collections::BTreeMap;

/// The fields that are kept.
pub const FIELDS: [&str; 12] = [
    "ticket",
    "host",
    "nic",
    "mac",
    "uuid",
    "serial",
    "asset",
    "manufacturer",
    "product",
    "platform",
    "arch",
    "version",
];
/// The most characters of a value that are kept.
const MAX_VALUE: usize = 255;

/// What makers write where no asset tag was set, in lower case: it tells no machine from another.
const NO_ASSET: [&str; 14] = [
    "no asset tag",
    "no asset information",
    "asset tag",
    "asset-1234567890",
    "1234567890",
    "0123456789",
    "default string",
    "to be filled by o.e.m.",
    "not specified",
    "not applicable",
    "unknown",
    "none",
    "n/a",
    "na",
];

/// The facts of one request: known fields only, in printable ASCII, of limited length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<&'static str, String>);

impl Facts {
    /// Takes the known fields of a form; of a field that stands twice, the first.
    pub fn from_form<'a>(form: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut facts = BTreeMap::new();
        for (key, value) in form {
            if let Some(field) = FIELDS.into_iter().find(|field| *field == key)
                && !value.is_empty()
            {
                facts.entry(field).or_insert_with(|| printable(value, MAX_VALUE));
            }
        }
        Self(facts)
    }

    /// A field's value.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The MAC address of the interface that asked, if it is one.
    pub fn mac(&self) -> Option<Mac> {
        self.get("mac")?.parse().ok()
    }

    /// The interface that asked, if it is named as iPXE names them.
    pub fn nic(&self) -> Option<NicName> {
        self.get("nic")?.parse().ok()
    }

    /// The machine's UUID, if it is one.
    pub fn uuid(&self) -> Option<Uuid> {
        self.get("uuid")?.parse().ok()
    }

    /// The machine's asset tag, if it is one and tells it from others.
    pub fn asset(&self) -> Option<Text> {
        let tag = self.get("asset")?.trim();
        let empty = NO_ASSET.iter().any(|empty| tag.eq_ignore_ascii_case(empty));
        // A question mark stands for what a machine sent and no tag can hold.
        if empty || tag.contains('?') { None } else { tag.parse().ok() }
    }

    /// A JSON object.
    pub fn to_json(&self) -> String {
        // A map of texts is always an object.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// What tells this machine from others, as far as it says; else where it asks from.
    pub(super) fn identity(&self, peer: &str) -> String {
        let id = ["mac", "uuid", "serial"]
            .map(|field| self.get(field).unwrap_or_default().to_ascii_lowercase())
            .join("|");
        if id == "||" { format!("peer {peer}") } else { id }
    }
}

/// `text` with everything that is not printable ASCII replaced, and cut to `most` characters.
pub(super) fn printable(text: &str, most: usize) -> String {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(most).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_known_fields_are_kept() {
        let long = "x".repeat(1000);
        let facts = Facts::from_form([
            ("mac", "52:54:00:00:00:01"),
            ("mac", "52:54:00:00:00:02"),
            ("serial", "a\nb\u{202e}\"<"),
            ("asset", ""),
            ("product", &long),
            ("secret", "x"),
        ]);
        assert_eq!(facts.mac(), "52:54:00:00:00:01".parse().ok());
        assert_eq!(facts.get("serial"), Some("a?b?\"<"));
        assert_eq!((facts.get("asset"), facts.get("secret")), (None, None));
        assert_eq!(facts.get("product").map(str::len), Some(MAX_VALUE));
        assert_eq!(facts.uuid(), None);
    }

    #[test]
    fn a_machine_without_facts_is_known_by_its_address() {
        assert_eq!(Facts::default().identity("192.0.2.9"), "peer 192.0.2.9");
        let facts = Facts::from_form([("mac", "52:54:00:AA:00:01")]);
        assert_eq!(facts.identity("192.0.2.9"), "52:54:00:aa:00:01||");
    }

    #[test]
    fn an_asset_tag_is_checked_and_no_makers_word_for_nothing() {
        let asset = |tag| Facts::from_form([("asset", tag)]).asset().map(|tag| tag.to_string());
        assert_eq!(asset(" A-17/b "), Some("A-17/b".to_owned()));
        for bad in [
            "",
            " ",
            "Default string",
            "NONE",
            "To Be Filled By O.E.M.",
            "A\n17",
            "A;17",
            "${uuid}",
            "' OR 1=1",
            "A\u{e4}",
            "-A",
            "%00\0",
        ] {
            assert_eq!(asset(bad), None, "{bad:?}");
        }
        assert_eq!(asset(&"x".repeat(300)), Some("x".repeat(255)), "it is cut, as all facts are");
    }

    proptest! {
        #[test]
        fn whatever_is_sent_becomes_a_small_json_object(
            form in prop::collection::vec(("(mac|uuid|serial|x)", "\\PC{0,300}|[\\x00-\\x1f]*"), 0..20),
        ) {
            let facts = Facts::from_form(form.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            let json = facts.to_json();
            prop_assert!(json.is_ascii() && json.len() < 12 * 2 * (MAX_VALUE + 32));
            let back: BTreeMap<String, String> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.len(), facts.0.len());
        }
    }
}
