//! `bootmint directory`: what the directory says of somebody, for who sets it up.

use super::ui::Ui;
use crate::{
    auth::ldap::{Directory, Open, SignInError},
    config::Config,
    time::Timestamp,
};
use anyhow::{Context, bail};
use std::io::{BufRead, IsTerminal};

/// Commands of `bootmint directory`.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Signs somebody in, and shows what they may do or why they may not; reads their password
    /// from the standard input
    Test {
        /// The name: alice, alice@ad.example.org or AD\alice
        name: String,
    },
}

pub(super) fn run(command: &Command, config: Config, ui: &Ui) -> anyhow::Result<()> {
    let Command::Test { name } = command;
    let directory = config.directory.context("the configuration has no section [directory]")?;
    let directory = Directory::new(directory).context("reading the authorities of [directory]")?;
    let input = std::io::stdin();
    if input.is_terminal() {
        bail!(
            "a terminal would show the password: read -rs P; echo \"$P\" | bootmint directory test {name}"
        );
    }
    let mut password = String::new();
    input.lock().read_line(&mut password).context("reading the password")?;
    let password = password.trim_end_matches(['\r', '\n']);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(directory.sign_in(name, password, &Open, Timestamp::now())) {
        Ok(person) => {
            ui.line(format_args!("{} ({}): {}", person.name, person.shown, person.grants));
            Ok(())
        }
        Err(SignInError::Refused(refusal)) => bail!("{name} may not sign in: {refusal}"),
        Err(SignInError::Directory(error)) => Err(error.into()),
    }
}
