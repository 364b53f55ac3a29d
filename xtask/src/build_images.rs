//! `cargo xtask build-images`: a host feed in, one bootable image per host out.

mod lot;
mod plan;
mod report;
mod subjects;

use crate::{
    deps::{self, Task},
    feed_input,
    firmware::{CacheArgs, FirmwareArgs},
    ui::{self, Ui},
};
use anyhow::{Context, bail};
use bootmint_image_factory::{
    feed::{Defaults, FeedFormat},
    format::Format,
    host::ServerUrl,
    manifest::ImageEntry,
    mint::{self, NameTemplate, Output, Shard, Writer},
    ticket::{Common, Patience, Source, TokenKey},
};
use lot::Lots;
use plan::Plan;
pub(crate) use report::Report;
use std::{
    ffi::OsStr,
    num::{NonZeroU8, NonZeroU16},
    path::{Path, PathBuf},
    sync::{Once, atomic::AtomicBool},
    time::Instant,
};
use subjects::{Subjects, Unit, Usual};

/// Arguments of `cargo xtask build-images`.
#[derive(clap::Args)]
pub struct Args {
    /// The host feed: a file, `-` for standard input, or an http(s) URL
    #[arg(long, value_name = "FEED", required_unless_present = "identity")]
    hosts: Option<String>,
    /// One image for all machines, which find their identity in their own definition
    #[arg(
        long,
        value_name = "SOURCE",
        conflicts_with_all = ["hosts", "site_images", "token_key"]
    )]
    identity: Option<Source>,
    /// The feed's format, where its name does not tell
    #[arg(long, value_name = "FORMAT")]
    feed_format: Option<FeedFormat>,
    /// The server that hosts ask, where the feed names none
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    /// The formats of hosts that name none
    #[arg(long = "format", value_name = "FORMAT", value_delimiter = ',', default_value = "iso")]
    formats: Vec<Format>,
    /// Where images go
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// How images are named [default: {site}/{host}.{ext}, with --site-images {site}.{ext}]
    #[arg(long, value_name = "TEMPLATE")]
    name: Option<NameTemplate>,
    /// One image per site instead of one per host; it picks the host by MAC, UUID or serial
    #[arg(long)]
    site_images: bool,
    /// Mint part I of N, for runs that are split over machines
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// A file with the secret from which the tokens of hosts without one are derived
    #[arg(long, value_name = "FILE", env = "BOOTMINT_TOKEN_KEY_FILE")]
    token_key: Option<PathBuf>,
    /// How often a machine asks the server before it boots its local disk
    #[arg(long, value_name = "N", default_value_t = Patience::default().attempts)]
    attempts: NonZeroU8,
    /// How long a machine waits for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Patience::default().request)]
    request_timeout: NonZeroU16,
    /// How long a machine waits for the link of each NIC, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Patience::default().link)]
    link_timeout: NonZeroU16,
    /// Install missing tools first (as root)
    #[arg(long)]
    install_deps: bool,
    #[command(flatten)]
    feed: feed_input::Args,
    #[command(flatten)]
    firmware: FirmwareArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

impl Args {
    /// The arguments of a run that a benchmark measures.
    pub(crate) fn for_benchmark(
        hosts: &Path,
        out: &Path,
        firmware: &FirmwareArgs,
        cache: &CacheArgs,
    ) -> anyhow::Result<Self> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line: [&OsStr; 5] = [
            "build-images".as_ref(),
            "--hosts".as_ref(),
            hosts.as_ref(),
            "--out".as_ref(),
            out.as_ref(),
        ];
        let args = <Line as clap::Parser>::try_parse_from(line)?.args;
        Ok(Self { firmware: firmware.clone(), cache: cache.clone(), ..args })
    }

    /// The same with the tokens of a site's key.
    pub(crate) fn with_token_key(self, key: &Path) -> Self {
        Self { token_key: Some(key.to_owned()), ..self }
    }
}

/// Runs `cargo xtask build-images`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    build(args, ui, &|_| ())?.show(ui)
}

/// Builds the images, tells `minted` of each, and says what was done.
pub(crate) fn build(
    args: Args,
    ui: &Ui,
    minted: &(dyn Fn(&ImageEntry) + Sync),
) -> anyhow::Result<Report> {
    let start = Instant::now();
    if args.install_deps {
        deps::install(Task::Images, ui)?;
    }
    let subjects = match args.identity {
        Some(source) => Subjects::own(
            Common { source, server: args.server.clone() },
            &Usual { profile: args.firmware.profile(), formats: &args.formats },
        ),
        None => read_feed(&args, ui)?,
    };
    let patience = Patience {
        attempts: args.attempts,
        request: args.request_timeout,
        link: args.link_timeout,
    };
    let lots = Lots::obtain(&subjects, &args.cache.open()?, &args.firmware, &patience, ui)?;
    let names = match args.name {
        Some(names) => names,
        None if args.site_images => NameTemplate::for_sites(),
        None => match args.identity {
            Some(source) => format!("{source}.{{ext}}").parse()?,
            None => NameTemplate::for_hosts(),
        },
    };
    let plan = Plan::check(&subjects, &lots, names, &patience)?;
    let output = Output::open(&args.out, args.shard)?;
    let writers: Vec<Writer<'_>> = plan
        .templates()
        .map(|template| Writer::new(template, output.work()))
        .collect::<Result<_, _>>()?;
    let mut draft = output.manifest(&plan.head())?;
    let progress = ui.progress("minting", ui::Unit::Count, plan.count(args.shard) as u64);
    let tally = mint::mint(
        &output,
        plan.images(args.shard),
        &|image| plan.job(&writers, *image),
        &patience,
        &mut draft,
        &|entry, _| {
            progress.add(1);
            minted(entry);
        },
        stop_on_interrupt()?,
    )?;
    progress.finish();
    let changed = draft.publish()?;
    let done = (tally, changed);
    Ok(Report::new(&args.out, args.shard, &plan, &writers, done, start.elapsed()))
}

/// Checks the feed, and gives its hosts tokens where there is a key.
fn read_feed(args: &Args, ui: &Ui) -> anyhow::Result<Subjects> {
    let defaults = Defaults { server: args.server.clone(), ..Defaults::default() };
    let hosts = args.hosts.as_deref().context("give --hosts FEED or --identity SOURCE")?;
    let input = feed_input::load(hosts, args.feed_format, &args.feed)?;
    let unit = if args.site_images { Unit::Site } else { Unit::Host };
    let usual = Usual { profile: args.firmware.profile(), formats: &args.formats };
    let key = args.token_key.as_deref().map(token_key).transpose()?;
    let subjects = Subjects::check(input, &defaults, unit, &usual, key)?;
    if subjects.some_without_token() {
        ui.note("hosts without a token ask the server by name alone: give --token-key FILE, or a token in the feed");
    }
    Ok(subjects)
}

fn token_key(path: &Path) -> anyhow::Result<TokenKey> {
    let reading = || format!("reading the token key {}", path.display());
    let secret = std::fs::read(path).with_context(reading)?;
    TokenKey::new(&secret).with_context(reading)
}

/// A flag that Ctrl-C raises, so that a run ends between two images.
fn stop_on_interrupt() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    static WATCH: Once = Once::new(); // a benchmark runs several times in one process
    let raise = || STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut watched = Ok(());
    WATCH.call_once(|| watched = ctrlc::set_handler(raise));
    match watched {
        Ok(()) => Ok(&STOP),
        Err(error) => bail!("cannot watch for Ctrl-C: {error}"),
    }
}
