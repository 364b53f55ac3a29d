//! Slots: the regions of a template that a ticket fills, and how a script is fitted to one.
//!
//! A slot holds the ticket's script followed by fill, up to the slot's capacity, so that every
//! host's image has the same length and the same file-system structures. The fill is lines of `#`,
//! which iPXE skips as comments on BIOS and UEFI alike. `docs/images.md` has the format.

use serde::{Deserialize, Serialize};

/// What every slot's capacity is a multiple of, in bytes: the smallest disk sector.
pub const SECTOR: u64 = 512;
/// The largest slot, in bytes; beyond it a BIOS takes seconds to read the fill.
pub const MAX_CAPACITY: u64 = 1 << 20;
/// How long a line of fill is with its newline, in bytes. iPXE copies each line to its heap and
/// spends time per line, so neither one huge line nor thousands of short ones will do.
const FILL_LINE: usize = 512;
/// A whole line of fill.
const WHOLE_LINE: [u8; FILL_LINE] = {
    let mut line = [b'#'; FILL_LINE];
    line[FILL_LINE - 1] = b'\n';
    line
};
/// What an iPXE script starts with.
const MAGIC: &str = "#!ipxe";

/// A range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Extent {
    /// Where it starts, in bytes from the start of the image.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

impl Extent {
    /// The first byte after it, or `None` when that is beyond what 64 bits count.
    pub const fn end(self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }

    /// Whether `inner` lies inside it, wholly.
    pub const fn holds(self, inner: Self) -> bool {
        match (self.end(), inner.end()) {
            (Some(end), Some(inner_end)) => self.offset <= inner.offset && inner_end <= end,
            _ => false,
        }
    }
}

/// A region of an image that is reserved for a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Slot {
    /// What it is called in messages and manifests.
    pub name: String,
    /// Where it lies in the image; its length is the slot's capacity.
    pub region: Extent,
    /// Where the file that owns it lies in the image.
    pub owner: Extent,
}

/// Why a list of slots is no slot table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// There is no slot at all.
    #[error("the image has no slot: lay it out again")]
    Empty,
    /// A slot is empty, too large, or not made of whole sectors.
    #[error(
        "slot \"{name}\" holds {len} bytes: it must be a multiple of {SECTOR} from {SECTOR} to \
         {MAX_CAPACITY}"
    )]
    Shape {
        /// The slot.
        name: String,
        /// Its capacity.
        len: u64,
    },
    /// A slot reaches outside the file that owns it, or that file outside the image.
    #[error("slot \"{name}\" reaches outside {what}: lay the image out again")]
    Outside {
        /// The slot.
        name: String,
        /// What it should lie in.
        what: &'static str,
    },
    /// Two slots overlap or stand in the wrong order.
    #[error("slot \"{second}\" starts before slot \"{first}\" ends: lay the image out again")]
    Order {
        /// The slot listed first.
        first: String,
        /// The slot listed next.
        second: String,
    },
    /// Slots differ in capacity.
    #[error("slot \"{name}\" holds {len} bytes, the slots before it {capacity}: make them equal")]
    Capacity {
        /// The slot.
        name: String,
        /// Its capacity.
        len: u64,
        /// The capacity of the first slot.
        capacity: u64,
    },
}

/// The slots of one template: sorted, disjoint, of equal capacity, each inside the file that owns
/// it, each file inside the image. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTable {
    image_len: u64,
    capacity: u64,
    slots: Vec<Slot>,
}

impl SlotTable {
    /// Checks `slots` against each other and against an image of `image_len` bytes.
    pub fn new(image_len: u64, slots: Vec<Slot>) -> Result<Self, SlotError> {
        let capacity = slots.first().ok_or(SlotError::Empty)?.region.len;
        let image = Extent { offset: 0, len: image_len };
        for slot in &slots {
            check_shape(slot)?;
            let outside = |what| SlotError::Outside { name: slot.name.clone(), what };
            if !slot.owner.holds(slot.region) {
                return Err(outside("the file that owns it"));
            }
            if !image.holds(slot.owner) {
                return Err(outside("the image"));
            }
            if slot.region.len != capacity {
                let (name, len) = (slot.name.clone(), slot.region.len);
                return Err(SlotError::Capacity { name, len, capacity });
            }
        }
        for pair in slots.windows(2) {
            if let [first, second] = pair
                && first.region.end().is_none_or(|end| end > second.region.offset)
            {
                let (first, second) = (first.name.clone(), second.name.clone());
                return Err(SlotError::Order { first, second });
            }
        }
        Ok(Self { image_len, capacity, slots })
    }

    /// The slots in ascending order of their offsets.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How many bytes each slot holds.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The length of the image, in bytes.
    pub const fn image_len(&self) -> u64 {
        self.image_len
    }
}

fn check_shape(slot: &Slot) -> Result<(), SlotError> {
    let len = slot.region.len;
    if len.is_multiple_of(SECTOR) && (SECTOR..=MAX_CAPACITY).contains(&len) {
        return Ok(());
    }
    Err(SlotError::Shape { name: slot.name.clone(), len })
}

/// Why a script cannot be put into a slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PadError {
    /// The script is longer than the slot.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// iPXE would not take it for a script.
    #[error("a ticket must start with \"#!ipxe\" and a space or line end")]
    NotAScript,
    /// Its last line could not be told from the fill.
    #[error("a ticket must end with a whole line that is neither empty nor made of \"#\" alone")]
    End,
}

/// A script is longer than its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ticket needs {needs} bytes, its slot holds {capacity}: raise the slot's capacity")]
pub struct TooLarge {
    /// The script's length in bytes.
    pub needs: u64,
    /// The slot's capacity in bytes.
    pub capacity: u64,
}

/// Why the content of a slot is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the slot's bytes are no ticket: {reason}")]
pub struct NotATicket {
    reason: &'static str,
}

/// The content of a slot of `capacity` bytes that holds `script`.
pub fn pad(script: &str, capacity: u64) -> Result<Vec<u8>, PadError> {
    if !is_script(script.as_bytes()) {
        return Err(PadError::NotAScript);
    }
    if !script.ends_with('\n') || script_len(script.as_bytes()) != script.len() {
        return Err(PadError::End);
    }
    let needs = script.len() as u64;
    let too_large = TooLarge { needs, capacity };
    let size = usize::try_from(capacity).map_err(|_| too_large)?;
    if needs > capacity {
        return Err(too_large.into());
    }
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(script.as_bytes());
    // Lines end where they end in every ticket, so that images differ in as few blocks as can be.
    while bytes.len() < size {
        let end = (bytes.len() + 1).next_multiple_of(FILL_LINE).min(size);
        bytes.resize(end - 1, b'#');
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The script in the content of a slot: [`pad`] undone.
pub fn unpad(bytes: &[u8]) -> Result<&str, NotATicket> {
    if !is_script(bytes) {
        return Err(NotATicket { reason: "they do not start with \"#!ipxe\"" });
    }
    if bytes.last() != Some(&b'\n') {
        return Err(NotATicket { reason: "they do not end with a line end" });
    }
    let script = bytes.get(..script_len(bytes)).unwrap_or_default();
    std::str::from_utf8(script).map_err(|_| NotATicket { reason: "they are not UTF-8 text" })
}

fn is_script(bytes: &[u8]) -> bool {
    bytes
        .strip_prefix(MAGIC.as_bytes())
        .and_then(<[u8]>::first)
        .is_some_and(u8::is_ascii_whitespace)
}

/// The length of `bytes` without the lines of fill at its end; a newline ends what remains.
fn script_len(bytes: &[u8]) -> usize {
    // Whole lines of fill first: comparing them is much faster than looking at each byte.
    let whole = bytes.rchunks_exact(FILL_LINE).take_while(|line| *line == WHOLE_LINE).count();
    let before = bytes.get(..bytes.len() - whole * FILL_LINE).unwrap_or_default();
    let fill = before.iter().rev().take_while(|byte| matches!(byte, b'#' | b'\n')).count();
    let rest = before.len() - fill;
    let fill = bytes.len() - rest;
    // The first newline after the last byte that is no fill still ends the script's last line.
    let tail = bytes.iter().skip(rest).position(|&byte| byte == b'\n');
    rest + tail.map_or(fill, |at| at + 1)
}

#[cfg(test)]
mod tests;
