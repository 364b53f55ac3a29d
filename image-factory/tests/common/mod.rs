//! A firmware that only looks like one, and other people's tools to look at images with.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "helpers of tests")]

use bootmint_image_factory::{
    firmware::{
        BinaryManifest, Firmware, FirmwareManifest, MANIFEST, Provider, SCHEMA, sha256_hex,
    },
    format::{Format, Platform},
    layout::{BiosLoader, Laid, Spec, lay_out},
};
use std::{env, fs, io::ErrorKind, path::Path, process::Command};

/// A firmware for all platforms, whose binaries have about the sizes of real ones.
pub fn firmware() -> Firmware {
    let folder = tempfile::tempdir().unwrap();
    let mut kernel: Vec<u8> = (0..351_727u32).map(|at| (at / 7) as u8).collect();
    kernel[0x1f1] = 4;
    kernel[0x1fe..0x208].copy_from_slice(b"\x55\xaa\xeb\x46HdrS\x07\x02");
    kernel[0x211] = 1;
    let mut efi: Vec<u8> = (0..996_864u32).map(|at| (at / 5) as u8).collect();
    efi[..2].copy_from_slice(b"MZ");
    let binaries =
        [(Platform::Bios, &kernel), (Platform::EfiX64, &efi), (Platform::EfiArm64, &efi)];
    let binaries = binaries.map(|(platform, bytes)| {
        fs::write(folder.path().join(platform.file_name()), bytes).unwrap();
        BinaryManifest {
            platform,
            file: platform.file_name().into(),
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            capabilities: Default::default(),
            slot: None,
        }
    });
    let manifest = FirmwareManifest {
        schema: SCHEMA,
        profile: "test".into(),
        provider: Provider::Prebuilt,
        ipxe_version: "2.0.0".into(),
        key: "k".into(),
        notes: vec![],
        security: Default::default(),
        binaries: binaries.to_vec(),
    };
    fs::write(folder.path().join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    Firmware::load(folder.path()).unwrap()
}

/// A template of `format` for `platforms`, in a file.
pub fn template(format: Format, platforms: &[Platform]) -> (tempfile::NamedTempFile, Laid) {
    let spec = Spec {
        format,
        firmware: &firmware(),
        platforms,
        slot_capacity: 16384,
        seed: [7; 32],
        bios_loader: BiosLoader::Own,
    };
    let laid = lay_out(&spec).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &laid.bytes).unwrap();
    (file, laid)
}

/// What a tool said.
pub struct Said {
    /// Its standard output and error.
    pub text: String,
    /// Its standard output as bytes.
    pub bytes: Vec<u8>,
}

/// Runs a tool, which must succeed and say none of the words that its complaints hold. `None`
/// when it is not installed and `BOOTMINT_ALLOW_SKIP=1` allows to go without.
#[allow(clippy::disallowed_methods, reason = "the one place where these tests run programs")]
pub fn run(package: &str, program: &str, arguments: &[&str]) -> Option<Said> {
    // sgdisk and mtools live in /usr/sbin and need no configuration of the machine's.
    let path = format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default());
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("MTOOLSRC", "/dev/null")
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let allowed = env::var("BOOTMINT_ALLOW_SKIP").is_ok_and(|value| value == "1");
            assert!(allowed, "{program} is missing: install the package {package}");
            println!("SKIPPED: {program} is missing (package {package})");
            return None;
        }
        output => output.unwrap(),
    };
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}", output.status);
    let lower = text.to_lowercase();
    for word in [
        "warning", "caution", "problem:", "invalid", "wrong", "differ", "bad ", "failure", "sorry",
        "overlap",
    ] {
        assert!(!lower.contains(word), "{program} {arguments:?} complains of \"{word}\":\n{text}");
    }
    Some(Said { text, bytes: output.stdout })
}

/// Copies `len` bytes at `offset` of `laid` into a file of their own.
pub fn cut(laid: &Laid, offset: u64, len: u64) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &laid.bytes[offset as usize..(offset + len) as usize]).unwrap();
    file
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
