//! Gets iPXE's pinned source into the cache, and proves that it is the pinned one.

mod export;

use crate::{build_progress::BuildProgress, firmware::CacheArgs, ui::Ui};
use anyhow::Context;
use bootmint_ipxe_src::{
    cache::Cache,
    pin::{Pin, Pins},
    source::{self, GIT_VARIABLE, Mirrors, Origin, SourceTree, TARBALL_VARIABLE},
};
use clap::Subcommand;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `cargo xtask source`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    from: PinArgs,
    #[command(subcommand)]
    command: Command,
}

/// Which pin, and where the cache is.
#[derive(clap::Args)]
struct PinArgs {
    #[command(flatten)]
    cache: CacheArgs,
    /// The pin, by its name in the pin file [default: the file's default]
    #[arg(long, global = true, value_name = "NAME")]
    pin: Option<String>,
    /// A pin file of your own, of the form of ipxe-src/pin.toml
    #[arg(long, global = true, value_name = "FILE")]
    pin_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Fetches the pinned source from upstream or a mirror
    Fetch(FetchArgs),
    /// Takes the pinned source from a git repository, a folder or a tarball
    Import(ImportArgs),
    /// Says which pins there are and which of them the cache has
    Status,
    /// Writes the corresponding source of firmware, as the GPL asks of whoever passes images on
    Export(ExportArgs),
    /// Reads the source in the cache again and compares it with the pin
    Verify,
}

#[derive(clap::Args)]
struct FetchArgs {
    /// A git mirror, and no other place
    #[arg(long, value_name = "URL", env = GIT_VARIABLE)]
    git: Option<String>,
    /// A mirror of the tarball; {commit} and {version} are filled in
    #[arg(long, value_name = "URL", env = TARBALL_VARIABLE)]
    tarball: Option<String>,
}

#[derive(clap::Args)]
struct ImportArgs {
    /// A git repository, folder or tarball: a path or a URL
    from: String,
}

#[derive(clap::Args)]
struct ExportArgs {
    /// A folder that does not exist yet, or a file ending in .tar.gz
    #[arg(value_name = "DIR|FILE.tar.gz")]
    to: PathBuf,
}

/// Runs `cargo xtask source`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let cache = args.from.cache.open()?;
    let pins = Pins::load(args.from.pin_file.as_deref())?;
    let pin = pins.get(args.from.pin.as_deref())?;
    match args.command {
        Command::Fetch(mirrors) => {
            let mirrors = Mirrors { git: mirrors.git, tarball: mirrors.tarball };
            report(&source::fetch(&cache, pin, &mirrors, &mut BuildProgress::new(ui))?, ui)
        }
        Command::Import(args) => {
            let from = Origin::parse(&args.from)?;
            let tree = source::import(&cache, pin, &from, &mut BuildProgress::new(ui))
                .with_context(|| format!("importing {}", pin.name))?;
            report(&tree, ui)
        }
        Command::Status => status(&cache, pins.all(), ui),
        Command::Export(args) => {
            let tree = source::verify(&cache, pin)?;
            let files = export::export(&tree, &args.to)?;
            ui.result(format_args!("{}: {files} files", args.to.display()));
            ui.json(&args.to)
        }
        Command::Verify => report(&source::verify(&cache, pin)?, ui),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    pin: String,
    version: String,
    commit: String,
    tree: String,
    path: PathBuf,
    present: bool,
}

impl Entry {
    fn new(cache: &Cache, pin: &Pin) -> Self {
        let status = source::status(cache, pin);
        Self {
            pin: status.pin,
            version: status.version,
            commit: status.commit,
            tree: status.tree.to_string(),
            path: status.path,
            present: status.present,
        }
    }
}

fn status(cache: &Cache, pins: &[Pin], ui: &Ui) -> anyhow::Result<()> {
    let entries: Vec<_> = pins.iter().map(|pin| Entry::new(cache, pin)).collect();
    for entry in &entries {
        let there = if entry.present { "in the cache" } else { "not in the cache" };
        ui.result(format_args!("{}: {there}: {}", entry.pin, entry.path.display()));
        ui.result(format_args!("  commit {}\n  tree   {}", entry.commit, entry.tree));
    }
    ui.json(&entries)
}

fn report(tree: &SourceTree, ui: &Ui) -> anyhow::Result<()> {
    let SourceTree { path, pin } = tree;
    ui.result(format_args!("iPXE {}, tree {}: {}", pin.version, pin.tree, path.display()));
    ui.json(&Entry {
        pin: pin.name.clone(),
        version: pin.version.clone(),
        commit: pin.commit.to_string(),
        tree: pin.tree.to_string(),
        path: path.clone(),
        present: true,
    })
}
