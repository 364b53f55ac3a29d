//! `bootmint config`.

use super::ui::Ui;
use crate::{
    auth::{oidc::Provider, spnego::Acceptor},
    script::Profiles,
    tls::{Certificates, TlsFiles},
    webhook::Sender,
};
use anyhow::Context;
use std::path::Path;

/// Commands of `bootmint config`.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Checks the configuration, its files and the OS profiles; opens no database
    Check,
}

pub(super) fn run(command: &Command, file: &Path, ui: &Ui) -> anyhow::Result<()> {
    let Command::Check = command;
    let config = super::load(file)?;
    let profiles = Profiles::load(&config.profiles).context("reading the OS profiles")?;
    if let Some(name) = &config.os {
        profiles.get(name.as_str()).context("looking up install.profile")?;
    }
    anyhow::ensure!(config.files.is_dir(), "{}: is no folder", config.files.display());
    let names: Vec<_> = profiles.iter().map(|profile| profile.name().as_str()).collect();
    ui.line(format_args!("{}: good", file.display()));
    if let Some(address) = config.listen {
        ui.line(format_args!("listen    http://{address}"));
    }
    if let Some(address) = config.listen_tls {
        ui.line(format_args!("listen    https://{address}"));
        certificate(&config.tls, ui)?;
    }
    ui.line(format_args!("console   {}", config.console.url()));
    if let Some(files) = &config.console.https {
        certificate(files, ui)?;
    }
    for webhook in &config.webhooks {
        Sender::new(webhook)?;
        ui.line(format_args!("webhook   {} {}", webhook.name, webhook.receiver()));
    }
    if let Some(kerberos) = &config.kerberos {
        Acceptor::new(kerberos.clone())?;
        ui.line(format_args!("sign-in   by tickets for {kerberos}"));
    }
    if let Some(oidc) = &config.oidc {
        Provider::new(oidc.clone()).context("reading the authorities of [oidc]")?;
        ui.line(format_args!("sign-in   {}", oidc.redirect));
    }
    ui.line(format_args!("database  {:?}", config.database));
    ui.line(format_args!("profiles  {}", names.join(", ")));
    Ok(())
}

/// Reads a certificate, and says until when it is good.
fn certificate(files: &TlsFiles, ui: &Ui) -> anyhow::Result<()> {
    let expires = Certificates::load(files.clone())?.expires();
    ui.line(format_args!("          certificate good until {expires}"));
    Ok(())
}
