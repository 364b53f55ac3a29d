//! The fw-cfg driver's logic on this computer, under the address and undefined-behaviour
//! sanitizers, with devices that no hypervisor would have.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};
use xshell::{Shell, cmd};

const PREFIX: &str = "opt/org.bootmint/";
const DIRECTORY: u16 = 0x19;
const FIRST: u16 = 0x20;
const MAX_ITEMS: usize = 64;
const MAX_VALUE: u32 = 1024;

/// The program that asks a made-up device.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut compiler = cc::Build::new();
        compiler.target(&target).host(&target).opt_level(1).debug(true).cargo_metadata(false);
        compiler.flag("-fsanitize=address,undefined").flag("-fno-sanitize-recover=all");
        // iPXE's word for a file's licence.
        compiler.define("FILE_LICENCE(x)", "struct fw_cfg_licence").warnings_into_errors(true);
        let mut command = compiler.try_get_compiler().unwrap().to_command();
        command.arg("-I").arg(here.join("fw-cfg"));
        command.arg(here.join("fw-cfg/fw_cfg_files.c")).arg(here.join("tests/fw-cfg/device.c"));
        let built = command.arg("-o").arg(&path).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (folder, path)
    });
    path
}

/// The items of a device.
#[derive(Clone, Debug, Default)]
struct Device(Vec<(u16, Vec<u8>)>);

/// An entry of a directory.
#[derive(Clone, Debug)]
struct Entry {
    size: u32,
    selector: u16,
    name: Vec<u8>,
}

impl Entry {
    fn new(selector: u16, name: &str, value: &[u8]) -> Self {
        let size = value.len().try_into().unwrap();
        Self { size, selector, name: name.as_bytes().to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut name = self.name.clone();
        name.resize(56, 0);
        [&self.size.to_be_bytes()[..], &self.selector.to_be_bytes(), &[0; 2], &name].concat()
    }
}

fn directory(count: u32, entries: &[Entry]) -> Vec<u8> {
    let entries = entries.iter().flat_map(Entry::bytes);
    count.to_be_bytes().into_iter().chain(entries).collect()
}

impl Device {
    /// A device whose directory names `files`.
    fn with(files: &[(&str, &[u8])]) -> Self {
        let mut device = Self(vec![(0, b"QEMU".to_vec())]);
        let mut entries = Vec::new();
        for (selector, (name, value)) in (FIRST..).zip(files) {
            entries.push(Entry::new(selector, name, value));
            device.0.push((selector, value.to_vec()));
        }
        device.0.push((DIRECTORY, directory(entries.len().try_into().unwrap(), &entries)));
        device
    }

    fn directory(bytes: Vec<u8>) -> Self {
        Self(vec![(0, b"QEMU".to_vec()), (DIRECTORY, bytes)])
    }

    fn bytes(&self) -> Vec<u8> {
        let item = |(selector, bytes): &(u16, Vec<u8>)| {
            let len: u32 = bytes.len().try_into().unwrap();
            [&selector.to_le_bytes()[..], &len.to_le_bytes(), bytes].concat()
        };
        self.0.iter().flat_map(item).collect()
    }
}

/// What the driver makes of each of `devices`: bytes, since names may be any.
fn ask(devices: &[Device]) -> Vec<u8> {
    let mut input = Vec::new();
    for device in devices {
        let bytes = device.bytes();
        input.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        input.extend(bytes);
    }
    let program = program();
    let shell = Shell::new().unwrap();
    // What looks for leaks traces the process, which not every container allows.
    let run = cmd!(shell, "{program}").env("ASAN_OPTIONS", "detect_leaks=0").stdin(input);
    let output = run.quiet().ignore_status().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn told(device: &Device) -> String {
    String::from_utf8_lossy(&ask(std::slice::from_ref(device))).into_owned()
}

#[test]
fn our_items_are_read_and_no_others() {
    let device = Device::with(&[
        ("etc/system-states", b"x"),
        ("opt/org.bootmint/ip", b"192.0.2.10"),
        ("opt/com.example/secret", b"s"),
        ("opt/org.bootmint/name", b"web-01\r\n"),
        ("opt/org.bootmint/", b"nameless"),
        ("opt/org.bootmint", b"short"),
    ]);
    assert_eq!(
        told(&device),
        "1 2 2\n19:opt/org.bootmint/ip=10:192.0.2.10\n21:opt/org.bootmint/name=6:web-01\n"
    );
}

#[test]
fn another_device_or_none_has_no_signature() {
    for signature in [&b"QEMV"[..], b"QEM", b""] {
        let text = told(&Device(vec![(0, signature.to_vec())]));
        assert!(text.starts_with("0 "), "{text}");
    }
    // Nothing answers: each byte is 0xaa, and that many entries are not believed.
    assert_eq!(told(&Device::default()), "0 -1 0\n");
}

#[test]
fn values_that_are_no_plain_line_are_not_there() {
    let long = vec![b'x'; 1025];
    let most = vec![b'x'; 1024];
    for (value, expected) in [
        (&b"two\nlines"[..], "-1:"),
        (b"${password}", "-1:"),
        (b"nul\0", "-1:"),
        (b"\xc3\xa4", "-1:"),
        (b"", "-1:"),
        (b"\n\r\n", "-1:"),
        (b"a b", "3:a b"),
        (&most, "1024:"),
    ] {
        let text = told(&Device::with(&[("opt/org.bootmint/k", value)]));
        assert!(text.contains(&format!("/k={expected}")), "{value:?}: {text}");
    }
    assert_eq!(told(&Device::with(&[("opt/org.bootmint/k", &long)])), "1 0 0\n");
}

#[test]
fn a_malformed_directory_is_ignored() {
    let good = Entry::new(FIRST, "opt/org.bootmint/ip", b"1");
    let endless = Entry { name: [PREFIX.as_bytes(), &[b'x'; 39]].concat(), ..good.clone() };
    for bytes in [
        directory(u32::MAX, std::slice::from_ref(&good)),
        directory(4097, std::slice::from_ref(&good)),
        directory(2, &[good.clone(), endless]),
        // It ends within its second entry, behind which no name ends.
        directory(2, std::slice::from_ref(&good)),
        vec![0, 0],
    ] {
        assert_eq!(told(&Device::directory(bytes)), "1 -1 0\n");
    }
    assert_eq!(told(&Device::directory(directory(0, &[good]))), "1 0 0\n");
}

#[test]
fn entries_that_lie_are_left_out() {
    let name = "opt/org.bootmint/ip";
    let entry = |size, selector| Entry { size, selector, name: name.into() };
    for bad in [entry(u32::MAX, FIRST), entry(1025, FIRST), entry(1, 0x19), entry(1, 0x8020)] {
        assert_eq!(told(&Device::directory(directory(1, &[bad]))), "1 0 0\n");
    }
    // Of two of one name the first counts.
    let twice = [entry(1, FIRST), entry(2, FIRST + 1)];
    let mut device = Device::directory(directory(2, &twice));
    device.0.extend([(FIRST, b"a".to_vec()), (FIRST + 1, b"bb".to_vec())]);
    assert_eq!(told(&device), "1 1 1\n19:opt/org.bootmint/ip=1:a\n");
}

#[test]
fn no_more_items_are_kept_than_there_is_room_for() {
    let names: Vec<String> = (0..200).map(|n| format!("{PREFIX}{n}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b"v"[..])).collect();
    let text = told(&Device::with(&files));
    assert!(text.starts_with("1 64 64\n"), "{text}");
    assert!(text.ends_with("19:opt/org.bootmint/63=1:v\n"), "{text}");
}

/// What the driver is to make of a directory, told once more.
fn expected(count: u32, entries: &[Entry]) -> (i32, usize) {
    let asked = usize::try_from(count).unwrap();
    let whole = |entry: &Entry| entry.name.len() < 56 || entry.name.contains(&0);
    if asked > 4096 || asked > entries.len() || !entries.iter().take(asked).all(whole) {
        return (-1, 0);
    }
    let mut names: Vec<&[u8]> = Vec::new();
    for entry in entries.iter().take(asked) {
        let name = entry.name.split(|byte| *byte == 0).next().unwrap_or_default();
        let usable = entry.size <= MAX_VALUE && (FIRST..0x4000).contains(&entry.selector);
        let ours = name.starts_with(PREFIX.as_bytes()) && name.len() > PREFIX.len();
        if ours && usable && names.len() < MAX_ITEMS && !names.contains(&name) {
            names.push(name);
        }
    }
    (names.len().try_into().unwrap(), names.len())
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let name = prop_oneof![
        3 => "[a-c]{0,2}".prop_map(|key| format!("{PREFIX}{key}").into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..=56),
        1 => proptest::collection::vec(1_u8..=255, 54..=56),
    ];
    let size = prop_oneof![0_u32..=1100, any::<u32>()];
    let selector = prop_oneof![FIRST..0x60, any::<u16>()];
    let entry = (size, selector, name);
    let entry = entry.prop_map(|(size, selector, name)| Entry { size, selector, name });
    proptest::collection::vec(entry, 0..90)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_directory_is_read_as_it_is_described(
        cases in proptest::collection::vec((entries(), 0_u32..100), 1..4)
    ) {
        for (entries, count) in &cases {
            let device = Device::directory(directory(*count, entries));
            let (listed, items) = expected(*count, entries);
            let text = ask(&[device]);
            let head = format!("1 {listed} {items}\n");
            prop_assert!(text.starts_with(head.as_bytes()), "{head} {:?}", text);
        }
    }

    #[test]
    fn any_bytes_do_no_harm(
        devices in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..400), 1..64
        )
    ) {
        ask(&devices.into_iter().map(Device::directory).collect::<Vec<_>>());
    }
}
