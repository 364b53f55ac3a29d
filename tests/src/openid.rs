//! A real OpenID provider for tests: the npm package `oidc-provider`, with a script of ours.
//!
//! npm fetches what the lock file pins, byte by byte, once into the user's cache.

use crate::{run, run::Background, serial::Serial, server::listening_port};
use anyhow::{Context, ensure};
use bootmint_ipxe_src::cache::Cache;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};
use xtask::{deps::on_path, qemu::CommandLine};

const PACKAGE: &str = include_str!("../fixtures/openid/package.json");
const LOCK: &str = include_str!("../fixtures/openid/package-lock.json");
const SCRIPT: &str = include_str!("../fixtures/openid/provider.mjs");
/// How long npm may take, in seconds.
const LIMIT: &str = "120";
/// What stands before the address in the line that says that the provider listens.
const LISTENING: &str = "provider address=127.0.0.1:";
/// The secret of the one client.
pub const SECRET: &str = "a secret of client and provider alone";

/// The folder with the packages, from the cache after the first time.
fn packages(cache: &Cache) -> anyhow::Result<PathBuf> {
    ensure!(on_path("node").is_some(), "node is not installed (package nodejs on Debian)");
    let digest: String =
        Sha256::digest(LOCK).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.download().join(format!("openid-provider-{digest}"));
    let _lock = cache.lock("openid-provider", || ())?;
    if folder.is_dir() {
        return Ok(folder);
    }
    ensure!(on_path("npm").is_some(), "npm is not installed (package npm on Debian)");
    fs::create_dir_all(cache.download()).context("making the cache's folder")?;
    let stage = tempfile::Builder::new().prefix("openid-").tempdir_in(cache.download())?;
    fs::write(stage.path().join("package.json"), PACKAGE)?;
    fs::write(stage.path().join("package-lock.json"), LOCK)?;
    let prefix = stage.path().to_str().context("the cache's path is no text")?;
    let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"];
    run::tool("timeout", [&[LIMIT, "npm", "ci", "--prefix", prefix], &quiet[..]].concat())
        .context("getting oidc-provider from the npm registry")?;
    fs::rename(stage.keep(), &folder).context("putting oidc-provider into the cache")?;
    Ok(folder)
}

/// A running provider, which ends when this is dropped.
#[derive(Debug)]
pub struct Provider {
    /// The provider, as it calls itself.
    pub issuer: String,
    /// The file of its authority.
    pub ca: PathBuf,
    people: PathBuf,
    _process: Background,
    _output: Serial,
}

/// What a provider does.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether ID tokens hold the groups; otherwise userinfo does.
    pub in_token: bool,
    /// Whether it gives refresh tokens.
    pub refresh: bool,
}

impl Provider {
    /// Starts one whose only client is the console at that address. An error if there is no node
    /// or its packages cannot be had: nothing of the project is at fault then.
    pub fn start(folder: &Path, console: &str, manner: Manner, log: &Path) -> anyhow::Result<Self> {
        let packages = packages(&Cache::open(None)?)?;
        let folder = folder.join("openid");
        fs::create_dir_all(&folder)?;
        let (ca, certificate, key) = certificates(&folder)?;
        let people = folder.join("people.json");
        fs::write(&people, "{}")?;
        let script = folder.join("provider.mjs");
        fs::write(&script, SCRIPT)?;
        let settings = folder.join("settings.json");
        let text = json!({
            "certificate": certificate, "key": key, "people": people, "secret": SECRET, "port": 0,
            "redirect": format!("{console}/sign-in/oidc/callback"),
            "signedOut": format!("{console}/sign-in"),
            "inToken": manner.in_token, "refresh": manner.refresh,
        });
        fs::write(&settings, text.to_string())?;
        // node looks for packages where it runs.
        let args = ["-C".into(), packages.into(), "node".into(), script.into(), settings.into()];
        let line = CommandLine { program: "env", args: args.to_vec() };
        let (process, output) = Background::start(&line)?;
        let output = Serial::read(output, log)?;
        let port = listening_port(&output, LISTENING).context("starting the provider")?;
        let issuer = format!("https://127.0.0.1:{port}");
        Ok(Self { issuer, ca, people, _process: process, _output: output })
    }

    /// Lets these people be known, and no others: `{ID: {login, word, name, shown, groups}}`.
    pub fn know(&self, people: &Value) -> anyhow::Result<()> {
        let next = self.people.with_extension("next");
        fs::write(&next, people.to_string())?;
        // At once, since it may be reading.
        fs::rename(next, &self.people).context("telling the provider who is there")
    }
}

/// The files of an authority's certificate, and of a certificate and key for this computer.
fn certificates(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf, PathBuf)> {
    let mut root = CertificateParams::new(vec![])?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "a test's authority");
    let root_key = KeyPair::generate()?;
    let ca = folder.join("ca.pem");
    fs::write(&ca, root.self_signed(&root_key)?.pem())?;
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    let signed = params.signed_by(&key, &Issuer::new(root, root_key))?;
    let (certificate, file) = (folder.join("provider.pem"), folder.join("provider-key.pem"));
    fs::write(&certificate, signed.pem())?;
    fs::write(&file, key.serialize_pem())?;
    Ok((ca, certificate, file))
}
