//! Images on demand are, byte by byte, those that a batch writes to files.

use super::*;
use bootmint_image_factory::{
    firmware::{
        BinaryManifest, Capability, Firmware, FirmwareManifest, MANIFEST, Provider, SCHEMA,
        sha256_hex,
    },
    format::Platform,
    layout::BiosLoader,
    manifest::{self, FirmwareEntry, Head, TemplateEntry},
    mint::{Job, MintError, Output, Shard, Subject, Writer, mint},
    template::{Recipe, Template, platforms},
    ticket::Facts,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// A firmware whose binaries only look like some, in a folder.
fn firmware(folder: &Path) -> Firmware {
    let mut kernel: Vec<u8> = (0..80_000u32).map(|at| (at / 7) as u8).collect();
    kernel[0x1f1] = 4;
    kernel[0x1fe..0x208].copy_from_slice(b"\x55\xaa\xeb\x46HdrS\x07\x02");
    kernel[0x211] = 1;
    let mut efi: Vec<u8> = (0..90_000u32).map(|at| (at / 5) as u8).collect();
    efi[..2].copy_from_slice(b"MZ");
    let binaries =
        [(Platform::Bios, &kernel), (Platform::EfiX64, &efi)].map(|(platform, bytes)| {
            fs::write(folder.join(platform.file_name()), bytes).unwrap();
            BinaryManifest {
                platform,
                file: platform.file_name().into(),
                size: bytes.len() as u64,
                sha256: sha256_hex(bytes),
                capabilities: [Capability::Ticket, Capability::Http, Capability::Params].into(),
                slot: None,
            }
        });
    let manifest = FirmwareManifest {
        schema: SCHEMA,
        profile: "default".into(),
        provider: Provider::Prebuilt,
        ipxe_version: "2.0.0".into(),
        key: "k".into(),
        notes: vec![],
        security: Default::default(),
        binaries: binaries.to_vec(),
    };
    fs::write(folder.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    Firmware::load(folder).unwrap()
}

/// A run of the factory for these hosts, as `build-images` does it. Returns the firmware's folder
/// and the output's.
pub(crate) fn build(work: &Path, hosts: &[Host], patience: &Patience) -> (PathBuf, PathBuf) {
    let (folder, out) = (work.join("firmware"), work.join("out"));
    fs::create_dir_all(&folder).unwrap();
    let firmware = firmware(&folder);
    let targets = [Platform::Bios, Platform::EfiX64];
    let templates: Vec<_> = [Format::Iso, Format::Usb]
        .map(|format| {
            Template::new(&Recipe {
                format,
                firmware: &firmware,
                platforms: &platforms(format, &targets),
                slot_capacity: 16384,
                bios_loader: BiosLoader::Own,
            })
            .unwrap()
        })
        .into();
    let output = Output::open(&out, Shard::WHOLE).unwrap();
    let head = Head {
        schema: manifest::SCHEMA,
        tool: "bootmint test".into(),
        firmware: vec![FirmwareEntry::new(&firmware.manifest, "default")],
        templates: templates.iter().map(|t| TemplateEntry::new(t, "default")).collect(),
    };
    let writers: Vec<_> =
        templates.iter().map(|template| Writer::new(template, output.work()).unwrap()).collect();
    let all: Vec<_> = firmware.binaries().iter().map(|b| &b.about.capabilities).collect();
    let facts = Facts::for_capabilities(&all);
    fn job<'w, 't>(
        (host, writer): &(&Host, &'w Writer<'t>),
        facts: Facts,
    ) -> Result<Job<'w, 't>, MintError> {
        let file = format!("{}.{}", host.name, writer.template().format().extension());
        Ok(Job { writer, file, subject: Subject::from((*host).clone()), facts })
    }
    let items: Vec<_> =
        hosts.iter().flat_map(|host| writers.iter().map(move |writer| (host, writer))).collect();
    static STOP: AtomicBool = AtomicBool::new(false);
    let mut draft = output.manifest(&head).unwrap();
    mint(&output, items, &|item| job(item, facts), patience, &mut draft, &|_, _| (), &STOP)
        .unwrap();
    draft.publish().unwrap();
    (folder, out)
}

#[test]
fn what_is_minted_on_demand_is_what_a_batch_writes() {
    let work = tempfile::tempdir().unwrap();
    let hosts = [crate::testing::host("web-01", 1), crate::testing::host("web-02", 2)];
    let patience = Patience { attempts: 7.try_into().unwrap(), ..Patience::default() };
    let (firmware, out) = build(work.path(), &hosts, &patience);
    let folder = work.path().join("shelf");
    let done = publish(&out, &[firmware], &patience, &folder).unwrap();
    assert_eq!(done, [("default".parse().unwrap(), 2)]);
    let set = Shelf::new(&folder).set(&"default".parse().unwrap()).unwrap();
    let mut tags = std::collections::BTreeSet::new();
    for host in &hosts {
        for format in [Format::Iso, Format::Usb] {
            let image = Image::mint(set.die(format).unwrap(), host, &set.patience).unwrap();
            let file = fs::read(out.join(format!("{}.{}", host.name, format.extension()))).unwrap();
            assert_eq!(image.size(), file.len() as u64);
            assert!(image.whole().concat() == file, "{} {format}", host.name);
            for (start, end) in
                [(0, 1), (511, 4097), (40_000, 70_001), (image.size() - 1, image.size())]
            {
                let part = image.slice(start, end).concat();
                assert!(part == file[start as usize..end as usize], "{format} {start}..{end}");
            }
            tags.insert(image.etag().to_owned());
        }
    }
    assert_eq!(tags.len(), 4, "every image has a tag of its own");
}

#[test]
fn an_image_is_minted_once_until_something_else_is_published() {
    let work = tempfile::tempdir().unwrap();
    let host = crate::testing::host("web-01", 1);
    let patient =
        |attempts: u8| Patience { attempts: attempts.try_into().unwrap(), ..Patience::default() };
    let folder = work.path().join("shelf");
    let shelf = Shelf::new(&folder);
    let mut minted = 0;
    let mut tag = |shelf: &Shelf| {
        let set = shelf.set(&"default".parse().unwrap()).unwrap();
        let key = crate::secret::Digest::of(b"web-01");
        let image = shelf.minted(key, &set, || {
            minted += 1;
            Image::mint(set.die(Format::Iso).unwrap(), &host, &set.patience)
        });
        (image.unwrap().etag().to_owned(), minted)
    };
    let publish_with = |attempts: u8| {
        let out = work.path().join(attempts.to_string());
        fs::create_dir_all(&out).unwrap();
        let (firmware, out) = build(&out, std::slice::from_ref(&host), &patient(attempts));
        publish(&out, &[firmware], &patient(attempts), &folder).unwrap();
        for file in fs::read_dir(&folder).unwrap().flatten().filter(|f| f.path().is_file()) {
            let written = file.metadata().unwrap().modified().unwrap();
            let later = written + std::time::Duration::from_secs(attempts.into());
            fs::File::open(file.path()).unwrap().set_modified(later).unwrap();
        }
    };
    publish_with(7);
    let (first, _) = tag(&shelf);
    assert_eq!(tag(&shelf), (first.clone(), 1));
    publish_with(8);
    let (second, times) = tag(&shelf);
    assert_ne!(second, first);
    assert_eq!((tag(&shelf), times), ((second, 2), 2));
}

#[test]
fn what_cannot_be_right_is_not_published() {
    let work = tempfile::tempdir().unwrap();
    let (firmware, out) =
        build(work.path(), &[crate::testing::host("web-01", 1)], &Patience::default());
    let shelf = work.path().join("shelf");
    let error = publish(&out, &[], &Patience::default(), &shelf).unwrap_err();
    assert!(matches!(error, PublishError::NoFirmware { .. }), "{error}");
    let manifest = out.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"slot-capacity\": 16384", "\"slot-capacity\": 32768"))
        .unwrap();
    let error = publish(&out, &[firmware], &Patience::default(), &shelf).unwrap_err();
    assert!(matches!(error, PublishError::Differs { .. }), "{error}");
    assert!(!shelf.exists(), "nothing is left behind");
}

#[test]
fn names_of_images_are_read() {
    for (text, host, format) in [
        ("web-01.iso", "web-01", Format::Iso),
        ("web-01.example.net.usb.img", "web-01.example.net", Format::Usb),
        ("web-01.usb", "web-01", Format::Usb),
        ("web-01.vhd", "web-01", Format::Vhd),
        ("web-01.floppy.img", "web-01", Format::Floppy),
    ] {
        assert_eq!(parse_name(text), Some((host.parse().unwrap(), format)));
    }
    for bad in ["web-01", ".iso", "web-01.qcow2", "../web-01.iso", "web_01.iso", ""] {
        assert_eq!(parse_name(bad), None, "{bad}");
    }
}

#[test]
fn an_archive_is_as_long_as_it_says_and_others_can_read_it() {
    let work = tempfile::tempdir().unwrap();
    let hosts = [crate::testing::host("web-01", 1), crate::testing::host("web-02", 2)];
    let (firmware, out) = build(work.path(), &hosts, &Patience::default());
    let folder = work.path().join("shelf");
    publish(&out, &[firmware], &Patience::default(), &folder).unwrap();
    let set = Shelf::new(&folder).set(&"default".parse().unwrap()).unwrap();
    let members: Vec<_> = hosts
        .iter()
        .map(|host| {
            let image = Image::mint(set.die(Format::Iso).unwrap(), host, &set.patience).unwrap();
            (format!("{}.iso", host.name), image)
        })
        .collect();
    let long = vec![("x".repeat(100), members[0].1.clone())];
    assert!(Tar::new(long).is_err(), "a name is cut off by nobody");
    let zip = Zip::new(members.clone()).unwrap();
    let size = zip.size();
    let bytes: Vec<u8> = zip.into_pieces().flatten().collect();
    assert_eq!(bytes.len() as u64, size);
    let mut archive = ::zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 2);
    for index in 0..2 {
        let mut file = archive.by_index(index).unwrap();
        let path = file.enclosed_name().unwrap();
        let mut content = Vec::new();
        // It checks the sum at the end.
        std::io::Read::read_to_end(&mut file, &mut content).unwrap();
        assert!(content == fs::read(out.join(&path)).unwrap(), "{path:?}");
    }
    let many = (4_u64 << 30) / members[0].1.size();
    let many = std::iter::repeat_n(members[0].clone(), usize::try_from(many).unwrap());
    assert!(Zip::new(many.collect()).is_err(), "4 GiB are too many");

    let archive = Tar::new(members).unwrap();
    let size = archive.size();
    let bytes: Vec<u8> = archive.into_pieces().flatten().collect();
    assert_eq!(bytes.len() as u64, size);
    let mut archive = ::tar::Archive::new(&bytes[..]);
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        assert!(content == fs::read(out.join(&path)).unwrap(), "{path:?}");
        names.push(path);
    }
    assert_eq!(names.len(), 2);
}
