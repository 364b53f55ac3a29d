//! Several images as one stream: a tar archive whose length is known before it is made.

use super::Image;
use axum::body::Bytes;

/// What everything in an archive is a multiple of.
const BLOCK: u64 = 512;
/// The longest name in the plain format.
const MAX_NAME: usize = 99;
/// The zeros after the last member.
const END: usize = 1024;

/// A name that an archive cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is too long for an archive ({MAX_NAME} bytes): fetch this image alone")]
pub struct LongName(String);

/// Images with their names.
#[derive(Debug)]
pub struct Tar {
    members: Vec<(String, Image)>,
}

impl Tar {
    /// The archive of `members`, whose names differ.
    pub fn new(members: Vec<(String, Image)>) -> Result<Self, LongName> {
        match members.iter().find(|(name, _)| name.len() > MAX_NAME) {
            Some((name, _)) => Err(LongName(name.clone())),
            None => Ok(Self { members }),
        }
    }

    /// How many bytes the archive has.
    pub fn size(&self) -> u64 {
        let member = |(_, image): &(String, Image)| BLOCK + image.size().next_multiple_of(BLOCK);
        self.members.iter().map(member).fold(END as u64, u64::saturating_add)
    }

    /// The archive, piece by piece.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> + Send + Unpin {
        let members = self.members.into_iter().flat_map(|(name, image)| {
            let padding = image.size().next_multiple_of(BLOCK) - image.size();
            let padding = usize::try_from(padding).unwrap_or(0);
            let mut pieces = vec![header(&name, image.size())];
            pieces.extend(image.whole());
            pieces.push(Bytes::from(vec![0; padding]));
            pieces
        });
        members.chain(std::iter::once(Bytes::from(vec![0; END])))
    }
}

fn header(name: &str, size: u64) -> Bytes {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    // The same archive for the same images.
    header.set_mtime(0);
    let field = &mut header.as_old_mut().name;
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    header.set_cksum();
    Bytes::copy_from_slice(header.as_bytes())
}
