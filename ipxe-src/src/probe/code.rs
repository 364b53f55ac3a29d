//! The code and data of an iPXE binary as they lie in memory when it runs.
//!
//! An EFI application is a PE image whose sections say where they are loaded. An `ipxe.lkrn` is a
//! Linux-style kernel: after the setup sectors come a loader and iPXE itself, LZMA-compressed
//! without a header (lc 2, lp 0, pb 0, with an end mark) and linked to address 0.

use bootmint_image_factory::format::Platform;
use lzma_rust2::LzmaReader;
use std::io::Read;

/// The most that a compressed binary may unpack to, in bytes; a full iPXE has 1 MB.
const MAX_UNPACKED: u64 = 32 << 20;
/// iPXE's code is larger than this; what else can be unpacked by chance is smaller.
const MIN_UNPACKED: usize = 64 << 10;
/// Larger than anything iPXE refers back to, and no more than is worth allocating.
const DICTIONARY: u32 = 4 << 20;
/// A PE image has at most this many sections (the format's own limit).
const MAX_SECTIONS: usize = 96;

/// Why a binary cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// It is neither a Linux-style kernel nor an EFI application.
    #[error("it is neither a Linux-style kernel (ipxe.lkrn) nor an EFI application")]
    UnknownKind,
    /// An EFI application for another processor.
    #[error("it is an EFI application for machine type {0:#06x}; x86-64 and AArch64 are supported")]
    OtherMachine(u16),
    /// Its headers contradict each other.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It carries no signature.
    #[error("it is not signed, and with Secure Boot no machine starts it")]
    Unsigned,
    /// It holds no iPXE.
    #[error("no iPXE was found in it")]
    NotIpxe,
}

/// The size of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Four,
    Eight,
}

/// A stretch of the bytes, and where it lies in memory.
struct Section {
    offset: usize,
    length: usize,
    address: u64,
}

/// Code and data, and how they lie in memory.
pub(super) struct Code {
    pub(super) bytes: Vec<u8>,
    pub(super) platform: Platform,
    pub(super) word: Word,
    /// Whether it carries a signature for Secure Boot.
    pub(super) signed: bool,
    sections: Vec<Section>,
}

impl Code {
    /// The code in `file`.
    pub(super) fn of(file: &[u8]) -> Result<Self, ProbeError> {
        let code = if file.get(0x202..0x206) == Some(b"HdrS") {
            kernel(file)?
        } else if file.starts_with(b"MZ") {
            efi(file)?
        } else {
            return Err(ProbeError::UnknownKind);
        };
        let is_ipxe = code.bytes.windows(7).any(|window| window == b"#!ipxe\0");
        if is_ipxe { Ok(code) } else { Err(ProbeError::NotIpxe) }
    }

    /// The code in `file`, an EFI application that need not be iPXE.
    pub(super) fn of_efi(file: &[u8]) -> Result<Self, ProbeError> {
        if file.starts_with(b"MZ") { efi(file) } else { Err(ProbeError::UnknownKind) }
    }

    /// The address that the byte at `offset` has at run time, before relocation.
    pub(super) fn address(&self, offset: usize) -> Option<u64> {
        self.sections.iter().find_map(|section| {
            let inside = offset.checked_sub(section.offset)?;
            let inside = u64::try_from((inside < section.length).then_some(inside)?).ok()?;
            section.address.checked_add(inside)
        })
    }
}

fn kernel(file: &[u8]) -> Result<Code, ProbeError> {
    let setup = usize::from(*file.get(0x1f1).ok_or(ProbeError::UnknownKind)?);
    let start = setup.saturating_add(1).saturating_mul(512);
    let payload =
        file.get(start..).ok_or(ProbeError::Damaged("its setup code is longer than it"))?;
    // Where the compressed part starts depends on the loader before it. Its first byte is 0, as in
    // all LZMA streams; elsewhere decoding fails within a few bytes.
    let bytes = (0..payload.len())
        .filter(|at| payload.get(*at) == Some(&0) && payload.get(at + 1).is_some_and(|b| *b != 0))
        .filter_map(|at| payload.get(at..).and_then(unpack))
        .find(|bytes| bytes.len() >= MIN_UNPACKED)
        .ok_or(ProbeError::NotIpxe)?;
    let sections = vec![Section { offset: 0, length: bytes.len(), address: 0 }];
    Ok(Code { bytes, platform: Platform::Bios, word: Word::Four, signed: false, sections })
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut reader = LzmaReader::new(packed, u64::MAX, 2, 0, 0, DICTIONARY, None).ok()?;
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_UNPACKED).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn efi(file: &[u8]) -> Result<Code, ProbeError> {
    const DAMAGED: ProbeError = ProbeError::Damaged("its PE header is cut off");
    let header = u32_at(file, 0x3c).ok_or(DAMAGED)?;
    let header = file.get(header..).ok_or(DAMAGED)?;
    if !header.starts_with(b"PE\0\0") {
        return Err(ProbeError::UnknownKind);
    }
    let platform = match u16_at(header, 4).ok_or(DAMAGED)? {
        0x8664 => Platform::EfiX64,
        0xaa64 => Platform::EfiArm64,
        other => return Err(ProbeError::OtherMachine(other)),
    };
    let count = usize::from(u16_at(header, 6).ok_or(DAMAGED)?).min(MAX_SECTIONS);
    let optional_length = usize::from(u16_at(header, 20).ok_or(DAMAGED)?);
    let optional = header.get(24..).ok_or(DAMAGED)?;
    // PE32+: image base at 24; the fifth data directory, certificates, at 112 + 4 * 8.
    let base = optional.get(24..32).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let base = base.ok_or(DAMAGED)?;
    let certificates = u32_at(optional, 148).filter(|_| optional_length >= 152).unwrap_or(0);
    let table = optional.get(optional_length..).ok_or(DAMAGED)?;
    let sections = table.as_chunks::<40>().0.iter().take(count).map(|entry| {
        let field = |at| u32_at(entry, at).ok_or(DAMAGED);
        Ok(Section {
            address: base.saturating_add(field(12)? as u64),
            length: field(16)?,
            offset: field(20)?,
        })
    });
    Ok(Code {
        sections: sections.collect::<Result<_, _>>()?,
        bytes: file.to_owned(),
        platform,
        word: Word::Eight,
        signed: certificates > 0,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    bytes.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes).and_then(|value| usize::try_from(value).ok())
}
