//! Builds the simulators, once for each state of their sources.

use crate::lab;
use anyhow::Context;
use bootmint_ipxe_src::{
    cache::{Cache, Lock},
    pin::Pins,
    run::Invocation,
    source::{self, SourceTree},
};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

/// Part of the key: to be raised when this file makes another program of the same sources.
const RECIPE: &[u8] = b"2";
/// Where the programs are built, in iPXE's `src` folder.
const BIN: &str = "bin-x86_64-linux";
/// The programs: Hyper-V's host, and VMware's with the same network card.
pub(crate) const HYPERV: &str = "hvhost.linux";
/// See [`HYPERV`].
pub(crate) const VMWARE: &str = "vmhost.linux";
/// The folders of our files, and which part of each it is.
const FOLDERS: [(&str, &str); 3] = [("hyperv", ""), ("hyperv", "config"), ("vmware", "")];
/// Where the host's files go in it.
const OVERLAY: &str = "drivers/hvhost";
/// The driver's objects, which get assertions and messages.
const DRIVER: [&str; 3] = ["vmbus", "netvsc", "rndis"];
/// Undefined behaviour ends the program. Left out is what iPXE relies on everywhere, packed
/// structures at odd addresses and empty ranges at NULL.
const CHECKS: &str = "-fsanitize=undefined -fsanitize-undefined-trap-on-error \
    -fno-sanitize=alignment,null,nonnull-attribute,pointer-overflow";

/// The simulator called `name`; none where the cache has no source for it.
pub(crate) fn program(test: &str, name: &str) -> anyhow::Result<Option<PathBuf>> {
    let cache = Cache::open(None)?;
    let pins = Pins::load(None)?;
    let pin = pins.get(None)?;
    let Some(tree) = source::locate(&cache, pin) else {
        let why = format!(
            "the source of iPXE {} is not in {}: cargo xtask source import PATH-OR-URL",
            pin.version,
            cache.root().display()
        );
        lab::skip(test, &why);
        return Ok(None);
    };
    let ours = Ours::read()?;
    let folder = cache.work().join(format!("hyperv-{}", ours.key(&tree)));
    let program = folder.join(name);
    let lock = cache.lock("hyperv-simulator", || ())?;
    if !program.is_file() {
        make(&lock, &tree, &ours, &folder)
            .context("building the simulated hosts in tests/hyperv and tests/vmware")?;
    }
    Ok(Some(program))
}

/// The files in `tests/hyperv` and `tests/vmware`, by their paths there, sorted.
struct Ours(Vec<(String, Vec<u8>)>);

impl Ours {
    fn read() -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for (folder, part) in FOLDERS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let entries = fs::read_dir(folder.join(part))?.collect::<io::Result<Vec<_>>>()?;
            let wanted = |path: &PathBuf| {
                path.extension().is_some_and(|end| end == "c" || end == "h" || end == "txt")
            };
            for path in entries.iter().map(fs::DirEntry::path).filter(wanted) {
                let name =
                    path.strip_prefix(&folder)?.to_str().context("a name that is no text")?;
                files.push((name.to_owned(), fs::read(&path)?));
            }
        }
        files.sort();
        Ok(Self(files))
    }

    fn key(&self, tree: &SourceTree) -> String {
        let mut hash = Sha256::new();
        hash.update(RECIPE);
        hash.update(tree.pin.tree.to_string());
        for (name, bytes) in &self.0 {
            for part in [name.as_bytes(), bytes] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The names of the hosts' own C files, without their ending.
    fn objects(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|(name, _)| name.strip_suffix(".c"))
    }

    /// The tree's sources that are linked, and no others: compiling all takes ten times as long.
    fn upstream(&self) -> anyhow::Result<&str> {
        let list = self.0.iter().find(|(name, _)| name == "sources.txt");
        Ok(std::str::from_utf8(&list.context("tests/hyperv/sources.txt is missing")?.1)?)
    }

    /// Puts everything where make looks for it.
    fn lay_over(&self, src: &Path) -> anyhow::Result<()> {
        let overlay = src.join(OVERLAY);
        fs::create_dir_all(&overlay)?;
        for (name, bytes) in &self.0 {
            let target = match name.strip_prefix("config/") {
                Some(config) => src.join("config/local").join(config),
                None => overlay.join(name),
            };
            fs::write(&target, bytes).with_context(|| format!("writing {}", target.display()))?;
        }
        Ok(())
    }
}

fn make(lock: &Lock, tree: &SourceTree, ours: &Ours, target: &Path) -> anyhow::Result<()> {
    let stage = lock.stage()?;
    let src = stage.path().join("src");
    copy(&tree.path.join("src"), &src)?;
    ours.lay_over(&src)?;
    let sources: Vec<_> = ours
        .upstream()?
        .split_ascii_whitespace()
        .map(str::to_owned)
        .chain(ours.objects().map(|object| format!("{OVERLAY}/{object}.c")))
        .collect();
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut make = Invocation::new("make")
        .folder(&src)
        // Of a make or cargo that runs the tests; it would take this one for its own.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .args([format!("-j{jobs}"), "GITVERSION=".to_owned()])
        .args([HYPERV, VMWARE].map(|program| format!("{BIN}/{program}")))
        .arg(format!("DEBUG={}", DRIVER.join(",")))
        .arg(format!("SRCS={}", sources.join(" ")))
        .remedy("Tools that are missing: cargo xtask deps --for tests --install");
    for object in DRIVER.into_iter().chain(ours.objects()) {
        make = make.arg(format!("CFLAGS_{object}={CHECKS}"));
    }
    make.stream(&mut |_| ())?;
    let part = stage.path().join("built");
    fs::create_dir(&part)?;
    for program in [HYPERV, VMWARE] {
        fs::rename(src.join(BIN).join(program), part.join(program))?;
    }
    Ok(stage.publish(&part, target)?)
}

/// Copies a folder; the source in the cache is not to be written into.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}
