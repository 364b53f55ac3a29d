//! `cargo xtask bench`: what is fast, measured beside its peers in the same run.

mod boots;
mod disk;
mod downloads;
mod firmware;
mod mint;
mod peers;
mod server;
mod servers;
mod upstream;
mod upstream_make;
mod wrk;

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
    /// A storm of booting machines, and images on demand, against nginx with static files
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
