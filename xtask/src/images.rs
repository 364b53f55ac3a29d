//! `cargo xtask images`: what minted images hold, and whether it is what their manifest says.

pub mod convert;

use crate::{
    attest,
    ui::{Ui, Unit},
};
use anyhow::{Context, anyhow, bail};
use bootmint_image_factory::{
    format::Format,
    manifest::{ImageEntry, Manifest, SCHEMA},
    ticket::{Source, identities, own_source},
    verify,
};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Component, Path, PathBuf},
};

/// Arguments of `cargo xtask images`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Re-reads every image of an output folder and compares it with the manifest
    Verify {
        /// The output folder of build-images
        #[arg(value_name = "OUT", default_value = "out")]
        out: PathBuf,
        /// Check the signed statement of provenance too, by the signer's public key: SSH or
        /// minisign
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Writes an SBOM and a statement of provenance beside the manifest, and signs the statement
    Attest(attest::Args),
    /// Writes minted disk images (--format usb) in a hypervisor's format, by qemu-img
    Convert {
        /// The images
        #[arg(required = true)]
        images: Vec<PathBuf>,
        /// The format
        #[arg(long, value_enum)]
        to: convert::Disk,
    },
    /// Prints what an image holds
    Show {
        /// The image
        image: PathBuf,
        /// Print the tickets too: they hold the host's token
        #[arg(long)]
        ticket: bool,
    },
}

/// Runs `cargo xtask images`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Command::Verify { out, key } => {
            // First, since everything else rests on it.
            key.map_or(Ok(()), |key| attest::verify(&out, &key, ui))?;
            verify(&out, ui)
        }
        Command::Attest(args) => attest::run(&args, ui),
        Command::Convert { images, to } => convert::convert(&images, to, ui),
        Command::Show { image, ticket } => show(&image, ticket, ui),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Verified {
    images: usize,
    faults: Vec<String>,
    strangers: Vec<String>,
}

fn verify(out: &Path, ui: &Ui) -> anyhow::Result<()> {
    let images = manifests(out)?;
    let progress = ui.progress("verifying", Unit::Count, images.len() as u64);
    let faults: Vec<String> = images
        .par_iter()
        .filter_map(|entry| {
            let result = verify_one(out, entry);
            progress.add(1);
            result.err().map(|error| format!("{}: {error:#}", entry.file))
        })
        .collect();
    progress.finish();
    let known = images.iter().map(|entry| out.join(&entry.file)).collect();
    let strangers = strangers(out, &known)?;
    for stranger in &strangers {
        ui.warn(format_args!("{stranger} is an image that no manifest names: of an earlier run?"));
    }
    let verified = Verified { images: images.len(), faults, strangers };
    ui.json(&verified)?;
    for fault in &verified.faults {
        ui.result(fault);
    }
    if !verified.faults.is_empty() {
        bail!(
            "{} of {} images are not what the manifest says: mint them again",
            verified.faults.len(),
            verified.images
        );
    }
    ui.result(format_args!("{} images hold what the manifest says", verified.images));
    Ok(())
}

fn verify_one(out: &Path, entry: &ImageEntry) -> anyhow::Result<()> {
    let inside = Path::new(&entry.file).components().all(|c| matches!(c, Component::Normal(_)));
    if !inside {
        bail!("the manifest names a file outside the output folder");
    }
    let mut file = File::open(out.join(&entry.file)).context("opening")?;
    Ok(verify::image(&mut file, entry)?)
}

/// The images of all manifests in a folder: one, or one per shard.
fn manifests(out: &Path) -> anyhow::Result<Vec<ImageEntry>> {
    let listing = || format!("listing {}", out.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(out).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("manifest.") && name.ends_with(".json") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        bail!("{} has no manifest.json: is it the --out folder of a finished run?", out.display());
    }
    let mut images = Vec::new();
    for path in paths {
        let reading = || format!("reading {}", path.display());
        let text = std::fs::read(&path).with_context(reading)?;
        let manifest: Manifest = serde_json::from_slice(&text).with_context(reading)?;
        if manifest.head.schema != SCHEMA {
            let found = manifest.head.schema;
            return Err(anyhow!("schema {found} instead of {SCHEMA}")).with_context(reading);
        }
        images.extend(manifest.images);
    }
    Ok(images)
}

/// Image files below `folder` that are not `known`: identities that nobody vouches for.
fn strangers(folder: &Path, known: &BTreeSet<PathBuf>) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let listing = || format!("listing {}", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(listing)? {
            let entry = entry.with_context(listing)?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let image = |format: Format| name.ends_with(&format!(".{}", format.extension()));
            if entry.file_type().with_context(listing)?.is_dir() {
                folders.push(path);
            } else if Format::ALL.into_iter().any(image) && !known.contains(&path) {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    format: Format,
    size: u64,
    files: Vec<(String, u64)>,
    hosts: BTreeSet<String>,
    identity: Option<Source>,
    tickets: Vec<(String, Option<String>)>,
}

fn show(path: &Path, with_ticket: bool, ui: &Ui) -> anyhow::Result<()> {
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let format = verify::sniff(&mut file).with_context(reading)?;
    let format =
        format.ok_or_else(|| anyhow!("{} is no image that Bootmint knows", path.display()))?;
    let contents = verify::contents(&file, format).with_context(reading)?;
    let hosts =
        contents.tickets.iter().flat_map(|(_, script)| identities(script)).map(|identity| {
            let addresses: Vec<String> = (identity.v4.iter().map(ToString::to_string))
                .chain(identity.v6.iter().map(ToString::to_string))
                .collect();
            format!("{} {}", identity.name, addresses.join(" ")).trim_end().to_owned()
        });
    let shown = Shown {
        format,
        size: file.metadata().with_context(reading)?.len(),
        hosts: hosts.collect(),
        identity: contents.tickets.iter().find_map(|(_, script)| own_source(script)),
        files: contents.files,
        tickets: contents
            .tickets
            .into_iter()
            .map(|(via, script)| (via, with_ticket.then_some(script)))
            .collect(),
    };
    ui.json(&shown)?;
    ui.result(format_args!("{} image, {} bytes", shown.format, shown.size));
    for (file, len) in &shown.files {
        ui.result(format_args!("file {file} {len}"));
    }
    for host in &shown.hosts {
        ui.result(format_args!("host {host}"));
    }
    if let Some(source) = shown.identity {
        ui.result(format_args!(
            "identity by {source}: any machine whose definition says who it is"
        ));
    } else if shown.hosts.is_empty() {
        ui.result("no host: a template that was never minted");
    }
    for (via, script) in &shown.tickets {
        ui.result(format_args!("ticket by {via}"));
        if let Some(script) = script {
            ui.result(script.trim_end());
        }
    }
    Ok(())
}
