//! The firmware that boot tests mint images from.

use anyhow::Context;
use bootmint_image_factory::firmware::Firmware;
use bootmint_ipxe_src::{cache::Cache, prebuilt};
use std::path::Path;

/// Names a firmware folder that the boot tests use instead of their own choice.
pub const FIRMWARE: &str = "BOOTMINT_TEST_FIRMWARE";

/// The firmware of boot tests that prove nothing about firmware.
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
