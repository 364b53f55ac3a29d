//! What every boot test starts from: the tools it needs, a scratch folder, a place for its logs.

use crate::{disks, guest::Guest, run::tool};
use anyhow::{Context, bail};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};
use xtask::{
    deps,
    qemu::{Board, Bus, Disk, Machine, Writes, roms},
};

/// Set to 1, lets tests whose tools are missing pass with a loud line instead of failing.
pub const ALLOW_SKIP: &str = "BOOTMINT_ALLOW_SKIP";

/// The Debian packages of what machines need.
pub const MACHINES: [&str; 2] = ["qemu-system-x86", "ovmf"];

/// One test's scratch space: its folder vanishes with it, its logs stay.
#[derive(Debug)]
pub struct Lab {
    name: String,
    scratch: tempfile::TempDir,
    logs: PathBuf,
}

impl Lab {
    /// A scratch space for the test `name`, which starts machines; none when tools are missing and
    /// that is allowed.
    pub fn open(name: &str) -> anyhow::Result<Option<Self>> {
        Self::with(name, &MACHINES)
    }

    /// A scratch space for the test `name`, which needs the tools of these Debian packages, and
    /// machines only if they are among them.
    pub fn with(name: &str, packages: &[&str]) -> anyhow::Result<Option<Self>> {
        let missing = deps::missing_of(packages)?;
        if !missing.is_empty() {
            let list: Vec<_> = missing.iter().map(ToString::to_string).collect();
            let list = list.join("; ");
            if std::env::var_os(ALLOW_SKIP).is_some_and(|value| value == "1") {
                skip(name, &format!("missing: {list}"));
                return Ok(None);
            }
            bail!(
                "missing: {list}. Run `cargo xtask deps --for tests --install`, or set {ALLOW_SKIP}=1"
            );
        }
        let logs = log_folder()?;
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let scratch = tempfile::Builder::new().prefix("bootmint-test-").tempdir()?;
        Ok(Some(Self { name: name.to_owned(), scratch, logs }))
    }

    /// The scratch folder.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// A UEFI board with a variable store of its own, which must not be shared between machines.
    pub fn uefi(&self) -> anyhow::Result<Board> {
        let folder = tempfile::Builder::new().prefix("uefi-").tempdir_in(self.folder())?.keep();
        Ok(Board::Uefi(roms::flash(roms::Architecture::X64, &folder)?))
    }

    /// A board with Secure Boot on, which starts what the keys in `keys` allow.
    pub fn uefi_secure(&self, keys: &Path) -> anyhow::Result<Board> {
        let folder = tempfile::Builder::new().prefix("uefi-").tempdir_in(self.folder())?.keep();
        let flash = roms::secure_flash(&folder)?;
        // The platform key last: it ends the mode in which anything may be written.
        for name in ["db", "KEK", "PK"] {
            let list = keys.join(format!("{name}.esl"));
            tool("flash-var", [flash.variables.as_os_str(), name.as_ref(), list.as_os_str()])?;
        }
        Ok(Board::UefiSecure(flash))
    }

    /// A board as PCs are sold, with Microsoft's keys and Secure Boot on, whose owner has enrolled
    /// the certificates in `list` for the shim (as MOK).
    pub fn uefi_microsoft(&self, list: &Path) -> anyhow::Result<Board> {
        let folder = tempfile::Builder::new().prefix("uefi-").tempdir_in(self.folder())?.keep();
        let flash = roms::microsoft_flash(&folder)?;
        let (store, guid) = (flash.variables.as_os_str(), "605dab50-e046-4300-abb6-3dd810dd8b23");
        let args = ["-g".as_ref(), guid.as_ref(), store, "MokList".as_ref(), list.as_os_str()];
        tool("flash-var", args)?;
        make_private(&flash.variables, "MokList")?;
        Ok(Board::UefiSecure(flash))
    }

    /// An AArch64 board with a variable store of its own.
    pub fn uefi_arm64(&self) -> anyhow::Result<Board> {
        let folder = tempfile::Builder::new().prefix("uefi-").tempdir_in(self.folder())?.keep();
        Ok(Board::UefiArm64(roms::flash(roms::Architecture::Arm64, &folder)?))
    }

    /// A local disk that says `name` when it is booted: see [`disks::local_disk`].
    pub fn local_disk(&self, name: &str) -> anyhow::Result<Disk> {
        let path = disks::local_disk(self.folder(), name)?;
        Ok(Disk { path, writes: Writes::Discarded, bus: Bus::Board })
    }

    /// Where the log of what this test calls `label` goes.
    pub fn log(&self, label: &str) -> PathBuf {
        self.logs.join(format!("{}-{label}.log", self.name))
    }

    /// Starts a machine; `label` tells this test's machines apart in the logs.
    pub fn start(&self, label: &str, machine: &Machine) -> anyhow::Result<Guest> {
        Guest::start(machine, &self.log(label))
    }

    /// Likewise, for a machine that may take as long as `limit`.
    pub fn start_slow(
        &self,
        label: &str,
        machine: &Machine,
        limit: Duration,
    ) -> anyhow::Result<Guest> {
        Guest::start_within(machine, &self.log(label), limit)
    }
}

/// Makes a variable in a store one that only programs before the system's start see: the shim
/// believes no other, and `flash-var` writes another kind.
fn make_private(store: &Path, name: &str) -> anyhow::Result<()> {
    /// The length of a variable's header, and where its attributes are.
    const HEADER: usize = 60;
    const ATTRIBUTES: std::ops::Range<usize> = 4..8;
    let mut bytes = fs::read(store)?;
    let wide: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let at = bytes.windows(wide.len()).rposition(|window| window == wide);
    let start = at.and_then(|at| at.checked_sub(HEADER)).context("the variable is not there")?;
    let header = &mut bytes[start..start + HEADER];
    anyhow::ensure!(header.starts_with(&[0xaa, 0x55]), "the store is not as expected");
    // Kept without power; seen by what runs before the system.
    header[ATTRIBUTES].copy_from_slice(&3_u32.to_le_bytes());
    fs::write(store, bytes).with_context(|| format!("writing {}", store.display()))
}

/// Says that a test, or a part of it, did not run. Written past the test runner's capture, which
/// would hide it.
pub fn skip(name: &str, why: &str) {
    let _ = writeln!(std::io::stderr().lock(), "\n*** SKIPPED {name}: {why} ***");
}

/// `boot-logs` beside the folder of the test programs.
fn log_folder() -> anyhow::Result<PathBuf> {
    lasting_folder("boot-logs")
}

/// A folder that stays from run to run, beside the folder of the test programs.
pub fn lasting_folder(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("finding the test program")?;
    let folder = program.ancestors().nth(2).context("a test program lies in a target folder")?;
    Ok(folder.join(name))
}
