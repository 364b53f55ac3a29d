//! What looks for the disk that may be wiped, run by real shells with folders in place of `/dev`
//! and `/sys`: it goes on with the right disk alone.

use super::snapshots::{sent, shipped_profiles, with_variables};
use crate::testing;
use std::{
    fs,
    os::unix::{fs::PermissionsExt, fs::symlink, process::ExitStatusExt},
    path::Path,
    process::Command,
};

/// The shells that installers have: dash or bash, and busybox.
const SHELLS: [&[&str]; 2] = [&["sh"], &["busybox", "sh"]];
/// The last word of a script that goes on.
const ON: &str = "went-on";

/// What `profile` runs to look for the disk with a serial number; if `named`, it must be `sda`.
fn guard(profile: &str, named: bool) -> String {
    let mut host = testing::host("web-01", 1);
    with_variables(&mut host);
    host.vars.retain(|name, _| named || name.as_str() != "disk");
    host.vars.insert("disk-serial".parse().unwrap(), "S3-R1".parse().unwrap());
    let profiles = shipped_profiles();
    let text = sent(&profiles, profiles.get(profile).unwrap(), &host).unwrap();
    let (from, to) = match profile {
        "rhel" => ("\nserial=", "%end"),
        "ubuntu" => ("\n      serial=", "\n  late-commands:"),
        _ => ("\nd-i partman/early_command string", "\nd-i "),
    };
    let (_, rest) = text.split_once(from).unwrap();
    let (script, _) = rest.split_once(to).unwrap();
    match profile {
        "rhel" | "ubuntu" => format!("serial={script}"),
        // The installer runs what it reads as one line.
        _ => script.replace("\\\n", " "),
    }
}

/// A machine with disks, and what an installer has to work with. The third time that it is told
/// to boot, it does.
fn machine(folder: &Path, links: &[(&str, &str)]) {
    for path in ["dev/disk/by-id", "sys/block", "tmp", "bin"] {
        fs::create_dir_all(folder.join(path)).unwrap();
    }
    for disk in ["sda", "sdb", "nvme0n1"] {
        fs::write(folder.join("dev").join(disk), "").unwrap();
        fs::write(folder.join("sys/block").join(disk), "").unwrap();
    }
    fs::write(folder.join("dev/sda1"), "").unwrap();
    // What Ubuntu's installer has of its configuration.
    let none_yet = format!("  match:\n    path: {}\n", folder.join("dev/none-yet").display());
    fs::write(folder.join("autoinstall.yaml"), none_yet).unwrap();
    for (link, disk) in links {
        symlink(format!("../../{disk}"), folder.join("dev/disk/by-id").join(link)).unwrap();
    }
    let log = folder.join("log").display().to_string();
    for (program, more) in [
        ("debconf-set", String::new()),
        ("wget", String::new()),
        ("curl", String::new()),
        ("sleep", String::new()),
        ("udevadm", String::new()),
        ("reboot", format!("[ $(grep -c ^reboot {log}) -lt 3 ] || kill -9 $PPID")),
    ] {
        let path = folder.join("bin").join(program);
        fs::write(&path, format!("#!/bin/sh\necho {program} \"$@\" >>{log}\n{more}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Runs a guard on a machine with these disks: what it did, and whether it went on.
fn run(shell: &[&str], script: &str, links: &[(&str, &str)]) -> Option<(String, bool)> {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path(), links);
    let place = folder.path().to_str().unwrap();
    let mut script = script.to_owned();
    for path in ["/dev/", "/sys/", "/tmp/", "/autoinstall"] {
        // Not where a folder that was put in place of one holds another.
        script = script.replace(path, &format!("@{path}"));
    }
    let script = format!("{}\necho {ON}\n", script.replace('@', place));
    let path = format!("{place}/bin:{}", std::env::var("PATH").unwrap());
    let (program, first) = shell.split_first().unwrap();
    #[allow(clippy::disallowed_methods, reason = "a real shell runs what we write")]
    let ran = Command::new(program).args(first).args(["-c", &script]).env("PATH", path).output();
    let Ok(ran) = ran else {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
        return None;
    };
    let said = String::from_utf8(ran.stdout).unwrap();
    let on = said.trim_end() == ON;
    assert!(on || ran.status.signal() == Some(9), "{script}\n{said}{:?}", ran.status);
    let mut did = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    for file in ["tmp/disk.ks", "autoinstall.yaml"] {
        did += &fs::read_to_string(folder.path().join(file)).unwrap_or_default();
    }
    Some((did.replace(place, ""), on))
}

#[test]
fn the_disk_with_the_serial_number_is_taken_and_no_other() {
    let right: [&[(&str, &str)]; 4] = [
        &[("ata-MODEL_S3-R1", "sda"), ("ata-MODEL_OTHER", "sdb")],
        &[("virtio-S3-R1", "sda"), ("wwn-0x5000c500a1b2c3d4", "sda")],
        // A disk has several links, and its partitions too.
        &[("ata-M_S3-R1", "sda"), ("scsi-SATA_M_S3-R1", "sda"), ("ata-M_S3-R1-part1", "sda1")],
        &[("usb-Stick_S3-R1", "sr0"), ("nvme-Model_X_S3-R1", "sda")],
    ];
    let wrong: [&[(&str, &str)]; 6] = [
        &[],
        &[("ata-MODEL_OTHER", "sda"), ("nvme-MODEL_S3-R10", "nvme0n1")],
        // Another one's serial number ends like this.
        &[("ata-MODEL_X-S3-R1", "sda"), ("virtio-X-S3-R1", "sdb")],
        &[("ata-MODEL_S3-R1-part1", "sda1")],
        &[("ata-MODEL_S3-R1", "gone"), ("ata-MODEL_S3-R1x", "sda")],
        // Which of both is meant, nobody can tell.
        &[("ata-MODEL_S3-R1", "sda"), ("nvme-MODEL_S3-R1", "nvme0n1")],
    ];
    for (profile, named) in [
        ("debian", false),
        ("debian", true),
        ("kali", true),
        ("rhel", false),
        ("rhel", true),
        ("ubuntu", false),
        ("ubuntu", true),
    ] {
        let script = guard(profile, named);
        for shell in SHELLS {
            for links in right {
                let Some((did, on)) = run(shell, &script, links) else { break };
                let takes = match profile {
                    "rhel" => "--drives=sda",
                    "ubuntu" => "path: /dev/sda\n",
                    _ => {
                        "debconf-set partman-auto/disk /dev/sda\ndebconf-set grub-installer/bootdev /dev/sda\n"
                    }
                };
                assert!(on && did.contains(takes), "{profile} {shell:?} {links:?}: {did}");
                assert!(!did.contains("reboot") && !did.contains("/fail"), "{did}");
            }
            for links in wrong {
                let Some((did, on)) = run(shell, &script, links) else { break };
                assert!(!on, "{profile} {shell:?} {links:?}: {did}");
                let taken = ["debconf-set", "clearpart", "path: /dev/sd", "path: /dev/nvme"];
                assert!(!taken.iter().any(|taken| did.contains(taken)), "{did}");
                assert_eq!(did.matches("reboot").count(), 3, "it does not go on: {did}");
                assert!(did.contains("/fail"), "the server hears of it: {did}");
            }
        }
    }
}

#[test]
fn a_disk_that_is_named_must_have_the_serial_number_too() {
    for profile in ["debian", "kali", "rhel", "ubuntu"] {
        for shell in SHELLS {
            let links = [("ata-MODEL_S3-R1", "sdb"), ("ata-MODEL_OTHER", "sda")];
            let Some((did, on)) = run(shell, &guard(profile, true), &links) else { break };
            assert!(!on && did.contains("/fail"), "{profile}: {did}");
            let (did, on) = run(shell, &guard(profile, false), &links).unwrap();
            assert!(on && did.contains("sdb"), "{profile}: {did}");
        }
    }
}
