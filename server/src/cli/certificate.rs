//! `bootmint certificate`.

use super::ui::Ui;
use crate::{
    config::{Config, write_private},
    time::Timestamp,
    tls::{self, Certificates, KeyKind, Pair, ServerName},
};
use anyhow::Context;
use std::{fs, path::Path};

/// Arguments of `bootmint certificate`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A name or address that machines and people reach the server by (may stand several times);
    /// the names of this computer's loopback are always added
    #[arg(long = "name", value_name = "NAME", required = true)]
    names: Vec<ServerName>,
    /// The kind of its key
    #[arg(long, value_name = "KIND", default_value = "p256")]
    key: KeyKind,
}

pub(super) fn run(args: &Args, config: &Config, ui: &Ui) -> anyhow::Result<()> {
    let files = &config.tls;
    let folder = files.certificate.parent().unwrap_or(Path::new(""));
    let read = |name: &str| {
        let path = folder.join(name);
        let found = fs::read_to_string(&path);
        found.with_context(|| format!("reading the site's authority: {}", path.display()))
    };
    let root = Pair { certificates: read("ca.pem")?, key: read("ca.key")? };
    let names = tls::with_loopback(&args.names);
    let pair = tls::server(&root, args.key, &names, Timestamp::now())?;
    // A running server sees one file change before the other; it goes on with the certificate
    // that it has until both fit.
    replace(&files.key, &pair.key)?;
    replace(&files.certificate, &pair.certificates)?;
    let expires = Certificates::load(files.clone())?.expires();
    ui.line(format_args!("made {}, good until {expires}", files.certificate.display()));
    ui.line("a running server takes it within seconds");
    Ok(())
}

fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    write_private(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("writing {}", path.display()))
}
