//! Bytes that lie in a memory file too: what the system can send without copying it.
//!
//! Most of an image is its template's bytes. The connection (`boot::sendfile`) sees only slices of
//! memory; it asks here whether one of them lies in such a file, and lets the system send from
//! there. What is sent is the same either way.

use rustix::fs::{MemfdFlags, SealFlags};
use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
    os::fd::OwnedFd,
    sync::{Arc, PoisonError, RwLock},
};

/// What is not worth the question, in bytes.
const SMALL: usize = 32 << 10;

/// Where resident bytes are. Addresses are the process's, and so is this list.
static ALL: RwLock<Vec<Entry>> = RwLock::new(Vec::new());

#[derive(Debug)]
struct Entry {
    addresses: Range<usize>,
    file: Arc<OwnedFd>,
}

/// A memory file with the same bytes as a place in memory, known until this is dropped.
#[derive(Debug)]
pub(crate) struct Resident(usize);

impl Resident {
    /// Copies `bytes` to a memory file. They must neither move nor change while this lives.
    pub(crate) fn new(bytes: &[u8]) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(rustix::fs::memfd_create("bootmint-template", flags)?);
        file.write_all(bytes)?;
        let whole = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, whole)?;
        let start = bytes.as_ptr().addr();
        let addresses = start..start.saturating_add(bytes.len());
        let entry = Entry { addresses, file: Arc::new(file.into()) };
        ALL.write().unwrap_or_else(PoisonError::into_inner).push(entry);
        Ok(Self(start))
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|entry| entry.addresses.start != self.0);
    }
}

/// The memory file that holds `bytes`, and where in it they begin.
pub(crate) fn find(bytes: &[u8]) -> Option<(Arc<OwnedFd>, u64)> {
    if bytes.len() < SMALL {
        return None;
    }
    let start = bytes.as_ptr().addr();
    let end = start.checked_add(bytes.len())?;
    let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
    let entry = all.iter().find(|e| e.addresses.start <= start && end <= e.addresses.end)?;
    let offset = start.checked_sub(entry.addresses.start)?;
    Some((Arc::clone(&entry.file), u64::try_from(offset).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn bytes_are_found_in_their_file_as_long_as_it_is_there() {
        let bytes: Vec<u8> = (0..SMALL * 3).map(|n| (n / 7 % 251) as u8).collect();
        let other = bytes.clone();
        let resident = Resident::new(&bytes).unwrap();
        let part = &bytes[1001..1001 + SMALL];
        let (file, offset) = find(part).unwrap();
        assert_eq!(offset, 1001);
        let file = File::from(file.try_clone().unwrap());
        let mut read = vec![0; SMALL];
        file.read_exact_at(&mut read, offset).unwrap();
        assert!(read == part);
        assert!(file.write_at(b"x", 0).is_err(), "nobody changes it");
        assert!(find(&bytes[..SMALL - 1]).is_none(), "too small");
        assert!(find(&other).is_none(), "the same bytes, elsewhere");
        drop(resident);
        assert!(find(part).is_none());
    }
}
