//! The companion server's program.

use clap::Parser;

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    bootmint_server::cli::run(bootmint_server::cli::Cli::parse())
}
