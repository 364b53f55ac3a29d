//! The identity of a firmware: everything that goes into it, in canonical form.

use super::{
    config::{Overrides, overrides},
    signing::fingerprint,
    slot,
    toolchain::Toolchain,
};
use crate::{
    pin::Pin,
    profile::{Profile, Script, SecureBoot},
};
use bootmint_drivers::{Overlay, Selection};
use bootmint_image_factory::{firmware::sha256_hex, format::Platform, security::Payloads};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of how firmware is made. Raise it whenever the same inputs yield other bytes:
///
/// 1. The first.
const RECIPE: u32 = 1;

/// Bootmint's stage 1.
const STAGE1: &str = include_str!("../../scripts/stage1.ipxe");

/// The source that a firmware is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SourceId {
    /// iPXE's version, such as `2.0.0`.
    pub version: String,
    /// The git commit.
    pub commit: String,
    /// The git tree id: what the source is compared with.
    pub tree: String,
}

impl SourceId {
    /// The identity of `pin`.
    pub(super) fn of(pin: &Pin) -> Self {
        Self {
            version: pin.version.clone(),
            commit: pin.commit.to_string(),
            tree: pin.tree.to_string(),
        }
    }
}

/// What goes into one platform's binary and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TargetInputs {
    drivers: Selection,
    pub(super) tools: Option<Tools>,
}

/// The programs whose versions decide the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Tools {
    compiler: String,
    linker: String,
}

/// All inputs of a firmware; its JSON is what the key is the digest of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Inputs {
    recipe: u32,
    pub(super) profile: String,
    source: SourceId,
    /// The out-of-tree drivers with the digests of their files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    overlays: BTreeMap<String, String>,
    config: Overrides,
    /// The options by name, so that a change can be told in the profile's own words.
    options: BTreeMap<String, bool>,
    script: String,
    trust: Vec<String>,
    cross_signing: bool,
    /// The digest of the client's certificate, which stands for its private key too: nothing that
    /// derives from the key itself is ever written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(default)]
    payloads: Payloads,
    /// The digest of the certificate of who signs for Secure Boot; the signature itself is no
    /// function of the inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    slot: String,
    /// The single binary that is built, instead of a firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) product: Option<String>,
    pub(super) targets: BTreeMap<Platform, TargetInputs>,
}

/// The script that a profile embeds.
pub(super) fn script(profile: &Profile) -> &str {
    match profile.script() {
        Script::Stage1 => STAGE1,
        Script::Own(text) => text,
    }
}

/// SHA-256 over where the files of an out-of-tree driver are laid, and their texts.
pub(super) fn overlay_digest(overlay: &Overlay) -> String {
    let files: Vec<_> = overlay.files().map(|file| (&file.name, &file.text)).collect();
    // Strings always serialise.
    sha256_hex(&serde_json::to_vec(&(overlay.folder(), files)).unwrap_or_default())
}

impl Inputs {
    /// The inputs of `profile` with `source`. A platform whose compiler is not installed has no
    /// versions, and can only be compared with what others have built.
    pub(super) fn of(profile: &Profile, source: &SourceId) -> Self {
        let targets = profile.targets().filter_map(|platform| {
            let drivers = profile.drivers(platform)?.clone();
            let tools = Toolchain::find(platform)
                .ok()
                .map(|found| Tools { compiler: found.compiler, linker: found.linker });
            Some((platform, TargetInputs { drivers, tools }))
        });
        Self {
            recipe: RECIPE,
            profile: profile.name().to_owned(),
            source: source.clone(),
            overlays: profile
                .overlays()
                .iter()
                .map(|overlay| (overlay.name().to_owned(), overlay_digest(overlay)))
                .collect(),
            config: overrides(profile),
            options: profile
                .options()
                .iter()
                .map(|(o, on)| (o.name.to_owned(), on.into()))
                .collect(),
            script: sha256_hex(script(profile).as_bytes()),
            trust: profile.trust().iter().map(|pem| sha256_hex(pem.as_bytes())).collect(),
            cross_signing: profile.cross_signing().into(),
            client: profile.client().map(|client| sha256_hex(client.cert.as_bytes())),
            payloads: profile.payloads(),
            signer: match profile.secure_boot() {
                Some(SecureBoot::OwnKey(key)) => Some(fingerprint(&key.pem)),
                Some(SecureBoot::Shim { .. }) | None => None,
            },
            slot: sha256_hex(&slot::blank(profile.slot_capacity())),
            product: None,
            targets: targets.collect(),
        }
    }

    /// Whether the binaries hold a private key.
    pub(super) fn holds_key(&self) -> bool {
        self.client.is_some()
    }

    /// The configuration overrides.
    pub(super) fn config(&self) -> &Overrides {
        &self.config
    }

    /// The canonical form: JSON with fields and names in a fixed order, without white space.
    fn canonical(&self) -> Vec<u8> {
        // Strings, numbers and maps with string keys always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The key: SHA-256 of the canonical form.
    pub(super) fn key(&self) -> String {
        sha256_hex(&self.canonical())
    }

    /// The digest that names the work folder of `platform`: of what decides its objects, without
    /// what only the last link sees.
    pub(super) fn work_name(&self, platform: Platform) -> String {
        let mut objects = self.clone();
        objects.targets.retain(|other, _| *other == platform);
        objects.profile.clear();
        // Make sees which of their files changed.
        objects.overlays.values_mut().for_each(String::clear);
        objects.options.clear();
        objects.script.clear();
        objects.trust.clear();
        // The key does not stay in the work folder, which can serve other profiles then.
        objects.client = None;
        objects.payloads = Payloads::Any;
        // Whoever signs, it is the same build folder.
        objects.signer = objects.signer.map(|_| String::new());
        objects.slot.clear();
        let mut name = objects.key();
        name.truncate(16);
        format!("{platform}-{name}")
    }

    /// Whether the versions of all compilers are known.
    pub(super) fn knows_tools(&self) -> bool {
        self.targets.values().all(|target| target.tools.is_some())
    }

    /// Whether `self` and `other` differ in nothing but the programs' versions.
    pub(super) fn same_but_tools(&self, other: &Self) -> bool {
        let without = |inputs: &Self| {
            let mut inputs = inputs.clone();
            inputs.targets.values_mut().for_each(|target| target.tools = None);
            inputs
        };
        without(self) == without(other)
    }

    /// What differs between `old` and `self`, one line each.
    pub(super) fn changes_since(&self, old: &Self) -> Vec<String> {
        let value = |inputs: &Self| {
            let mut inputs = inputs.clone();
            inputs.config.retain(|name, _| name == "serial.h"); // the options tell the others
            serde_json::to_value(inputs).unwrap_or_default()
        };
        let mut changes = Vec::new();
        compare("", &value(old), &value(self), &mut changes);
        changes
    }
}

fn compare(path: &str, old: &Value, new: &Value, changes: &mut Vec<String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                compare(&below(name), value, new.get(name).unwrap_or(&Value::Null), changes);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                compare(&below(name), &Value::Null, value, changes);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let gone =
                old.iter().filter(|value| !new.contains(value)).map(|v| format!("-{}", show(v)));
            let came =
                new.iter().filter(|value| !old.contains(value)).map(|v| format!("+{}", show(v)));
            changes.push(format!("{path}: {}", gone.chain(came).collect::<Vec<_>>().join(" ")));
        }
        _ => changes.push(format!("{path}: {} -> {}", show(old), show(new))),
    }
}

/// A value in a few words; digests are cut.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) => {
            text.chars().take(12).collect()
        }
        Value::String(text) => text.trim().replace('\n', " "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Inputs {
        let source = SourceId { version: "2.0.0".into(), commit: "c".into(), tree: "t".into() };
        Inputs::of(&crate::profile::load("kvm").unwrap(), &source)
    }

    #[test]
    fn the_key_is_a_function_of_the_inputs() {
        assert_eq!(inputs().key(), inputs().key());
        let mut other = inputs();
        other.source.tree = "u".into();
        assert_ne!(other.key(), inputs().key());
    }

    #[test]
    fn inputs_survive_json() {
        let text = serde_json::to_string_pretty(&inputs()).unwrap();
        let back: Inputs = serde_json::from_str(&text).unwrap();
        assert_eq!(back, inputs());
        assert_eq!(back.key(), inputs().key());
    }

    #[test]
    fn changes_are_told_in_the_profiles_words() {
        let old = inputs();
        let mut new = inputs();
        assert!(new.changes_since(&old).is_empty());
        new.options.insert("vlan".into(), false);
        new.overlays.insert("fw-cfg".into(), "f".repeat(64));
        new.script = "0".repeat(64);
        let target = new.targets.get_mut(&Platform::Bios).unwrap();
        target.drivers = Selection::list(&["virtio-net".into(), "tg3".into()]).unwrap();
        let changes = new.changes_since(&old).join("\n");
        assert!(changes.contains("options.vlan: true -> false"), "{changes}");
        assert!(changes.contains("targets.bios.drivers.named: -intel -realtek +tg3"), "{changes}");
        assert!(changes.contains("-> 000000000000"), "{changes}");
        assert!(changes.contains("overlays.fw-cfg: "), "{changes}");
    }

    #[test]
    fn only_what_decides_objects_names_the_work_folder() {
        let mut other = inputs();
        other.script = "x".into();
        other.trust = vec!["x".into()];
        assert_eq!(other.work_name(Platform::Bios), inputs().work_name(Platform::Bios));
        assert_ne!(inputs().work_name(Platform::EfiX64), inputs().work_name(Platform::Bios));
        other.overlays.insert("fw-cfg".into(), "another text".into());
        assert_eq!(other.work_name(Platform::Bios), inputs().work_name(Platform::Bios));
        other.config.insert("console.h".into(), "x".into());
        assert_ne!(other.work_name(Platform::Bios), inputs().work_name(Platform::Bios));
    }

    #[test]
    fn versions_of_tools_can_be_left_out_of_the_comparison() {
        let mut other = inputs();
        other.targets.values_mut().for_each(|target| target.tools = None);
        assert!(other.same_but_tools(&inputs()) && other.key() != inputs().key());
        other.trust.push("x".into());
        assert!(!other.same_but_tools(&inputs()));
    }
}
