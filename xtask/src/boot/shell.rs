//! The image with its ticket replaced by one that opens iPXE's command line.

use anyhow::{Context, ensure};
use bootmint_image_factory::{format::Format, layout::read_back::read_back, slot};
use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

/// The largest image that is copied, in bytes.
const MAX_IMAGE: u64 = 1 << 30;
/// What stands in for the ticket.
const SCRIPT: &str = "#!ipxe\n\
    echo This image was started with --shell: its ticket was left out.\n\
    shell\n\
    exit 1\n";

/// Copies `image` into `folder` with the shell's script in all its slots.
pub(super) fn copy(image: &Path, format: Format, folder: &Path) -> anyhow::Result<PathBuf> {
    let reading = || format!("reading {}", image.display());
    let size = fs::metadata(image).with_context(reading)?.len();
    ensure!(size <= MAX_IMAGE, "{} has {size} bytes, too many for --shell", image.display());
    let mut bytes = fs::read(image).with_context(reading)?;
    let found = read_back(Cursor::new(&bytes), format)
        .with_context(|| format!("looking for the ticket in {}", image.display()))?;
    for ticket in found.tickets {
        let mut fill = &*slot::pad(SCRIPT, ticket.bytes.len() as u64)?;
        for extent in ticket.extents {
            let (piece, rest) = fill.split_at(fill.len().min(usize::try_from(extent.len)?));
            let start = usize::try_from(extent.offset)?;
            let place = bytes.get_mut(start..start.saturating_add(piece.len()));
            place.context("a ticket lies inside its image")?.copy_from_slice(piece);
            fill = rest;
        }
    }
    let mut copy = folder.join("shell");
    copy.set_extension(image.extension().unwrap_or_default());
    fs::write(&copy, bytes).with_context(|| format!("writing {}", copy.display()))?;
    Ok(copy)
}
