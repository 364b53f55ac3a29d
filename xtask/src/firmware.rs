//! `cargo xtask firmware`: builds firmware, and lists and shows what there is.

mod export;

use crate::{build_progress::BuildProgress, ui::Ui};
use anyhow::{Context, ensure};
use bootmint_drivers::Selection;
use bootmint_image_factory::firmware::FirmwareManifest;
use bootmint_ipxe_src::{
    cache::{Cache, VARIABLE},
    firmware::{self, BuildOptions, Chosen, Policy, Wish},
    pin::Pins,
    profile::{self, Profile},
    source::Mirrors,
};
use std::{num::NonZeroUsize, path::PathBuf};

/// Arguments of `cargo xtask firmware`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    cache: CacheArgs,
}

/// Where sources, work trees and firmware are kept; other commands flatten this in.
#[derive(clap::Args, Clone, Debug)]
pub struct CacheArgs {
    /// The cache folder [default: ~/.cache/bootmint]
    #[arg(long, global = true, env = VARIABLE, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl CacheArgs {
    /// Opens the cache.
    pub fn open(&self) -> anyhow::Result<Cache> {
        Ok(Cache::open(self.cache.clone())?)
    }
}

#[derive(clap::Subcommand)]
enum Command {
    /// Builds a profile's firmware, or takes it from the cache
    Build(BuildArgs),
    /// Builds a single binary with a ticket inside: undionly.kpxe, snponly.efi, an option ROM
    Export(Box<export::Args>),
    /// Lists the shipped profiles and the firmware in the cache
    List,
    /// Shows a profile, and its firmware where that was built
    Show(ShowArgs),
}

/// Which firmware, and where it may come from; other commands flatten this in.
#[derive(clap::Args, Clone, Debug)]
pub struct FirmwareArgs {
    /// The firmware profile: a shipped one's name, or the path of a .toml file
    #[arg(long, default_value = "default")]
    profile: String,
    /// Where firmware comes from
    #[arg(long, value_enum, default_value_t = From::Auto)]
    firmware: From,
    /// A folder with ready binaries, for --firmware prebuilt
    #[arg(long, value_name = "DIR")]
    prebuilt: Option<PathBuf>,
    /// How many compilers run at once; one for each processor unless given
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
}

impl FirmwareArgs {
    /// The profile's name or path.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Whether it can become what the profile says, and not somebody's ready binaries.
    pub fn may_compile(&self) -> bool {
        !matches!(self.firmware, From::Prebuilt)
    }

    /// Whether somebody's ready binaries are asked for, and nothing else.
    pub fn is_ready_made(&self) -> bool {
        self.prebuilt.is_some() || !self.may_compile()
    }

    /// How to build.
    fn build_options(&self) -> BuildOptions {
        let default = BuildOptions::default();
        BuildOptions { jobs: self.jobs.map_or(default.jobs, NonZeroUsize::get), ..default }
    }

    /// The same for another profile.
    #[must_use]
    pub fn for_profile(&self, profile: &str) -> Self {
        Self { profile: profile.to_owned(), ..self.clone() }
    }
}

/// Where firmware may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum From {
    /// From the cache, else compiled, else ready binaries
    Auto,
    /// Compiled from the pinned source, and nothing else
    Source,
    /// Ready binaries: of --prebuilt DIR, else of the distribution
    Prebuilt,
}

#[derive(clap::Args)]
struct BuildArgs {
    #[command(flatten)]
    firmware: FirmwareArgs,
}

#[derive(clap::Args)]
struct ShowArgs {
    /// The profile: a shipped one's name, or the path of a .toml file
    #[arg(default_value = "default")]
    profile: String,
}

/// Runs the command.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let cache = args.cache.open()?;
    match args.command {
        Command::Build(build) => {
            let (profile, chosen) = choose(&cache, &build.firmware, ui)?;
            ui.result(format_args!("{}", chosen.folder.display()));
            show_manifest(ui, &chosen.manifest);
            ui.note(format_args!("profile {profile}: {}", profile.description()));
            ui.json(&chosen.manifest)
        }
        Command::Export(args) => export::run(&cache, &args, ui),
        Command::List => list(&cache, ui),
        Command::Show(show) => show_profile(&cache, &show.profile, ui),
    }
}

/// The firmware that `args` ask for: found, compiled or ready-made, with a word about which.
pub fn choose(cache: &Cache, args: &FirmwareArgs, ui: &Ui) -> anyhow::Result<(Profile, Chosen)> {
    ensure!(
        args.firmware != From::Source || args.prebuilt.is_none(),
        "--firmware source takes no ready binaries: leave --prebuilt away, or take --firmware prebuilt"
    );
    let profile = profile::load(&args.profile)?;
    let pins = Pins::load(None)?;
    let pin = pins.get(profile.pin())?;
    let build = args.build_options();
    let policy = match args.firmware {
        From::Auto => Policy::Auto,
        From::Source => Policy::Source,
        From::Prebuilt => Policy::Prebuilt,
    };
    let mirrors = Mirrors::from_environment();
    let prebuilt = args.prebuilt.as_deref();
    let wish = Wish { policy, profile: &profile, pin, mirrors: &mirrors, build, prebuilt };
    let mut progress = BuildProgress::new(ui);
    let chosen = firmware::choose(cache, &wish, &mut progress)
        .with_context(|| format!("getting firmware for profile {profile}"))?;
    drop(progress);
    for word in &chosen.words {
        ui.warn(word);
    }
    Ok((profile, chosen))
}

fn list(cache: &Cache, ui: &Ui) -> anyhow::Result<()> {
    let stored = firmware::list(cache)?;
    for profile in profile::shipped()? {
        let targets: Vec<_> = profile.targets().map(|target| target.to_string()).collect();
        ui.result(format_args!(
            "{:<14} {} [{}]",
            profile,
            profile.description(),
            targets.join(", ")
        ));
    }
    for firmware in &stored {
        let manifest = &firmware.manifest;
        let size: u64 = manifest.binaries.iter().map(|binary| binary.size).sum();
        let (key, version) = (short(&manifest.key), &manifest.ipxe_version);
        ui.result(format_args!("{:<14} iPXE {version}, {size} bytes, key {key}", manifest.profile));
    }
    ui.json(&stored.iter().map(|firmware| &firmware.manifest).collect::<Vec<_>>())
}

fn show_profile(cache: &Cache, name: &str, ui: &Ui) -> anyhow::Result<()> {
    let profile = profile::load(name)?;
    ui.result(format_args!("profile {profile}: {}", profile.description()));
    for platform in profile.targets() {
        let drivers = match profile.drivers(platform) {
            Some(Selection::Named(names)) => {
                names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Some(Selection::All) | None => "all".to_owned(),
        };
        ui.result(format_args!("  {platform} drivers: {drivers}"));
    }
    for (option, switch) in profile.options().iter() {
        let state = if bool::from(switch) { "on" } else { "off" };
        ui.result(format_args!("  {state:<3} {:<15} {}", option.name, option.about));
    }
    let pins = Pins::load(None)?;
    match firmware::find_cached(cache, pins.get(profile.pin())?, &profile)? {
        Some(built) => {
            ui.result(format_args!("built: {}", built.folder.display()));
            show_manifest(ui, &built.manifest);
            ui.json(&built.manifest)
        }
        None => {
            ui.result("not built yet: cargo xtask firmware build");
            ui.json(&None::<FirmwareManifest>)
        }
    }
}

fn show_manifest(ui: &Ui, manifest: &FirmwareManifest) {
    ui.result(format_args!("  key {}, iPXE {}", short(&manifest.key), manifest.ipxe_version));
    for binary in &manifest.binaries {
        let can: Vec<_> = binary.capabilities.iter().map(|capability| capability.name()).collect();
        ui.result(format_args!("  {}: {} bytes", binary.platform, binary.size));
        ui.result(format_args!("    can: {}", can.join(", ")));
        if let Some(slot) = binary.slot {
            let (capacity, offset) = (slot.capacity, slot.offset);
            ui.result(format_args!("    ticket slot: {capacity} bytes at {offset}"));
        }
    }
    for note in &manifest.notes {
        ui.result(format_args!("  note: {note}"));
    }
}

fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}
