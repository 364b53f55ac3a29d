//! The firmware that boot tests mint images from.

use anyhow::Context;
use bootmint_image_factory::{firmware::Firmware, format::Platform};
use bootmint_ipxe_src::{
    cache::Cache,
    firmware::{self, BuildOptions, Built},
    pin::Pins,
    prebuilt,
    profile::{self, Profile},
    source,
};
use std::{path::Path, sync::Mutex};

/// Names a firmware folder that the boot tests use instead of the distribution's.
pub const FIRMWARE: &str = "BOOTMINT_TEST_FIRMWARE";
/// The profile that is compiled: the quickest to build and to boot in QEMU.
const PROFILE: &str = "kvm";

/// The firmware of boot tests that prove nothing about firmware: the distribution's, which needs
/// no compiler.
pub fn any() -> anyhow::Result<Firmware> {
    match std::env::var_os(FIRMWARE) {
        Some(folder) => Ok(Firmware::load(Path::new(&folder))?),
        None => prebuilt(),
    }
}

/// The distribution's firmware, from the cache after the first time.
pub fn prebuilt() -> anyhow::Result<Firmware> {
    let cache = Cache::open(None)?;
    let folder = prebuilt::from_distribution(&cache, &mut ())
        .context("taking the distribution's firmware")?;
    Ok(Firmware::load(&folder)?)
}

/// Builds run one at a time: each takes all processors.
static ONE_BUILD: Mutex<()> = Mutex::new(());

/// Firmware compiled from the pinned source; none where neither it nor the source is in the cache.
pub fn compiled() -> anyhow::Result<Option<Firmware>> {
    compiled_as(&profile::load(PROFILE)?)
}

/// Firmware for PCs and AArch64 machines: compiled, else the distribution's where that has both;
/// none where neither can be had. Its PC part is compiled as [`compiled`] is, so that only the
/// AArch64 part takes time.
pub fn with_arm64() -> anyhow::Result<Option<Firmware>> {
    if let Some(firmware) = compiled_as(&profile::load("kvm-arm64")?)? {
        return Ok(Some(firmware));
    }
    let has_arm = |firmware: &Firmware| firmware.binary(Platform::EfiArm64).is_some();
    Ok(Some(prebuilt()?).filter(has_arm))
}

/// The firmware of `profile`, compiled; none where neither it nor the source is in the cache.
pub fn compiled_as(profile: &Profile) -> anyhow::Result<Option<Firmware>> {
    let _one = ONE_BUILD.lock();
    let cache = Cache::open(None)?;
    let pins = Pins::load(None)?;
    let pin = pins.get(None)?;
    let built = match firmware::find_cached(&cache, pin, profile)? {
        Some(built) => built,
        None => {
            let Some(source) = source::locate(&cache, pin) else { return Ok(None) };
            firmware::build(&cache, &source, profile, &BuildOptions::default(), &mut ())
                .with_context(|| format!("compiling the profile {profile}"))?
        }
    };
    Ok(Some(Firmware::load(&built.folder)?))
}

/// The compiled firmware with `script` embedded instead of stage 1; none where the source is not in
/// the cache. Removing its folder is up to the caller.
pub fn relinked(script: &str) -> anyhow::Result<Option<Built>> {
    let _one = ONE_BUILD.lock();
    let cache = Cache::open(None)?;
    let pins = Pins::load(None)?;
    let Some(source) = source::locate(&cache, pins.get(None)?) else { return Ok(None) };
    let profile = profile::load(PROFILE)?.with_script("relinked-by-a-test", script);
    let built = firmware::build(&cache, &source, &profile, &BuildOptions::default(), &mut ())
        .with_context(|| format!("relinking the profile {PROFILE}"))?;
    Ok(Some(built))
}
