//! `cargo xtask images attest`: says what images are made of and from what, and signs it.
//!
//! Two documents are written beside the manifest: an SBOM (`sbom.spdx.json`, SPDX 2.3) and a
//! statement of provenance (`provenance.json`, in-toto with SLSA's predicate). The statement names
//! the digests of the SBOM, the manifest and `SHA256SUMS`, and the manifest those of the images,
//! so that one signature covers all. Both are a function of the run: no clock, no random number.

mod sbom;
mod signature;
mod statement;

use crate::{build_progress::BuildProgress, firmware::CacheArgs, ui::Ui};
use anyhow::{Context, bail};
use bootmint_image_factory::{
    firmware::{self, sha256_hex},
    manifest::{FirmwareEntry, Manifest, SCHEMA, TemplateEntry},
};
use bootmint_ipxe_src::{progress::Progress as _, run::Invocation};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The documents' names in an output folder.
const SBOM: &str = "sbom.spdx.json";
const STATEMENT: &str = "provenance.json";
/// What the signatures are for: one made for something else is none.
const NAMESPACE: &str = "bootmint-provenance";
/// What a statement covers besides the SBOM.
const COVERED: [&str; 2] = ["SHA256SUMS", "manifest.json"];
/// The largest document that is read, in bytes: a manifest of a hundred thousand images.
const MAX_DOCUMENT: u64 = 256 << 20;

/// Arguments of `cargo xtask images attest`.
#[derive(clap::Args)]
pub struct Args {
    /// The output folder of build-images
    #[arg(value_name = "OUT", default_value = "out")]
    out: PathBuf,
    /// Sign the statement with this SSH private key (or public key, with the private one in an
    /// agent), or this minisign secret key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A folder of firmware that is not in the cache: what --prebuilt named
    #[arg(long, value_name = "DIR")]
    prebuilt: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

/// What is told of a run.
struct Run {
    firmware: Vec<Firmware>,
    templates: Vec<TemplateEntry>,
    images: usize,
    /// The commit of Bootmint, where it runs from a git repository.
    commit: Option<String>,
    covered: Vec<(String, String)>,
}

/// A firmware of the run, with what went into it where that is in the cache.
struct Firmware {
    about: FirmwareEntry,
    binaries: Vec<(String, String)>,
    inputs: Option<Value>,
}

/// Runs `cargo xtask images attest`.
pub fn run(args: &Args, ui: &Ui) -> anyhow::Result<()> {
    let run = Run::read(args, ui)?;
    let sbom = pretty(&sbom::document(&run))?;
    write(&args.out.join(SBOM), &sbom)?;
    let statement = pretty(&statement::statement(&run, &sha256_hex(&sbom)))?;
    let path = args.out.join(STATEMENT);
    write(&path, &statement)?;
    signature::remove(&args.out)?;
    ui.result(args.out.join(SBOM).display());
    ui.result(path.display());
    match &args.key {
        Some(key) => {
            ui.result(signature::sign(&args.out, key, ui)?.display());
        }
        None => ui.note("the statement is not signed: --key KEY does that"),
    }
    ui.json(&[SBOM, STATEMENT])
}

impl Run {
    fn read(args: &Args, ui: &Ui) -> anyhow::Result<Self> {
        let (out, cache) = (&args.out, args.cache.open()?);
        let mut covered = Vec::new();
        for name in COVERED {
            covered.push((name.to_owned(), sha256_hex(&read(&out.join(name))?)));
        }
        let path = out.join("manifest.json");
        let manifest: Manifest = serde_json::from_slice(&read(&path)?)
            .with_context(|| format!("reading {}", path.display()))?;
        if manifest.head.schema != SCHEMA {
            bail!(
                "{} has schema {}, not {SCHEMA}: build the images again",
                path.display(),
                manifest.head.schema
            );
        }
        let firmware = manifest.head.firmware.into_iter().map(|about| {
            let prebuilt = args.prebuilt.iter().cloned();
            let folders = [cache.firmware(&about.key)].into_iter().chain(prebuilt);
            Firmware::read(about, folders)
        });
        Ok(Self {
            firmware: firmware.collect::<anyhow::Result<_>>()?,
            templates: manifest.head.templates,
            images: manifest.images.len(),
            commit: commit(ui),
            covered,
        })
    }
}

impl Firmware {
    /// The firmware `about`, in the first of `folders` that has it.
    fn read(
        about: FirmwareEntry,
        folders: impl IntoIterator<Item = PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut found = folders.into_iter().filter_map(|folder| {
            let loaded = firmware::Firmware::load(&folder).ok()?;
            (loaded.manifest.key == about.key).then_some((folder, loaded.manifest))
        });
        let Some((folder, manifest)) = found.next() else {
            bail!(
                "the firmware {} of profile {} is not in the cache, so that nothing can be told of \
                 it: attest where the images were built, or name its folder with --prebuilt",
                about.key.get(..12).unwrap_or(&about.key),
                about.profile
            );
        };
        let all = manifest.binaries.into_iter();
        let binaries = all.map(|binary| (binary.file, binary.sha256)).collect();
        // Ready binaries have no inputs.
        let inputs = fs::read(folder.join("key.json")).ok();
        let inputs = inputs.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Self { about, binaries, inputs })
    }

    /// The out-of-tree drivers that went into it, and the digests of their files.
    fn overlays(&self) -> impl Iterator<Item = (&str, &str)> {
        let overlays = self.inputs.as_ref().and_then(|inputs| inputs.get("overlays")?.as_object());
        overlays
            .into_iter()
            .flatten()
            .filter_map(|(name, digest)| Some((&**name, digest.as_str()?)))
    }

    /// A text among the inputs, by its path.
    fn input(&self, path: &[&str]) -> Option<&str> {
        path.iter().try_fold(self.inputs.as_ref()?, |value, name| value.get(name))?.as_str()
    }
}

/// Bootmint's own commit; nothing where it does not run from a git repository.
fn commit(ui: &Ui) -> Option<String> {
    let mut progress = BuildProgress::new(ui);
    let git = Invocation::new("git")
        .args(["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"])
        .folder(Path::new(env!("CARGO_MANIFEST_DIR")));
    let text = git.capture(&mut |said| progress.said(said)).ok()?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

/// Checks the statement in `out`, its signature by the public key in `key` (SSH or minisign), and
/// the digests of all that it covers.
pub fn verify(out: &Path, key: &Path, ui: &Ui) -> anyhow::Result<()> {
    signature::check(out, key, ui)?;
    let path = out.join(STATEMENT);
    let statement: Value = serde_json::from_slice(&read(&path)?)
        .with_context(|| format!("reading {}", path.display()))?;
    let mut subjects = statement::subjects(&statement);
    subjects.sort();
    let names: Vec<_> = subjects.iter().map(|(name, _)| name.as_str()).collect();
    if names != ["SHA256SUMS", "manifest.json", SBOM] {
        bail!("{} does not cover what it should, but {names:?}: attest again", path.display());
    }
    for (name, expected) in &subjects {
        let found = sha256_hex(&read(&out.join(name))?);
        if &found != expected {
            bail!(
                "{name} is not the one that the signed statement names: it was altered, or written after it"
            );
        }
    }
    ui.result("the signature is good, and what it covers is unaltered");
    Ok(())
}

fn pretty(value: &Value) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let reading =
        || format!("reading {}: is it the --out folder of a finished run?", path.display());
    if fs::metadata(path).with_context(reading)?.len() > MAX_DOCUMENT {
        bail!("{} is larger than {MAX_DOCUMENT} bytes", path.display());
    }
    fs::read(path).with_context(reading)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = path.with_added_extension("new");
    fs::write(&new, bytes)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("writing {}", path.display()))
}
