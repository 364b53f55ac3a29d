//! A fixed virtual hard disk, as Hyper-V and Azure take it: the disk image of [`super::usb`], made
//! larger to a whole number of MiB, and a footer.
//!
//! The footer's checksum covers the footer alone, so that stamping invalidates nothing.

use super::{Laid, LayoutError, Spec, ids::Ids, usb};
use crate::slot::SECTOR;

/// What the disk's size is a multiple of, in bytes: Azure asks for it.
const UNIT: u64 = 1 << 20;
/// The smallest disk, in bytes; Hyper-V makes none below 3 MiB.
const LEAST: u64 = 4 << 20;
/// The footer's length in bytes.
pub(super) const FOOTER_LEN: u64 = SECTOR;
/// What a footer begins with.
pub(super) const COOKIE: &[u8; 8] = b"conectix";
/// Where the checksum stands in it, and how long it is.
const CHECKSUM: std::ops::Range<usize> = 64..68;
/// Sectors on a track in the geometry of small disks, and the fewest heads.
const TRACK: u64 = 17;
const HEADS: u64 = 4;

pub(super) fn lay_out(spec: &Spec<'_>) -> Result<Laid, LayoutError> {
    let (mut bytes, slot) = usb::disk(spec, UNIT, LEAST)?;
    let id = Ids::new(&spec.seed).guid("vhd");
    bytes.extend_from_slice(&footer(bytes.len() as u64, id));
    Laid::new(bytes, slot)
}

/// The footer of a fixed disk of `size` bytes. Numbers are big-endian; there is no clock in it.
pub(super) fn footer(size: u64, id: [u8; 16]) -> [u8; FOOTER_LEN as usize] {
    let fields: [&[u8]; 13] = [
        COOKIE,
        &2_u32.to_be_bytes(), // features: the one bit that is always set
        &0x0001_0000_u32.to_be_bytes(), // version of the format
        &u64::MAX.to_be_bytes(), // no further header: a fixed disk
        &0_u32.to_be_bytes(), // seconds since 2000
        b"win ",              // QEMU believes the size of this creator, not the geometry
        &0x0006_0001_u32.to_be_bytes(), // the creator's version
        b"Wi2k",              // its system; there are two
        &size.to_be_bytes(),  // when it was made
        &size.to_be_bytes(),  // now
        &geometry(size),
        &2_u32.to_be_bytes(), // a fixed disk
        &[0; 4],              // the checksum
    ];
    let mut footer = [0; FOOTER_LEN as usize];
    let text = fields.concat();
    for (place, byte) in footer.iter_mut().zip(text.into_iter().chain(id)) {
        *place = byte;
    }
    let sum = checksum(&footer);
    footer[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
    footer
}

/// The complement of the sum of all bytes but the checksum's own.
fn checksum(footer: &[u8; FOOTER_LEN as usize]) -> u32 {
    let others = footer.iter().enumerate().filter(|(at, _)| !CHECKSUM.contains(at));
    !others.map(|(_, byte)| u32::from(*byte)).sum::<u32>()
}

/// Whether `footer` is that of a fixed disk of `size` bytes.
pub(super) fn is_footer(footer: &[u8], size: u64) -> bool {
    let Ok(footer) = <&[u8; FOOTER_LEN as usize]>::try_from(footer) else { return false };
    footer.starts_with(COOKIE)
        && footer[48..56] == size.to_be_bytes()
        && footer[60..64] == 2_u32.to_be_bytes()
        && footer[CHECKSUM] == checksum(footer).to_be_bytes()
}

/// Cylinders, heads and sectors of a small disk, as the format's specification counts them.
fn geometry(size: u64) -> [u8; 4] {
    let tracks = size / SECTOR / TRACK;
    let heads = tracks.div_ceil(1024).clamp(HEADS, 16);
    let cylinders = u16::try_from(tracks / heads).unwrap_or(u16::MAX).to_be_bytes();
    [cylinders[0], cylinders[1], heads as u8, TRACK as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_has_each_field_where_the_format_wants_it() {
        let footer = footer(4 << 20, [7; 16]);
        assert_eq!(&footer[..8], b"conectix");
        assert_eq!(footer[16..24], [0xff; 8]);
        assert_eq!(footer[40..48], (4_u64 << 20).to_be_bytes());
        // 8192 sectors: 481 tracks of 17, 120 cylinders of 4.
        assert_eq!(footer[56..60], [0, 120, 4, 17]);
        assert_eq!(footer[60..64], [0, 0, 0, 2]);
        assert_eq!(footer[68..84], [7; 16]);
        assert_eq!(footer[84..], [0; 428]);
        assert!(is_footer(&footer, 4 << 20) && !is_footer(&footer, 5 << 20));
        for at in [0, 50, 64, 70, 511] {
            let mut bad = footer;
            bad[at] ^= 1;
            assert!(!is_footer(&bad, 4 << 20), "{at}");
        }
    }
}
