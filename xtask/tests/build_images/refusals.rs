//! What cannot be had is refused in one sentence that says what to do: before anything is fetched,
//! compiled, written or started.

use super::{Bench, Ended, HOSTS};
use crate::fake::Fake;
use bootmint_image_factory::{
    firmware::{Capabilities, Capability},
    format::Platform,
};
use std::fs;

const CERT: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
/// An out-of-tree driver for BIOS machines alone.
const DRIVER: &str = "name = \"bios-only\"\ndescription = \"d\"\nkind = \"settings\"\n\
    license = \"MIT\"\nplatforms = [\"bios\"]\nsources = [\"bios_only.c\"]\n";
/// Profiles: name, targets, and what else is in the file.
const PROFILES: [(&str, &str, &str); 11] = [
    ("bios", "\"bios\"", ""),
    ("efi", "\"efi-x86_64\"", ""),
    ("arm", "\"efi-arm64\"", ""),
    ("all", "\"bios\", \"efi-x86_64\", \"efi-arm64\"", ""),
    ("isolinux", "\"bios\", \"efi-x86_64\"", "bios-loader = \"isolinux\"\n"),
    ("script", "\"bios\"", "script = \"own.ipxe\"\n"),
    ("trust", "\"bios\"", "trust = [\"ca.pem\"]\n"),
    (
        "signed",
        "\"bios\"",
        "trust = [\"ca.pem\"]\npayloads = \"signed\"\n[options]\nimage-trust = true\n",
    ),
    ("overlay", "\"bios\"", "overlays = [\"./bios-only\"]\n"),
    ("shim", "\"efi-x86_64\"", "[secure-boot]\nlane = \"shim\"\n"),
    (
        "own",
        "\"efi-x86_64\"",
        "[secure-boot]\nlane = \"own-key\"\ncert = \"ca.pem\"\nkey = \"db.key\"\n",
    ),
];

/// A bench with all profiles, and firmware that can do nothing but run a ticket in `poor`.
fn bench() -> Bench {
    let bench = Bench::new(HOSTS);
    for (name, targets, more) in PROFILES {
        let text = format!(
            "name = \"{name}\"\ndescription = \"d\"\ntargets = [{targets}]\ndrivers = \"all\"\n{more}"
        );
        fs::write(bench.path(&format!("{name}.toml")), text).unwrap();
    }
    fs::create_dir(bench.path("bios-only")).unwrap();
    for (name, text) in [
        ("own.ipxe", "#!ipxe\nshell\n"),
        ("ca.pem", CERT),
        ("db.key", "a key\n"),
        ("bios-only/driver.toml", DRIVER),
        ("bios-only/bios_only.c", "FILE_LICENCE ( MIT );\n"),
        ("nameless.csv", "name,address,gateway\na,192.0.2.1/24,\nb,192.0.2.2/24,\n"),
        ("ipv6.csv", "name,address6\nweb,2001:db8::1/64\n"),
        ("vlan.csv", "name,address,vlan\nweb,192.0.2.1/24,7\n"),
    ] {
        fs::write(bench.path(name), text).unwrap();
    }
    poor(&bench, "poor", &Platform::ALL, [Capability::Ticket, Capability::Http].into());
    let signed = [Capability::Ticket, Capability::Http, Capability::SecureBoot];
    poor(&bench, "poor-signed", &[Platform::EfiX64], signed.into());
    bench
}

fn poor(bench: &Bench, folder: &str, platforms: &[Platform], capabilities: Capabilities) {
    Fake { kernel: 60_000, efi: 50_000, platforms, capabilities }.write(&bench.path(folder));
}

fn words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().collect()
}

/// One sentence: what was being done and why not, with `expected` in it.
fn assert_refused(line: &str, ended: &Ended, expected: &str) {
    let err = &ended.err;
    assert!(!ended.ok && err.contains(expected), "{line}: {expected} is missing in\n{err}");
    assert_eq!(err.matches("error:").count(), 1, "{line}: {err}");
}

fn assert_all(bench: &Bench, command: &str, table: &[(&str, &str)]) {
    for (line, expected) in table {
        let line = format!("{command} {line}");
        assert_refused(&line, &bench.xtask(&words(&line)), expected);
        for made in ["out", "cache/source", "cache/work", "cache/firmware"] {
            assert!(!bench.path(made).exists(), "{line}: {made} was made");
        }
    }
}

#[test]
fn formats_that_a_profile_cannot_have() {
    let command = "build-images --hosts hosts.csv --server http://192.0.2.250";
    assert_all(
        &bench(),
        command,
        &[
            ("--profile ./efi.toml --format lkrn", "add \"bios\" to them, or take iso or usb"),
            ("--profile ./arm.toml --format lkrn", "its targets are efi-arm64: add \"bios\""),
            ("--profile ./bios.toml --format iso,efi", "add \"efi-x86_64\" to them"),
            ("--profile ./own.toml --format efi", "no efi image, since a ticket inside would"),
            ("--profile ./own.toml --format iso,lkrn", "knows no Secure Boot: use iso or usb"),
            ("--profile ./own.toml --format floppy", "no floppy image"),
            ("--profile ./shim.toml --format efi", "no efi image, since the shim and iPXE are two"),
            ("--profile ./shim.toml --format lkrn", "no lkrn image"),
            ("--profile ./isolinux.toml --format usb", "starts ISO images alone"),
            ("--profile ./isolinux.toml --format vhd", "take iso, or a profile without it"),
            ("--profile ./isolinux.toml --format floppy", "would have our own loader"),
            ("--profile ./isolinux.toml --format lkrn", "would have our own loader"),
            ("--format vdi", "use one of iso, usb, vhd, floppy, efi, lkrn"),
            ("--identity smbios", "cannot be used with"),
        ],
    );
    assert_all(
        &bench(),
        "build-images --identity",
        &[
            ("fw-cfg --profile ./efi.toml", "add overlays = [\"fw-cfg\"], unless"),
            ("fw-cfg --profile ./own.toml", "every firmware reads smbios"),
            ("guestinfo --profile ./arm.toml", "switch the option guestinfo on, unless"),
            ("fw_cfg", "use one of fw-cfg, smbios, guestinfo"),
        ],
    );
}

#[test]
fn firmware_that_cannot_come_from_there() {
    let command = "build-images --hosts hosts.csv --server http://192.0.2.250 --profile";
    assert_all(
        &bench(),
        command,
        &[
            ("./shim.toml --firmware prebuilt", "name their folder with --firmware prebuilt"),
            ("./shim.toml --firmware source", "or the lane \"own-key\" for a compiled one"),
            ("./shim.toml --prebuilt poor", "no signed shim"),
            (
                "./own.toml --firmware prebuilt --prebuilt poor",
                "a signature of its own, which ready",
            ),
            ("./trust.toml --firmware prebuilt --prebuilt poor", "compile it, or take a profile"),
            ("./signed.toml --firmware prebuilt --prebuilt poor", "asks for signed payloads"),
            ("./bios.toml --firmware source --prebuilt poor", "leave --prebuilt away"),
            ("./bios.toml --firmware prebuilt --prebuilt bios-only", "put ipxe.lkrn (BIOS)"),
            ("./efi.toml --format efi --firmware prebuilt --prebuilt poor", "use iso or usb"),
            ("./arm.toml --firmware prebuilt --prebuilt firmware", "add the target to the profile"),
            ("./no.toml", "no.toml"),
            ("defualt", "did you mean \"default\"?"),
        ],
    );
}

#[test]
fn what_hosts_need_and_a_firmware_lacks() {
    let ready = "--firmware prebuilt --prebuilt";
    let table = [
        ("--hosts vlan.csv --server http://192.0.2.250", "poor", "a NIC is in a VLAN"),
        ("--hosts ipv6.csv --server http://[2001:db8::2]", "poor", "a NIC has an IPv6 address"),
        ("--hosts hosts.csv --server https://192.0.2.250", "poor", "that switches this option on"),
        ("--hosts ipv6.csv --server http://[2001:db8::2]", "poor", "server has an IPv6 address"),
        ("--hosts nameless.csv --server http://192.0.2.250 --site-images", "poor", "give it a MAC"),
        ("--identity fw-cfg", "poor", "with overlays = [\"fw-cfg\"]"),
        ("--identity guestinfo", "poor", "that switches this option on"),
        ("--identity smbios", "poor", "take ready binaries of iPXE 2.0"),
        ("--identity fw-cfg --profile ./arm.toml", "poor", "take the identity from smbios"),
        ("--identity guestinfo --profile ./arm.toml", "poor", "it is for x86 alone"),
        (
            "--identity fw-cfg --profile ./efi.toml",
            "poor-signed",
            "not permitted under Secure Boot",
        ),
        (
            "--identity guestinfo --profile ./efi.toml",
            "poor-signed",
            "take the identity from smbios",
        ),
    ];
    let bench = bench();
    for (line, firmware, expected) in table {
        let line = format!("{line} {ready} {firmware}");
        assert_all(&bench, "build-images", &[(&line, expected)]);
    }
}

#[test]
fn single_binaries_that_cannot_be() {
    assert_all(
        &bench(),
        "firmware export --hosts hosts.csv --server http://192.0.2.250",
        &[
            ("undionly --pci 8086:100e", "--pci goes with \"rom\" only"),
            ("rom", "--pci"),
            ("rom --pci 8086-100e", "such as 8086:100e"),
            ("undionly --firmware prebuilt", "leave --firmware prebuilt and --prebuilt away"),
            ("snponly --prebuilt poor", "leave --firmware prebuilt and --prebuilt away"),
            ("snponly --profile ./own.toml", "use build-images with --format iso or usb"),
            ("snponly --profile ./shim.toml", "use build-images with --format iso or usb"),
            ("undionly --profile ./script.toml", "write a line \"imgexec ticket.ipxe\""),
            ("snponly --profile ./overlay.toml", "does not work on efi-x86_64"),
        ],
    );
    assert_all(
        &bench(),
        "firmware export",
        &[
            ("undionly", "--hosts <FEED>"),
            ("undionly --script own.ipxe --profile ./signed.toml", "give --hosts, whose ticket"),
            ("undionly --hosts nameless.csv --server http://192.0.2.250", "give it a MAC"),
            ("undionly --hosts absent.csv", "opening absent.csv"),
        ],
    );
}

/// Images of every kind; QEMU is out of reach, so that nothing starts that was not refused.
#[test]
fn machines_that_do_not_start_an_image() {
    let bench = bench();
    let build = |profile: &str, format: &str| {
        let firmware = ["--firmware", "prebuilt", "--prebuilt", "poor", "--out", profile];
        let profile = format!("./{profile}.toml");
        let args = ["--profile", &profile, "--format", format, "--name", "a.{ext}"];
        let hosts = "build-images --hosts one.csv --server http://192.0.2.250";
        let ended = bench.xtask(&[&words(hosts)[..], &args, &firmware].concat());
        assert!(ended.ok, "{}", ended.err);
    };
    fs::write(bench.path("one.csv"), "name,address\nweb,192.0.2.1/24\n").unwrap();
    fs::write(bench.path("foreign.efi"), [&b"MZ"[..], &[0; 2000]].concat()).unwrap();
    build("bios", "iso,usb,vhd,floppy,lkrn");
    build("efi", "iso,floppy");
    build("arm", "iso,usb");
    build("all", "iso");
    let kvm = match std::env::consts::ARCH {
        "x86_64" => ("all/a.iso --arm64 --kvm", "leave --kvm away"),
        _ => ("all/a.iso --bios --kvm", "leave --kvm away"),
    };
    for (line, expected) in [
        ("arm/a.iso", "boots on arm64 UEFI, and not on a BIOS: start it with --arm64"),
        ("arm/a.usb.img --uefi", "start it with --arm64"),
        ("efi/a.iso", "start it with --uefi"),
        ("efi/a.floppy.img", "start it with --uefi"),
        ("efi/a.iso --arm64", "start it with --uefi"),
        ("bios/a.iso --uefi", "start it with --bios"),
        ("bios/a.floppy.img --uefi --usb", "start it with --bios"),
        ("bios/a.vhd --arm64", "start it with --bios"),
        ("bios/a.lkrn --uefi", "start it with --bios"),
        ("foreign.efi --bios", "start it with --uefi or --arm64"),
        ("efi/a.floppy.img --uefi --floppy", "attach it with --usb or --disk"),
        ("bios/a.iso --floppy", "attach it with --cd or --disk or --usb"),
        ("bios/a.usb.img --cd", "attach it with --disk or --usb"),
        ("bios/a.vhd --floppy", "attach it with --disk or --usb"),
        ("bios/a.lkrn --disk", "leave --disk away"),
        ("foreign.efi --usb", "leave --usb away"),
        ("all/a.iso --uefi --serial", "leave it away"),
        kvm,
        ("hosts.csv --shell", "--shell needs an image that Bootmint made"),
        ("absent.iso", "reading absent.iso"),
    ] {
        let line = format!("boot {line}");
        assert_refused(&line, &bench.xtask_without_qemu(&words(&line)), expected);
    }
    // What is not refused is started.
    for line in ["all/a.iso", "bios/a.lkrn", "bios/a.floppy.img", "bios/a.vhd --disk"] {
        let ended = bench.xtask_without_qemu(&words(&format!("boot {line}")));
        assert!(
            ended.err.contains("qemu-system-x86_64 is missing: install"),
            "{line}: {}",
            ended.err
        );
    }
    for image in ["bios/a.iso", "bios/a.vhd", "bios/a.floppy.img", "bios/a.lkrn", "foreign.efi"] {
        let line = format!("images convert --to vmdk {image}");
        assert_refused(&line, &bench.xtask(&words(&line)), "mint it with --format usb");
    }
}
