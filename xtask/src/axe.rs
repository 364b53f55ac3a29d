//! axe-core, which checks pages for accessibility: one pinned version from the npm registry.
//!
//! npm itself fetches it, so that whatever this machine says of registries, proxies and
//! certificates holds. It is used only if it is what was pinned, byte by byte.

use crate::deps::on_path;
use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use bootmint_ipxe_src::cache::Cache;
use sha2::{Digest, Sha512};
use std::{fs, io::Read, path::PathBuf};
use xshell::{Shell, cmd};

const VERSION: &str = "4.14.1";
/// The SHA-512 of the package, as npm writes it down.
const INTEGRITY: &str = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";
/// The file of the package that pages load.
const SCRIPT: &str = "package/axe.min.js";
/// How long npm may take, in seconds.
const LIMIT: &str = "60";

fn kept(cache: &Cache) -> PathBuf {
    cache.download().join(file_name())
}

/// What npm calls the package's file.
fn file_name() -> String {
    format!("axe-core-{VERSION}.tgz")
}

/// Whether it can be had without asking the registry.
pub fn is_kept(cache: &Cache) -> bool {
    kept(cache).is_file()
}

/// The script, from the cache after the first time.
pub fn script(cache: &Cache) -> anyhow::Result<String> {
    if let Ok(package) = fs::read(kept(cache))
        && let Ok(script) = unpack(&package)
    {
        return Ok(script);
    }
    let package = fetch(cache).context("getting axe-core from the npm registry")?;
    unpack(&package)
}

/// Fetches the package into the cache; its bytes.
fn fetch(cache: &Cache) -> anyhow::Result<Vec<u8>> {
    ensure!(on_path("npm").is_some(), "npm is not installed (package npm on Debian)");
    let folder = cache.download();
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let stage = tempfile::Builder::new().prefix("axe-").tempdir_in(&folder)?;
    let (shell, to) = (Shell::new()?, stage.path());
    cmd!(shell, "timeout {LIMIT} npm pack axe-core@{VERSION} --pack-destination {to} --silent")
        .env("npm_config_fetch_retries", "1")
        .quiet()
        .ignore_stdout()
        .run()?;
    let fetched = to.join(file_name());
    let bytes = fs::read(&fetched).with_context(|| format!("reading {}", fetched.display()))?;
    fs::rename(&fetched, kept(cache)).context("putting axe-core into the cache")?;
    Ok(bytes)
}

/// The script in a package, if that is the pinned one.
fn unpack(package: &[u8]) -> anyhow::Result<String> {
    let found = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(package)));
    ensure!(
        found == INTEGRITY,
        "axe-core {VERSION} is not the pinned package: its digest is {found}"
    );
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() == SCRIPT {
            let mut script = String::new();
            entry.read_to_string(&mut script)?;
            return Ok(script);
        }
    }
    anyhow::bail!("axe-core {VERSION} has no {SCRIPT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_pinned_package_is_refused() {
        let error = unpack(b"something else").unwrap_err().to_string();
        assert!(error.contains("is not the pinned package"), "{error}");
    }
}
