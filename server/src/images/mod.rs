//! Images on demand: minted as a stream from published templates, kept nowhere.

mod body;
mod draft;
mod publish;
mod range;
pub(crate) mod resident;
mod shelf;
mod tar;
mod zip;

pub use body::{Counter, Gate, Pieces, Withheld};
pub use draft::Draft;
pub use publish::{PublishError, Published, publish};
pub use range::Range;
pub use shelf::{Die, ImageError, Set, Shelf, StampFault};
pub use tar::Tar;
pub use zip::Zip;

use axum::body::Bytes;
use bootmint_image_factory::{
    format::Format,
    host::{Host, HostName},
    layout::read_back::read_back,
    manifest::HostEntry,
    slot,
    ticket::{self, Facts, Patience, Ticket, identities},
};
use std::sync::Arc;

/// An image of one host: runs of its template, and its ticket. Nothing is copied.
#[derive(Clone, Debug)]
pub struct Image {
    pieces: Vec<Bytes>,
    size: u64,
    etag: String,
}

impl Image {
    /// Mints the image, and reads it back: what iPXE would run must be this host's ticket.
    pub fn mint(die: &Arc<Die>, host: &Host, patience: &Patience) -> Result<Self, ImageError> {
        let name = || host.name.clone();
        let missing = ticket::check(host, &die.binaries());
        if let Some(first) = missing.first() {
            return Err(ImageError::Missing { host: name(), missing: *first });
        }
        let ticket = Ticket::for_host(host, die.facts(), patience);
        let own = |script: &str| identities(script) == [HostEntry::new(host).identity()];
        Self::stamp(die, &ticket, own).map_err(|fault| fault.of(&name()))
    }

    /// An image that is nobody's: it runs `script`, and asks no server unless that does.
    pub fn of_script(die: &Arc<Die>, script: &Ticket) -> Result<Self, ImageError> {
        if die.facts() == Facts::Unsent {
            return Err(ImageError::Unverified);
        }
        let same = |read: &str| read == script.as_str();
        Self::stamp(die, script, same).map_err(ImageError::Script)
    }

    /// Stamps `ticket` and reads it back: what iPXE would run must be `right`.
    fn stamp(
        die: &Arc<Die>,
        ticket: &Ticket,
        right: impl Fn(&str) -> bool,
    ) -> Result<Self, StampFault> {
        let template = die.template();
        let stamp = template.stamp(ticket)?;
        let read = read_back(stamp.reader(), template.format())?;
        let script = slot::unpad(stamp.fill()).ok();
        if !script.is_some_and(right)
            || !read.tickets.iter().all(|found| slot::unpad(&found.bytes).ok() == script)
        {
            return Err(StampFault::Other);
        }
        let fill = Bytes::copy_from_slice(stamp.fill());
        let etag = crate::secret::Digest::of(&[template.key().as_bytes(), &fill].concat());
        let all = Bytes::from_owner(shelf::Whole(Arc::clone(die)));
        let mut pieces = Vec::new();
        let mut at = 0;
        for slot in template.slots().slots() {
            let start = usize::try_from(slot.region.offset).unwrap_or(usize::MAX).min(all.len());
            pieces.push(all.slice(at.min(start)..start));
            pieces.push(fill.clone());
            at = start.saturating_add(fill.len()).min(all.len());
        }
        pieces.push(all.slice(at..));
        Ok(Self { pieces, size: stamp.size(), etag: format!("\"{}\"", etag.as_str()) })
    }

    /// What it runs.
    pub fn script(&self) -> &str {
        // It was read when the image was minted.
        self.pieces.get(1).and_then(|fill| slot::unpad(fill).ok()).unwrap_or_default()
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes it begins with that are those of all hosts.
    pub fn common(&self) -> u64 {
        self.pieces.first().map_or(0, |piece| piece.len() as u64)
    }

    /// What changes whenever a byte of it does.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The bytes from `start` to before `end`.
    pub fn slice(&self, start: u64, end: u64) -> Vec<Bytes> {
        let mut at = 0_u64;
        let mut wanted = Vec::new();
        for piece in &self.pieces {
            let len = piece.len() as u64;
            let from = start.saturating_sub(at).min(len);
            let to = end.saturating_sub(at).min(len);
            if from < to
                && let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to))
            {
                wanted.push(piece.slice(from..to));
            }
            at = at.saturating_add(len);
        }
        wanted
    }

    /// All bytes.
    pub fn whole(&self) -> Vec<Bytes> {
        self.slice(0, self.size)
    }
}

/// The name of an image, `<host>.<extension>`; formats go by their names too.
pub fn parse_name(text: &str) -> Option<(HostName, Format)> {
    Format::ALL.into_iter().find_map(|format| {
        let host = [format.extension(), format.name()]
            .into_iter()
            .find_map(|end| text.strip_suffix(end)?.strip_suffix('.'))?;
        Some((host.parse().ok()?, format))
    })
}

#[cfg(test)]
pub(crate) mod tests;
