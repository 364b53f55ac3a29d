//! `cargo xtask bench`: what is fast, measured beside its peers in the same run.

mod disk;
mod firmware;
mod mint;
mod peers;
mod server;
mod storm;
mod upstream;
mod upstream_make;

use crate::ui::Ui;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Building firmware against iPXE's plain make
    Firmware(firmware::Args),
    /// Minting against cp, iPXE's own image script, a relink, and genisoimage with mtools
    Mint(mint::Args),
    /// A storm of booting machines against nginx with a static script
    Server(server::Args),
}

/// Runs `cargo xtask bench`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Command::Firmware(args) => firmware::run(args, ui),
        Command::Mint(args) => mint::run(args, ui),
        Command::Server(args) => server::run(args, ui),
    }
}
