//! `bootmint templates`.

use super::ui::Ui;
use crate::{
    config::Config,
    images::{self, Shelf},
};
use anyhow::Context;
use bootmint_image_factory::ticket::Patience;
use std::{
    num::{NonZeroU8, NonZeroU16},
    path::PathBuf,
};

/// Commands of `bootmint templates`.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Publishes the templates of a run of build-images
    Publish(PublishArgs),
    /// Lists what is published
    List,
}

/// Arguments of `bootmint templates publish`.
#[derive(clap::Args)]
pub(super) struct PublishArgs {
    /// The folder that build-images wrote to
    out: PathBuf,
    /// The folder of the firmware that it used; `cargo xtask firmware build` prints it
    #[arg(long = "firmware", value_name = "DIR", required = true)]
    firmware: Vec<PathBuf>,
    /// What build-images was given as --attempts
    #[arg(long, value_name = "N", default_value_t = Patience::default().attempts)]
    attempts: NonZeroU8,
    /// What build-images was given as --request-timeout
    #[arg(long, value_name = "SECONDS", default_value_t = Patience::default().request)]
    request_timeout: NonZeroU16,
    /// What build-images was given as --link-timeout
    #[arg(long, value_name = "SECONDS", default_value_t = Patience::default().link)]
    link_timeout: NonZeroU16,
}

pub(super) fn run(command: &Command, config: &Config, ui: &Ui) -> anyhow::Result<()> {
    match command {
        Command::Publish(args) => {
            let patience = Patience {
                attempts: args.attempts,
                request: args.request_timeout,
                link: args.link_timeout,
            };
            let done = images::publish(&args.out, &args.firmware, &patience, &config.templates)
                .context("publishing templates")?;
            for (profile, formats) in done {
                ui.line(format_args!("published {profile}: {formats} formats"));
            }
        }
        Command::List => {
            let shelf = Shelf::new(&config.templates);
            for profile in shelf.profiles()? {
                let set = shelf.set(&profile)?;
                let formats: Vec<_> = set.formats().map(|format| format.to_string()).collect();
                ui.line(format_args!("{profile:<16} {}", formats.join(", ")));
            }
        }
    }
    Ok(())
}
