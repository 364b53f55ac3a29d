//! `bootmint init`.

use super::ui::Ui;
use crate::{
    app::App,
    auth::{Grant, Grants, Password, Role, Scope},
    config::{self, TlsChoice},
    time::Timestamp,
    tls::{KeyKind, ServerName},
};
use anyhow::Context;
use std::path::PathBuf;

/// The name of the first account.
const FIRST: &str = "admin";

/// Arguments of `bootmint init`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to make
    folder: PathBuf,
    /// A name or address that machines and people reach the server by over HTTPS (may stand
    /// several times); without one HTTPS stays off
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
    let console = config.console.url();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let password = runtime.block_on(async {
        let app = App::open(config).await.context("making the database")?;
        let password = first_admin(&app).await.context("making the first account");
        app.store().close().await;
        password
    })?;
    ui.line(format_args!("made {}", args.folder.display()));
    ui.line(format_args!("next: export BOOTMINT_CONFIG={}", made.config.display()));
    ui.line("      bootmint hosts import FEED && bootmint serve");
    ui.line(format_args!(
        "mint images with the key in {}",
        made.config.with_file_name("token.key").display()
    ));
    if let Some(password) = password {
        ui.line(format_args!(
            "sign in as {FIRST} with the one-time password {}, and change it",
            password.reveal()
        ));
        ui.line(format_args!("      at {console}"));
    }
    ui.line(format_args!(
        "for HTTPS, compile firmware that trusts this site: a firmware profile with\n      \
         trust = [\"{}\"]",
        made.root.display()
    ));
    Ok(())
}

/// Makes the account of the first administrator.
async fn first_admin(app: &App) -> anyhow::Result<Option<Password>> {
    let grants = Grants::new(vec![Grant { role: Role::Admin, scope: Scope::All }])?;
    let now = Timestamp::now();
    Ok(app.add_account(&FIRST.parse()?, &grants, true, &super::actor(), now).await?)
}
