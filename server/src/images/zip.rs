//! Several images as one stream that every desktop opens: a ZIP archive, stored, whose length is
//! known before it is made.

use super::Image;
use axum::body::Bytes;
use std::collections::VecDeque;

/// What comes before a member's name in front of the member.
const LOCAL: u64 = 30;
/// What comes before its name in the directory.
const CENTRAL: u64 = 46;
/// The end of the directory.
const END: u64 = 22;
/// The version of the format that is needed to read it: the first with folders.
const VERSION: u16 = 20;
/// The first day that the format knows; the same archive for the same images.
const DAY: u16 = 0x21;
/// Made on Unix, an ordinary file that everybody may read.
const MODE: u32 = 0o100_644 << 16;

/// An archive that the plain format cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these images are more than a ZIP archive holds (4 GiB): take the tar archive, or fewer")]
pub struct TooLarge;

/// Images with their names. Bytes are stored as they are, so that nothing is kept in memory.
#[derive(Debug)]
pub struct Zip {
    members: Vec<(String, Image)>,
    size: u32,
}

impl Zip {
    /// The archive of `members`, whose names differ.
    pub fn new(members: Vec<(String, Image)>) -> Result<Self, TooLarge> {
        let member = |(name, image): &(String, Image)| {
            let name = name.len() as u64;
            [LOCAL, name, image.size(), CENTRAL, name].into_iter().fold(0, u64::saturating_add)
        };
        let size = members.iter().map(member).fold(END, u64::saturating_add);
        let size = u32::try_from(size).map_err(|_| TooLarge)?;
        u16::try_from(members.len()).map_err(|_| TooLarge)?;
        Ok(Self { members, size })
    }

    /// How many bytes the archive has.
    pub fn size(&self) -> u64 {
        u64::from(self.size)
    }

    /// The archive, piece by piece.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> + Send + Unpin {
        Writer {
            members: self.members.into_iter(),
            ready: VecDeque::new(),
            directory: Vec::new(),
            count: 0,
            offset: 0,
            ended: false,
        }
    }
}

/// Writes the archive while it is sent: a member's checksum is computed when its turn comes.
struct Writer {
    members: std::vec::IntoIter<(String, Image)>,
    ready: VecDeque<Bytes>,
    directory: Vec<u8>,
    count: u16,
    offset: u32,
    ended: bool,
}

impl Iterator for Writer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ready.is_empty() {
            match self.members.next() {
                Some((name, image)) => self.begin(&name, &image),
                None if self.ended => {}
                None => self.end(),
            }
        }
        self.ready.pop_front()
    }
}

impl Writer {
    fn begin(&mut self, name: &str, image: &Image) {
        let pieces = image.whole();
        let mut sum = crc32fast::Hasher::new();
        pieces.iter().for_each(|piece| sum.update(piece));
        let about = about(name, sum.finalize(), size(image.size()));
        let mut local = Vec::with_capacity(name.len().saturating_add(30));
        local.extend(b"PK\x03\x04");
        local.extend(&about);
        local.extend(name.as_bytes());
        self.directory.extend(b"PK\x01\x02");
        self.directory.extend((3 << 8 | VERSION).to_le_bytes());
        self.directory.extend(&about);
        // No comment, the first disk, no attributes of DOS.
        self.directory.extend([0; 6]);
        self.directory.extend(MODE.to_le_bytes());
        self.directory.extend(self.offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        let long = size(local.len() as u64).saturating_add(size(image.size()));
        self.offset = self.offset.saturating_add(long);
        self.count = self.count.saturating_add(1);
        self.ready.push_back(Bytes::from(local));
        self.ready.extend(pieces);
    }

    fn end(&mut self) {
        let mut directory = std::mem::take(&mut self.directory);
        let long = size(directory.len() as u64);
        directory.extend(b"PK\x05\x06");
        directory.extend([0; 4]);
        directory.extend(self.count.to_le_bytes());
        directory.extend(self.count.to_le_bytes());
        directory.extend(long.to_le_bytes());
        directory.extend(self.offset.to_le_bytes());
        directory.extend([0; 2]);
        self.ready.push_back(Bytes::from(directory));
        self.ended = true;
    }
}

/// What is said of a member twice: in front of it and in the directory.
fn about(name: &str, sum: u32, size: u32) -> Vec<u8> {
    let name = u16::try_from(name.len()).unwrap_or(u16::MAX);
    let mut about = Vec::with_capacity(26);
    about.extend(VERSION.to_le_bytes());
    // No flags, stored, midnight.
    about.extend([0; 6]);
    about.extend(DAY.to_le_bytes());
    about.extend(sum.to_le_bytes());
    about.extend(size.to_le_bytes());
    about.extend(size.to_le_bytes());
    about.extend(name.to_le_bytes());
    about.extend([0; 2]);
    about
}

/// The whole archive was checked to have fewer bytes than that.
fn size(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
