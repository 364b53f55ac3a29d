//! A 1.44 MB floppy for the BIOS: FAT12, the loader in the reserved sectors, iPXE and the ticket
//! as files.

use super::{
    Laid, LayoutError, Spec, TICKET_FILE,
    fat::{Medium, VolumeSpec, make},
    ids::Ids,
    loader::{Geometry, STAGE2, Table},
    put,
};
use crate::slot::{SECTOR, Slot};

pub(super) fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let kernel = spec.bios()?.ok_or(LayoutError::NoPlatform { format: spec.format })?;
    let made = make(&VolumeSpec {
        medium: Medium::Floppy,
        format: spec.format,
        serial: Ids::new(&spec.seed).number("fat"),
        reserved: STAGE2,
        files: &[("ipxe.lkrn", kernel), (TICKET_FILE, &spec.blank_slot()?)],
    })?;
    let slot = made.extent(TICKET_FILE)?;
    let mut loader = *STAGE2;
    Table {
        kernel: made.extent("ipxe.lkrn")?,
        slot,
        geometry: Some(Geometry { sectors: 18, heads: 2 }),
    }
    .patch(&mut loader)?;
    let mut bytes = made.bytes;
    put(&mut bytes, SECTOR, &loader)?;
    Laid::new(bytes, Slot { name: "fat".into(), region: slot, owner: slot })
}
