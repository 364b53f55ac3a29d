//! Minting as a whole: stamps, files, manifest, and what an interrupted or damaged run leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bootmint_image_factory::{
    feed::{self, Defaults, FeedFormat},
    firmware::{
        BinaryManifest, Capability, Firmware, FirmwareManifest, MANIFEST, Provider, SCHEMA,
        sha256_hex,
    },
    format::{Format, Platform},
    host::Host,
    layout::BiosLoader,
    manifest::{Head, Manifest, TemplateEntry},
    mint::{self, Job, MintError, Output, Shard, Subject, Tally, Writer},
    template::{self, Recipe, Template},
    ticket::{Facts, Patience, Ticket, identities},
    verify,
};
use proptest::prelude::*;
use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Bytes that pass for a BIOS binary and an EFI binary: nothing here boots them.
fn firmware() -> Firmware {
    let folder = tempfile::tempdir().unwrap();
    let mut kernel: Vec<u8> = (0..120_000_u32).map(|at| (at / 7) as u8).collect();
    kernel[0x1f1] = 1;
    kernel[0x1fe..0x208].copy_from_slice(b"\x55\xaa\xeb\x66HdrS\x07\x02");
    kernel[0x211] = 1;
    let efi = [b"MZ".as_slice(), &[7; 90_000]].concat();
    let mut binaries = Vec::new();
    for (platform, bytes) in [(Platform::Bios, &kernel), (Platform::EfiX64, &efi)] {
        fs::write(folder.path().join(platform.file_name()), bytes).unwrap();
        binaries.push(BinaryManifest {
            platform,
            file: platform.file_name().into(),
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
            capabilities: Capability::ALL.into(),
            slot: None,
        });
    }
    let manifest = FirmwareManifest {
        schema: SCHEMA,
        profile: "test".into(),
        provider: Provider::Prebuilt,
        ipxe_version: "2.0.0".into(),
        key: "test".into(),
        notes: vec![],
        security: Default::default(),
        binaries,
    };
    fs::write(folder.path().join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    Firmware::load(folder.path()).unwrap()
}

fn template(format: Format) -> Template {
    let firmware = firmware();
    let platforms = template::platforms(format, &[Platform::Bios, Platform::EfiX64]);
    Template::new(&Recipe {
        format,
        firmware: &firmware,
        platforms: &platforms,
        slot_capacity: 16 << 10,
        bios_loader: BiosLoader::Own,
    })
    .unwrap()
}

fn iso() -> &'static Template {
    static ISO: OnceLock<Template> = OnceLock::new();
    ISO.get_or_init(|| template(Format::Iso))
}

fn hosts(count: usize) -> Vec<Host> {
    let mut csv = String::from("name,address,gateway,token\n");
    for n in 1..=count {
        csv += &format!("h{n},192.0.2.{n}/24,192.0.2.254,secret-token-{n:06}\n");
    }
    let defaults =
        Defaults { server: Some("http://192.0.2.253".parse().unwrap()), ..Defaults::default() };
    feed::parse(csv.as_bytes(), FeedFormat::Csv, "hosts.csv", &defaults).unwrap()
}

/// Mints `hosts` as `<host>.iso`; `stop_after` raises the flag that an interrupt raises.
fn run(out: &Path, hosts: &[Host], stop_after: usize) -> Result<(Tally, bool), MintError> {
    let output = Output::open(out, Shard::WHOLE)?;
    let writer = Writer::new(iso(), output.work())?;
    let head = Head {
        schema: 1,
        tool: "test".into(),
        firmware: vec![],
        templates: vec![TemplateEntry::new(iso(), "test")],
    };
    let mut draft = output.manifest(&head)?;
    let jobs = hosts.iter().map(|host| {
        Ok::<_, MintError>(Job {
            writer: &writer,
            file: format!("site/{}.iso", host.name),
            subject: Subject::Host(host),
            facts: Facts::Post,
        })
    });
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let minted = |_: &_, _| {
        if count.fetch_add(1, Ordering::Relaxed) + 1 >= stop_after {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let tally = mint::mint(&output, jobs, &Patience::default(), &mut draft, &minted, &stop)?;
    Ok((tally, draft.publish()?))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_run_writes_each_host_its_own_image_and_a_manifest_that_is_true() {
    let (out, hosts) = (tempfile::tempdir().unwrap(), hosts(7));
    let (tally, changed) = run(out.path(), &hosts, usize::MAX).unwrap();
    assert_eq!((tally.written, tally.unchanged, changed), (7, 0, true));
    assert_eq!(names(out.path()), [".bootmint.lock", "SHA256SUMS", "manifest.json", "site"]);
    let text = fs::read(out.path().join("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_slice(&text).unwrap();
    assert_eq!(manifest.images.len(), 7);
    for (n, entry) in manifest.images.iter().enumerate() {
        assert_eq!(entry.hosts[0].name, format!("h{}", n + 1));
        assert_eq!(entry.hosts[0].addresses, [std::net::IpAddr::from([192, 0, 2, n as u8 + 1])]);
        let mut file = fs::File::open(out.path().join(&entry.file)).unwrap();
        assert_eq!(verify::sniff(&mut file).unwrap(), Some(Format::Iso));
        verify::image(&mut file, entry).unwrap();
    }
    let secret = "secret-token-000001";
    assert!(!String::from_utf8(text).unwrap().contains(secret), "tokens stay out of the manifest");
    let token = manifest.images[0].hosts[0].token_sha256.as_deref();
    assert_eq!(token, Some(sha256_hex(secret.as_bytes()).as_str()));
}

#[test]
fn a_second_run_writes_nothing_and_a_damaged_image_is_written_again() {
    let (out, hosts) = (tempfile::tempdir().unwrap(), hosts(3));
    run(out.path(), &hosts, usize::MAX).unwrap();
    let stat = |name: &str| {
        let about = fs::metadata(out.path().join(name)).unwrap();
        (about.ino(), about.mtime_nsec())
    };
    let files = ["site/h1.iso", "site/h2.iso", "site/h3.iso", "manifest.json", "SHA256SUMS"];
    let before = files.map(stat);
    let (tally, changed) = run(out.path(), &hosts, usize::MAX).unwrap();
    assert_eq!((tally.written, tally.unchanged, changed), (0, 3, false));
    assert_eq!(before, files.map(stat));

    let damaged = fs::File::options().write(true).open(out.path().join("site/h2.iso")).unwrap();
    damaged.write_all_at(b"x", 100_000).unwrap();
    let (tally, _) = run(out.path(), &hosts, usize::MAX).unwrap();
    assert_eq!((tally.written, tally.unchanged), (1, 2));
    assert_eq!(before[0], stat("site/h1.iso"));
}

#[test]
fn an_interrupted_run_leaves_whole_images_only_and_goes_on_where_it_stopped() {
    let (out, hosts) = (tempfile::tempdir().unwrap(), hosts(100));
    let error = run(out.path(), &hosts, 10).unwrap_err();
    let MintError::Interrupted(done) = error else { panic!("{error}") };
    assert!((10..100).contains(&done), "{done} images");
    assert_eq!(names(out.path()), [".bootmint.lock", "site"], "no manifest, no work folder");
    assert_eq!(names(&out.path().join("site")).len() as u64, done);
    let (tally, _) = run(out.path(), &hosts, usize::MAX).unwrap();
    assert_eq!((tally.written, tally.unchanged), (100 - done, done));
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let out = tempfile::tempdir().unwrap();
    let work = out.path().join(".bootmint.work");
    fs::create_dir(&work).unwrap();
    fs::write(work.join("half-an-image"), b"half").unwrap();
    run(out.path(), &hosts(1), usize::MAX).unwrap();
    assert!(!work.exists());
}

#[test]
fn an_image_of_another_host_does_not_pass_for_this_one() {
    let (out, hosts) = (tempfile::tempdir().unwrap(), hosts(2));
    run(out.path(), &hosts, usize::MAX).unwrap();
    let text = fs::read(out.path().join("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_slice(&text).unwrap();
    let path = out.path().join("site/h2.iso");
    let mut entry = manifest.images[0].clone();
    entry.sha256 = manifest.images[1].sha256.clone();
    let error = verify::image(&mut fs::File::open(&path).unwrap(), &entry).unwrap_err().to_string();
    assert!(error.contains("holds the identity of h2 (192.0.2.2)"), "{error}");
    assert!(error.contains("the manifest says h1 (192.0.2.1)"), "{error}");
}

#[test]
fn every_format_reads_back_the_ticket_it_was_stamped_with() {
    let host = &hosts(1)[0];
    let ticket = Ticket::for_host(host, Facts::Post, &Patience::default());
    for format in [Format::Iso, Format::Usb, Format::Floppy, Format::Lkrn] {
        let template = template(format);
        let stamp = template.stamp(&ticket).unwrap();
        let mut bytes = Vec::new();
        stamp.reader().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), template.bytes().len());
        assert_eq!(sha256_hex(&bytes).as_bytes(), hex(&stamp.sha256()).as_bytes(), "{format}");
        let contents = verify::contents(stamp.reader(), format).unwrap();
        assert!(!contents.tickets.is_empty());
        for (via, script) in contents.tickets {
            assert_eq!(script, ticket.as_str(), "{format} by {via}");
            assert_eq!(identities(&script).len(), 1);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn stamping_twice_gives_equal_bytes_and_touches_the_slots_only() {
    let hosts = hosts(2);
    let stamp =
        |host| iso().stamp(&Ticket::for_host(host, Facts::Post, &Patience::default())).unwrap();
    assert_eq!(stamp(&hosts[0]).sha256(), stamp(&hosts[0]).sha256());
    assert_ne!(stamp(&hosts[0]).sha256(), stamp(&hosts[1]).sha256());
    let mut bytes = Vec::new();
    stamp(&hosts[1]).reader().read_to_end(&mut bytes).unwrap();
    let slots = iso().slots().slots();
    for (at, (new, old)) in bytes.iter().zip(iso().bytes()).enumerate() {
        let in_slot = slots.iter().any(|slot| {
            (slot.region.offset..slot.region.offset + slot.region.len).contains(&(at as u64))
        });
        assert!(in_slot || new == old, "byte {at} changed outside the slots");
    }
    assert_eq!(iso().key(), template(Format::Iso).key());
    assert_eq!(iso().bytes(), template(Format::Iso).bytes());
}

proptest! {
    #[test]
    fn a_stamp_reads_the_same_in_any_pieces(start in 0_u64..400_000, len in 0_usize..300_000) {
        let host = &hosts(1)[0];
        let ticket = Ticket::for_host(host, Facts::Post, &Patience::default());
        let stamp = iso().stamp(&ticket).unwrap();
        let mut whole = Vec::new();
        stamp.reader().read_to_end(&mut whole).unwrap();
        let mut reader = stamp.reader();
        reader.seek(SeekFrom::Start(start)).unwrap();
        let mut piece = Vec::new();
        reader.take(len as u64).read_to_end(&mut piece).unwrap();
        let from = usize::try_from(start).unwrap().min(whole.len());
        prop_assert_eq!(piece, &whole[from..(from + len).min(whole.len())]);
    }
}
