//! The companion server's program.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    bootmint_server::cli::run(bootmint_server::cli::Cli::parse())
}
