//! The ticket slot inside a bare `.efi` file.
//!
//! The slot is the second embedded image. Where it stands follows from the linker's symbols and
//! the PE section headers; its bytes are then compared with what was embedded.

use super::elf::{ElfError, Linked, pe_offset};
use bootmint_image_factory::firmware::EmbeddedSlot;
use std::path::Path;

/// What an empty slot says; it fails, so that stage 1 goes on.
const BLANK: &str = include_str!("../../scripts/blank-ticket.ipxe");

/// The content of an empty slot of `capacity` bytes: a script, `#` fill, a final newline.
pub(super) fn blank(capacity: u32) -> Vec<u8> {
    let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
    let mut bytes = BLANK.as_bytes().to_vec();
    bytes.resize(capacity.saturating_sub(1).max(bytes.len()), b'#');
    bytes.push(b'\n');
    bytes
}

/// Finds the slot, embedded image number 2, in the finished PE file `efi` at `path`.
pub(super) fn find(
    linked: &Linked,
    efi: &[u8],
    path: &Path,
    capacity: u32,
) -> Result<EmbeddedSlot, ElfError> {
    let expected = blank(capacity);
    let wrong = |reason: &str| ElfError::new(path, reason);
    let (address, length) = linked
        .embedded_image(2)
        .ok_or_else(|| wrong("the linked binary has no symbol for its ticket slot"))?;
    if length != u64::from(capacity) {
        return Err(wrong("its ticket slot has another length than the profile asks for"));
    }
    let offset = pe_offset(efi, address, length)
        .ok_or_else(|| wrong("its ticket slot lies outside of its sections"))?;
    let found = usize::try_from(offset)
        .ok()
        .and_then(|start| efi.get(start..start.checked_add(expected.len())?));
    if found != Some(expected.as_slice()) {
        return Err(wrong("its ticket slot does not hold what was embedded"));
    }
    Ok(EmbeddedSlot { offset, capacity: length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_slot_is_a_whole_script_that_fails() {
        let bytes = blank(16384);
        assert_eq!(bytes.len(), 16384);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("#!ipxe\n") && text.ends_with("#\n"));
        let commands: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(commands, ["exit 1"]);
    }
}
