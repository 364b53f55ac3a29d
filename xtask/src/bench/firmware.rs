//! `cargo xtask bench firmware`: how long firmware takes to build, beside iPXE's plain `make`.

use super::{disk, upstream_make::Upstream};
use crate::{firmware::CacheArgs, ui::Ui};
use anyhow::{Context, bail};
use bootmint_drivers::{Class, DriverSet, Selection};
use bootmint_ipxe_src::{
    cache::Cache,
    firmware::{self, BuildOptions, Built},
    pin::Pins,
    profile::{self, Profile},
    source::{self, SourceTree},
};
use serde::Serialize;
use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// What the firmware's embedded script is at first, and what it is changed to.
const SCRIPTS: [&str; 2] = ["#!ipxe\nshell\n", "#!ipxe\necho another\nshell\n"];
/// The free disk space that the work trees take, in bytes.
const NEEDS: u64 = 1 << 30;

/// Arguments of `cargo xtask bench firmware`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What to measure; all of it unless given
    #[arg(long, value_enum, value_delimiter = ',')]
    part: Vec<Part>,
    /// The platform to build for
    #[arg(long, value_enum, default_value_t = Target::Bios)]
    target: Target,
    /// The slim driver set that is compared with all drivers
    #[arg(long, value_name = "NAME", default_value = "hyperv")]
    set: String,
    /// How many compilers run at once; one for each processor unless given
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
    /// Where to build; a new folder is made in it and removed
    #[arg(long, value_name = "DIR", default_value = "target")]
    dir: PathBuf,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", default_value = "target/bench-firmware.json")]
    report: PathBuf,
    #[command(flatten)]
    cache: CacheArgs,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The slim set: from nothing, with nothing to do, with another script
    Slim,
    /// All drivers: the same (minutes)
    All,
}

/// The platforms that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Target {
    /// ipxe.lkrn
    Bios,
    /// ipxe.efi for x86-64
    EfiX64,
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::EfiX64 => "efi-x86_64",
        }
    }

    /// The binary of iPXE's makefiles that has the drivers `names`.
    pub(super) fn goal(self, names: &str) -> String {
        match self {
            Self::Bios => format!("bin/{names}.lkrn"),
            Self::EfiX64 => format!("bin-x86_64-efi/{names}.efi"),
        }
    }

    const fn class(self) -> Class {
        match self {
            Self::Bios => Class::Bios,
            Self::EfiX64 => Class::EfiX64,
        }
    }
}

/// Wall-clock and processor time.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Cost {
    seconds: f64,
    cpu_seconds: f64,
}

impl Cost {
    /// What `work` and the processes that it starts and waits for take.
    pub(super) fn of<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Self)> {
        let before = disk::cpu_time()?;
        let (result, wall) = disk::timed(work)?;
        let cpu = disk::cpu_time()?.saturating_sub(before);
        Ok((result, Self { seconds: wall.as_secs_f64(), cpu_seconds: cpu.as_secs_f64() }))
    }
}

/// One thing that was done in both ways.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    what: String,
    bootmint: Cost,
    make: Cost,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    target: &'static str,
    set: String,
    jobs: usize,
    /// Processor time of a cold build of the slim set, as part of that of all drivers.
    slim_of_all: Option<f64>,
    rows: Vec<Row>,
}

/// Runs `cargo xtask bench firmware`.
pub(super) fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let pins = Pins::load(None)?;
    let Some(source) = source::locate(&args.cache.open()?, pins.get(None)?) else {
        bail!(
            "iPXE's source is not in the cache: get it by `cargo xtask source fetch` or `import`"
        );
    };
    fs::create_dir_all(&args.dir)?;
    if disk::free(&args.dir)? < NEEDS {
        bail!("{} has less than {} MB free", args.dir.display(), NEEDS >> 20);
    }
    // Its path goes through make unquoted.
    let dir = std::path::absolute(&args.dir)?;
    let scratch = tempfile::Builder::new().prefix("bench-firmware.").tempdir_in(&dir)?;
    let build = args.jobs.map_or_else(BuildOptions::default, |jobs| BuildOptions {
        jobs: jobs.get(),
        ..BuildOptions::default()
    });
    let bench = Bench { source, target: args.target, build, scratch: scratch.path(), ui };
    let has = |part| args.part.is_empty() || args.part.contains(&part);
    let mut rows = Vec::new();
    if has(Part::Slim) {
        let names = set_names(&args.set, args.target)?;
        rows.extend(bench.measure(&args.set, &names)?);
    }
    if has(Part::All) {
        rows.extend(bench.measure("all", "ipxe")?);
    }
    let slim_of_all = match rows.as_slice() {
        [slim, _, _, all, ..] => Some(slim.bootmint.cpu_seconds / all.bootmint.cpu_seconds),
        _ => None,
    };
    let (target, jobs) = (args.target.name(), build.jobs);
    let report = Report { target, set: args.set, jobs, slim_of_all, rows };
    let text = serde_json::to_string_pretty(&report)?;
    fs::write(&args.report, text).with_context(|| format!("writing {}", args.report.display()))?;
    report.show(ui)
}

/// The drivers of a set, as iPXE's makefiles take them in a binary's name.
fn set_names(set: &str, target: Target) -> anyhow::Result<String> {
    match DriverSet::load(set)?.drivers(target.class()) {
        Some(Selection::Named(names)) => {
            Ok(names.iter().map(ToString::to_string).collect::<Vec<_>>().join("--"))
        }
        Some(Selection::All) => bail!("driver set \"{set}\" is not slim: choose another for --set"),
        None => bail!("driver set \"{set}\" has nothing for {}", target.name()),
    }
}

/// What all measurements share.
struct Bench<'a> {
    source: SourceTree,
    target: Target,
    build: BuildOptions,
    scratch: &'a Path,
    ui: &'a Ui,
}

impl Bench<'_> {
    /// A build from nothing, one with nothing to do, and one with another script, in both ways.
    /// `names` are the drivers of `set`, as iPXE's makefiles take them.
    fn measure(&self, set: &str, names: &str) -> anyhow::Result<[Row; 3]> {
        let folder = self.scratch.join(set);
        fs::create_dir_all(&folder)?;
        let profile = self.profile(set, &folder)?;
        let other = profile.clone().with_script("bench-other", SCRIPTS[1]);
        let cache = Cache::open(Some(folder.join("cache")))?;
        let ours = |profile: &Profile| {
            Cost::of(|| Ok(firmware::build(&cache, &self.source, profile, &self.build, &mut ())?))
        };
        self.ui.note(format_args!("{set}: building with Bootmint"));
        let (_, cold) = ours(&profile)?;
        let (_, idle) = ours(&profile)?;
        let (built, relink): (Built, Cost) = ours(&other)?;
        self.ui.note(format_args!("{set}: relinked as {:?}", built.origin));
        fs::remove_dir_all(cache.root())?;
        self.ui.note(format_args!("{set}: building with iPXE's make"));
        let theirs = Upstream::new(&self.source.path, &folder, self.build.jobs, SCRIPTS[0])?;
        let goal = self.target.goal(names);
        let make_cold = theirs.make(&goal)?;
        let make_idle = theirs.make(&goal)?;
        theirs.script(SCRIPTS[1])?;
        let make_relink = theirs.make(&goal)?;
        fs::remove_dir_all(&folder)?;
        let row =
            |what: &str, bootmint, make| Row { what: format!("{set}, {what}"), bootmint, make };
        Ok([
            row("from nothing", cold, make_cold),
            row("nothing to do", idle, make_idle),
            row("another script", relink, make_relink),
        ])
    }

    /// The drivers of `set` with iPXE's own options, so that both ways compile the same.
    fn profile(&self, set: &str, folder: &Path) -> anyhow::Result<Profile> {
        fs::write(folder.join("first.ipxe"), SCRIPTS[0])?;
        let path = folder.join("profile.toml");
        let text = format!(
            "name = \"bench-{set}\"\ndescription = \"measured\"\ntargets = [\"{}\"]\n\
             drivers = \"{set}\"\nscript = \"first.ipxe\"\n",
            self.target.name()
        );
        fs::write(&path, text)?;
        Ok(profile::load(&path.to_string_lossy())?)
    }
}

impl Report {
    fn show(&self, ui: &Ui) -> anyhow::Result<()> {
        ui.json(self)?;
        ui.result(format_args!("{} with {} compilers at once", self.target, self.jobs));
        let head = ["", "Bootmint s", "CPU s", "make s", "CPU s", "Bootmint is"];
        let [what, ours, our_cpu, theirs, their_cpu, ratio] = head;
        ui.result(format_args!(
            "{what:<26} {ours:>10} {our_cpu:>8} {theirs:>8} {their_cpu:>8} {ratio:>12}"
        ));
        for row in &self.rows {
            let (ours, theirs) = (row.bootmint, row.make);
            ui.result(format_args!(
                "{:<26} {:>10.2} {:>8.2} {:>8.2} {:>8.2} {:>11.1}x",
                row.what,
                ours.seconds,
                ours.cpu_seconds,
                theirs.seconds,
                theirs.cpu_seconds,
                theirs.seconds / ours.seconds
            ));
        }
        if let Some(part) = self.slim_of_all {
            let (set, percent) = (&self.set, part * 100.0);
            ui.result(format_args!("{set} takes {percent:.0} % of the processor time of all"));
        }
        Ok(())
    }
}
