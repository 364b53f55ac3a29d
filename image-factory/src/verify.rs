//! Verifies images against their manifest: digest, and whose identity they really carry.

use crate::{
    firmware::hex,
    format::Format,
    layout::read_back::{self, ReadBackError},
    manifest::{HostEntry, ImageEntry},
    slot::{self, SECTOR},
    ticket::{Identity, Source, identities, own_source},
};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// How much is hashed at a time, in bytes.
const CHUNK: usize = 1 << 20;
/// The length of a 1.44 MB floppy, in bytes.
const FLOPPY: u64 = 1_474_560;

/// Why an image is not what its manifest says.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It could not be read.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// It has another length.
    #[error("has {found} bytes instead of {expected}")]
    Size {
        /// Its length.
        found: u64,
        /// The manifest's.
        expected: u64,
    },
    /// It has other bytes.
    #[error("has SHA-256 {found} instead of {expected}")]
    Digest {
        /// Its digest.
        found: String,
        /// The manifest's.
        expected: String,
    },
    /// Its file systems cannot be read.
    #[error("does not read as a {format} image")]
    ReadBack {
        /// The format that the manifest names.
        format: Format,
        /// What is wrong.
        source: ReadBackError,
    },
    /// A ticket in it is not a ticket.
    #[error("{via}: the slot holds no ticket")]
    Ticket {
        /// The path by which the ticket was found.
        via: String,
    },
    /// It carries other hosts than the manifest says.
    #[error("{via}: holds the identity of {found}, the manifest says {expected}")]
    Identity {
        /// The path by which the ticket was found.
        via: String,
        /// Whose identity it holds.
        found: String,
        /// Whose it should hold.
        expected: String,
    },
}

/// What an image holds.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Each ticket in it, by the path on which a firmware finds it.
    pub tickets: Vec<(String, String)>,
    /// The files of its file systems, with their lengths in bytes.
    pub files: Vec<(String, u64)>,
}

/// The format of an image, told from its content.
pub fn sniff(image: &mut (impl Read + Seek)) -> io::Result<Option<Format>> {
    let size = image.seek(SeekFrom::End(0))?;
    let mut magic = |offset: u64, wanted: &[u8]| -> io::Result<bool> {
        let mut found = [0; 8];
        let Some(found) = found.get_mut(..wanted.len()) else { return Ok(false) };
        if offset + wanted.len() as u64 > size {
            return Ok(false);
        }
        image.seek(SeekFrom::Start(offset))?;
        image.read_exact(found)?;
        Ok(found == wanted)
    };
    Ok(if size > FLOPPY && magic(size - SECTOR, b"conectix")? {
        Some(Format::Vhd)
    } else if magic(32_769, b"CD001")? {
        Some(Format::Iso)
    } else if magic(0x202, b"HdrS")? {
        Some(Format::Lkrn)
    } else if magic(0, b"MZ")? {
        Some(Format::Efi)
    } else if size == FLOPPY {
        Some(Format::Floppy)
    } else if magic(510, &[0x55, 0xaa])? {
        Some(Format::Usb)
    } else {
        None
    })
}

/// Reads what an image holds, through its own file systems.
pub fn contents(image: impl Read + Seek, format: Format) -> Result<Contents, VerifyError> {
    let read = read_back::read_back(image, format)
        .map_err(|source| VerifyError::ReadBack { format, source })?;
    let tickets = read.tickets.iter().map(|found| {
        let script = slot::unpad(&found.bytes);
        let script = script.map_err(|_| VerifyError::Ticket { via: found.via.to_string() })?;
        Ok((found.via.to_string(), script.to_owned()))
    });
    let tickets = tickets.collect::<Result<_, VerifyError>>()?;
    Ok(Contents {
        tickets,
        files: read.files.into_iter().map(|file| (file.path, file.len)).collect(),
    })
}

/// Compares an image with its entry in the manifest.
pub fn image(file: &mut File, entry: &ImageEntry) -> Result<(), VerifyError> {
    let size = file.metadata()?.len();
    if size != entry.size {
        return Err(VerifyError::Size { found: size, expected: entry.size });
    }
    let digest = digest(file)?;
    if digest != entry.sha256 {
        return Err(VerifyError::Digest { found: digest, expected: entry.sha256.clone() });
    }
    let expected: Vec<Identity> = entry.hosts.iter().map(HostEntry::identity).collect();
    for (via, script) in contents(&*file, entry.format)?.tickets {
        let found = identities(&script);
        let own = own_source(&script);
        if own != entry.identity {
            let name = |source: Option<Source>| {
                source.map_or("the image itself".to_owned(), |source| source.to_string())
            };
            let (found, expected) = (name(own), name(entry.identity));
            return Err(VerifyError::Identity { via, found, expected });
        }
        if found != expected {
            let (found, expected) = (list(&found), list(&expected));
            return Err(VerifyError::Identity { via, found, expected });
        }
    }
    Ok(())
}

fn digest(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    file.rewind()?;
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(chunk.get(..n).unwrap_or_default()),
        }
    }
}

/// The first few identities, for a message.
fn list(identities: &[Identity]) -> String {
    let name = |identity: &Identity| {
        let addresses = identity.v4.iter().map(ToString::to_string);
        let addresses = addresses.chain(identity.v6.iter().map(ToString::to_string));
        format!("{} ({})", identity.name, addresses.collect::<Vec<_>>().join(", "))
    };
    let shown: Vec<_> = identities.iter().take(3).map(name).collect();
    match identities.len().saturating_sub(shown.len()) {
        0 if shown.is_empty() => "nobody".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
