//! `cargo xtask bench server`: a boot storm at the real server, and the same requests at nginx,
//! which sends one static script.

use super::storm::{self, Nginx, Postgres, Served};
use crate::{deps::on_path, ui::Ui};
use anyhow::{Context, ensure};
use serde::Serialize;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};

/// Arguments of `cargo xtask bench server`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How many hosts
    #[arg(long, value_name = "N", default_value = "10000")]
    hosts: NonZeroUsize,
    /// How many connections at a time
    #[arg(long, value_name = "N", default_value = "1000")]
    connections: NonZeroUsize,
    /// How long each run takes, in seconds
    #[arg(long, value_name = "S", default_value = "10")]
    seconds: NonZeroUsize,
    /// The server's program [default: built with optimisation]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", default_value = "target/bench-server.json")]
    report: PathBuf,
}

/// What one run of the client measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Run {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Answers that were no success, and connections that broke.
    pub(super) errors: u64,
}

/// The server on one database.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct OnDatabase {
    database: &'static str,
    /// While each host boots for the first time, which changes its state.
    first_boots: Run,
    /// Once all boot their local disk.
    local_boots: Run,
    /// Local boots per second, of nginx's.
    ratio: f64,
    /// Resident memory after the start, after the first run, after the last.
    memory_kib: [u64; 3],
    /// Rows of the audit log: imports and first boots.
    audit_rows: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    hosts: usize,
    connections: usize,
    cpus: usize,
    nginx: Run,
    bootmint: Vec<OnDatabase>,
}

/// Runs `cargo xtask bench server`.
pub(super) fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    for tool in ["wrk", "nginx"] {
        ensure!(
            on_path(tool).is_some(),
            "{tool} is missing (Debian and Fedora: packages wrk and nginx)"
        );
    }
    let program = program(args.program.as_deref(), ui)?;
    std::fs::create_dir_all("target")?;
    let scratch = tempfile::Builder::new().prefix("bench-server-").tempdir_in("target")?;
    let scratch = scratch.path().canonicalize()?;
    let storm =
        storm::Client::new(&scratch, args.hosts.get(), args.connections.get(), args.seconds.get())?;
    ui.note("nginx sends a static script");
    let nginx = {
        let server = Nginx::start(&scratch)?;
        storm.run(&server.url)?
    };
    show("nginx, static script", &nginx, ui);
    let mut bootmint = Vec::new();
    for database in ["sqlite", "postgresql"] {
        let folder = scratch.join(database);
        let postgres = match database {
            "postgresql" => match Postgres::start(&scratch.join("pg"))? {
                Some(server) => Some(server),
                None => {
                    ui.warn("PostgreSQL is not installed: it is left out");
                    continue;
                }
            },
            _ => None,
        };
        let url = postgres.as_ref().map_or("sqlite:bootmint.db", |server| server.url.as_str());
        ui.note(format_args!("bootmint on {database}: importing {} hosts", args.hosts));
        let served = Served::start(&program, &folder, url, &storm)?;
        let on = measure(database, &served, &storm, &nginx)?;
        show(&format!("bootmint on {database}, first boots"), &on.first_boots, ui);
        show(&format!("bootmint on {database}, local boots"), &on.local_boots, ui);
        let [start, middle, end] = on.memory_kib.map(|kib| kib / 1024);
        ui.result(format_args!(
            "  {:.2} of nginx; memory {start} -> {middle} -> {end} MiB; {} audit rows hold",
            on.ratio, on.audit_rows
        ));
        bootmint.push(on);
    }
    let cpus = std::thread::available_parallelism().map_or(0, NonZeroUsize::get);
    let (hosts, connections) = (args.hosts.get(), args.connections.get());
    let report = Report { hosts, connections, cpus, nginx, bootmint };
    std::fs::write(&args.report, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("writing {}", args.report.display()))?;
    ui.json(&report)
}

fn measure(
    database: &'static str,
    served: &Served,
    storm: &storm::Client,
    nginx: &Run,
) -> anyhow::Result<OnDatabase> {
    let before = served.memory_kib()?;
    let first_boots = storm.run(&served.url)?;
    let middle = served.memory_kib()?;
    // Whoever did not come in the first run boots for the first time now.
    storm.run(&served.url)?;
    let local_boots = storm.run(&served.url)?;
    let after = served.memory_kib()?;
    let ratio = local_boots.per_second / nginx.per_second;
    let audit_rows = served.verify_audit()?;
    let memory_kib = [before, middle, after];
    Ok(OnDatabase { database, first_boots, local_boots, ratio, memory_kib, audit_rows })
}

fn show(what: &str, run: &Run, ui: &Ui) {
    ui.result(format_args!(
        "{what:<36} {:>8.0} requests/s, p50 {:>6.1} ms, p99 {:>6.1} ms, {} errors",
        run.per_second, run.p50_ms, run.p99_ms, run.errors
    ));
}

/// The server's program: the one given, or a fresh one.
fn program(given: Option<&Path>, ui: &Ui) -> anyhow::Result<PathBuf> {
    if let Some(path) = given {
        return path.canonicalize().with_context(|| format!("looking for {}", path.display()));
    }
    ui.note("building the server");
    let shell = Shell::new()?;
    cmd!(shell, "cargo build --quiet --release --locked --package bootmint-server").run()?;
    Ok(Path::new("target/release/bootmint").canonicalize()?)
}
