//! `cargo xtask build-images` and `images` as their users meet them: exit codes, messages, files.
#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a test that cannot go on has failed; not every test program uses all of its helpers"
)]

#[path = "../../image-factory/tests/common/fake.rs"]
mod fake;
#[path = "build_images/refusals.rs"]
mod refusals;

use bootmint_image_factory::{
    firmware::{Capabilities, Capability, sha256_hex},
    format::Platform,
};
use fake::Fake;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::FileExt, path::Path};
use xshell::{Shell, cmd};

const HOSTS: &str = "\
name,mac,address,gateway,site
a1,52:54:00:00:00:01,192.0.2.1/24,192.0.2.254,berlin
a2,52:54:00:00:00:02,192.0.2.2/24,192.0.2.254,berlin
b1,52:54:00:00:00:03,192.0.2.3/24,192.0.2.254,
";

/// A folder with a feed, and firmware that passes for real until something boots it.
struct Bench {
    folder: tempfile::TempDir,
}

/// How a run ended.
struct Ended {
    ok: bool,
    out: String,
    err: String,
}

impl Bench {
    fn new(hosts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hosts.csv"), hosts).unwrap();
        let bench = Self { folder };
        bench.firmware(Capability::ALL.into());
        bench
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn firmware(&self, capabilities: Capabilities) {
        let platforms = &[Platform::Bios, Platform::EfiX64];
        let fake = Fake { kernel: 60_000, efi: 50_000, platforms, capabilities };
        fake.write(&self.path("firmware"));
    }

    fn xtask(&self, args: &[&str]) -> Ended {
        self.run(&Shell::new().unwrap(), args)
    }

    /// The same where no program is on the search path.
    fn xtask_without_qemu(&self, args: &[&str]) -> Ended {
        let shell = Shell::new().unwrap();
        shell.set_var("PATH", self.path("no-programs"));
        self.run(&shell, args)
    }

    fn run(&self, shell: &Shell, args: &[&str]) -> Ended {
        shell.change_dir(self.folder.path());
        let program = env!("CARGO_BIN_EXE_xtask");
        let run = cmd!(shell, "{program} {args...}").env("BOOTMINT_CACHE", self.path("cache"));
        let ended = run.quiet().ignore_status().output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { ok: ended.status.success(), out: text(ended.stdout), err: text(ended.stderr) }
    }

    fn build(&self, more: &[&str]) -> Ended {
        let args = ["build-images", "--hosts", "hosts.csv", "--server", "http://192.0.2.250"];
        let firmware = ["--firmware", "prebuilt", "--prebuilt", "firmware"];
        self.xtask(&[&args[..], &firmware, more].concat())
    }

    fn manifest(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }
}

fn exists(path: &Path) -> bool {
    path.exists()
}

#[test]
fn a_feed_becomes_images_and_a_second_run_writes_nothing() {
    let bench = Bench::new(HOSTS);
    let first = bench.build(&["--format", "iso,usb"]);
    assert!(first.ok, "{}", first.err);
    for file in ["berlin/a1.iso", "berlin/a2.usb.img", "b1.iso", "SHA256SUMS", "manifest.json"] {
        assert!(exists(&bench.path("out").join(file)), "{file}");
    }
    let shell = Shell::new().unwrap();
    shell.change_dir(bench.path("out"));
    cmd!(shell, "sha256sum --check --quiet SHA256SUMS").quiet().run().unwrap();
    assert!(bench.xtask(&["images", "verify"]).out.contains("6 images hold what"));

    let again = bench.build(&["--format", "iso,usb", "--json"]);
    let report: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((&report["written"], &report["unchanged"]), (&0.into(), &6.into()));
    assert_eq!(report["manifest-changed"], false);
}

#[test]
fn what_was_made_is_attested_signed_and_verified() {
    let bench = Bench::new(HOSTS);
    assert!(bench.build(&[]).ok);
    let inputs = json!({
        "overlays": { "my-driver": "d".repeat(64) },
        "source": { "commit": "c".repeat(40), "tree": "e".repeat(40) },
    });
    fs::write(bench.path("firmware/key.json"), inputs.to_string()).unwrap();
    let shell = Shell::new().unwrap();
    shell.change_dir(bench.folder.path());
    for key in ["signer", "stranger"] {
        cmd!(shell, "ssh-keygen -q -t ed25519 -N '' -C {key} -f {key}").quiet().run().unwrap();
    }
    let attest = || bench.xtask(&["images", "attest", "--prebuilt", "firmware", "--key", "signer"]);
    let verify = |key| bench.xtask(&["images", "verify", "--key", key]);
    let made = attest();
    assert!(made.ok, "{}", made.err);
    let sbom = fs::read(bench.path("out/sbom.spdx.json")).unwrap();
    let statement = fs::read(bench.path("out/provenance.json")).unwrap();
    assert!(attest().ok);
    assert_eq!(fs::read(bench.path("out/sbom.spdx.json")).unwrap(), sbom);
    assert_eq!(fs::read(bench.path("out/provenance.json")).unwrap(), statement);
    let document = bench.manifest("out/sbom.spdx.json");
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    let packages = document["packages"].as_array().unwrap();
    let named = |name| packages.iter().find(|package| package["name"] == name).unwrap();
    let comment = |name| named(name)["comment"].as_str().unwrap().to_owned();
    assert!(comment("firmware default").contains("my-driver"), "{document}");
    assert!(comment("my-driver").contains(&"d".repeat(64)), "{document}");
    assert_spdx(&document);

    assert!(verify("signer.pub").ok, "{}", verify("signer.pub").err);
    for (key, expected) in [("stranger.pub", "no good signature"), ("signer", ".pub file")] {
        let ended = verify(key);
        assert!(!ended.ok && ended.err.contains(expected), "{key}: {}", ended.err);
    }
    let sums = fs::read(bench.path("out/SHA256SUMS")).unwrap();
    fs::write(bench.path("out/SHA256SUMS"), [&sums[..], b"\n"].concat()).unwrap();
    let ended = verify("signer.pub");
    assert!(!ended.ok && ended.err.contains("SHA256SUMS is not the one"), "{}", ended.err);
    fs::write(bench.path("out/SHA256SUMS"), sums).unwrap();
    let altered = String::from_utf8(statement).unwrap().replace("urn:bootmint:xtask", "urn:else");
    fs::write(bench.path("out/provenance.json"), altered).unwrap();
    let ended = verify("signer.pub");
    assert!(!ended.ok && ended.err.contains("no good signature"), "{}", ended.err);
}

/// What SPDX 2.3 demands of a document: the fields, ids of its own form, and no relationship that
/// leads nowhere.
fn assert_spdx(document: &Value) {
    for field in ["dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"] {
        assert!(!document[field].is_null(), "{field}: {document}");
    }
    let mut ids = vec!["SPDXRef-DOCUMENT"];
    for package in document["packages"].as_array().unwrap() {
        let id = package["SPDXID"].as_str().unwrap();
        let rest = id.strip_prefix("SPDXRef-").unwrap();
        assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'), "{id}");
        assert!(!ids.contains(&id), "{id} twice");
        ids.push(id);
        for field in ["name", "downloadLocation", "licenseConcluded", "licenseDeclared"] {
            assert!(package[field].is_string(), "{field}: {package}");
        }
    }
    assert_others_read(document);
    for relation in document["relationships"].as_array().unwrap() {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            assert!(ids.contains(&relation[end].as_str().unwrap()), "{relation}");
        }
    }
}

/// Somebody else's reader of SPDX takes the document, and none that breaks the specification.
fn assert_others_read(document: &Value) {
    let read = |document: &Value| serde_json::from_value::<spdx_rs::models::SPDX>(document.clone());
    let found = read(document).unwrap();
    assert_eq!(found.package_information.len(), document["packages"].as_array().unwrap().len());
    assert_eq!(found.relationships.len(), document["relationships"].as_array().unwrap().len());
    for (place, bad) in [
        ("/relationships/0/relationshipType", "MADE_OF"),
        ("/creationInfo/created", "yesterday"),
        ("/packages/0/checksums/0/algorithm", "SHA255"),
        ("/packages/0/licenseConcluded", "GPL AND"),
    ] {
        let mut broken = document.clone();
        *broken.pointer_mut(place).unwrap() = bad.into();
        assert!(read(&broken).is_err(), "{place}: {bad}");
    }
}

/// Keys and signatures of minisign, made and checked by the program itself.
#[test]
fn minisign_keys_sign_and_verify_too() {
    let bench = Bench::new(HOSTS);
    assert!(bench.build(&[]).ok);
    let shell = Shell::new().unwrap();
    shell.change_dir(bench.folder.path());
    for key in ["signer", "stranger"] {
        let make = cmd!(shell, "minisign -G -W -s {key}.key -p {key}.pub");
        make.quiet().ignore_stdout().run().unwrap();
    }
    let attest = ["images", "attest", "--prebuilt", "firmware", "--key", "signer.key"];
    let made = bench.xtask(&attest);
    assert!(made.ok, "{}", made.err);
    let check = cmd!(shell, "minisign -V -q -p signer.pub -m out/provenance.json");
    check.quiet().run().unwrap();

    let verify = |key| bench.xtask(&["images", "verify", "--key", key]);
    assert!(verify("signer.pub").ok, "{}", verify("signer.pub").err);
    for (key, expected) in [("stranger.pub", "no good signature"), ("signer.key", ".pub file")] {
        let ended = verify(key);
        assert!(!ended.ok && ended.err.contains(expected), "{key}: {}", ended.err);
    }
    // Signed by the same key for something else: that is no statement of provenance.
    let other = cmd!(shell, "minisign -S -s signer.key -t else -m out/provenance.json");
    other.quiet().ignore_stdout().run().unwrap();
    let ended = verify("signer.pub");
    assert!(!ended.ok && ended.err.contains("no good signature"), "{}", ended.err);
    // What is attested again is signed again or not at all.
    assert!(bench.xtask(&attest[..4]).ok);
    assert!(!exists(&bench.path("out/provenance.json.minisig")));
    assert!(!verify("signer.pub").ok);
}

#[test]
fn disk_images_are_converted_for_hypervisors_and_others_are_refused() {
    let bench = Bench::new(HOSTS);
    assert!(bench.build(&["--format", "iso,usb"]).ok);
    for (to, magic) in [("qcow2", &b"QFI\xfb"[..]), ("vmdk", b"KDMV")] {
        let ended = bench.xtask(&["images", "convert", "--to", to, "out/b1.usb.img"]);
        assert!(ended.ok, "{}", ended.err);
        assert!(fs::read(bench.path("out/b1").with_extension(to)).unwrap().starts_with(magic));
        let ended = bench.xtask(&["images", "convert", "--to", to, "out/b1.iso"]);
        assert!(!ended.ok && ended.err.contains("mint it with --format usb"), "{}", ended.err);
    }
}

#[test]
fn a_bad_feed_gives_all_its_faults_and_writes_nothing() {
    let bench = Bench::new(
        "name,address,gateway\nweb,192.0.2.1/24,10.0.0.1\nweb,192.0.2.1/24,\nx y,192.0.2.9/33,\n",
    );
    let ended = bench.build(&[]);
    assert!(!ended.ok);
    for place in ["hosts.csv:2:18: ", "hosts.csv:3:1: ", "hosts.csv:3:5: ", "hosts.csv:4:1: "] {
        assert!(ended.err.contains(place), "{place} is missing in\n{}", ended.err);
    }
    assert!(!exists(&bench.path("out")));
}

#[test]
fn what_the_firmware_or_the_slot_cannot_hold_is_refused_before_anything_is_written() {
    let lacking = Bench::new("name,address,vlan\nweb,192.0.2.1/24,7\n");
    lacking.firmware([Capability::Ticket, Capability::Http].into());
    let ended = lacking.build(&[]);
    let wanted = "hosts.csv:2:1: host \"web\": a NIC is in a VLAN, but the bios firmware lacks";
    assert!(!ended.ok && ended.err.contains(wanted), "{}", ended.err);
    assert!(!exists(&lacking.path("out")));

    let media = Bench::new(HOSTS);
    let profile = "name = \"pxe\"\ndescription = \"x\"\ntargets = [\"efi-x86_64\"]\n\
                   drivers = \"snponly\"\n";
    fs::write(media.path("pxe.toml"), profile).unwrap();
    let build = ["build-images", "--hosts", "hosts.csv", "--server", "http://192.0.2.250"];
    let ended = media.xtask(&[&build[..], &["--profile", "./pxe.toml"]].concat());
    assert!(!ended.ok && ended.err.contains("take snp instead"), "{}", ended.err);
    assert!(!exists(&media.path("out")) && !exists(&media.path("cache/source")));

    let columns: Vec<String> = (0..64).map(|n| format!("v{n}")).collect();
    let values = vec!["x".repeat(255); 64];
    let text =
        format!("name,address,{}\nweb,192.0.2.1/24,{}\n", columns.join(","), values.join(","));
    let large = Bench::new(&text);
    let ended = large.build(&[]);
    assert!(!ended.ok && ended.err.contains("iso image: the ticket needs "), "{}", ended.err);
    assert!(!exists(&large.path("out")));
}

#[test]
fn two_images_never_share_a_name() {
    let bench = Bench::new(HOSTS);
    let ended = bench.build(&["--name", "{site}.{ext}"]);
    assert!(!ended.ok && ended.err.contains("gives \"berlin.iso\" to host"), "{}", ended.err);
    assert!(!exists(&bench.path("out")));
}

#[test]
fn shards_together_make_the_whole_run() {
    let bench = Bench::new(HOSTS);
    for shard in ["1/2", "2/2"] {
        let ended = bench.build(&["--shard", shard]);
        assert!(ended.ok, "{}", ended.err);
    }
    let count = |name| bench.manifest(name)["images"].as_array().unwrap().len();
    assert_eq!(count("out/manifest.1-of-2.json") + count("out/manifest.2-of-2.json"), 3);
    assert!(bench.xtask(&["images", "verify", "out"]).out.contains("3 images hold what"));
}

#[test]
fn a_site_image_holds_its_hosts() {
    let bench = Bench::new(&HOSTS.replace(",\n", ",paris\n"));
    let ended = bench.build(&["--site-images"]);
    assert!(ended.ok, "{}", ended.err);
    let shown = bench.xtask(&["images", "show", "out/berlin.iso"]).out;
    assert!(shown.contains("host a1 192.0.2.1\n") && shown.contains("host a2 192.0.2.2\n"));
    assert!(!shown.contains("b1"), "{shown}");
    assert!(exists(&bench.path("out/paris.iso")));
}

#[test]
fn tokens_follow_from_the_key_and_stay_out_of_everything_but_the_ticket() {
    let bench = Bench::new(HOSTS);
    fs::write(bench.path("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let ended = bench.build(&["--token-key", "key"]);
    assert!(ended.ok, "{}", ended.err);
    let shown = bench.xtask(&["images", "show", "--ticket", "out/b1.iso"]).out;
    let url = shown.lines().find(|line| line.starts_with("set bootmint-url ")).unwrap();
    let token = url.rsplit('/').next().unwrap();
    assert_eq!(token.len(), 64);
    let manifest = fs::read_to_string(bench.path("out/manifest.json")).unwrap();
    assert!(manifest.contains(&sha256_hex(token.as_bytes())));
    assert!(!(manifest + &ended.out + &ended.err).contains(token));
    assert!(!bench.xtask(&["images", "show", "out/b1.iso"]).out.contains(token));
}

#[test]
fn verify_finds_what_was_altered_and_what_nobody_vouches_for() {
    let bench = Bench::new(HOSTS);
    assert!(bench.build(&[]).ok);
    let image = fs::File::options().write(true).open(bench.path("out/b1.iso")).unwrap();
    image.write_all_at(b"!", 40_000).unwrap();
    fs::copy(bench.path("out/berlin/a1.iso"), bench.path("out/berlin/old.iso")).unwrap();
    let ended = bench.xtask(&["images", "verify"]);
    assert!(!ended.ok);
    assert!(ended.out.contains("b1.iso: has SHA-256 "), "{}", ended.out);
    assert!(ended.err.contains("old.iso is an image that no manifest names"), "{}", ended.err);
    assert!(ended.err.contains("1 of 3 images are not what the manifest says"), "{}", ended.err);
}

#[test]
fn one_image_is_for_all_machines_that_say_themselves_who_they_are() {
    let bench = Bench::new(HOSTS);
    let build = |source: &str| {
        let firmware = ["--firmware", "prebuilt", "--prebuilt", "firmware"];
        bench.xtask(
            &[&["build-images", "--identity", source, "--format", "iso,usb"], &firmware[..]]
                .concat(),
        )
    };
    let ended = build("fw-cfg");
    assert!(ended.ok, "{}", ended.err);
    assert_eq!(bench.manifest("out/manifest.json")["images"][0]["identity"], "fw-cfg");
    let shown = bench.xtask(&["images", "show", "out/fw-cfg.iso"]).out;
    assert!(shown.contains("identity by fw-cfg") && !shown.contains("\nhost "), "{shown}");
    assert!(bench.xtask(&["images", "verify"]).out.contains("2 images hold what"));

    // An image of another source under its name is noticed.
    assert!(build("smbios").ok);
    let manifest = fs::read_to_string(bench.path("out/manifest.json")).unwrap();
    let lie = manifest.replace("\"identity\":\"smbios\"", "\"identity\":\"guestinfo\"");
    fs::write(bench.path("out/manifest.json"), lie).unwrap();
    let ended = bench.xtask(&["images", "verify"]);
    assert!(!ended.ok && ended.out.contains("holds the identity of smbios"), "{}", ended.out);

    bench.firmware([Capability::Ticket, Capability::Http].into());
    let ended = build("guestinfo");
    let reason = "read from GuestInfo, but the bios firmware lacks \"guestinfo\"";
    assert!(!ended.ok && ended.err.contains(reason), "{}", ended.err);
    assert!(!exists(&bench.path("out/guestinfo.iso")));
    assert!(
        !bench.build(&["--identity", "fw-cfg"]).ok,
        "a feed and an identity exclude each other"
    );
}
