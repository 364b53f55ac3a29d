use super::*;
use proptest::prelude::*;
use std::io::Read;

fn volume_spec<'a>(files: &'a [(&'a str, &'a [u8])], reserved: &'a [u8]) -> VolumeSpec<'a> {
    let medium = Medium::Partition { start: 64, step: 4, least: 0 };
    VolumeSpec { medium, format: Format::Usb, serial: 1, reserved, files }
}

#[test]
fn a_volume_of_any_size_is_as_large_as_its_files_need() {
    for clusters in
        (1..4000).step_by(97).chain([8, 340, 341, 1000, 4079, 4080, 4081, 4082, 4083, 4084])
    {
        let data = vec![1; clusters * 2048];
        let made = make(&volume_spec(&[("a", &data)], &[])).unwrap();
        let extent = made.extent("a").unwrap();
        assert!(extent.offset.is_multiple_of(ALIGN), "{clusters}");
        let spare = made.bytes.len() as u64 - extent.end().unwrap();
        assert!(spare == 0 || clusters < 8, "{clusters}: {spare} bytes after the last file");
    }
}

#[test]
fn large_files_get_large_clusters_and_the_largest_are_refused() {
    let data = vec![1; 4085 * 2048];
    let made = make(&volume_spec(&[("a", &data)], &[])).unwrap();
    assert_eq!(made.bytes[13], 8, "clusters of 4 KiB");
    let data = vec![1; MAX_CLUSTERS as usize * (32 << 10) + 1];
    let refused = make(&volume_spec(&[("a", &data)], &[]));
    assert!(matches!(refused, Err(LayoutError::TooLarge { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The walk of our own and fatfs see the same files with the same bytes.
    #[test]
    fn our_walk_agrees_with_fatfs(
        sizes in proptest::collection::vec(0usize..9000, 1..6), reserved in 0usize..5,
        floppy in any::<bool>(),
    ) {
        let names = ["a.bin", "A long name with spaces.text", "EFI/BOOT/BOOTX64.EFI",
            "EFI/BOOT/BOOTAA64.EFI", "exactly13.abc", "autoexec.ipxe"];
        let data: Vec<Vec<u8>> = sizes.iter().enumerate()
            .map(|(at, size)| (0..*size).map(|byte| (byte + at) as u8).collect()).collect();
        let files: Vec<(&str, &[u8])> =
            names.into_iter().zip(data.iter().map(Vec::as_slice)).collect();
        let reserved = vec![0; reserved * 512];
        let mut spec = volume_spec(&files, &reserved);
        if floppy {
            spec.medium = Medium::Floppy;
        }
        let mut made = make(&spec).unwrap();
        for (name, data) in &files {
            if !data.is_empty() {
                let Extent { offset, len } = made.extent(name).unwrap();
                prop_assert_eq!(&made.bytes[offset as usize..(offset + len) as usize], *data);
            }
        }
        let listed = made.entries.iter().filter(|entry| entry.kind == Kind::File).count();
        prop_assert_eq!(listed, files.len());
        let theirs = fatfs::FileSystem::new(Cursor::new(&mut made.bytes[..]), fatfs::FsOptions::new()).unwrap();
        for (name, data) in &files {
            let mut read = Vec::new();
            theirs.root_dir().open_file(name).unwrap().read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read[..], *data);
        }
    }
}
