//! The shipped systemd unit: systemd itself finds nothing wrong with it and little exposed, and the
//! system calls of a server at work are among those that it leaves.

use crate::world;
use anyhow::{Context, ensure};
use bootmint_tests::{lab::Lab, run, server::Site};
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

const UNIT: &str = include_str!("../../../server/deploy/bootmint.service");
/// The most that systemd may find exposed, in tenths of its scale from 0 to 10.
const EXPOSED: &str = "20";

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("UTF-8")
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_little_exposed() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("unit", &["systemd"])? else { return Ok(()) };
    let program = text(world::program())?;
    assert_eq!(UNIT.matches("/usr/local/bin/bootmint ").count(), 2);
    let good = UNIT.replace("=/usr/local/bin/bootmint ", &format!("={program} "));
    let path = lab.folder().join("bootmint.service");
    let verify = |unit: &str| -> anyhow::Result<bool> {
        fs::write(&path, unit)?;
        let args = ["verify", "--man=no", "--recursive-errors=no", text(&path)?];
        Ok(run::tool("systemd-analyze", args).is_ok())
    };
    ensure!(verify(&good)?, "systemd-analyze verify refuses the unit");
    assert!(!verify(&good.replace(program, "/no/such/program"))?, "it looks at all");
    let exposed = |unit: &str| -> anyhow::Result<bool> {
        fs::write(&path, unit)?;
        let threshold = format!("--threshold={EXPOSED}");
        let args = ["security", "--offline=true", "--no-pager", &threshold, text(&path)?];
        Ok(run::tool("systemd-analyze", args).is_err())
    };
    assert!(!exposed(&good)?);
    assert!(exposed(&good.replace("CapabilityBoundingSet=\n", ""))?, "it looks at all");
    Ok(())
}

/// The system calls of a group, and of the groups in it.
fn calls(group: &str, into: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let said = String::from_utf8(run::tool("systemd-analyze", ["syscall-filter", group])?)?;
    // The first line is the group itself.
    for word in said.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#')) {
        if word.starts_with('@') {
            calls(word, into)?;
        } else if !word.is_empty() {
            into.insert(word.to_owned());
        }
    }
    Ok(())
}

/// What the unit leaves.
fn allowed() -> anyhow::Result<BTreeSet<String>> {
    let mut left = BTreeSet::new();
    for filter in UNIT.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let mut named = BTreeSet::new();
        for group in filter.trim_start_matches('~').split(' ') {
            calls(group, &mut named)?;
        }
        if filter.starts_with('~') {
            left.retain(|call| !named.contains(call));
        } else {
            left.append(&mut named);
        }
    }
    Ok(left)
}

#[test]
fn a_server_at_work_makes_no_system_call_that_the_unit_forbids() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("unit-calls", &["systemd", "strace"])? else { return Ok(()) };
    let (trace, wrapper) = (lab.folder().join("trace"), lab.folder().join("traced"));
    // Each command writes the trace anew; the server's is the last.
    let program = text(world::program())?;
    let script = format!("#!/bin/sh\nexec strace -f -qq -o {} {program} \"$@\"\n", trace.display());
    fs::write(&wrapper, script)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let site = Site::init(&wrapper, &lab.folder().join("site"), &[])?;
    site.put("files/kernel", vec![0x5a; 3 << 20])?;
    let host = world::known(&site, "http://192.0.2.2:8080", &[("os", "shell")])?;
    let server = site.serve(None, &[], &lab.log("server"))?;
    let token = host.token.context("it has a token")?;
    assert_eq!(server.request("POST", &format!("/boot/{}", token.as_str()), "mac=x")?.0, 200);
    assert_eq!(server.request("GET", "/files/kernel", "")?.1.len(), 3 << 20);
    drop(server);

    let allowed = allowed()?;
    let mut made = BTreeSet::new();
    for line in fs::read_to_string(&trace)?.lines() {
        // A process id, the call, and what it was called with.
        let call = line.split_whitespace().nth(1).and_then(|call| call.split_once('('));
        made.extend(call.map(|(name, _)| name.to_owned()));
    }
    // What SQLite does for root alone: its files are to be their folder's owner's.
    made.remove("fchown");
    for call in ["accept4", "fsync", "pwrite64"] {
        assert!(made.contains(call), "the trace is no server's: {made:?}");
    }
    let forbidden: Vec<_> = made.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    Ok(())
}
