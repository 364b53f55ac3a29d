//! The BIOS loader's pieces, assembled by `build.rs` from `loader/`, and the table in them that
//! tells where iPXE and the slot lie. `docs/images.md` specifies the table for third parties.

use crate::slot::{Extent, MAX_CAPACITY, SECTOR};

/// A disk's boot code: 432 bytes, linked for any disk.
pub(super) const MBR: &[u8; 432] = include_bytes!(concat!(env!("OUT_DIR"), "/mbr.bin"));
/// A FAT12/16 volume's boot code, for bytes 62 to 510 of its first sector.
pub(super) const VBR: &[u8; 448] = include_bytes!(concat!(env!("OUT_DIR"), "/vbr.bin"));
/// The loader itself.
pub(super) const STAGE2: &[u8; STAGE2_LEN] =
    include_bytes!(concat!(env!("OUT_DIR"), "/stage2.bin"));
/// The wrapper that looks like a Linux kernel.
pub(super) const WRAPPER: &[u8; WRAPPER_LEN] =
    include_bytes!(concat!(env!("OUT_DIR"), "/lkrn.bin"));

/// The loader's length in bytes.
pub(super) const STAGE2_LEN: usize = 2048;
/// The wrapper's length in bytes; its payload follows.
pub(super) const WRAPPER_LEN: usize = 4096;
/// Where a boot sector holds the loader's block, as a 64-bit number.
pub(super) const MBR_LOADER_BLOCK: usize = 432;
/// The largest kernel the loader takes, in bytes: it ends below the hole at 15 MiB.
pub const MAX_KERNEL: u64 = 13 << 20;
/// Where the table starts in the loader and in the wrapper, in bytes.
pub const TABLE: usize = 8;
/// The table's length in bytes.
pub const TABLE_LEN: usize = 28;

const MAGIC: &[u8; 4] = b"BMLT";
const VERSION: u16 = 1;
/// What the table says of its own end.
const TABLE_END: u16 = 0x24;

/// What the table says: where the loader finds what it loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// iPXE's `.lkrn`. Offsets are in bytes from the start of the drive (in the wrapper, of its
    /// payload) and multiples of 512.
    pub kernel: Extent,
    /// The slot.
    pub slot: Extent,
    /// A floppy's geometry.
    pub geometry: Option<Geometry>,
}

/// How a floppy is divided; one that the BIOS cannot tell reliably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Sectors a track.
    pub sectors: u16,
    /// Heads.
    pub heads: u16,
}

/// Why a table cannot be written or is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoaderError {
    /// The binary is no kernel that the loader starts.
    #[error("it is no iPXE .lkrn: {reason}")]
    Kernel {
        /// What is wrong.
        reason: &'static str,
    },
    /// Something lies where the loader cannot read it.
    #[error("{what}: {len} bytes at {offset} cannot be named in the loader's table")]
    Unreachable {
        /// The kernel or the slot.
        what: &'static str,
        /// Where it starts.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// The bytes hold no table.
    #[error("no loader table: {reason}")]
    NoTable {
        /// What is wrong.
        reason: &'static str,
    },
}

impl Table {
    /// Writes the table into `code`, the loader or the wrapper.
    pub(super) fn patch(&self, code: &mut [u8]) -> Result<(), LoaderError> {
        Self::place(code)?;
        let (kernel_block, kernel_len) = named("the kernel", self.kernel, MAX_KERNEL)?;
        let (slot_block, slot_len) = named("the slot", self.slot, MAX_CAPACITY)?;
        let (sectors, heads) = self.geometry.map_or((0, 0), |g| (g.sectors, g.heads));
        let mut fields = Vec::with_capacity(20);
        for number in [kernel_block, kernel_len, slot_block, slot_len] {
            fields.extend_from_slice(&number.to_le_bytes());
        }
        fields.extend_from_slice(&sectors.to_le_bytes());
        fields.extend_from_slice(&heads.to_le_bytes());
        let place = code.get_mut(TABLE + 8..TABLE + TABLE_LEN);
        place.ok_or(no_table("it is cut short"))?.copy_from_slice(&fields);
        Ok(())
    }

    /// Reads the table in `code`, the loader or the wrapper, which may be hostile.
    pub fn read(code: &[u8]) -> Result<Self, LoaderError> {
        let table = Self::place(code)?;
        let long = |at| u64::from(u32::from_le_bytes(field(table, at)));
        let extent = |at| Extent { offset: long(at) * SECTOR, len: long(at + 4) };
        let short = |at| u16::from_le_bytes(field(table, at));
        let geometry = match (short(24), short(26)) {
            (0, 0) => None,
            (sectors, heads) => Some(Geometry { sectors, heads }),
        };
        let (kernel, slot) = (extent(8), extent(16));
        if kernel.len == 0 || kernel.len > MAX_KERNEL {
            return Err(no_table("its kernel's length is out of range"));
        }
        if slot.len == 0 || slot.len > MAX_CAPACITY {
            return Err(no_table("its slot's length is out of range"));
        }
        Ok(Self { kernel, slot, geometry })
    }

    fn place(code: &[u8]) -> Result<&[u8], LoaderError> {
        let table = code.get(TABLE..TABLE + TABLE_LEN).ok_or(no_table("it is cut short"))?;
        if table.get(..4) != Some(MAGIC) {
            return Err(no_table("its magic number is missing"));
        }
        if field(table, 4) != VERSION.to_le_bytes() || field(table, 6) != TABLE_END.to_le_bytes() {
            return Err(no_table("it is of another version"));
        }
        Ok(table)
    }
}

const fn no_table(reason: &'static str) -> LoaderError {
    LoaderError::NoTable { reason }
}

/// A field of bytes; zero where `bytes` is too short, which callers rule out.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// An extent as the table names it: first block and bytes.
fn named(what: &'static str, extent: Extent, limit: u64) -> Result<(u32, u32), LoaderError> {
    let Extent { offset, len } = extent;
    let refused = LoaderError::Unreachable { what, offset, len };
    if !offset.is_multiple_of(SECTOR) || len == 0 || len > limit {
        return Err(refused);
    }
    match (u32::try_from(offset / SECTOR), u32::try_from(len)) {
        (Ok(block), Ok(bytes)) => Ok((block, bytes)),
        _ => Err(refused),
    }
}

/// Checks what the loader will check, so that a binary it would refuse never gets on a medium.
pub(super) fn check_kernel(bytes: &[u8]) -> Result<(), LoaderError> {
    let refuse = |reason| Err(LoaderError::Kernel { reason });
    if field(bytes, 0x1fe) != [0x55, 0xaa] || field(bytes, 0x202) != *b"HdrS" {
        return refuse("it has no Linux kernel's header");
    }
    if u16::from_le_bytes(field(bytes, 0x206)) < 0x203 || field::<1>(bytes, 0x211)[0] & 1 == 0 {
        return refuse("its boot protocol is older than 2.03, or it loads below 1 MiB");
    }
    let setup = match field::<1>(bytes, 0x1f1)[0] {
        0 => 5 * 512,
        sectors => (usize::from(sectors) + 1) * 512,
    };
    if setup >= bytes.len().min(0x8000) {
        return refuse("its real-mode part is too long");
    }
    if bytes.len() as u64 > MAX_KERNEL {
        return refuse("it is larger than 13 MiB");
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What passes for a kernel: a header with one setup sector, then `len` bytes in all.
    pub(crate) fn kernel(len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..len).map(|at| (at / 7) as u8).collect();
        bytes[0x1f1] = 1;
        bytes[0x1fe..0x208].copy_from_slice(b"\x55\xaa\xeb\x66HdrS\x07\x02");
        bytes[0x211] = 1;
        bytes
    }

    #[test]
    fn the_pieces_are_what_the_boot_code_expects_of_each_other() {
        assert_eq!(&STAGE2[TABLE..TABLE + 4], MAGIC);
        assert_eq!((STAGE2[0], STAGE2[4]), (0xeb, 0xeb), "two short jumps before the table");
        assert_eq!(&WRAPPER[TABLE..TABLE + 4], MAGIC);
        assert_eq!(WRAPPER[0x200], 0xeb, "a short jump");
        assert_eq!(usize::from(WRAPPER[0x1f1]) * 512 + 512, WRAPPER_LEN);
        check_kernel(&[WRAPPER, &[0; 512][..]].concat()).unwrap();
        for code in [&MBR[..], VBR] {
            assert!(code.windows(11).any(|text| text == b"\r\nBootmint "), "it has its message");
        }
    }

    #[test]
    fn an_unfilled_table_is_none() {
        assert!(matches!(Table::read(STAGE2), Err(LoaderError::NoTable { .. })));
        assert!(matches!(Table::read(b"short"), Err(LoaderError::NoTable { .. })));
    }

    #[test]
    fn what_the_loader_could_not_read_is_refused() {
        let slot = Extent { offset: 4096, len: 2048 };
        let kernel = Extent { offset: 512, len: 3000 };
        let patch =
            |kernel, slot| Table { kernel, slot, geometry: None }.patch(&mut STAGE2.to_vec());
        patch(kernel, slot).unwrap();
        for bad in [(513, 10), (512, 0), (512, MAX_KERNEL + 1), (1 << 41, 10)] {
            let bad = Extent { offset: bad.0, len: bad.1 };
            assert!(matches!(patch(bad, slot), Err(LoaderError::Unreachable { .. })), "{bad:?}");
        }
        let bad = Extent { offset: 0, len: MAX_CAPACITY + 512 };
        assert!(matches!(patch(kernel, bad), Err(LoaderError::Unreachable { .. })));
    }

    #[test]
    fn a_binary_the_loader_would_refuse_is_refused_here() {
        check_kernel(&kernel(4096)).unwrap();
        for (at, byte) in [(0x1fe, 0), (0x202, b'h'), (0x207, 1), (0x211, 0), (0x1f1, 9)] {
            let mut bytes = kernel(4096);
            bytes[at] = byte;
            assert!(check_kernel(&bytes).is_err(), "byte {at:#x}");
        }
        assert!(check_kernel(b"MZ").is_err());
    }

    proptest! {
        #[test]
        fn the_table_round_trips(
            kernel_block in 0u32.., kernel_len in 1u64..=MAX_KERNEL,
            slot_block in 0u32.., slot_len in 1u64..=MAX_CAPACITY, sectors in 0u16.., heads in 1u16..,
        ) {
            let extent = |block, len| Extent { offset: u64::from(block) * SECTOR, len };
            let table = Table {
                kernel: extent(kernel_block, kernel_len),
                slot: extent(slot_block, slot_len),
                geometry: Some(Geometry { sectors, heads }),
            };
            let mut code = *STAGE2;
            table.patch(&mut code).unwrap();
            prop_assert_eq!(Table::read(&code).unwrap(), table);
            prop_assert_eq!(&code[..TABLE + 8], &STAGE2[..TABLE + 8]);
            prop_assert_eq!(&code[TABLE + TABLE_LEN..], &STAGE2[TABLE + TABLE_LEN..]);
        }

        #[test]
        fn reading_a_table_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Table::read(&bytes);
            let _ = Table::read(&[&STAGE2[..TABLE + 8], &bytes[..]].concat());
            let _ = check_kernel(&bytes);
        }
    }
}
