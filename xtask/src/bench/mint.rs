//! `cargo xtask bench mint`: how fast images are minted, and what it costs.

use super::{disk, peers, upstream};
use crate::{
    firmware::{self, CacheArgs, FirmwareArgs},
    ui::Ui,
};
use anyhow::{Context, bail};
use bootmint_image_factory::{
    feed::{self, Defaults, FeedFormat},
    firmware::Firmware,
    format::Format,
    host::Host,
    layout::BiosLoader,
    manifest::{Head, ImageEntry, SCHEMA, TemplateEntry},
    mint::{self, Job, Method, MintError, Outcome, Output, Shard, Subject, Writer},
    template::{self, Recipe, Template},
    ticket::{Facts, Patience},
};
use serde::Serialize;
use std::{
    fmt::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

/// How many images the slow peers make: each takes them from 10 ms to 20 s.
const SLOW: usize = 20;

/// Arguments of `cargo xtask bench mint`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How many hosts
    #[arg(long, value_name = "N", default_value = "1000")]
    hosts: NonZeroUsize,
    /// Where to write: decides the file system; a new folder is made in it and removed
    #[arg(long, value_name = "DIR", default_value = "target")]
    dir: PathBuf,
    /// Also mint this many hosts, each image removed once it is minted, and compare the memory
    #[arg(long, value_name = "N")]
    memory_hosts: Option<NonZeroUsize>,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", default_value = "target/bench-mint.json")]
    report: PathBuf,
    #[command(flatten)]
    firmware: FirmwareArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

/// One way of making images, measured.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) images: usize,
    /// Until the last image was written.
    pub(super) seconds: f64,
    /// Until all images were on disk.
    pub(super) durable_seconds: f64,
    pub(super) disk_bytes: u64,
}

impl Measured {
    pub(super) fn new(
        name: &str,
        images: usize,
        written: Duration,
        synced: Duration,
        disk_bytes: u64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            images,
            seconds: written.as_secs_f64(),
            durable_seconds: (written + synced).as_secs_f64(),
            disk_bytes,
        }
    }

    fn rate(&self) -> f64 {
        self.images as f64 / self.seconds
    }

    fn durable_rate(&self) -> f64 {
        self.images as f64 / self.durable_seconds
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    image_bytes: u64,
    method: String,
    feed_hosts: usize,
    feed_seconds: f64,
    peak_memory: Vec<(usize, u64)>,
    bootmint: Measured,
    peers: Vec<Measured>,
}

/// Runs `cargo xtask bench mint`.
pub(super) fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    let cache = args.cache.open()?;
    let (profile, chosen) = firmware::choose(&cache, &args.firmware, ui)?;
    let firmware = Firmware::load(&chosen.folder)?;
    let targets: Vec<_> = profile.targets().collect();
    let platforms = template::platforms(Format::Iso, &targets);
    let template = Template::new(&Recipe {
        format: Format::Iso,
        firmware: &firmware,
        platforms: &platforms,
        slot_capacity: u64::from(profile.slot_capacity()),
        bios_loader: BiosLoader::Own,
    })?;
    let count = args.hosts.get();
    std::fs::create_dir_all(&args.dir)?;
    let needs = template.bytes().len() as u64 * (3 * count as u64 + 100);
    if disk::free(&args.dir)? < needs {
        bail!("{} has less than the {} MB free that this takes", args.dir.display(), needs >> 20);
    }
    let scratch = tempfile::Builder::new().prefix("bench-mint.").tempdir_in(&args.dir)?;

    ui.note(format_args!("checking a feed of 100000 hosts"));
    let text = feed_text(100_000);
    let (mut hosts, feed_time) = disk::timed(|| parse(&text))?;
    let feed_hosts = hosts.len();
    drop(text);
    hosts.truncate(count.max(SLOW));
    hosts.shrink_to_fit();
    ui.note(format_args!("minting {count} hosts"));
    let ours = scratch.path().join("bootmint");
    let (bootmint, method) = bootmint(&template, &hosts, count, &ours)?;
    let mut peak_memory = vec![(10, memory(&template, 10, scratch.path())?)];
    peak_memory.push((count, memory(&template, count, scratch.path())?));
    if let Some(more) = args.memory_hosts {
        ui.note(format_args!("minting {more} hosts for the memory they take"));
        peak_memory.push((more.get(), memory(&template, more.get(), scratch.path())?));
    }
    let mut peers = vec![peers::cp_each(&template, count, scratch.path(), ui)?];
    peers.push(peers::cp_r(&ours, count, scratch.path(), ui)?);
    peers.extend(peers::genisoimage(&firmware, &hosts, SLOW, scratch.path(), ui)?);
    peers.extend(upstream::measure_all(
        &cache,
        &profile,
        &firmware,
        &hosts,
        SLOW,
        scratch.path(),
        ui,
    )?);
    let report = Report {
        image_bytes: template.bytes().len() as u64,
        method: format!("{method:?}").to_lowercase(),
        feed_hosts,
        feed_seconds: feed_time.as_secs_f64(),
        peak_memory,
        bootmint,
        peers,
    };
    let text = serde_json::to_string_pretty(&report)?;
    std::fs::write(&args.report, text)
        .with_context(|| format!("writing {}", args.report.display()))?;
    report.show(ui)
}

impl Report {
    fn show(&self, ui: &Ui) -> anyhow::Result<()> {
        ui.json(self)?;
        ui.result(format_args!("image {} bytes, written by {}", self.image_bytes, self.method));
        ui.result(format_args!(
            "feed: {} hosts checked in {:.2} s",
            self.feed_hosts, self.feed_seconds
        ));
        for (hosts, bytes) in &self.peak_memory {
            ui.result(format_args!(
                "peak memory minting {hosts} hosts: {:.1} MB",
                *bytes as f64 / 1e6
            ));
        }
        let head = ["way", "images", "images/s", "MB/s", "durable/s", "disk/image", "Bootmint is"];
        ui.result(format_args!(
            "{:<34} {:>6} {:>9} {:>8} {:>9} {:>10} {:>12}",
            head[0], head[1], head[2], head[3], head[4], head[5], head[6]
        ));
        for one in std::iter::once(&self.bootmint).chain(&self.peers) {
            ui.result(format_args!(
                "{:<34} {:>6} {:>9.1} {:>8.1} {:>9.1} {:>10} {:>11.1}x",
                one.name,
                one.images,
                one.rate(),
                one.rate() * self.image_bytes as f64 / 1e6,
                one.durable_rate(),
                one.disk_bytes / one.images as u64,
                self.bootmint.rate() / one.rate()
            ));
        }
        Ok(())
    }
}

/// Hosts that differ in all that must differ.
fn feed_text(count: usize) -> String {
    let mut text = String::from("name,mac,address,gateway,dns,site\n");
    for n in 0..count {
        let [_, a, b, c] = (n as u32).to_be_bytes();
        let _ = writeln!(
            text,
            "host-{n},52:54:00:{a:02x}:{b:02x}:{c:02x},10.{a}.{b}.{c}/8,10.255.255.254,10.255.255.253,s{}",
            n / 1000
        );
    }
    // Network address and others that a feed may not give to a host.
    text.replace("10.0.0.0/8", "10.200.0.1/8")
}

fn parse(text: &str) -> anyhow::Result<Vec<Host>> {
    let server = "http://10.255.255.252:8080".parse()?;
    let defaults = Defaults { server: Some(server), ..Defaults::default() };
    Ok(feed::parse(text.as_bytes(), FeedFormat::Csv, "bench.csv", &defaults)?)
}

fn bootmint(
    template: &Template,
    hosts: &[Host],
    count: usize,
    out: &Path,
) -> anyhow::Result<(Measured, Method)> {
    let ((images, method, written), total) =
        disk::timed(|| mint_hosts(template, hosts.iter().take(count), out, &|_, _| ()))?;
    let measured = Measured::new("Bootmint", images, written, total - written, disk::used(out)?);
    Ok((measured, method))
}

/// Mints one image per host and says how many there were, how, and how long it took until all
/// were written; it returns when they are on disk.
fn mint_hosts<'a>(
    template: &Template,
    hosts: impl Iterator<Item = &'a Host>,
    out: &Path,
    minted: &(dyn Fn(&ImageEntry, Outcome) + Sync),
) -> anyhow::Result<(usize, Method, Duration)> {
    let output = Output::open(out, Shard::WHOLE)?;
    let writer = Writer::new(template, output.work())?;
    let head = Head {
        schema: SCHEMA,
        tool: "bench".to_owned(),
        firmware: vec![],
        templates: vec![TemplateEntry::new(template, "bench")],
    };
    let mut draft = output.manifest(&head)?;
    let jobs = hosts.map(|host| {
        Ok::<_, MintError>(Job {
            writer: &writer,
            file: format!("{}/{}.iso", host.site.as_ref().map_or("", |s| s.as_str()), host.name),
            subject: Subject::Host(host),
            facts: Facts::Post,
        })
    });
    let patience = Patience::default();
    let stop = AtomicBool::new(false);
    let (tally, written) =
        disk::timed(|| Ok(mint::mint(&output, jobs, &patience, &mut draft, minted, &stop)?))?;
    draft.publish()?;
    Ok((usize::try_from(tally.written)?, writer.method(), written))
}

/// The peak memory of a run from feed to manifest; each image goes once it is minted, so that any
/// number of hosts fits onto the disk.
fn memory(template: &Template, count: usize, scratch: &Path) -> anyhow::Result<u64> {
    let out = scratch.join("memory");
    disk::reset_peak_memory()?;
    let hosts = parse(&feed_text(count))?;
    let remove = |entry: &ImageEntry, _| {
        // A file that stays costs disk, not memory, which is what is measured.
        let _ = std::fs::remove_file(out.join(&entry.file));
    };
    mint_hosts(template, hosts.iter(), &out, &remove)?;
    let peak = disk::peak_memory()?;
    std::fs::remove_dir_all(&out)?;
    Ok(peak)
}
