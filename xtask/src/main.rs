//! The command line that CI and people call: parses, calls, shows progress.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use xtask::{boot, ci, deps, firmware, hosts, images, source, ui, ui::Ui};

/// Builds Bootmint's firmware and images.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    ui: ui::Args,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Boots an image in QEMU, with this terminal as its console
    Boot(boot::Args),
    /// Runs what CI runs: format, lints, tests, documentation
    Ci(ci::Args),
    /// Says which of the tools a task needs are missing, and installs them
    Deps(deps::Args),
    /// Builds firmware, and lists and shows what there is
    Firmware(firmware::Args),
    /// Checks a feed of hosts
    Hosts(hosts::Args),
    /// Shows what images hold, and verifies them against their manifest
    Images(images::Args),
    /// Gets iPXE's pinned source, and proves that it is the pinned one
    Source(source::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(&cli.ui);
    let result = match cli.command {
        Command::Boot(args) => boot::run(args, &ui),
        Command::Ci(args) => ci::run(args, &ui),
        Command::Deps(args) => deps::run(args, &ui),
        Command::Firmware(args) => firmware::run(args, &ui),
        Command::Hosts(args) => hosts::run(args, &ui),
        Command::Images(args) => images::run(args, &ui),
        Command::Source(args) => source::run(args, &ui),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.error(&error);
            ExitCode::FAILURE
        }
    }
}
