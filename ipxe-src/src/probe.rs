//! Reads from a finished iPXE binary what it can do, whoever compiled it.
//!
//! A command exists when something points at its name: iPXE's commands, protocols and features
//! stand in tables whose entries hold the address of a string. Looking for the string alone would
//! not do, since the linker lets "ping" be the tail of a longer string; and finding it preceded by
//! a NUL would not do either, for the same reason the other way round. So each end of a matching
//! string is turned into the address it has at run time, and the binary must hold that address as
//! an aligned word.

mod code;

pub use code::ProbeError;
use code::{Code, Word};

use bootmint_image_factory::{
    firmware::{Capabilities, Capability},
    format::Platform,
};
use std::collections::HashSet;

/// What a binary says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The platform it runs on.
    pub platform: Platform,
    /// iPXE's version, where it was found.
    pub version: Option<String>,
    /// What it can do. A serial console leaves no trace and is never among them.
    pub capabilities: Capabilities,
}

/// The names that must all be pointed at for a capability to be there.
const NAMES: [(Capability, &[&str]); 17] = [
    (Capability::Http, &["http"]),
    (Capability::Https, &["https"]),
    (Capability::Ipv6, &["IPv6"]),
    (Capability::Vlan, &["vcreate"]),
    (Capability::Params, &["params", "param"]),
    (Capability::Ntp, &["ntp"]),
    (Capability::Ping, &["ping"]),
    (Capability::Nslookup, &["nslookup"]),
    (Capability::Poweroff, &["poweroff"]),
    (Capability::Reboot, &["reboot"]),
    (Capability::Certs, &["certstat"]),
    (Capability::ImageTrust, &["imgtrust", "imgverify"]),
    (Capability::Menu, &["menu", "item", "choose"]),
    (Capability::Sanboot, &["sanboot"]),
    // Settings: what sets them up at start has a name from iPXE 2.0 on only, so that the others
    // are told by names that no other code points at.
    (Capability::FwCfg, &["fw_cfg"]),
    (Capability::Smbios, &["manufacturer", "asset"]),
    (Capability::Guestinfo, &["GuestInfo"]),
];

/// The name of the file that iPXE reads beside itself on UEFI, as it stands in a binary that does.
const AUTOEXEC: &[u8] = b"autoexec.ipxe\0";
/// How a script begins. The binary's own copy of the magic ends in a NUL; in a script white space
/// follows.
const MAGIC: &[u8] = b"#!ipxe";

/// Reads `file`, the bytes of an `ipxe.lkrn` or an EFI application.
pub fn probe(file: &[u8]) -> Result<Probe, ProbeError> {
    let code = Code::of(file)?;
    let words = words(&code);
    let pointed_at = |name: &str| {
        let name = [name.as_bytes(), b"\0"].concat();
        positions(&code.bytes, &name)
            .any(|at| code.address(at).is_some_and(|address| words.contains(&address)))
    };
    let mut capabilities: Capabilities = NAMES
        .iter()
        .filter(|(_, names)| names.iter().all(|name| pointed_at(name)))
        .map(|(capability, _)| *capability)
        .collect();
    // The name of the protocol in URIs, and no command of that name.
    if pointed_at("iscsi") {
        capabilities.insert(Capability::Iscsi);
    }
    if runs_ticket(&code) {
        capabilities.insert(Capability::Ticket);
    }
    if code.signed {
        capabilities.insert(Capability::SecureBoot);
    }
    Ok(Probe { platform: code.platform, version: version(&code.bytes), capabilities })
}

/// The platform of `file`, an EFI application that is signed for Secure Boot, whatever it is.
pub(crate) fn signed(file: &[u8]) -> Result<Platform, ProbeError> {
    let code = Code::of_efi(file)?;
    if code.signed { Ok(code.platform) } else { Err(ProbeError::Unsigned) }
}

/// Whether the medium's ticket runs: no embedded script stands before it, or one that hands over,
/// and on UEFI the binary looks for it. On BIOS every version takes the initial ramdisk.
fn runs_ticket(code: &Code) -> bool {
    let embedded = positions(&code.bytes, MAGIC).any(|at| {
        let next = at.checked_add(MAGIC.len()).and_then(|at| code.bytes.get(at));
        next.is_some_and(|byte| byte.is_ascii_whitespace())
    });
    let looks = match code.platform {
        Platform::Bios => true,
        Platform::EfiX64 | Platform::EfiArm64 => positions(&code.bytes, AUTOEXEC).next().is_some(),
    };
    let name: &[u8] = match code.platform {
        Platform::Bios => b"\nimgexec <INITRD>",
        Platform::EfiX64 | Platform::EfiArm64 => b"\nimgexec autoexec.ipxe",
    };
    looks && (!embedded || positions(&code.bytes, name).next().is_some())
}

/// All aligned words.
fn words(code: &Code) -> HashSet<u64> {
    match code.word {
        Word::Four => {
            code.bytes.as_chunks().0.iter().map(|w| u32::from_le_bytes(*w).into()).collect()
        }
        Word::Eight => code.bytes.as_chunks().0.iter().map(|w| u64::from_le_bytes(*w)).collect(),
    }
}

/// Where `needle`, which is not empty, stands in `bytes`.
fn positions<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(needle.len()).enumerate().filter(move |(_, w)| *w == needle).map(|(at, _)| at)
}

/// The longest string of its own that begins like a version: `1.21.1+git20250501...`,
/// `2.0.0+ (g12798)`.
fn version(bytes: &[u8]) -> Option<String> {
    bytes
        .split(|byte| *byte == 0)
        // What lies before the string need not end in a NUL.
        .filter_map(|text| text.rsplit(|byte| !matches!(byte, b' '..=b'~')).next())
        .filter(|text| (5..=80).contains(&text.len()))
        .filter_map(|text| std::str::from_utf8(text).ok())
        .filter(|text| is_version(text))
        .max_by_key(|text| text.len())
        .map(str::to_owned)
}

fn is_version(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let mut parts = numbers.split('.');
    let three = parts.by_ref().take(3).filter(|part| (1..=4).contains(&part.len())).count() == 3;
    three && parts.next().is_none() && (rest.is_empty() || rest.starts_with(['+', '-', '~', ' ']))
}

#[cfg(test)]
pub(crate) mod tests;
