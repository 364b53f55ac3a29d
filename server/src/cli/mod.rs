//! The command line. Commands work on the database of the configuration, which is safe beside a
//! running server; those of `remote` ask a server elsewhere.

mod accounts;
mod audit;
mod backup;
mod certificate;
mod config;
mod directory;
mod export;
mod feed;
mod hosts;
mod init;
mod lint;
mod oidc;
mod openapi;
mod orders;
mod remote;
mod render;
mod roles;
mod secrets;
mod serve;
mod templates;
mod ui;
mod webhook;

use crate::{app::App, config::Config, db::Actor};
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use ui::Ui;

/// Answers machines that boot from Bootmint's images
#[derive(Parser)]
#[command(name = "bootmint", version, about)]
pub struct Cli {
    /// The configuration file
    #[arg(
        long,
        global = true,
        env = "BOOTMINT_CONFIG",
        default_value = "bootmint.toml",
        value_name = "FILE"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a folder with configuration, token key, secrets and OS profiles
    Init(init::Args),
    /// Checks the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Tries the sign-in by the directory
    #[command(subcommand)]
    Directory(directory::Command),
    /// Tries the sign-in by an OpenID provider
    #[command(subcommand)]
    Oidc(oidc::Command),
    /// Answers machines until it is told to stop
    Serve,
    /// Makes a new certificate for HTTPS, from the site's own authority
    Certificate(certificate::Args),
    /// Imports and shows hosts
    #[command(subcommand)]
    Hosts(hosts::Command),
    /// Allows one install of a host: its disk will be wiped
    Arm(orders::ArmArgs),
    /// Agrees to an arming that another person asked for, where one person is not enough
    Approve(orders::ArmArgs),
    /// Takes an arming, or the wish for one, back
    Disarm(orders::HostArgs),
    /// Makes a host wait for a person at every boot
    Hold(orders::HostArgs),
    /// Lets a held host go on: it boots its local disk
    Release(orders::HostArgs),
    /// Shows every text that a host would be sent, with the secrets of its answer files
    Render(render::Args),
    /// Renders every text of every host and checks it
    Lint(lint::Args),
    /// Shows or verifies the audit log
    Audit(audit::Args),
    /// Manages the secrets that answer files may hold, and the keys that seal them
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Prints which role may do what
    Roles,
    /// Prints the OpenAPI document of the server's interface
    Openapi,
    /// Publishes what images are minted from on demand
    #[command(subcommand)]
    Templates(templates::Command),
    /// Manages local accounts
    Users(accounts::Because<accounts::Users>),
    /// Manages API tokens
    Tokens(accounts::Because<accounts::Tokens>),
    /// Works with a server elsewhere, by its interface
    Remote(remote::Args),
    /// Prints the hosts that a SQL query finds, as a CSV feed
    Feed(feed::Args),
    /// Manages webhooks, which tell other programs of what happens
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Writes everything that the database holds to a file, beside a running server
    Backup(backup::BackupArgs),
    /// Restores a backup into an empty database, of the same engine or another
    Restore(backup::RestoreArgs),
}

/// Runs a command.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let ui = Ui;
    let config = || load(&cli.config);
    match cli.command {
        Command::Init(args) => init::run(&args, &ui),
        Command::Config(command) => config::run(&command, &cli.config, &ui),
        Command::Directory(command) => directory::run(&command, config()?, &ui),
        Command::Oidc(command) => oidc::run(&command, config()?, &ui),
        Command::Serve => serve::run(config()?),
        Command::Certificate(args) => certificate::run(&args, &config()?, &ui),
        Command::Hosts(command) => {
            with_app(config()?, async |app| hosts::run(&command, app, &ui).await)
        }
        Command::Arm(args) => with_app(config()?, async |app| orders::arm(args, app, &ui).await),
        Command::Approve(args) => {
            with_app(config()?, async |app| orders::approve(args, app, &ui).await)
        }
        Command::Disarm(args) => with_app(config()?, async |app| {
            orders::run(args, crate::app::Order::Disarm, app, &ui).await
        }),
        Command::Hold(args) => with_app(config()?, async |app| {
            orders::run(args, crate::app::Order::Hold, app, &ui).await
        }),
        Command::Release(args) => with_app(config()?, async |app| {
            orders::run(args, crate::app::Order::Release, app, &ui).await
        }),
        Command::Render(args) => {
            with_app(config()?, async |app| render::run(&args, app, &ui).await)
        }
        Command::Templates(command) => templates::run(&command, &config()?, &ui),
        Command::Feed(args) => feed::run(&args),
        Command::Secrets(command) => secrets::run(command, config()?, &ui),
        Command::Openapi => openapi::run(&ui),
        Command::Roles => {
            roles::run(&ui);
            Ok(())
        }
        Command::Users(args) => {
            with_app(config()?, async |app| accounts::users(args, app, &ui).await)
        }
        Command::Tokens(args) => {
            with_app(config()?, async |app| accounts::tokens(args, app, &ui).await)
        }
        Command::Remote(args) => remote::run(args, &ui),
        Command::Lint(args) => with_app(config()?, async |app| lint::run(&args, app, &ui).await),
        Command::Audit(args) => with_app(config()?, async |app| audit::run(&args, app, &ui).await),
        Command::Webhook(command) => webhook::run(command, config, &ui),
        Command::Backup(args) => {
            with_app(config()?, async |app| backup::backup(&args, app, &ui).await)
        }
        Command::Restore(args) => {
            with_app(config()?, async |app| backup::restore(&args, app, &ui).await)
        }
    }
}

fn load(file: &std::path::Path) -> anyhow::Result<Config> {
    // Variables that are no text are none of ours.
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    crate::config::load(file, environment).context("reading the configuration")
}

/// Runs a command on the database of the configuration.
fn with_app(
    config: Config,
    command: impl AsyncFnOnce(&App) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::open(config).await.context("opening the database")?;
        let result = command(&app).await;
        app.store().close().await;
        result
    })
}

/// Who runs the command, for the audit log: what the system calls them.
fn actor() -> Actor {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|key| std::env::var(key).ok());
    Actor::person(name.as_deref().unwrap_or("unknown"))
}
