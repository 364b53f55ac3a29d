//! A Linux-style kernel: the wrapper with iPXE and the ticket in its payload.

use super::{
    Laid, LayoutError, Spec,
    loader::{Table, WRAPPER, WRAPPER_LEN},
    put,
};
use crate::slot::{Extent, SECTOR, Slot};

/// Where the header holds the payload's length, in units of 16 bytes.
const SYSSIZE: u64 = 0x1f4;

pub(super) fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let kernel = spec.bios()?.ok_or(LayoutError::NoPlatform { format: spec.format })?;
    let kernel_at = Extent { offset: 0, len: kernel.len() as u64 };
    let slot_at =
        Extent { offset: kernel_at.len.next_multiple_of(SECTOR), len: spec.slot_capacity };
    let payload = slot_at.offset + slot_at.len;
    let units = u32::try_from(payload / 16)
        .map_err(|_| LayoutError::library("sizing the payload", payload))?;

    let mut bytes = WRAPPER.to_vec();
    Table { kernel: kernel_at, slot: slot_at, geometry: None }.patch(&mut bytes)?;
    put(&mut bytes, SYSSIZE, &units.to_le_bytes())?;
    let start = WRAPPER_LEN as u64;
    bytes.resize((start + payload) as usize, 0);
    put(&mut bytes, start, kernel)?;
    put(&mut bytes, start + slot_at.offset, &spec.blank_slot()?)?;

    let region = Extent { offset: start + slot_at.offset, ..slot_at };
    let owner = Extent { offset: 0, len: bytes.len() as u64 };
    Laid::new(bytes, Slot { name: "payload".into(), region, owner })
}
