//! `bootmint config`.

use super::ui::Ui;
use crate::{script::Profiles, tls::Certificates};
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
        let certificates = Certificates::load(config.tls.clone())?;
        ui.line(format_args!("listen    https://{address}"));
        ui.line(format_args!("          certificate good until {}", certificates.expires()));
    }
    ui.line(format_args!("console   http://{}", config.console.listen));
    ui.line(format_args!("database  {:?}", config.database));
    ui.line(format_args!("profiles  {}", names.join(", ")));
    Ok(())
}
