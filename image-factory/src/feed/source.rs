//! A feed's text, of which only small parts are in memory at a time, and where things stand in it.

use super::{MAX_BYTES, bytes::Bytes};
use crate::fault::{Fault, Location};
use std::{
    io::{self, BufReader, Read},
    ops::Range,
    sync::{Arc, OnceLock},
};

/// Distance between two marks, in bytes: the most that [`Source::at_byte`] has to walk.
const STRIDE: usize = 1024;
/// How much is read at a time, in bytes.
const CHUNK: usize = 64 << 10;
/// How much of a record is read at first to find a field in it, in bytes.
const RECORD: usize = 512;

/// A place in a source, cheap to keep; [`Source::locate`] makes a [`Location`] of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// A byte.
    Offset(u32),
    /// A field of a CSV record.
    Field {
        /// A byte at or before the record's start, with only comments and line ends between.
        record: u32,
        /// The field, from 0.
        index: u16,
        /// Bytes of the field's value to skip.
        skip: u16,
    },
}

impl Spot {
    /// A byte at or before it, at which the host that it belongs to can be read again.
    pub(super) fn offset(self) -> u32 {
        match self {
            Self::Offset(offset) | Self::Field { record: offset, .. } => offset,
        }
    }
}

/// A feed's text with an index of its lines.
pub(super) struct Source<'a> {
    bytes: Box<dyn Bytes + 'a>,
    file: Arc<str>,
    /// Where the text starts in the bytes: behind a byte order mark.
    start: u64,
    /// How long the text is; less than 4 GiB.
    len: usize,
    /// Line and column (both from 1) of each byte whose offset is a multiple of [`STRIDE`].
    marks: Vec<(u32, u32)>,
    /// Why the bytes could not be read, once they could not.
    failure: OnceLock<String>,
}

/// A part of a source's text, in memory.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    /// The part.
    pub(super) text: &'a str,
    /// Where it starts in the source's text.
    pub(super) base: u32,
}

impl Piece<'_> {
    /// Where `part`, a slice of the piece, begins in the source's text.
    pub(super) fn offset_of(&self, part: &str) -> u32 {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        offset_u32(offset.min(self.text.len()) + self.base as usize)
    }
}

/// An offset; sources are shorter than 4 GiB.
pub(super) fn offset_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

impl<'a> Source<'a> {
    /// Takes the text in `bytes`, which must be UTF-8 and at most [`MAX_BYTES`] long.
    pub(super) fn new(bytes: Box<dyn Bytes + 'a>, file: &str) -> Result<Self, Fault> {
        let failure = OnceLock::new();
        let mut source =
            Self { bytes, file: file.into(), start: 0, len: 0, marks: vec![], failure };
        match source.scan() {
            Ok(None) => Ok(source),
            Ok(Some(fault)) => Err(fault),
            Err(error) => Err(source.failed(&error)),
        }
    }

    /// Finds the text in the bytes and makes the index; a fault where they are no feed.
    fn scan(&mut self) -> io::Result<Option<Fault>> {
        let size = self.bytes.size()?;
        if size > MAX_BYTES as u64 {
            let message = format!("the feed has {size} bytes, more than {MAX_BYTES}");
            return Ok(Some(Fault::new(self.start(), message).help("split it")));
        }
        let mut first = [0; 3];
        if self.bytes.read_at(0, &mut first)? == 3 && first == *b"\xef\xbb\xbf" {
            self.start = 3;
        }
        let mut chunk = vec![0; CHUNK];
        let mut at = (1, 1);
        loop {
            let got = self.bytes.read_at(self.start + self.len as u64, &mut chunk)?;
            let bytes = chunk.get(..got).unwrap_or_default();
            let (good, bad) = match str::from_utf8(bytes) {
                Ok(_) => (bytes, None),
                Err(error) => {
                    let (good, bad) = bytes.split_at(error.valid_up_to());
                    // A character that the chunk's end cuts starts the next chunk.
                    let cut = error.error_len().is_none() && got == CHUNK;
                    (good, bad.first().filter(|_| !cut).copied())
                }
            };
            self.mark(good, &mut at);
            if bad.is_some() || good.is_empty() {
                self.marks.push(at); // of the end itself
            }
            if let Some(byte) = bad {
                let message = format!("byte 0x{byte:02x} is not UTF-8");
                let at = self.at_byte(self.len);
                return Ok(Some(Fault::new(at, message).help("save the feed as UTF-8")));
            }
            if good.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Adds `text` to the index, whose end is at line and column `at`.
    fn mark(&mut self, mut text: &[u8], at: &mut (u32, u32)) {
        while !text.is_empty() {
            let inside = self.len % STRIDE;
            if inside == 0 {
                self.marks.push(*at);
            }
            let (part, rest) = text.split_at(text.len().min(STRIDE - inside));
            *at = advance(*at, part);
            self.len += part.len();
            text = rest;
        }
    }

    /// The text's length in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The text from byte `from` on, as a stream.
    pub(super) fn reader(&self, from: u32) -> BufReader<Reader<'_, 'a>> {
        BufReader::with_capacity(CHUNK, Reader { source: self, at: from as usize })
    }

    /// The text of `range`, as far as there is any; its ends lie between characters.
    pub(super) fn text(&self, range: Range<usize>) -> String {
        let mut bytes = vec![0; range.end.min(self.len).saturating_sub(range.start)];
        let got = self.fill(range.start, &mut bytes);
        bytes.truncate(got);
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn fill(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let left = self.len.saturating_sub(offset).min(buffer.len());
        let buffer = buffer.get_mut(..left).unwrap_or_default();
        self.bytes.read_at(self.start + offset as u64, buffer).unwrap_or_else(|error| {
            self.failed(&error);
            0
        })
    }

    /// Remembers that the bytes could not be read.
    fn failed(&self, error: &io::Error) -> Fault {
        let why = self.failure.get_or_init(|| error.to_string());
        Fault::new(self.start(), format!("the feed cannot be read: {why}"))
    }

    /// The one fault that counts when the bytes could not be read.
    pub(super) fn failure(&self) -> Option<Fault> {
        self.failure.get().map(|why| self.failed(&io::Error::other(why.clone())))
    }

    /// The first line's first character.
    pub(super) fn start(&self) -> Location {
        Location { file: self.file.clone(), line: 1, column: 1 }
    }

    /// The line and column of `spot`.
    pub(super) fn locate(&self, spot: Spot) -> Location {
        match spot {
            Spot::Offset(offset) => self.at_byte(offset as usize),
            Spot::Field { record, index, skip } => {
                let (start, quote) = self.field(record as usize, index);
                let inside = if skip > 0 { usize::from(skip) + usize::from(quote) } else { 0 };
                self.at_byte(start + inside)
            }
        }
    }

    /// Where field `index` of the first record at or after `record` starts, and whether it is
    /// quoted. Reads more and more of the record until the field is in it.
    fn field(&self, record: usize, index: u16) -> (usize, bool) {
        let mut bytes = vec![0; RECORD];
        loop {
            let got = self.fill(record, &mut bytes);
            let read = bytes.get(..got).unwrap_or_default();
            let start = field_start(read, 0, index);
            if start < got || got < bytes.len() {
                return (record + start, read.get(start) == Some(&b'"'));
            }
            bytes.resize(bytes.len() * 8, 0);
        }
    }

    /// The line and column of the byte at `offset`.
    pub(super) fn at_byte(&self, offset: usize) -> Location {
        let offset = offset.min(self.len);
        let mark = offset / STRIDE;
        let &(line, column) = self.marks.get(mark).unwrap_or(&(1, 1));
        let mut between = [0; STRIDE];
        let between = between.get_mut(..offset - mark * STRIDE).unwrap_or_default();
        let got = self.fill(mark * STRIDE, between);
        let (line, column) = advance((line, column), between.get(..got).unwrap_or_default());
        Location { file: self.file.clone(), line, column }
    }

    /// The first byte of a line, from 1.
    pub(super) fn line_start(&self, line: usize) -> usize {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let mark = self.marks.partition_point(|(at, _)| *at < line).saturating_sub(1);
        let (first, from) = (self.marks.get(mark).map_or(1, |(at, _)| *at), mark * STRIDE);
        let bytes = self.text_bytes(from..from + STRIDE);
        let lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let wanted = line.saturating_sub(first) as usize;
        match wanted.checked_sub(1) {
            None => from,
            Some(nth) => lines.map(|(at, _)| from + at + 1).nth(nth).unwrap_or(self.len),
        }
    }

    fn text_bytes(&self, range: Range<usize>) -> Vec<u8> {
        let mut bytes = vec![0; range.len()];
        let got = self.fill(range.start, &mut bytes);
        bytes.truncate(got);
        bytes
    }
}

/// A source's text as a stream.
pub(super) struct Reader<'s, 'a> {
    source: &'s Source<'a>,
    at: usize,
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.source.fill(self.at, buffer);
        self.at += got;
        Ok(got)
    }
}

/// Line and column after `bytes`, which follow the place `at`.
fn advance((line, column): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let characters = |bytes: &[u8]| bytes.iter().filter(|&&b| b & 0xc0 != 0x80).count() as u32;
    match bytes.iter().rposition(|&b| b == b'\n') {
        None => (line, column + characters(bytes)),
        Some(last) => {
            let (front, back) = bytes.split_at(last + 1);
            let lines = front.iter().filter(|&&b| b == b'\n').count() as u32;
            (line + lines, 1 + characters(back))
        }
    }
}

/// The first byte of field `index` in the first record at or after `from`.
fn field_start(bytes: &[u8], from: usize, index: u16) -> usize {
    let byte = |at: usize| bytes.get(at).copied();
    let line_end =
        |at: usize| bytes.iter().skip(at).position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n);
    let mut at = from;
    loop {
        match byte(at) {
            Some(b'\r' | b'\n') => at += 1,
            Some(b'#') => at = line_end(at),
            _ => break,
        }
    }
    for _ in 0..index {
        if byte(at) == Some(b'"') {
            at = after_quotes(bytes, at + 1);
        }
        match bytes.iter().skip(at).position(|&b| matches!(b, b',' | b'\n')) {
            Some(n) if byte(at + n) == Some(b',') => at += n + 1,
            Some(n) => return at + n,
            None => return bytes.len(),
        }
    }
    while matches!(byte(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// The byte after the quote that closes the field whose content starts at `at`.
fn after_quotes(bytes: &[u8], mut at: usize) -> usize {
    while let Some(n) = bytes.iter().skip(at).position(|&b| b == b'"') {
        at += n + 1;
        if bytes.get(at) != Some(&b'"') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests;
