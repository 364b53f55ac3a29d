//! Compiles firmware from the pinned source, where that is in the cache.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use bootmint_drivers::{Catalogue, Choice, Class, DriverSet, Selection};
use bootmint_image_factory::{
    firmware::{Capability, Firmware},
    format::Platform,
};
use bootmint_ipxe_src::{
    cache::Cache,
    firmware::{BuildError, BuildOptions, Built, Link, Origin, build, find_cached},
    pin::Pins,
    profile::{self, Profile},
    progress::Progress,
    source::{SourceTree, locate},
};
use std::{fs, path::Path};

/// The pinned source, or a loud word about what was not tested.
fn source() -> Option<SourceTree> {
    let pins = Pins::load(None).unwrap();
    let tree = locate(&Cache::open(None).unwrap(), pins.get(None).unwrap());
    if tree.is_none() {
        eprintln!("SKIP: nothing is compiled: no iPXE source (cargo xtask source import|fetch)");
    }
    tree
}

fn cache(folder: &Path) -> Cache {
    Cache::open(Some(folder.to_owned())).unwrap()
}

/// A profile with the fewest drivers that compile, in a file of its own.
fn tiny(folder: &Path, more: &str) -> Profile {
    let path = folder.join("tiny.toml");
    let text = format!(
        "name = \"tiny\"\ndescription = \"for tests\"\ntargets = [\"bios\", \"efi-x86_64\"]\n{more}"
    );
    fs::write(&path, text).unwrap();
    profile::load(path.to_str().unwrap()).unwrap()
}

const SLIM: &str = "drivers = [\"virtio-net\"]\n[options]\nvlan = true\nparams = true\n";

fn build_in(cache: &Cache, source: &SourceTree, profile: &Profile) -> Result<Built, BuildError> {
    build(cache, source, profile, &BuildOptions::default(), &mut ())
}

#[derive(Default)]
struct Sentences(Vec<String>);

impl Progress for Sentences {
    fn step(&mut self, sentence: &str) {
        self.0.push(sentence.to_owned());
    }
}

#[test]
fn a_slim_firmware_is_reproducible_cached_and_says_what_changed() {
    let Some(source) = source() else { return };
    let folder = tempfile::tempdir().unwrap();
    let first = cache(&folder.path().join("one"));
    let other = cache(&folder.path().join("another/and/longer"));
    let slim = tiny(folder.path(), SLIM);

    let built = build_in(&first, &source, &slim).unwrap();
    assert_eq!((built.origin, built.changed.len()), (Origin::Compiled, 0));
    let firmware = Firmware::load(&built.folder).unwrap();
    let bios = firmware.binary(Platform::Bios).unwrap();
    let efi = firmware.binary(Platform::EfiX64).unwrap();
    assert!(bios.bytes.len() < 200_000, "{} bytes", bios.bytes.len());
    for capability in [Capability::Ticket, Capability::Vlan, Capability::Params, Capability::Http] {
        assert!(bios.about.capabilities.contains(&capability), "{capability} on bios");
        assert!(efi.about.capabilities.contains(&capability), "{capability} on efi");
    }
    assert!(!bios.about.capabilities.contains(&Capability::Https), "BIOS has none by default");
    assert!(efi.about.capabilities.contains(&Capability::Https), "UEFI has it by default");

    assert_eq!(bios.about.slot, None);
    let slot = efi.about.slot.unwrap();
    assert_eq!(slot.capacity, 16384);
    let start = usize::try_from(slot.offset).unwrap();
    assert!(efi.bytes[start..].starts_with(b"#!ipxe\n"));
    assert!(efi.bytes[..start + 16384].ends_with(b"##\n"));

    assert_eq!(build_in(&first, &source, &slim).unwrap().origin, Origin::Cached);
    assert_eq!(find_cached(&first, &source.pin, &slim).unwrap().unwrap().key, built.key);
    assert!(find_cached(&other, &source.pin, &slim).unwrap().is_none());

    let again = build_in(&other, &source, &slim).unwrap();
    assert_eq!(again.origin, Origin::Compiled);
    let again = Firmware::load(&again.folder).unwrap();
    for binary in firmware.binaries() {
        let platform = binary.about.platform;
        assert!(again.binary(platform).unwrap().bytes == binary.bytes, "{platform} differs");
    }

    fs::write(folder.path().join("own.ipxe"), "#!ipxe\nshell\n").unwrap();
    let scripted = tiny(folder.path(), &format!("script = \"own.ipxe\"\n{SLIM}"));
    let mut sentences = Sentences::default();
    let changed =
        build(&first, &source, &scripted, &BuildOptions::default(), &mut sentences).unwrap();
    assert_eq!(changed.changed.len(), 1, "{:?}", changed.changed);
    assert!(changed.changed[0].starts_with("script: "), "{:?}", changed.changed);
    assert_eq!(changed.origin, Origin::Relinked, "{:?}", sentences.0);
    assert!(sentences.0.iter().any(|s| s == "bios: relinked with another script only"));
    let silent = Firmware::load(&changed.folder).unwrap();
    assert!(!silent.binaries()[0].about.capabilities.contains(&Capability::Ticket));
    assert!(silent.manifest.notes[0].contains("does not run the medium's ticket"));

    // Make itself, in the other tree, comes to the same bytes.
    let by_make = BuildOptions { link: Link::ByMake, ..BuildOptions::default() };
    let made = build(&other, &source, &scripted, &by_make, &mut ()).unwrap();
    assert_eq!(made.origin, Origin::Compiled);
    let made = Firmware::load(&made.folder).unwrap();
    for binary in silent.binaries() {
        let platform = binary.about.platform;
        assert!(made.binary(platform).unwrap().bytes == binary.bytes, "{platform} differs");
    }
}

#[test]
fn shipped_sets_name_what_the_pinned_tree_has_on_each_platform() {
    let Some(source) = source() else { return };
    let catalogue = Catalogue::scan(&source.path.join("src")).unwrap();
    for set in DriverSet::shipped().map(|name| DriverSet::load(name).unwrap()) {
        for class in [Class::Bios, Class::EfiX64, Class::EfiArm64] {
            for choice in set.drivers(class).into_iter().flat_map(Selection::named) {
                let Choice::Driver(name) = choice else { panic!("{choice} in {}", set.name()) };
                let works = catalogue.get(name).is_some_and(|d| d.classes.contains(&class));
                assert!(works, "{name} on {class} in {}", set.name());
            }
        }
    }
    let e1000 = catalogue.for_device("8086:100e".parse().unwrap()).unwrap();
    assert_eq!(e1000.iter().map(|driver| driver.name.as_str()).collect::<Vec<_>>(), ["intel"]);
}

#[test]
fn what_cannot_be_built_is_refused_with_the_reason() {
    let Some(source) = source() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(&folder.path().join("cache"));
    let chain = |error: BuildError| {
        use std::error::Error;
        format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
    };
    let unknown = tiny(folder.path(), "drivers = [\"virtio\"]\n");
    let error = chain(build_in(&cache, &source, &unknown).unwrap_err());
    assert!(error.contains("did you mean \"virtio-net\"?"), "{error}");
    let device = tiny(folder.path(), "drivers = [\"8086:100f\", \"8086:0002\"]\n");
    let error = chain(build_in(&cache, &source, &device).unwrap_err());
    assert!(error.contains("no driver for PCI device 8086:0002"), "{error}");
    let pinned = tiny(folder.path(), "pin = \"v1.0\"\ndrivers = [\"virtio-net\"]\n");
    let error = chain(build_in(&cache, &source, &pinned).unwrap_err());
    assert!(error.contains("asks for pin v1.0"), "{error}");
    assert!(!cache.firmwares().exists(), "nothing is published");
}
