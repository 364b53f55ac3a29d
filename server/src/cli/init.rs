//! `bootmint init`.

use super::ui::Ui;
use crate::{
    app::App,
    config::{self, TlsChoice},
    tls::{KeyKind, ServerName},
};
use anyhow::Context;
use std::path::PathBuf;

/// Arguments of `bootmint init`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to make
    folder: PathBuf,
    /// A name or address that machines reach the server by over HTTPS (may stand several times);
    /// without one HTTPS stays off
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<ServerName>,
    /// The kind of key that certificates are made for
    #[arg(long, value_name = "KIND", default_value = "p256")]
    key: KeyKind,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<()> {
    let choice = TlsChoice { names: args.names.clone(), key: args.key };
    let made = config::init_with(&args.folder, &choice).context("making the server's folder")?;
    let config = config::load(&made.config, []).context("reading the new configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::open(config).await.context("making the database")?;
        app.store().close().await;
        anyhow::Ok(())
    })?;
    ui.line(format_args!("made {}", args.folder.display()));
    ui.line(format_args!("next: export BOOTMINT_CONFIG={}", made.config.display()));
    ui.line("      bootmint hosts import FEED && bootmint serve");
    ui.line(format_args!(
        "mint images with the key in {}",
        made.config.with_file_name("token.key").display()
    ));
    ui.line(format_args!(
        "for HTTPS, compile firmware that trusts this site: a firmware profile with\n      \
         trust = [\"{}\"]",
        made.root.display()
    ));
    Ok(())
}
