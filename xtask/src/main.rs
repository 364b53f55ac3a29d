//! The command line that CI and people call: parses, calls, shows progress.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use xtask::{
    bench, boot, build_images, ci, deps, drivers, firmware, hosts, images, secureboot, sign,
    source, ui, ui::Ui,
};

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
    /// Measures what is fast beside its peers
    Bench(bench::Args),
    /// Mints one bootable image per host of a feed
    BuildImages(Box<build_images::Args>),
    /// Boots an image in QEMU, with this terminal as its console
    Boot(boot::Args),
    /// Runs what CI runs: format, lints, tests, documentation
    Ci(ci::Args),
    /// Says which of the tools a task needs are missing, and installs them
    Deps(deps::Args),
    /// Lists the network drivers that iPXE's source has
    Drivers(drivers::Args),
    /// Builds firmware, and lists and shows what there is
    Firmware(firmware::Args),
    /// Checks a feed of hosts
    Hosts(hosts::Args),
    /// Shows what images hold, and verifies them against their manifest
    Images(images::Args),
    /// Makes Secure Boot keys of your own, and a stick to enrol them from
    #[command(name = "secureboot")]
    SecureBoot(secureboot::Args),
    /// Signs files so that firmware can verify them before it boots them
    Sign(sign::Args),
    /// Gets iPXE's pinned source, and proves that it is the pinned one
    Source(source::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(&cli.ui);
    let result = match cli.command {
        Command::Bench(args) => bench::run(args, &ui),
        Command::BuildImages(args) => build_images::run(*args, &ui),
        Command::Boot(args) => boot::run(args, &ui),
        Command::Ci(args) => ci::run(args, &ui),
        Command::Deps(args) => deps::run(args, &ui),
        Command::Drivers(args) => drivers::run(args, &ui),
        Command::Firmware(args) => firmware::run(args, &ui),
        Command::Hosts(args) => hosts::run(args, &ui),
        Command::Images(args) => images::run(args, &ui),
        Command::SecureBoot(args) => secureboot::run(args, &ui),
        Command::Sign(args) => sign::run(args, &ui),
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }
}
