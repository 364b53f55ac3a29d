use super::*;
use proptest::prelude::*;

fn slot(name: &str, offset: u64, len: u64, owner: (u64, u64)) -> Slot {
    let owner = Extent { offset: owner.0, len: owner.1 };
    Slot { name: name.into(), region: Extent { offset, len }, owner }
}

#[test]
fn a_sound_table_is_taken() {
    let slots = vec![slot("a", 512, 1024, (512, 1024)), slot("b", 2048, 1024, (1536, 2560))];
    let table = SlotTable::new(4096, slots.clone()).unwrap();
    assert_eq!((table.capacity(), table.image_len()), (1024, 4096));
    assert_eq!(table.slots(), slots);
}

#[test]
fn each_fault_of_a_table_is_named() {
    let check = |slots| SlotTable::new(4096, slots).unwrap_err();
    assert_eq!(check(vec![]), SlotError::Empty);
    for (offset, len) in [(512, 100), (512, 0), (0, MAX_CAPACITY + 512)] {
        let error = check(vec![slot("a", offset, len, (0, 4096))]);
        assert!(matches!(error, SlotError::Shape { .. }), "{offset} {len}: {error}");
    }
    let outside = |owner| match check(vec![slot("a", 512, 1024, owner)]) {
        SlotError::Outside { what, .. } => what,
        other => panic!("{other}"),
    };
    for owner in [(1024, 1024), (0, 1024), (512, u64::MAX)] {
        assert_eq!(outside(owner), "the file that owns it", "{owner:?}");
    }
    assert_eq!(outside((512, 3585)), "the image");
    let overlap = vec![slot("a", 0, 1024, (0, 4096)), slot("b", 512, 1024, (0, 4096))];
    assert!(matches!(check(overlap), SlotError::Order { .. }));
    let reversed = vec![slot("a", 2048, 512, (0, 4096)), slot("b", 512, 512, (0, 4096))];
    assert!(matches!(check(reversed), SlotError::Order { .. }));
    let unequal = vec![slot("a", 0, 512, (0, 4096)), slot("b", 512, 1024, (0, 4096))];
    assert!(matches!(check(unequal), SlotError::Capacity { .. }));
}

#[test]
fn capacity_fits_and_one_byte_more_is_refused() {
    let script = format!("#!ipxe\n{}\n", "x".repeat(504));
    assert_eq!(pad(&script, 512).unwrap(), script.as_bytes());
    let longer = format!("#!ipxe\n{}\n", "x".repeat(505));
    let refused = TooLarge { needs: 513, capacity: 512 };
    assert_eq!(pad(&longer, 512), Err(PadError::TooLarge(refused)));
}

#[test]
fn what_ipxe_would_not_run_or_unpad_not_find_is_refused() {
    for script in ["", "#!ipxe", "#!ipxelinux\n", "echo\n", " #!ipxe\necho\n"] {
        assert_eq!(pad(script, 512), Err(PadError::NotAScript), "{script:?}");
    }
    for script in ["#!ipxe\necho", "#!ipxe\necho\n\n", "#!ipxe\necho\n###\n", "#!ipxe\n#\n#\n"] {
        assert_eq!(pad(script, 512), Err(PadError::End), "{script:?}");
    }
    assert!(unpad(b"\0\0\0\0").is_err());
    assert!(unpad(b"#!ipxe\necho").is_err());
    assert!(unpad(b"#!ipxe\n\xff\n").is_err());
}

#[test]
fn fill_is_lines_of_comment_only() {
    let slot = pad("#!ipxe\nexit\n", 2048).unwrap();
    let fill = std::str::from_utf8(&slot["#!ipxe\nexit\n".len()..]).unwrap();
    assert!(fill.ends_with('\n'));
    let lines: Vec<_> = fill.lines().collect();
    assert!(lines.len() <= 4, "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.bytes().all(|byte| byte == b'#')));
}

proptest! {
    #[test]
    fn pad_and_unpad_are_inverse(
        body in "[ -~\u{e4}\n#]{0,900}", last in "[a-z][a-z#]{0,9}", sectors in 1u64..4,
    ) {
        let script = format!("#!ipxe\n{body}{last}\n");
        match pad(&script, sectors * 512) {
            Ok(slot) => {
                prop_assert_eq!(slot.len() as u64, sectors * 512);
                prop_assert_eq!(unpad(&slot).unwrap(), script);
            }
            Err(PadError::TooLarge(refused)) => {
                prop_assert!(refused.needs == script.len() as u64 && refused.needs > sectors * 512);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn unpad_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = unpad(&bytes);
        let _ = unpad(&[b"#!ipxe\n", &bytes[..], b"\n"].concat());
    }
}
