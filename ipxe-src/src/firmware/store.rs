//! Finished firmware in the cache: one folder for each key.
//!
//! `firmware/<key>/` holds the binaries, `firmware.json` (what they are) and `key.json` (what went
//! into them). `firmware/<profile>.last` names the key that a profile was last built or found as.

use super::{BuildError, error::io_error, recipe::Inputs};
use crate::cache::Cache;
use bootmint_image_factory::firmware::{Firmware, FirmwareManifest, MANIFEST};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The inputs' file name in a firmware folder.
const INPUTS: &str = "key.json";

/// A finished firmware.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The folder with `firmware.json` and the binaries.
    pub folder: PathBuf,
    /// What they are.
    pub manifest: FirmwareManifest,
    pub(super) inputs: Inputs,
}

/// The firmware with `key` in `cache`, with every byte checked; nothing if there is none or if
/// it was damaged.
pub(super) fn find(cache: &Cache, key: &str) -> Option<Stored> {
    let folder = cache.firmware(key);
    let inputs: Inputs = serde_json::from_slice(&fs::read(folder.join(INPUTS)).ok()?).ok()?;
    let firmware = Firmware::load(&folder).ok()?;
    (firmware.manifest.key == key && inputs.key() == key).then_some(Stored {
        folder,
        manifest: firmware.manifest,
        inputs,
    })
}

/// All firmware in `cache`, sorted by profile and key.
pub(super) fn list(cache: &Cache) -> Result<Vec<Stored>, BuildError> {
    let root = cache.firmwares();
    let entries = match fs::read_dir(&root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_error("listing", &root))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(io_error("listing", &root))?.file_name();
        found.extend(name.to_str().and_then(|key| find(cache, key)));
    }
    found.sort_by(|a, b| {
        (&a.manifest.profile, &a.manifest.key).cmp(&(&b.manifest.profile, &b.manifest.key))
    });
    Ok(found)
}

/// The inputs that `profile` was last built or found with.
pub(super) fn last(cache: &Cache, profile: &str) -> Option<Stored> {
    let key = fs::read_to_string(record(cache, profile)).ok()?;
    find(cache, key.trim())
}

fn record(cache: &Cache, profile: &str) -> PathBuf {
    cache.firmwares().join(format!("{profile}.last"))
}

/// Remembers that `profile` was last built or found as `key`.
pub(super) fn remember(cache: &Cache, profile: &str, key: &str) -> Result<(), BuildError> {
    let path = record(cache, profile);
    if fs::read_to_string(&path).is_ok_and(|old| old.trim() == key) {
        return Ok(());
    }
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(cache.firmwares())?;
        writeln!(file, "{key}")?;
        file.persist(&path).map_err(|error| error.error)
    };
    write().map(drop).map_err(io_error("writing", &path))
}

/// Publishes `files`, the binaries by name, with `manifest` and `inputs`, in one step.
pub(super) fn publish(
    cache: &Cache,
    manifest: &FirmwareManifest,
    inputs: &Inputs,
    files: &[(&str, &[u8])],
) -> Result<PathBuf, BuildError> {
    let lock = cache.lock(&format!("firmware-{}", manifest.key), || ())?;
    let stage = lock.stage()?;
    let fresh = stage.path().to_owned();
    let write = || {
        for (name, bytes) in files {
            fs::write(fresh.join(name), bytes)?;
        }
        fs::write(fresh.join(MANIFEST), serde_json::to_vec_pretty(manifest)?)?;
        fs::write(fresh.join(INPUTS), serde_json::to_vec_pretty(inputs)?)
    };
    if inputs.holds_key() {
        only_for_owner(&fresh)?;
    }
    write().map_err(io_error("writing into", &fresh))?;
    let folder = cache.firmware(&manifest.key);
    stage.publish(&fresh, &folder)?;
    Ok(folder)
}

/// Closes `folder` to everybody but its owner.
pub(super) fn only_for_owner(folder: &Path) -> Result<(), BuildError> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(io_error("closing", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::recipe::SourceId;
    use bootmint_image_factory::{
        firmware::{BinaryManifest, Provider, SCHEMA, sha256_hex},
        format::Platform,
    };

    fn sample(commit: &str) -> (FirmwareManifest, Inputs, Vec<(&'static str, &'static [u8])>) {
        let source = SourceId { version: "2".into(), commit: commit.into(), tree: "t".into() };
        let inputs = Inputs::of(&crate::profile::load("kvm").unwrap(), &source);
        let binary = BinaryManifest {
            platform: Platform::Bios,
            file: "ipxe.lkrn".into(),
            size: 6,
            sha256: sha256_hex(b"kernel"),
            capabilities: Default::default(),
            slot: None,
        };
        let manifest = FirmwareManifest {
            schema: SCHEMA,
            profile: "kvm".into(),
            provider: Provider::Source,
            ipxe_version: "2".into(),
            key: inputs.key(),
            notes: vec![],
            security: Default::default(),
            binaries: vec![binary],
        };
        (manifest, inputs, vec![("ipxe.lkrn", b"kernel".as_slice())])
    }

    #[test]
    fn what_is_published_is_found_and_listed() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(root.path().to_owned())).unwrap();
        assert!(list(&cache).unwrap().is_empty());
        let (manifest, inputs, files) = sample("a");
        assert!(find(&cache, &manifest.key).is_none());
        let folder = publish(&cache, &manifest, &inputs, &files).unwrap();
        assert_eq!(find(&cache, &manifest.key).unwrap().folder, folder);
        publish(&cache, &manifest, &inputs, &files).unwrap();
        assert_eq!(list(&cache).unwrap().len(), 1);
        assert_eq!(fs::read_dir(cache.firmwares()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn a_damaged_firmware_is_not_found_and_can_be_replaced() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(root.path().to_owned())).unwrap();
        let (manifest, inputs, files) = sample("a");
        let folder = publish(&cache, &manifest, &inputs, &files).unwrap();
        fs::write(folder.join("ipxe.lkrn"), b"kernal").unwrap();
        assert!(find(&cache, &manifest.key).is_none());
        publish(&cache, &manifest, &inputs, &files).unwrap();
        assert!(find(&cache, &manifest.key).is_some());
    }

    #[test]
    fn the_last_build_of_a_profile_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(root.path().to_owned())).unwrap();
        assert!(last(&cache, "kvm").is_none());
        for commit in ["a", "b"] {
            let (manifest, inputs, files) = sample(commit);
            publish(&cache, &manifest, &inputs, &files).unwrap();
            remember(&cache, "kvm", &manifest.key).unwrap();
            assert_eq!(last(&cache, "kvm").unwrap().manifest.key, manifest.key);
        }
    }
}
