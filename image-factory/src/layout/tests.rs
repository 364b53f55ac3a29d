//! What holds for templates of every format.

use super::{
    loader::{STAGE2_LEN, TABLE, Table, tests::kernel},
    read_back::{ReadBackError, Via, read_back},
    *,
};
use crate::{
    firmware::{
        BinaryManifest, EmbeddedSlot, FirmwareManifest, MANIFEST, Provider, SCHEMA, sha256_hex,
    },
    security::{SecureBoot, ShimManifest},
    slot::unpad,
};
use proptest::prelude::*;
use std::{fs, io::Cursor};

const ALL: [Platform; 3] = Platform::ALL;
const MEDIA: [Format; 5] = [Format::Iso, Format::Usb, Format::Vhd, Format::Floppy, Format::Lkrn];

pub(super) fn firmware(binaries: &[(Platform, Vec<u8>, Option<EmbeddedSlot>)]) -> Firmware {
    let folder = tempfile::tempdir().unwrap();
    let list = binaries.iter().map(|(platform, bytes, slot)| {
        fs::write(folder.path().join(platform.file_name()), bytes).unwrap();
        BinaryManifest {
            platform: *platform,
            file: platform.file_name().into(),
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            capabilities: [].into(),
            slot: *slot,
        }
    });
    let manifest = FirmwareManifest {
        schema: SCHEMA,
        profile: "test".into(),
        provider: Provider::Source,
        ipxe_version: "2.0.0".into(),
        key: "k".into(),
        notes: vec![],
        security: Default::default(),
        binaries: list.collect(),
    };
    fs::write(folder.path().join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    Firmware::load(folder.path()).unwrap()
}

fn small() -> Firmware {
    let efi = |seed: u8| (0..9000).map(|at| (at / 3) as u8 ^ seed).collect();
    firmware(&[
        (Platform::Bios, kernel(7777), None),
        (Platform::EfiX64, efi(0), None),
        (Platform::EfiArm64, efi(1), None),
    ])
}

fn spec(format: Format, firmware: &Firmware) -> Spec<'_> {
    let bios_loader = BiosLoader::Own;
    Spec { format, firmware, platforms: &ALL, slot_capacity: 4096, seed: [3; 32], bios_loader }
}

fn isolinux() -> IsolinuxFiles {
    let mut boot_sector = vec![0x90; 512];
    boot_sector[0] = 0xeb;
    IsolinuxFiles {
        isolinux: vec![0xaa; 38912],
        ldlinux: b"\x7fELF and so on".to_vec(),
        boot_sector,
    }
}

fn stamp(laid: &Laid, script: &str) -> Vec<u8> {
    let mut image = laid.bytes.clone();
    for slot in laid.slots.slots() {
        put(&mut image, slot.region.offset, &pad(script, slot.region.len).unwrap()).unwrap();
    }
    image
}

fn ways(image: &[u8], format: Format, script: &str) -> Vec<Via> {
    let found = read_back(Cursor::new(image), format).unwrap();
    for ticket in &found.tickets {
        assert_eq!(unpad(&ticket.bytes).unwrap(), script, "{format} via {}", ticket.via);
        let piece = |at: &Extent| image[at.offset as usize..at.end().unwrap() as usize].to_vec();
        let pieces: Vec<u8> = ticket.extents.iter().flat_map(piece).collect();
        assert_eq!(pieces, ticket.bytes, "{format} via {}", ticket.via);
    }
    found.tickets.iter().map(|ticket| ticket.via).collect()
}

/// A firmware of UEFI on x86-64, signed in `lane`.
fn signed(lane: Lane) -> Firmware {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = small().manifest;
    manifest.binaries.retain(|binary| binary.platform == Platform::EfiX64);
    let efi = (0..9000).map(|at| (at / 3) as u8).collect::<Vec<_>>();
    fs::write(folder.path().join(Platform::EfiX64.file_name()), efi).unwrap();
    let mut how = SecureBoot { lane, signer: None, loader: None, shims: vec![] };
    if lane == Lane::Shim {
        fs::write(folder.path().join("shim.efi"), b"MZ shim").unwrap();
        how.loader = Some("EFI/BOOT/GRUBX64.EFI".into());
        how.shims.push(ShimManifest {
            platform: Platform::EfiX64,
            file: "shim.efi".into(),
            size: 7,
            sha256: sha256_hex(b"MZ shim"),
        });
    }
    manifest.security.secure_boot = Some(how);
    fs::write(folder.path().join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    Firmware::load(folder.path()).unwrap()
}

#[test]
fn a_shim_has_the_place_that_firmware_starts_and_ipxe_lies_beside_it() {
    let (shim, own) = (signed(Lane::Shim), signed(Lane::OwnKey));
    for format in [Format::Iso, Format::Usb] {
        let files = |firmware| {
            let spec = Spec { platforms: &[Platform::EfiX64], ..spec(format, firmware) };
            let image = lay_out(&spec).unwrap().bytes;
            read_back(Cursor::new(&image), format).unwrap().files
        };
        let has = |files: &[read_back::FileEntry], name: &str, size: u64| {
            files.iter().any(|file| file.path.ends_with(name) && file.len == size)
        };
        let with_shim = files(&shim);
        assert!(has(&with_shim, "EFI/BOOT/BOOTX64.EFI", 7), "{with_shim:?}");
        assert!(has(&with_shim, "EFI/BOOT/GRUBX64.EFI", 9000), "{with_shim:?}");
        assert!(has(&files(&own), "EFI/BOOT/BOOTX64.EFI", 9000));
    }
}

#[test]
fn what_secure_boot_cannot_start_is_refused_with_what_to_do() {
    for lane in [Lane::OwnKey, Lane::Shim] {
        let firmware = signed(lane);
        for (format, reason) in [
            (Format::Floppy, "that know none"),
            (Format::Lkrn, "a BIOS"),
            (Format::Efi, if lane == Lane::Shim { "two files" } else { "signature" }),
        ] {
            let error = lay_out(&spec(format, &firmware)).unwrap_err().to_string();
            assert!(error.contains(reason) && error.ends_with("use iso or usb"), "{error}");
        }
    }
}

#[test]
fn every_way_into_an_image_leads_to_what_was_stamped() {
    let firmware = small();
    for format in MEDIA {
        let laid = lay_out(&spec(format, &firmware)).unwrap();
        let expected: &[Via] = match format {
            Format::Iso => &[Via::IsoFolder, Via::Loader, Via::ElTorito, Via::Partition],
            Format::Usb | Format::Vhd => &[Via::Partition, Via::Loader],
            Format::Floppy => &[Via::Fat, Via::Loader],
            _ => &[Via::Loader],
        };
        assert_eq!(ways(&laid.bytes, format, BLANK_TICKET), expected);
        let script = "#!ipxe\necho another\n";
        let stamped = stamp(&laid, script);
        assert_eq!(ways(&stamped, format, script), expected);
        assert_ne!(stamped, laid.bytes);
        assert_eq!(stamp(&laid, BLANK_TICKET), laid.bytes, "unstamped, {format} is as it was");
    }
}

#[test]
fn our_walk_through_an_iso_agrees_with_hadris() {
    use hadris_fs::{Extent as Run, MountOptions, Resolve, sync::FileSystem};
    use hadris_storage::{BlockSize, MemDevice};
    let firmware = small();
    let image = lay_out(&spec(Format::Iso, &firmware)).unwrap().bytes;
    let mut cursor = Cursor::new(&image);
    let ours = iso_read::IsoVolume::open(&mut source::Window::whole(&mut cursor).unwrap()).unwrap();
    assert_eq!(ours.files.len(), 4);
    let device = MemDevice::new(&image[..], BlockSize::new(512).unwrap());
    let mut theirs = hadris_iso::sync::IsoFs::mount(device, MountOptions::new()).unwrap();
    for file in &ours.files {
        let node = theirs.resolve(format!("/{}", file.name).as_bytes(), Resolve::Follow).unwrap();
        let mut runs = [Run::new(0, 0); 4];
        let count = theirs.extents(node, 0, &mut runs).unwrap();
        let runs: Vec<_> = runs[..count].iter().map(|run| (run.offset(), run.len())).collect();
        assert_eq!(runs, [(file.extent.offset, file.extent.len)], "{}", file.name);
    }
}

#[test]
fn bytes_follow_from_the_inputs_alone() {
    let firmware = small();
    for format in MEDIA {
        let spec = spec(format, &firmware);
        let first = lay_out(&spec).unwrap();
        assert_eq!(first.bytes, lay_out(&spec).unwrap().bytes, "{format}");
        let other = lay_out(&Spec { seed: [4; 32], ..spec }).unwrap();
        assert_eq!(first.slots, other.slots, "{format}");
        assert_eq!(first.bytes == other.bytes, format == Format::Lkrn, "a wrapper has no ids");
    }
}

#[test]
fn slots_are_addressable_and_little_follows_them() {
    let firmware = small();
    for format in MEDIA {
        let laid = lay_out(&spec(format, &firmware)).unwrap();
        let slot = &laid.slots.slots()[0];
        let disk = matches!(format, Format::Iso | Format::Usb | Format::Vhd);
        let step = if disk { 2048 } else { SECTOR };
        assert!(slot.region.offset.is_multiple_of(step), "{format}");
        let after = laid.bytes.len() as u64 - slot.region.end().unwrap();
        assert!(laid.bytes.len() as u64 >= disk::MIN_DISK || format == Format::Lkrn, "{format}");
        let padded = matches!(format, Format::Floppy | Format::Vhd);
        assert!(after <= 24 << 10 || padded, "{after} bytes follow in {format}");
    }
}

#[test]
fn isolinux_finds_the_same_slot() {
    let (firmware, files) = (small(), isolinux());
    let bios_loader = BiosLoader::Isolinux { files: &files };
    let laid = lay_out(&Spec { bios_loader, ..spec(Format::Iso, &firmware) }).unwrap();
    assert_eq!(laid.slots.slots().len(), 1);
    let expected = [Via::IsoFolder, Via::ElTorito, Via::Partition];
    assert_eq!(ways(&laid.bytes, Format::Iso, BLANK_TICKET), expected);
    assert_eq!(laid.bytes[..432], files.boot_sector[..432]);
}

#[test]
fn unusable_isolinux_files_are_refused_by_name() {
    let firmware = small();
    type Spoil = fn(&mut IsolinuxFiles);
    let cases: [(&str, Spoil); 3] = [
        ("isolinux.bin", |files| files.isolinux.clear()),
        ("ldlinux.c32", |files| files.ldlinux = b"MZ".to_vec()),
        ("isohdpfx.bin", |files| files.boot_sector.truncate(400)),
    ];
    for (name, spoil) in cases {
        let mut files = isolinux();
        spoil(&mut files);
        let bios_loader = BiosLoader::Isolinux { files: &files };
        let refused = lay_out(&Spec { bios_loader, ..spec(Format::Iso, &firmware) }).unwrap_err();
        assert!(refused.to_string().starts_with(name), "{refused}");
    }
}

#[test]
fn a_bare_efi_application_is_its_own_file_with_the_slot_it_was_built_with() {
    let mut binary = vec![0x90; 20_000];
    binary[3000..3021].copy_from_slice(b"#!ipxe\necho stage 1\n\0");
    let slot = EmbeddedSlot { offset: 4097, capacity: 2048 };
    let firmware = firmware(&[(Platform::EfiX64, binary.clone(), Some(slot))]);
    let laid = lay_out(&spec(Format::Efi, &firmware)).unwrap();
    assert_eq!(laid.bytes.len(), binary.len());
    assert_eq!(laid.bytes[..4097], binary[..4097]);
    assert_eq!(laid.bytes[6145..], binary[6145..]);
    let script = "#!ipxe\necho mine\n";
    assert_eq!(ways(&stamp(&laid, script), Format::Efi, script), [Via::Binary]);
}

#[test]
fn what_cannot_be_laid_out_is_refused_with_the_reason() {
    let firmware_all = small();
    let refused = |spec: Spec<'_>| lay_out(&spec).unwrap_err();
    for capacity in [0, 1000, MAX_CAPACITY + 2048, u64::MAX] {
        let spec = Spec { slot_capacity: capacity, ..spec(Format::Iso, &firmware_all) };
        assert!(matches!(refused(spec), LayoutError::Capacity { .. }), "{capacity}");
    }
    for format in Format::ALL {
        let spec = Spec { platforms: &[], ..spec(format, &firmware_all) };
        assert!(matches!(refused(spec), LayoutError::NoPlatform { .. }), "{format}");
    }
    let efi = refused(spec(Format::Efi, &firmware_all));
    assert!(matches!(efi, LayoutError::NoEmbeddedSlot { .. }));
    let bios_only = firmware(&[(Platform::Bios, kernel(4000), None)]);
    let missing = refused(spec(Format::Iso, &bios_only)).to_string();
    assert!(missing.contains("efi-x86_64") && missing.contains("\"test\""), "{missing}");
    let not_a_kernel = firmware(&[(Platform::Bios, b"MZ nothing".to_vec(), None)]);
    let spec = Spec { platforms: &[Platform::Bios], ..spec(Format::Usb, &not_a_kernel) };
    assert!(matches!(refused(spec), LayoutError::Loader(_)));
}

#[test]
fn a_floppy_takes_what_fits_and_no_more() {
    // 2843 clusters, of which the slot takes 8.
    let fits = firmware(&[(Platform::Bios, kernel(2835 * 512), None)]);
    let lay_out = |firmware: &Firmware| {
        lay_out(&Spec { platforms: &[Platform::Bios], ..spec(Format::Floppy, firmware) })
    };
    let laid = lay_out(&fits).unwrap();
    assert_eq!(laid.bytes.len(), 1_474_560);
    let too_large = firmware(&[(Platform::Bios, kernel(2835 * 512 + 1), None)]);
    let refused = lay_out(&too_large).unwrap_err().to_string();
    for part in ["1456128 bytes", "holds 1455616", "1451521", "smaller driver set"] {
        assert!(refused.contains(part), "{part} in: {refused}");
    }
}

#[test]
fn a_floppy_for_uefi_has_no_loader_and_takes_what_fits() {
    // 2847 clusters without a loader; the slot takes 8, the folders EFI and EFI/BOOT one each.
    let with = |size| firmware(&[(Platform::EfiX64, vec![7; size], None)]);
    let lay_out = |firmware: &Firmware| {
        lay_out(&Spec { platforms: &[Platform::EfiX64], ..spec(Format::Floppy, firmware) })
    };
    let laid = lay_out(&with(2837 * 512)).unwrap();
    let found = read_back(Cursor::new(&laid.bytes), Format::Floppy).unwrap();
    let [fat] = &found.tickets[..] else { panic!("{found:?}") };
    assert_eq!(fat.via, Via::Fat);
    let refused = lay_out(&with(2837 * 512 + 1)).unwrap_err().to_string();
    assert!(refused.contains("smaller driver set"), "{refused}");
}

#[test]
fn read_back_sees_a_loader_that_points_elsewhere() {
    let firmware = small();
    let laid = lay_out(&spec(Format::Floppy, &firmware)).unwrap();
    let mut image = laid.bytes;
    // Somebody moved the file, as a file manager would: the loader still reads the old place.
    let mut loader = image[512..512 + STAGE2_LEN].to_vec();
    let mut table = Table::read(&loader).unwrap();
    table.slot.offset += 8192;
    table.patch(&mut loader).unwrap();
    put(&mut image, 512, &loader).unwrap();
    let found = read_back(Cursor::new(&image), Format::Floppy).unwrap();
    let [fat, loader] = &found.tickets[..] else { panic!("{found:?}") };
    assert_ne!(fat.bytes, loader.bytes);
}

#[test]
fn images_of_others_are_refused() {
    for format in MEDIA {
        for image in [vec![], vec![0; 100_000], vec![0xff; 100_000]] {
            assert!(read_back(Cursor::new(image), format).is_err(), "{format}");
        }
    }
    let firmware = small();
    let laid = lay_out(&spec(Format::Floppy, &firmware)).unwrap();
    let mut image = laid.bytes;
    image[512 + TABLE] ^= 1;
    let refused = read_back(Cursor::new(image), Format::Floppy);
    assert!(matches!(refused, Err(ReadBackError::Loader(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes in the structures, where they hurt, and a cut somewhere.
    #[test]
    fn reading_back_never_panics(
        format in 0usize..5,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        thread_local! {
            static IMAGES: Vec<Vec<u8>> = {
                let firmware = small();
                MEDIA.iter().map(|format| lay_out(&spec(*format, &firmware)).unwrap().bytes).collect()
            };
        }
        let mut image = IMAGES.with(|images| images[format].clone());
        // Only structures and the small firmware differ from zero.
        let places: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
        for (at, byte) in edits {
            image[*at.get(&places)] = byte;
        }
        let _ = read_back(Cursor::new(&image), MEDIA[format]);
        image.truncate(cut.index(image.len()));
        let _ = read_back(Cursor::new(&image), MEDIA[format]);
    }
}
