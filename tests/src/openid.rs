//! A real OpenID provider for tests: the npm package `oidc-provider`, with a script of ours.

use crate::{
    lab::{self, Lab},
    run::Background,
    serial::Serial,
    server::listening_port,
};
use anyhow::Context;
use bootmint_ipxe_src::cache::Cache;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use xtask::{openid_provider, qemu::CommandLine};

const SCRIPT: &str = include_str!("../fixtures/openid/provider.mjs");
/// What stands before the address in the line that says that the provider listens.
const LISTENING: &str = "provider address=127.0.0.1:";
/// The secret of the one client.
pub const SECRET: &str = "a secret of client and provider alone";

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
    /// Starts one whose only client is the console at that address; none, said loudly, where node
    /// or the packages cannot be had.
    pub fn start(lab: &Lab, console: &str, manner: Manner) -> anyhow::Result<Option<Self>> {
        let packages = match openid_provider::packages(&Cache::open(None)?) {
            Ok(packages) => packages,
            Err(error) => {
                lab::skip("sign-in by OpenID Connect", &format!("no provider: {error:#}"));
                return Ok(None);
            }
        };
        let folder = lab.folder().join("openid");
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
        let output = Serial::read(output, &lab.log("provider"))?;
        let port = listening_port(&output, LISTENING).context("starting the provider")?;
        let issuer = format!("https://127.0.0.1:{port}");
        Ok(Some(Self { issuer, ca, people, _process: process, _output: output }))
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
