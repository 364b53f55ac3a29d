//! Places in a text, the same wherever it lies and however it is cut.

use super::*;
use proptest::prelude::*;
use std::{fs::File, io::Write as _};

fn source(text: &[u8]) -> Result<Source<'_>, Fault> {
    Source::new(Box::new(text), "f")
}

fn in_file(text: &[u8]) -> Source<'static> {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(text).unwrap();
    Source::new(Box::new(file), "f").unwrap()
}

fn place(at: Location) -> (u32, u32) {
    (at.line, at.column)
}

#[test]
fn fields_are_found_behind_comments_blank_lines_and_quotes() {
    let source = source("\r\n# x,y\n\"a,\"\"b\", ü ,  c\nd".as_bytes()).unwrap();
    let field = |index, skip| place(source.locate(Spot::Field { record: 0, index, skip }));
    assert_eq!((field(0, 0), field(0, 2)), ((3, 1), (3, 4)));
    assert_eq!((field(1, 0), field(2, 0)), ((3, 10), (3, 15)));
    assert_eq!(field(9, 0), (3, 16));
}

#[test]
fn a_field_far_into_its_record_is_found() {
    let text = format!("\"{}\",{},x", "a\n".repeat(3000), "b".repeat(9000));
    for source in [source(text.as_bytes()).unwrap(), in_file(text.as_bytes())] {
        let field = |index| place(source.locate(Spot::Field { record: 0, index, skip: 0 }));
        assert_eq!((field(1), field(2)), ((3001, 3), (3001, 9004)));
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_named_with_their_place() {
    let error = source(b"\xef\xbb\xbfa\n\xc3\xbc\xff").err().unwrap();
    assert_eq!(error.to_string(), "f:2:2: byte 0xff is not UTF-8; save the feed as UTF-8");
    let cut = [&vec![b'a'; CHUNK][..], b"\xc3"].concat();
    assert_eq!(source(&cut).err().unwrap().at.column, CHUNK as u32 + 1);
}

#[test]
fn a_character_that_two_chunks_share_is_whole() {
    for before in CHUNK - 3..=CHUNK {
        let text = format!("{}€x", "a".repeat(before));
        let source = source(text.as_bytes()).unwrap();
        assert_eq!(source.text(before..before + 3), "€");
        assert_eq!(place(source.at_byte(before + 3)), (1, before as u32 + 2));
    }
}

#[test]
fn bytes_that_cannot_be_read_are_the_one_fault() {
    struct Broken;
    impl Bytes for Broken {
        fn size(&self) -> io::Result<u64> {
            Ok(5)
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("worn out"))
        }
    }
    let error = Source::new(Box::new(Broken), "f").err().unwrap();
    assert_eq!(error.to_string(), "f:1:1: the feed cannot be read: worn out");
}

proptest! {
    #[test]
    fn every_byte_has_the_place_that_counting_gives(text in "(a|ü|\n|\r\n|[x]{300}){0,30}") {
        for source in [source(text.as_bytes()).unwrap(), in_file(text.as_bytes())] {
            let (mut line, mut column) = (1, 1);
            for (offset, character) in text.char_indices() {
                prop_assert_eq!(place(source.at_byte(offset)), (line, column));
                if column == 1 {
                    prop_assert_eq!(source.line_start(line as usize), offset);
                }
                (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            prop_assert_eq!(place(source.at_byte(text.len() + 9)), (line, column));
            let mut whole = String::new();
            source.reader(0).read_to_string(&mut whole).unwrap();
            prop_assert_eq!(&whole, &text);
        }
    }

    #[test]
    fn no_record_makes_the_walk_panic(text in "[\",#a \r\n]{0,40}", record in 0u32..50, index: u16, skip: u16) {
        source(text.as_bytes()).unwrap().locate(Spot::Field { record, index, skip });
    }
}
