//! `cargo xtask bench`: what is fast, measured beside its peers in the same run.

mod disk;
mod mint;
mod peers;
mod upstream;

use crate::ui::Ui;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Minting against cp, iPXE's own image script, a relink, and genisoimage with mtools
    Mint(mint::Args),
}

/// Runs `cargo xtask bench`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Command::Mint(args) => mint::run(args, ui),
    }
}
