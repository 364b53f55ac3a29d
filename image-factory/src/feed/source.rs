//! A feed's text, and where things stand in it.

use super::MAX_BYTES;
use crate::fault::{Fault, Location};
use std::sync::Arc;

/// Distance between two marks, in bytes: the most that [`Source::locate`] has to walk.
const STRIDE: usize = 1024;

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

/// A feed's text with an index of its lines.
pub(super) struct Source<'a> {
    /// The text, without byte order mark; shorter than 4 GiB.
    pub(super) text: &'a str,
    file: Arc<str>,
    /// Line and column (both from 1) of each byte whose offset is a multiple of [`STRIDE`].
    marks: Vec<(u32, u32)>,
}

impl<'a> Source<'a> {
    /// Takes the text in `bytes`, which must be UTF-8 and at most [`MAX_BYTES`] long.
    pub(super) fn new(bytes: &'a [u8], file: &str) -> Result<Self, Fault> {
        let file: Arc<str> = file.into();
        let start = Location { file: file.clone(), line: 1, column: 1 };
        if bytes.len() > MAX_BYTES {
            let message = format!("the feed has {} bytes, more than {MAX_BYTES}", bytes.len());
            return Err(Fault::new(start, message).help("split it"));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (good, bad) = match str::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let (good, bad) = bytes.split_at(error.valid_up_to());
                (str::from_utf8(good).unwrap_or_default(), bad.first())
            }
        };
        let source = Self { text: good, marks: marks(good), file };
        match bad {
            None => Ok(source),
            Some(byte) => {
                let message = format!("byte 0x{byte:02x} is not UTF-8");
                Err(Fault::new(source.at_byte(good.len()), message).help("save the feed as UTF-8"))
            }
        }
    }

    /// The first line's first character.
    pub(super) fn start(&self) -> Location {
        self.at_byte(0)
    }

    /// The line and column of `spot`.
    pub(super) fn locate(&self, spot: Spot) -> Location {
        match spot {
            Spot::Offset(offset) => self.at_byte(offset as usize),
            Spot::Field { record, index, skip } => {
                let start = field_start(self.text.as_bytes(), record as usize, index);
                let quote = self.text.as_bytes().get(start) == Some(&b'"');
                let inside = if skip > 0 { usize::from(skip) + usize::from(quote) } else { 0 };
                self.at_byte(start + inside)
            }
        }
    }

    /// The line and column of the byte at `offset`.
    pub(super) fn at_byte(&self, offset: usize) -> Location {
        let offset = offset.min(self.text.len());
        let mark = offset / STRIDE;
        let &(line, column) = self.marks.get(mark).unwrap_or(&(1, 1));
        let between = self.text.as_bytes().get(mark * STRIDE..offset).unwrap_or_default();
        let (line, column) = advance((line, column), between);
        Location { file: self.file.clone(), line, column }
    }

    /// Where `part`, a slice of the text, begins.
    pub(super) fn offset_of(&self, part: &str) -> u32 {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        u32::try_from(offset.min(self.text.len())).unwrap_or(u32::MAX)
    }
}

fn marks(text: &str) -> Vec<(u32, u32)> {
    let mut at = (1, 1);
    let mut marks = Vec::with_capacity(text.len() / STRIDE + 1);
    for chunk in text.as_bytes().chunks(STRIDE) {
        marks.push(at);
        at = advance(at, chunk);
    }
    marks.push(at);
    marks
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(at: Location) -> (u32, u32) {
        (at.line, at.column)
    }

    #[test]
    fn fields_are_found_behind_comments_blank_lines_and_quotes() {
        let text = "\r\n# x,y\n\"a,\"\"b\", ü ,  c\nd";
        let source = Source::new(text.as_bytes(), "f").unwrap();
        let field = |index, skip| place(source.locate(Spot::Field { record: 0, index, skip }));
        assert_eq!((field(0, 0), field(0, 2)), ((3, 1), (3, 4)));
        assert_eq!((field(1, 0), field(2, 0)), ((3, 10), (3, 15)));
        assert_eq!(field(9, 0), (3, 16));
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_named_with_their_place() {
        let error = Source::new(b"\xef\xbb\xbfa\n\xc3\xbc\xff", "f").err().unwrap();
        assert_eq!(error.to_string(), "f:2:2: byte 0xff is not UTF-8; save the feed as UTF-8");
    }

    proptest! {
        #[test]
        fn every_byte_has_the_place_that_counting_gives(text in "(a|ü|\n|\r\n|[x]{300}){0,30}") {
            let source = Source::new(text.as_bytes(), "f").unwrap();
            let (mut line, mut column) = (1, 1);
            for (offset, character) in text.char_indices() {
                prop_assert_eq!(place(source.at_byte(offset)), (line, column));
                (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            prop_assert_eq!(place(source.at_byte(text.len() + 9)), (line, column));
        }

        #[test]
        fn no_record_makes_the_walk_panic(text in "[\",#a \r\n]{0,40}", record in 0u32..50, index: u16, skip: u16) {
            let source = Source::new(text.as_bytes(), "f").unwrap();
            source.locate(Spot::Field { record, index, skip });
        }
    }
}
