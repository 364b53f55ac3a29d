//! What CI runs, step by step.

use crate::{
    axe,
    deps::{self, Task},
    openid_provider,
    ui::Ui,
};
use anyhow::Context;
use bootmint_ipxe_src::{cache::Cache, pin::Pins, source};
use std::time::Instant;
use xshell::{Cmd, Shell, cmd};

/// Arguments of `cargo xtask ci`.
#[derive(clap::Args)]
pub struct Args {
    /// Install missing tools first (as root)
    #[arg(long)]
    install_deps: bool,
}

/// Runs `cargo xtask ci`: stops at the first step that fails.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    if args.install_deps {
        deps::install(Task::Tests, ui)?;
    }
    let cache = Cache::open(None)?;
    let uncompiled = uncompiled(&cache)?;
    let shell = Shell::new()?;
    let no_warnings = "-Dwarnings";
    let steps: [(&str, Cmd<'_>); 4] = [
        ("format", cmd!(shell, "cargo fmt --all --check")),
        (
            "lints",
            cmd!(shell, "cargo clippy --quiet --workspace --all-targets --locked -- {no_warnings}"),
        ),
        ("tests", test_step(&shell)),
        (
            "documentation",
            cmd!(
                shell,
                "cargo doc --quiet --workspace --no-deps --document-private-items --locked"
            )
            .env("RUSTDOCFLAGS", no_warnings),
        ),
    ];
    for (name, command) in steps {
        let start = Instant::now();
        ui.note(format_args!("ci: {name}: {command}"));
        command.run().with_context(|| format!("running the CI step \"{name}\""))?;
        ui.note(format_args!("ci: {name}: passed in {:.0} s", start.elapsed().as_secs_f64()));
    }
    // Last, so that nobody overlooks it: the test runner keeps the output of tests that pass.
    for skipped in [uncompiled, unchecked(&cache), unprovided(&cache)].into_iter().flatten() {
        ui.warn(skipped);
    }
    Ok(())
}

/// The tests. Those that need a server which is not installed pass over it, unless `CI` is set:
/// then they fail, so that nothing is left out silently.
fn test_step(shell: &Shell) -> Cmd<'_> {
    cmd!(shell, "cargo test --workspace --locked").env("CI", "true")
}

/// What was not tested without iPXE's source, in one sentence.
fn uncompiled(cache: &Cache) -> anyhow::Result<Option<&'static str>> {
    let pins = Pins::load(None)?;
    let there = source::locate(cache, pins.get(None)?).is_some();
    Ok((!there).then_some(
        "SKIPPED: nothing was compiled, all boots ran on the distribution's iPXE: its source is \
         not in the cache (cargo xtask source fetch, or source import)",
    ))
}

/// What was not tested without an OpenID provider, which the tests fetch; in one sentence.
fn unprovided(cache: &Cache) -> Option<&'static str> {
    (!openid_provider::is_kept(cache)).then_some(
        "SKIPPED: nobody signed in by a real OpenID provider: oidc-provider could not be had from \
         the npm registry, or there is no node to run it",
    )
}

/// What was not tested without axe-core, which the tests fetch; in one sentence.
fn unchecked(cache: &Cache) -> Option<&'static str> {
    (!axe::is_kept(cache)).then_some(
        "SKIPPED: the console's pages were not checked for accessibility: axe-core could not be \
         had from the npm registry",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_is_not_installed_fails_the_tests_of_ci() {
        let shell = Shell::new().unwrap();
        let command = Command::from(test_step(&shell));
        let told = command.get_envs().find(|(name, _)| *name == "CI");
        assert!(told.is_some_and(|(_, value)| value.is_some()), "{told:?}");
    }
}
