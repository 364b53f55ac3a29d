//! `cargo xtask bench mint`: how fast images are minted, and what it costs.

use super::{disk, peers, upstream};
use crate::{
    build_images,
    firmware::{self, CacheArgs, FirmwareArgs},
    ui::Ui,
};
use anyhow::{Context, bail};
use bootmint_image_factory::{
    fault::Faults,
    feed::{Defaults, Feed, FeedFormat},
    firmware::Firmware,
    format::Format,
    host::Host,
    layout::BiosLoader,
    manifest::{Head, SCHEMA, TemplateEntry},
    mint::{self, Job, Method, MintError, Output, Shard, Subject, Writer},
    template::{self, Recipe, Template},
    ticket::{Facts, Patience},
};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufWriter, Write as _},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

/// How many images the slow peers make: each takes them from 10 ms to 20 s.
const SLOW: usize = 20;
/// How many hosts the feed has whose check is timed.
const CHECKED: usize = 100_000;

/// Arguments of `cargo xtask bench mint`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How many hosts
    #[arg(long, value_name = "N", default_value = "1000")]
    hosts: NonZeroUsize,
    /// Where to write: decides the file system; a new folder is made in it and removed
    #[arg(long, value_name = "DIR", default_value = "target")]
    dir: PathBuf,
    /// The most hosts of the runs that measure memory; each image is removed once it is minted
    #[arg(long, value_name = "N", default_value = "100000")]
    memory_hosts: NonZeroUsize,
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

    // First, while nothing else has used memory that the allocator may keep.
    let mut peak_memory = Vec::new();
    for hosts in [10, count, args.memory_hosts.get()] {
        ui.note(format_args!("minting {hosts} hosts for the memory they take"));
        peak_memory.push((hosts, memory(hosts, &args, scratch.path(), ui)?));
    }
    ui.note(format_args!("checking a feed of {CHECKED} hosts"));
    let text = feed_file(CHECKED.max(count), scratch.path())?;
    let (feed, feed_time) = disk::timed(|| check(&text))?;
    let hosts: Vec<Host> = (0..count.max(SLOW))
        .map(|index| feed.host(index).map_err(Faults::from))
        .collect::<Result<_, _>>()?;
    let feed_hosts = feed.count();
    drop(feed);
    ui.note(format_args!("minting {count} hosts"));
    // What the runs before left unwritten would be written at the expense of this one.
    disk::sync(scratch.path())?;
    let ours = scratch.path().join("bootmint");
    let (bootmint, method) = bootmint(&template, hosts.iter().take(count), &ours)?;
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

/// A file of hosts that differ in all that must differ.
fn feed_file(count: usize, scratch: &Path) -> anyhow::Result<PathBuf> {
    let path = scratch.join("hosts.csv");
    let mut file = BufWriter::new(File::create(&path)?);
    writeln!(file, "name,mac,address,gateway,dns,site,server")?;
    for n in 1..=count {
        let [_, a, b, c] = (n as u32).to_be_bytes();
        // 10.0.0.0/8 itself is no host's, nor is what stands in the other columns.
        writeln!(
            file,
            "host-{n},52:54:00:{a:02x}:{b:02x}:{c:02x},10.{a}.{b}.{c}/8,10.255.255.254,10.255.255.253,s{},http://10.255.255.252:8080",
            n / 1000
        )?;
    }
    file.flush()?;
    Ok(path)
}

fn check(path: &Path) -> anyhow::Result<Feed<'static>> {
    let file = File::open(path)?;
    let defaults = Defaults::default();
    Ok(Feed::check(file, FeedFormat::Csv, "bench.csv", &defaults, &mut |_| ())?)
}

fn bootmint<'a>(
    template: &Template,
    hosts: impl Iterator<Item = &'a Host>,
    out: &Path,
) -> anyhow::Result<(Measured, Method)> {
    let ((images, method, written), total) = disk::timed(|| mint_hosts(template, hosts, out))?;
    let measured = Measured::new("Bootmint", images, written, total - written, disk::used(out)?);
    Ok((measured, method))
}

/// Mints one image per host and says how many there were, how, and how long it took until all
/// were written; it returns when they are on disk.
fn mint_hosts<'a>(
    template: &Template,
    hosts: impl Iterator<Item = &'a Host>,
    out: &Path,
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
    let job = |host: &&Host| {
        Ok::<_, MintError>(Job {
            writer: &writer,
            file: format!("{}/{}.iso", host.site.as_ref().map_or("", |s| s.as_str()), host.name),
            subject: Subject::from(Host::clone(host)),
            facts: Facts::Post,
        })
    };
    let patience = Patience::default();
    let stop = AtomicBool::new(false);
    let (tally, written) = disk::timed(|| {
        Ok(mint::mint(&output, hosts, &job, &patience, &mut draft, &|_, _| (), &stop)?)
    })?;
    draft.publish()?;
    Ok((usize::try_from(tally.written)?, writer.method(), written))
}

/// The peak memory of `build-images` from feed to manifest; each image goes once it is minted, so
/// that any number of hosts fits onto the disk.
fn memory(count: usize, args: &Args, scratch: &Path, ui: &Ui) -> anyhow::Result<u64> {
    let (feed, out) = (feed_file(count, scratch)?, scratch.join("memory"));
    disk::reset_peak_memory()?;
    let run = build_images::Args::for_benchmark(&feed, &out, &args.firmware, &args.cache)?;
    build_images::build(run, ui, &|entry| {
        // A file that stays costs disk, not memory, which is what is measured.
        let _ = std::fs::remove_file(out.join(&entry.file));
    })?;
    let peak = disk::peak_memory()?;
    std::fs::remove_dir_all(&out)?;
    Ok(peak)
}
