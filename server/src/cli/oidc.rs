//! `bootmint oidc`: what the OpenID provider says of itself, for who sets it up.

use super::ui::Ui;
use crate::{auth::oidc::Provider, config::Config};
use anyhow::{Context, bail};

/// Commands of `bootmint oidc`.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Asks the provider for its documents, and says what is wrong and what to register there;
    /// nobody signs in
    Test,
}

pub(super) fn run(command: &Command, config: Config, ui: &Ui) -> anyhow::Result<()> {
    let Command::Test = command;
    let config = config.oidc.context("the configuration has no section [oidc]")?;
    let provider = Provider::new(config).context("reading the authorities of [oidc]")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(provider.probe());
    for line in &found.good {
        ui.line(format_args!("{line}"));
    }
    for note in &found.notes {
        ui.line(format_args!("note: {note}"));
    }
    if !found.faults.is_empty() {
        bail!("nobody can sign in by this provider:\n{}", found.faults.join("\n"));
    }
    ui.line(format_args!("people can sign in by it, as far as its documents say"));
    Ok(())
}
