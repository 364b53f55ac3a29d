//! A 1.44 MB floppy: FAT12 with iPXE and the ticket as files. For a BIOS the loader lies in the
//! reserved sectors; UEFI firmware reads it as any FAT volume, from a USB floppy drive or a stick.

use super::{
    Laid, LayoutError, Spec, TICKET_FILE,
    fat::{Medium, VolumeSpec, make},
    ids::Ids,
    loader::{Geometry, STAGE2, Table},
    put,
};
use crate::slot::{SECTOR, Slot};

pub(super) fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let (kernel, blank) = (spec.bios()?, spec.blank_slot()?);
    let mut files = spec.efi()?;
    files.extend(kernel.map(|kernel| ("ipxe.lkrn", kernel)));
    if files.is_empty() {
        return Err(LayoutError::NoPlatform { format: spec.format });
    }
    files.push((TICKET_FILE, &blank));
    let made = make(&VolumeSpec {
        medium: Medium::Floppy,
        format: spec.format,
        serial: Ids::new(&spec.seed).number("fat"),
        reserved: if kernel.is_some() { STAGE2 } else { &[] },
        files: &files,
    })?;
    let slot = made.extent(TICKET_FILE)?;
    let loader = kernel.is_some().then(|| {
        let mut loader = *STAGE2;
        let geometry = Some(Geometry { sectors: 18, heads: 2 });
        Table { kernel: made.extent("ipxe.lkrn")?, slot, geometry }.patch(&mut loader)?;
        Ok::<_, LayoutError>(loader)
    });
    let loader = loader.transpose()?;
    let mut bytes = made.bytes;
    if let Some(loader) = loader {
        put(&mut bytes, SECTOR, &loader)?;
    }
    Laid::new(bytes, Slot { name: "fat".into(), region: slot, owner: slot })
}
