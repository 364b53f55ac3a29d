//! `cargo xtask bench server`: the real server under load, beside nginx in the same run: a boot
//! storm against one static script, images on demand against the same image as a file.

use super::{
    boots::{self, Boots},
    downloads::{self, Downloads, Source},
    wrk::Wrk,
};
use crate::{
    deps::on_path,
    firmware::{CacheArgs, FirmwareArgs},
    ui::Ui,
};
use anyhow::{Context, ensure};
use serde::Serialize;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};

/// Arguments of `cargo xtask bench server`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What to measure; all of it unless given
    #[arg(long, value_enum, value_delimiter = ',')]
    part: Vec<Part>,
    /// How many hosts boot
    #[arg(long, value_name = "N", default_value = "10000")]
    hosts: NonZeroUsize,
    /// How many connections boot at a time
    #[arg(long, value_name = "N", default_value = "1000")]
    connections: NonZeroUsize,
    /// How many images are sent at a time
    #[arg(long, value_name = "N", default_value = "16")]
    downloads: NonZeroUsize,
    /// How long each run takes, in seconds
    #[arg(long, value_name = "S", default_value = "10")]
    seconds: NonZeroUsize,
    /// The server's program [default: built with optimisation]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", default_value = "target/bench-server.json")]
    report: PathBuf,
    #[command(flatten)]
    firmware: FirmwareArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// A boot storm, on SQLite and PostgreSQL
    Boots,
    /// Images that are minted while they are sent
    Images,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    cpus: usize,
    seconds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    boots: Option<Boots>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Downloads>,
}

/// Runs `cargo xtask bench server`.
pub(super) fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    for tool in ["wrk", "nginx"] {
        ensure!(
            on_path(tool).is_some(),
            "{tool} is missing (Debian and Fedora: packages wrk and nginx)"
        );
    }
    let program = program(args.program.as_deref(), ui)?;
    std::fs::create_dir_all("target")?;
    let scratch = tempfile::Builder::new().prefix("bench-server-").tempdir_in("target")?;
    let scratch = scratch.path().canonicalize()?;
    let has = |part| args.part.is_empty() || args.part.contains(&part);
    let seconds = args.seconds.get();
    let boots = has(Part::Boots).then(|| {
        let wrk = Wrk { connections: args.connections.get(), seconds };
        boots::measure(&program, &scratch, args.hosts.get(), wrk, ui)
    });
    let images = has(Part::Images).then(|| {
        let (firmware, cache) = (&args.firmware, &args.cache);
        let source = Source { program: &program, firmware, cache, scratch: &scratch };
        let wrk = Wrk { connections: args.downloads.get(), seconds };
        downloads::measure(&source, wrk, ui)
    });
    let (boots, images) = (boots.transpose()?, images.transpose()?);
    let cpus = std::thread::available_parallelism().map_or(0, NonZeroUsize::get);
    let report = Report { cpus, seconds, boots, images };
    std::fs::write(&args.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("writing {}", args.report.display()))?;
    ui.json(&report)
}

/// The server's program: the one given, or a fresh one.
fn program(given: Option<&Path>, ui: &Ui) -> anyhow::Result<PathBuf> {
    if let Some(path) = given {
        return path.canonicalize().with_context(|| format!("looking for {}", path.display()));
    }
    ui.note("building the server");
    let shell = Shell::new()?;
    cmd!(shell, "cargo build --quiet --release --locked --package bootmint-server").run()?;
    Ok(Path::new("target/release/bootmint").canonicalize()?)
}
