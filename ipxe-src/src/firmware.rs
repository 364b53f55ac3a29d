//! From source and profile to firmware: built once, found by its key ever after.
//!
//! What goes in is written down as `recipe` inputs, whose digest is the firmware's key. A
//! firmware with that key in the cache is taken as it is; otherwise every target is compiled in a
//! work tree of its own (`worktree`, `make`, `closure`), what the binary can do is read from
//! it (`capability`), and the result is published in one step (`store`).

mod capability;
mod choose;
mod client;
mod closure;
mod config;
mod elf;
mod error;
mod make;
mod product;
mod recipe;
mod relink;
mod signing;
mod slot;
mod sources;
mod store;
mod target;
mod toolchain;
mod worktree;

pub use capability::LackingCapability;
pub use choose::{ChooseError, Chosen, Policy, Wish, choose};
pub use elf::ElfError;
pub use error::BuildError;
pub use product::{Product, build_product, check_product};
pub use signing::Unsignable;
pub use store::Stored;
pub use toolchain::MissingTools;

use crate::{
    cache::Cache,
    pin::Pin,
    profile::{self, Profile, SecureBoot},
    progress::Progress,
    source::SourceTree,
};
use bootmint_drivers::{Catalogue, Class, Overlay, Resolved};
use bootmint_image_factory::{
    firmware::{BinaryManifest, Capability, FirmwareManifest, Provider, SCHEMA, sha256_hex},
    format::Platform,
    security::{self, Lane, Security},
};
use recipe::{Inputs, SourceId};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    thread,
};
use target::{Binary, Open, Target};
use toolchain::Toolchain;

/// How to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// How many compilers run at once.
    pub jobs: usize,
    /// How another embedded script gets into what is compiled already.
    pub link: Link,
}

/// How another embedded script gets into what is compiled already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// By the commands that make would run for it, where they are known from the last build.
    Shortest,
    /// By make, which reads all its rules again.
    ByMake,
}

impl Default for BuildOptions {
    /// One compiler for each processor.
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, Into::into);
        Self { jobs, link: Link::Shortest }
    }
}

/// Whether a firmware had to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was in the cache.
    Cached,
    /// It was compiled now.
    Compiled,
    /// It was compiled before, and got another embedded script now.
    Relinked,
}

/// A firmware, ready to be loaded.
#[derive(Clone, Debug)]
pub struct Built {
    /// The folder with `firmware.json` and the binaries.
    pub folder: PathBuf,
    /// The firmware's key.
    pub key: String,
    /// Whether it had to be built.
    pub origin: Origin,
    /// What differs from the last build of the same profile, one line each; nothing when it was
    /// cached or when there is no earlier build.
    pub changed: Vec<String>,
    /// What the firmware is.
    pub manifest: FirmwareManifest,
}

impl Built {
    fn cached(stored: Stored) -> Self {
        let Stored { folder, manifest, .. } = stored;
        let (key, changed) = (manifest.key.clone(), Vec::new());
        Self { folder, key, origin: Origin::Cached, changed, manifest }
    }
}

/// Builds the firmware of `profile` from `source`, or finds it in the cache.
///
/// Everything that is missing or unknown (tools, drivers) is reported before anything is compiled;
/// on failure the cache holds what it held before, but for work trees.
pub fn build(
    cache: &Cache,
    source: &SourceTree,
    profile: &Profile,
    options: &BuildOptions,
    progress: &mut dyn Progress,
) -> Result<Built, BuildError> {
    check_pin(profile, &source.pin)?;
    // Before the cache is asked: it knows the certificate alone.
    client::check(profile)?;
    let id = SourceId::of(&source.pin);
    let inputs = Inputs::of(profile, &id);
    let key = inputs.key();
    if let Some(stored) = store::find(cache, &key) {
        store::remember(cache, profile.name(), &key)?;
        return Ok(Built::cached(stored));
    }
    let changed = store::last(cache, profile.name())
        .map(|last| inputs.changes_since(&last.inputs))
        .unwrap_or_default();
    for change in &changed {
        progress.step(&format!("changed since the last build: {change}"));
    }
    let toolchains = toolchains(profile)?;
    let drivers = resolve_drivers(&source.path, profile)?;
    if profile.secure_boot().is_some() {
        let src = source.path.join("src");
        signing::check_sources(&src, profile.name(), drivers.values(), profile.options())?;
    }
    check_overlays(&source.path, profile)?;
    let mut targets = Vec::new();
    for (platform, toolchain) in &toolchains {
        let (platform, jobs) = (*platform, options.jobs.max(1));
        let drivers = drivers.get(&profile::class(platform)).unwrap_or(&Resolved::All);
        let (source_id, inputs) = (&id, &inputs);
        let target = Target {
            platform,
            profile,
            product: None,
            drivers,
            source: source_id,
            toolchain,
            inputs,
            jobs,
        };
        targets.push(target.open(cache, &source.path, progress)?);
    }
    let made = make_all(&mut targets, options, progress);
    for target in &targets {
        target.forget_key()?; // however the build ended
    }
    let (origin, mut made) = made?;
    if let Some(SecureBoot::OwnKey(key)) = profile.secure_boot() {
        for binary in &mut made {
            sign(binary, key, progress)?;
        }
    }
    let files: Vec<_> =
        made.iter().map(|(about, bytes)| (about.file.as_str(), bytes.as_slice())).collect();
    let binaries: Vec<_> = made.iter().map(|(about, _)| about.clone()).collect();
    let manifest = FirmwareManifest {
        schema: SCHEMA,
        profile: profile.name().to_owned(),
        provider: Provider::Source,
        ipxe_version: id.version.clone(),
        key: key.clone(),
        notes: notes(profile, &binaries),
        security: security(profile),
        binaries,
    };
    let folder = store::publish(cache, &manifest, &inputs, &files)?;
    store::remember(cache, profile.name(), &key)?;
    Ok(Built { folder, key, origin, changed, manifest })
}

/// Signs a finished binary for Secure Boot.
fn sign(
    (about, bytes): &mut Binary,
    key: &profile::SigningKey,
    progress: &mut dyn Progress,
) -> Result<(), BuildError> {
    progress.step(&format!("{}: signing for Secure Boot", about.platform));
    *bytes = signing::sign(bytes, key)?;
    about.size = bytes.len() as u64;
    about.sha256 = sha256_hex(bytes);
    about.capabilities.insert(Capability::SecureBoot);
    Ok(())
}

/// Relinks what can be relinked, and lets make do the rest.
fn make_all(
    targets: &mut [Open<'_>],
    options: &BuildOptions,
    progress: &mut dyn Progress,
) -> Result<(Origin, Vec<Binary>), BuildError> {
    let mut relinked = Vec::new();
    if options.link == Link::Shortest {
        for some in targets.chunks_mut(options.jobs.max(1)) {
            relinked.extend(thread::scope(|scope| {
                let run = |target| scope.spawn(move || Open::relink(target));
                let running: Vec<_> = some.iter_mut().map(run).collect();
                let end = |thread: thread::ScopedJoinHandle<'_, _>| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                running.into_iter().map(end).collect::<Vec<_>>()
            }));
        }
    }
    let mut origin = Origin::Relinked;
    let mut made = Vec::new();
    for (number, target) in targets.iter_mut().enumerate() {
        made.push(match relinked.get_mut(number).and_then(Option::take) {
            Some(Ok(binary)) => {
                progress.step(&format!("{}: relinked with another script only", binary.0.platform));
                binary
            }
            failed => {
                if let Some(Err(error)) = failed {
                    progress.step(&format!("relinking failed, so that make does it all: {error}"));
                }
                origin = Origin::Compiled;
                target.make(progress)?
            }
        });
    }
    Ok((origin, made))
}

/// The firmware of `profile` from `pin`, if it is in the cache; the source need not be.
///
/// Where a compiler is missing, so that its version is unknown, any compiler's firmware will do.
pub fn find_cached(
    cache: &Cache,
    pin: &Pin,
    profile: &Profile,
) -> Result<Option<Built>, BuildError> {
    check_pin(profile, pin)?;
    client::check(profile)?;
    let inputs = Inputs::of(profile, &SourceId::of(pin));
    if let Some(stored) = store::find(cache, &inputs.key()) {
        return Ok(Some(Built::cached(stored)));
    }
    if inputs.knows_tools() {
        return Ok(None);
    }
    let same = |stored: &Stored| inputs.same_but_tools(&stored.inputs);
    Ok(store::list(cache)?.into_iter().find(same).map(Built::cached))
}

/// All firmware in the cache, sorted by profile.
pub fn list(cache: &Cache) -> Result<Vec<Stored>, BuildError> {
    store::list(cache)
}

fn check_pin(profile: &Profile, pin: &Pin) -> Result<(), BuildError> {
    match profile.pin() {
        Some(wanted) if wanted != pin.name => Err(BuildError::Pin {
            profile: profile.name().to_owned(),
            wanted: wanted.to_owned(),
            found: pin.name.clone(),
        }),
        _ => Ok(()),
    }
}

/// The compilers of all targets; everything that is missing is named at once.
fn toolchains(profile: &Profile) -> Result<Vec<(Platform, Toolchain)>, BuildError> {
    let mut helpers = Vec::new();
    if !profile.trust().is_empty() || profile.client().is_some() {
        helpers.push("openssl");
    }
    if profile.secure_boot().is_some() {
        helpers.extend(["sbsign", "sbverify"]);
    }
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for platform in profile.targets() {
        let checked = Toolchain::find(platform)
            .and_then(|toolchain| toolchain.check(&helpers).map(|()| toolchain));
        match checked {
            Ok(toolchain) => found.push((platform, toolchain)),
            Err(tools) => missing.push(tools),
        }
    }
    match MissingTools::merge(missing) {
        Some(missing) => Err(missing.into()),
        None => Ok(found),
    }
}

/// The drivers of each target, all of them found in the source.
fn resolve_drivers(
    source: &Path,
    profile: &Profile,
) -> Result<BTreeMap<Class, Resolved>, BuildError> {
    let catalogue = Catalogue::scan(&source.join("src"))?;
    let wanted = profile
        .targets()
        .filter_map(|platform| Some((profile::class(platform), profile.drivers(platform)?)));
    catalogue
        .resolve(wanted)
        .map_err(|source| BuildError::Driver { profile: profile.name().to_owned(), source })
}

/// Make has one object for each base name: a driver's source must not be called like one of the
/// tree's.
fn check_overlays(source: &Path, profile: &Profile) -> Result<(), BuildError> {
    let objects: BTreeSet<&str> = profile.overlays().iter().flat_map(Overlay::objects).collect();
    if objects.is_empty() {
        return Ok(());
    }
    match worktree::find_source(&source.join("src"), &objects)? {
        None => Ok(()),
        Some(path) => Err(BuildError::Clash { profile: profile.name().to_owned(), path }),
    }
}

/// What a user of the firmware must know.
fn notes(profile: &Profile, binaries: &[BinaryManifest]) -> Vec<String> {
    let silent = binaries
        .iter()
        .filter(|binary| !binary.capabilities.contains(&Capability::Ticket))
        .map(|binary| {
            format!("{}: its embedded script does not run the medium's ticket", binary.platform)
        });
    let key = profile.client().map(|_| {
        "it holds a client's private key: whoever can read an image can take the key out of it"
            .to_owned()
    });
    let signed = signer(profile).map(|signer| {
        format!(
            "it is signed with your own key, as the profile says (lane \"own-key\"): machines with \
             Secure Boot start it once the certificate with SHA-256 {signer} is in their db"
        )
    });
    silent.chain(key).chain(signed).collect()
}

/// The fingerprint of the certificate that signs for Secure Boot.
fn signer(profile: &Profile) -> Option<String> {
    match profile.secure_boot() {
        Some(SecureBoot::OwnKey(key)) => Some(signing::fingerprint(&key.pem)),
        Some(SecureBoot::Shim { .. }) | None => None,
    }
}

fn security(profile: &Profile) -> Security {
    let secure_boot = signer(profile).map(|signer| security::SecureBoot {
        lane: Lane::OwnKey,
        signer: Some(signer),
        loader: None,
        shims: Vec::new(),
    });
    Security { payloads: profile.payloads(), secure_boot }
}
