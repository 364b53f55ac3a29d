use super::*;
use proptest::prelude::*;

/// A PE32+ image with one section, loaded 0x1000 above base 0x40_0000, that holds `data`.
pub(crate) fn efi(machine: u16, data: &[u8], certificates: u32) -> Vec<u8> {
    let mut file = vec![0; 0x200];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0");
    put(0x44, &machine.to_le_bytes());
    put(0x46, &1_u16.to_le_bytes());
    put(0x54, &240_u16.to_le_bytes());
    put(0x58 + 24, &0x40_0000_u64.to_le_bytes());
    put(0x58 + 148, &certificates.to_le_bytes());
    put(0x58 + 240 + 12, &0x1000_u32.to_le_bytes());
    put(0x58 + 240 + 16, &u32::try_from(data.len()).unwrap().to_le_bytes());
    put(0x58 + 240 + 20, &0x200_u32.to_le_bytes());
    file.extend_from_slice(data);
    file
}

/// Strings, then a table that points at those that are `shown`.
pub(crate) fn data(strings: &[&str], shown: &[&str]) -> Vec<u8> {
    let mut bytes = b"\0".to_vec();
    let mut addresses = Vec::new();
    for string in strings {
        addresses.extend(shown.iter().filter_map(|name| {
            let tail = string.strip_suffix(name)?;
            Some(0x40_1000 + bytes.len() as u64 + tail.len() as u64)
        }));
        bytes.extend_from_slice(string.as_bytes());
        bytes.push(0);
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(addresses.iter().flat_map(|address| address.to_le_bytes()));
    bytes
}

const X64: u16 = 0x8664;

#[test]
fn a_name_counts_when_something_points_at_it() {
    let strings = ["#!ipxe", "mapping", "params", "param", "2.0.0+", "file:/autoexec.ipxe", "ntp"];
    let file = efi(X64, &data(&strings, &["ping", "params", "param"]), 0);
    let probe = probe(&file).unwrap();
    assert_eq!(probe.platform, Platform::EfiX64);
    assert_eq!(probe.version.as_deref(), Some("2.0.0+"));
    let expected = [Capability::Ping, Capability::Params, Capability::Ticket];
    assert_eq!(probe.capabilities, Capabilities::from(expected));
}

#[test]
fn an_embedded_script_or_an_old_version_hides_the_ticket() {
    let old = efi(X64, &data(&["#!ipxe"], &[]), 0);
    assert!(!probe(&old).unwrap().capabilities.contains(&Capability::Ticket));
    let embedded = ["#!ipxe", "autoexec.ipxe", "#!ipxe\nautoboot\n"];
    let embedded = efi(X64, &data(&embedded, &[]), 0);
    assert!(!probe(&embedded).unwrap().capabilities.contains(&Capability::Ticket));
}

#[test]
fn settings_of_versions_before_2_are_told_by_their_names() {
    let strings = ["#!ipxe", "smbios", "manufacturer", "asset"];
    let smbios = |shown: &[&str]| {
        let probe = probe(&efi(X64, &data(&strings, shown), 0)).unwrap();
        probe.capabilities.contains(&Capability::Smbios)
    };
    assert!(smbios(&["manufacturer", "asset"]));
    assert!(!smbios(&["smbios"]) && !smbios(&["manufacturer"]));
}

#[test]
fn a_signature_is_seen() {
    let signed = probe(&efi(0xaa64, &data(&["#!ipxe"], &[]), 0x1234)).unwrap();
    assert_eq!(signed.platform, Platform::EfiArm64);
    assert!(signed.capabilities.contains(&Capability::SecureBoot));
}

#[test]
fn what_is_no_ipxe_is_refused_with_the_reason() {
    assert_eq!(probe(b""), Err(ProbeError::UnknownKind));
    assert_eq!(probe(&[0x7f; 9000]), Err(ProbeError::UnknownKind));
    assert_eq!(probe(&efi(0x014c, b"", 0)), Err(ProbeError::OtherMachine(0x14c)));
    assert_eq!(probe(&efi(X64, b"something else", 0)), Err(ProbeError::NotIpxe));
    let mut kernel = vec![0x11; 20_000];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    assert_eq!(probe(&kernel), Err(ProbeError::NotIpxe));
}

/// A kernel with one setup sector, a loader of 100 bytes and the compressed `code`.
fn kernel(code: &[u8]) -> Vec<u8> {
    use lzma_rust2::{LzmaOptions, LzmaWriter};
    use std::io::Write as _;
    let mut options = LzmaOptions::with_preset(6);
    (options.lc, options.lp, options.pb) = (2, 0, 0);
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, true).unwrap();
    writer.write_all(code).unwrap();
    let mut file = vec![0; 1024];
    file[0x1f1] = 1;
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file.extend([0, 0x11].repeat(50));
    file.extend(writer.finish().unwrap());
    file.extend(*b"CRC4");
    file
}

#[test]
fn a_compressed_kernel_is_read_too() {
    let mut code = b"#!ipxe\0mapping\0ntp\0\x901.2.3\0".to_vec();
    code.resize(code.len().next_multiple_of(4), 0);
    code.extend(10_u32.to_le_bytes()); // the end of "mapping"
    code.extend((0..100_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()));
    let found = probe(&kernel(&code)).unwrap();
    assert_eq!((found.platform, found.version.as_deref()), (Platform::Bios, Some("1.2.3")));
    let expected = [Capability::Ping, Capability::Ticket];
    assert_eq!(found.capabilities, Capabilities::from(expected));
    let cut = kernel(&code);
    assert_eq!(probe(&cut[..cut.len() / 2]), Err(ProbeError::NotIpxe));
}

#[test]
fn versions_are_told_from_addresses_and_numbers() {
    for text in
        ["2.0.0", "2.0.0+", "1.21.1+git-20250501.dad20602+dfsg-1", "1.0.0~rc1", "2.0.0+ (g1279)"]
    {
        assert!(is_version(text), "{text}");
    }
    for text in ["127.0.0.1", "1.2", "1..2", "2.5.4.3", "1.2.3abc", "v2.0.0", "20250501.1.1"] {
        assert!(!is_version(text), "{text}");
    }
}

proptest! {
    #[test]
    fn damaged_headers_end_in_a_result(
        at in 0_usize..0x180, bytes in prop::collection::vec(any::<u8>(), 1..8), cut in 0_usize..0x300,
    ) {
        let mut file = efi(X64, &data(&["#!ipxe", "ping"], &["ping"]), 0);
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        file.truncate(cut);
        let _ = probe(&file);
    }
}
