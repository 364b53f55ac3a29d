//! oidc-provider, a certified OpenID provider that the tests sign in by: with what it needs, from the
//! npm registry.
//!
//! npm itself fetches it, so that whatever this machine says of registries, proxies and
//! certificates holds. The lock file pins every package, byte by byte, and names no registry.

use crate::deps::on_path;
use anyhow::{Context, ensure};
use bootmint_ipxe_src::cache::Cache;
use sha2::{Digest, Sha256};
use std::{fs, path::PathBuf};
use xshell::{Shell, cmd};

const PACKAGE: &str = include_str!("../../tests/fixtures/openid/package.json");
const LOCK: &str = include_str!("../../tests/fixtures/openid/package-lock.json");
/// How long npm may take, in seconds.
const LIMIT: &str = "120";
/// The oldest node that it runs on.
const NODE: u32 = 20;

/// Where the packages are, or will be.
fn kept(cache: &Cache) -> PathBuf {
    let digest = Sha256::digest(LOCK);
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    cache.download().join(format!("openid-provider-{short}"))
}

/// Whether they can be had without asking the registry.
pub fn is_kept(cache: &Cache) -> bool {
    kept(cache).is_dir()
}

/// The folder with the packages, from the cache after the first time. An error says what is missing
/// on this machine.
pub fn packages(cache: &Cache) -> anyhow::Result<PathBuf> {
    ensure!(on_path("node").is_some(), "node is not installed (package nodejs on Debian)");
    let shell = Shell::new()?;
    let version = cmd!(shell, "node --version").quiet().read()?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    ensure!(major.is_some_and(|n: u32| n >= NODE), "node is {version}, and {NODE} is needed");
    let folder = kept(cache);
    let _lock = cache.lock("openid-provider", || ())?;
    if !folder.is_dir() {
        fetch(&shell, cache, &folder).context("getting oidc-provider from the npm registry")?;
    }
    Ok(folder)
}

fn fetch(shell: &Shell, cache: &Cache, to: &PathBuf) -> anyhow::Result<()> {
    ensure!(on_path("npm").is_some(), "npm is not installed (package npm on Debian)");
    let download = cache.download();
    fs::create_dir_all(&download).with_context(|| format!("making {}", download.display()))?;
    let stage = tempfile::Builder::new().prefix("openid-").tempdir_in(&download)?;
    fs::write(stage.path().join("package.json"), PACKAGE)?;
    fs::write(stage.path().join("package-lock.json"), LOCK)?;
    let at = stage.path();
    cmd!(
        shell,
        "timeout {LIMIT} npm ci --prefix {at} --ignore-scripts --no-audit --no-fund --silent"
    )
    .env("npm_config_fetch_retries", "1")
    .quiet()
    .ignore_stdout()
    .run()?;
    fs::rename(stage.keep(), to).context("putting it into the cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_and_no_registry_is_named() {
        let (packages, pinned) = (
            LOCK.matches("\"version\":").count(),
            LOCK.matches("\"integrity\": \"sha512-").count(),
        );
        assert!(packages > 1 && packages == pinned, "{packages} packages, {pinned} digests");
        assert!(!LOCK.contains("://") && !LOCK.contains("\"resolved\""));
    }
}
