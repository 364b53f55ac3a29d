use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write as _;

/// One archive entry as raw as an attacker can write it.
fn entry(kind: EntryType, path: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(content.len() as u64);
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut bytes = [header.as_bytes().as_slice(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn unpack(entries: &[Vec<u8>]) -> (tempfile::TempDir, Result<(), UnpackError>) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = [entries.concat(), vec![0; 1024]].concat();
    let result = tar(&mut bytes.as_slice(), "x.tar", &folder.path().join("tree"));
    (folder, result)
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn files_modes_links_and_gits_header_are_taken() {
    let (folder, result) = unpack(&[
        entry(EntryType::XGlobalHeader, "pax_global_header", "", b"11 comment=x"),
        entry(EntryType::Directory, "ipxe-2/", "", b""),
        entry(FILE, "ipxe-2/src/run", "", b"#!"),
        entry(EntryType::Symlink, "ipxe-2/src/link", "../src/run", b""),
    ]);
    result.unwrap();
    let top = top_folder(&folder.path().join("tree")).unwrap();
    assert!(top.ends_with("tree/ipxe-2"));
    let run = fs::metadata(top.join("src/run")).unwrap();
    assert_eq!((run.len(), run.permissions().mode() & 0o777), (2, 0o755));
    assert_eq!(fs::read(top.join("src/link")).unwrap(), b"#!");
}

#[test]
fn what_leads_out_is_refused_and_not_written() {
    let cases: &[(&str, Vec<u8>)] = &[
        ("leads out", entry(FILE, "../evil", "", b"x")),
        ("leads out", entry(FILE, "a/../../evil", "", b"x")),
        ("leads out", entry(FILE, "/tmp/bootmint-evil", "", b"x")),
        ("link that leads out", entry(EntryType::Symlink, "l", "/etc", b"")),
        ("link that leads out", entry(EntryType::Symlink, "a/l", "../../x", b"")),
        ("link that leads out", entry(EntryType::Symlink, "l", "a/../..", b"")),
        ("neither file", entry(EntryType::Link, "hard", "/etc/passwd", b"")),
        ("neither file", entry(EntryType::Fifo, "fifo", "", b"")),
        ("neither file", entry(EntryType::Char, "null", "", b"")),
    ];
    for (expected, hostile) in cases {
        let (folder, result) = unpack(std::slice::from_ref(hostile));
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!folder.path().join("evil").exists());
    }
    assert!(!Path::new("/tmp/bootmint-evil").exists());
}

#[test]
fn nothing_is_written_through_a_link_or_over_a_file() {
    let through = [
        entry(EntryType::Symlink, "a", "b", b""),
        entry(FILE, "b/inside", "", b"x"),
        entry(FILE, "a/file", "", b"x"),
    ];
    let (_folder, result) = unpack(&through);
    assert!(matches!(result, Err(UnpackError::Io { .. })), "the link came after its namesake");
    let (_folder, result) = unpack(&[entry(FILE, "a", "", b"1"), entry(FILE, "a", "", b"2")]);
    assert!(matches!(result, Err(UnpackError::Io { .. })));
}

#[test]
fn an_archive_without_files_is_no_source() {
    let (_folder, result) = unpack(&[]);
    assert!(matches!(result, Err(UnpackError::Empty { .. })));
}

#[test]
fn a_cut_archive_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = entry(FILE, "a", "", &[7; 5000]);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&bytes).unwrap();
    let packed = packed.finish().unwrap();
    let file = folder.path().join("x.tar.gz");
    fs::write(&file, &packed[..packed.len() - 12]).unwrap();
    assert!(tarball_file(&file, &folder.path().join("tree")).is_err());
}

#[test]
fn a_folder_is_copied_and_its_outward_links_refused() {
    let from = tempfile::tempdir().unwrap();
    fs::create_dir(from.path().join("sub")).unwrap();
    fs::write(from.path().join("sub/file"), "x").unwrap();
    symlink("sub/file", from.path().join("link")).unwrap();
    let to = tempfile::tempdir().unwrap();
    folder(from.path(), &to.path().join("1")).unwrap();
    assert_eq!(fs::read(to.path().join("1/link")).unwrap(), b"x");
    symlink("/etc", from.path().join("out")).unwrap();
    assert!(matches!(folder(from.path(), &to.path().join("2")), Err(UnpackError::Hostile { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_a_result(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let folder = tempfile::tempdir().unwrap();
        let _ = tar(&mut bytes.as_slice(), "x", &folder.path().join("tree"));
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_path_leaves_the_target(path in "[a./]{1,12}", link in "[a./]{1,12}") {
        let (folder, _) = unpack(&[
            entry(EntryType::Symlink, "a", &link, b""), entry(FILE, &path, "", b"x"),
        ]);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        prop_assert_eq!(names.len(), 1);
        let target = folder.path().join("tree");
        if let Ok(real) = fs::canonicalize(target.join("a")) {
            prop_assert!(real.starts_with(fs::canonicalize(&target).unwrap()));
        }
    }
}
