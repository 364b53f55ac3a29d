//! The boot storm: every host asks what to do, thousands at a time.

use super::{
    servers::{Nginx, Postgres, Served, Site},
    wrk::{Run, Wrk},
};
use crate::ui::Ui;
use anyhow::{Context, bail};
use serde::Serialize;
use std::{fmt::Write as _, fs, path::Path};

/// What a machine sends of itself, as its ticket does.
const FACTS: &str = "ticket=1&nic=net0&mac=52%3A54%3A00%3A00%3A00%3A01&manufacturer=QEMU\
                     &product=Standard+PC&platform=pcbios&arch=i386&version=2.0.0";

/// How long a machine of a paced storm rests between two boots, in milliseconds.
const REST_MS: usize = 100;
/// How long hosts boot for the first time.
const FIRST_SECONDS: usize = 2;
/// How many runs all hosts have to boot for the first time.
const MOST_RUNS: usize = 20;

/// What was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Boots {
    hosts: usize,
    connections: usize,
    /// Without its log.
    nginx: Run,
    /// With its log, which is its default.
    nginx_with_log: Run,
    /// Without its log, with a rest between two requests of a connection.
    nginx_paced: Run,
    bootmint: Vec<OnDatabase>,
}

/// The server on one database.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct OnDatabase {
    database: &'static str,
    /// While hosts boot for the first time, which changes their state.
    first_boots: FirstBoots,
    /// Once all boot their local disk, as fast as the server answers: with all connections waiting
    /// all the time, latency is connections by throughput, whatever the server.
    local_boots: Run,
    /// The same with a rest between two boots of a connection, so that the server has time to spare.
    paced_boots: Run,
    /// Local boots per second, of nginx's.
    ratio: f64,
    /// The same of nginx with its log: the server logs each boot too.
    ratio_with_log: f64,
    /// Resident memory after the start, after the first run, after the last.
    memory_kib: [u64; 3],
    /// Rows of the audit log: imports and first boots.
    audit_rows: u64,
}

/// First boots, while there are hosts that did not come yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct FirstBoots {
    /// How many hosts came.
    hosts: u64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// Measures nginx with a static script, then the server on each database that there is.
pub(super) fn measure(
    program: &Path,
    scratch: &Path,
    hosts: usize,
    wrk: Wrk,
    ui: &Ui,
) -> anyhow::Result<Boots> {
    let storm = Storm { wrk, hosts, script: script(hosts), scratch };
    let feed = scratch.join("hosts.csv");
    fs::write(&feed, host_feed(hosts)?)?;
    ui.note("nginx sends a static script");
    let quiet = static_script(&scratch.join("nginx"), false)?;
    let nginx = storm.run(&quiet.url)?;
    show("nginx, static script", &nginx, ui);
    let logging = storm.run(&static_script(&scratch.join("nginx-log"), true)?.url)?;
    show("nginx, static script, with its log", &logging, ui);
    ui.note(format_args!("each connection rests {REST_MS} ms between two requests"));
    let nginx_paced = storm.paced(&quiet.url)?;
    show("nginx, static script, paced", &nginx_paced, ui);
    let peers = [&nginx, &logging];
    let mut bootmint = Vec::new();
    for database in ["sqlite", "postgresql"] {
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
        ui.note(format_args!("bootmint on {database}: importing {hosts} hosts"));
        let site = Site::make(program, &scratch.join(database), url)?;
        site.run(&["hosts", "import", feed.to_str().context("the folder's name is no UTF-8")?])?;
        let on = storm.on(database, &site.serve()?, peers)?;
        let first = &on.first_boots;
        let atleast = if first.hosts < hosts as u64 { "" } else { ", or more: all hosts came" };
        ui.result(format_args!(
            "{:<36} {:>8.0} transitions/s, p50 {:>6.1} ms, p99 {:>6.1} ms{atleast}",
            format!("bootmint on {database}, first boots"),
            first.per_second,
            first.p50_ms,
            first.p99_ms
        ));
        show(&format!("bootmint on {database}, local boots"), &on.local_boots, ui);
        show(&format!("bootmint on {database}, paced"), &on.paced_boots, ui);
        let [start, middle, end] = on.memory_kib.map(|kib| kib / 1024);
        ui.result(format_args!(
            "  {:.2} of nginx, {:.2} with its log; memory {start} -> {middle} -> {end} MiB; {} audit \
             rows hold",
            on.ratio, on.ratio_with_log, on.audit_rows
        ));
        bootmint.push(on);
    }
    let connections = wrk.connections;
    Ok(Boots { hosts, connections, nginx, nginx_with_log: logging, nginx_paced, bootmint })
}

/// nginx, which answers every request with one file.
fn static_script(folder: &Path, logs: bool) -> anyhow::Result<Nginx> {
    fs::create_dir(folder)?;
    let script = "#!ipxe\necho Bootmint: host-1 boots its local disk\nexit 0\n";
    fs::write(folder.join("script"), script)?;
    // A static file takes no POST: the answer that says so is replaced by the file.
    Nginx::start(folder, "error_page 405 =200 $uri; location / { try_files /script =404; }", logs)
}

fn show(what: &str, run: &Run, ui: &Ui) {
    ui.result(format_args!(
        "{what:<36} {:>8.0} requests/s, p50 {:>6.1} ms, p99 {:>6.1} ms, {} errors",
        run.per_second, run.p50_ms, run.p99_ms, run.errors
    ));
}

/// The client, which asks for one host after the other on each of its threads.
struct Storm<'a> {
    wrk: Wrk,
    hosts: usize,
    script: String,
    scratch: &'a Path,
}

impl Storm<'_> {
    fn run(&self, url: &str) -> anyhow::Result<Run> {
        self.wrk.run(&self.script, &self.scratch.join("storm.lua"), url)
    }

    /// The same, with a rest between two requests of a connection.
    fn paced(&self, url: &str) -> anyhow::Result<Run> {
        let script = format!("{}function delay() return {REST_MS} end\n", self.script);
        self.wrk.run(&script, &self.scratch.join("paced.lua"), url)
    }

    /// Goes on until all hosts have booted once, which makes so many rows of the audit log.
    fn all_come(&self, served: &Served, rows: u64) -> anyhow::Result<()> {
        for _ in 0..MOST_RUNS {
            self.run(&served.url)?;
            if served.verify_audit()? >= rows {
                return Ok(());
            }
        }
        bail!(
            "some hosts did not boot once in {MOST_RUNS} runs: give more --seconds or fewer --hosts"
        )
    }

    fn on(
        &self,
        database: &'static str,
        served: &Served,
        [nginx, nginx_with_log]: [&Run; 2],
    ) -> anyhow::Result<OnDatabase> {
        let before = served.memory_kib()?;
        let rows = served.verify_audit()?;
        // So short that hosts are left: boots that are none's first would count with the others.
        let short = Wrk { seconds: FIRST_SECONDS, ..self.wrk };
        let run = short.run(&self.script, &self.scratch.join("storm.lua"), &served.url)?;
        let came = served.verify_audit()?.saturating_sub(rows);
        let per_second = came as f64 / (run.requests as f64 / run.per_second);
        let first_boots =
            FirstBoots { hosts: came, per_second, p50_ms: run.p50_ms, p99_ms: run.p99_ms };
        let middle = served.memory_kib()?;
        self.all_come(served, rows + self.hosts as u64)?;
        let local_boots = self.run(&served.url)?;
        let paced_boots = self.paced(&served.url)?;
        let after = served.memory_kib()?;
        let ratio = local_boots.per_second / nginx.per_second;
        let ratio_with_log = local_boots.per_second / nginx_with_log.per_second;
        let audit_rows = served.verify_audit()?;
        let memory_kib = [before, middle, after];
        Ok(OnDatabase {
            database,
            first_boots,
            local_boots,
            paced_boots,
            ratio,
            ratio_with_log,
            memory_kib,
            audit_rows,
        })
    }
}

fn host_feed(hosts: usize) -> anyhow::Result<String> {
    let mut feed = "name,mac,address,gateway,server,token\n".to_owned();
    for host in 0..hosts {
        let (high, low) = (host / 250, host % 250 + 2);
        writeln!(
            feed,
            "host-{host},52:54:00:{:02x}:{:02x}:{:02x},10.{}.{}.{low}/24,10.{}.{}.1,\
             http://127.0.0.1:8080,token-of-host-{host:08}",
            host >> 16,
            (host >> 8) & 255,
            host & 255,
            high / 250,
            high % 250,
            high / 250,
            high % 250,
        )?;
    }
    Ok(feed)
}

fn script(hosts: usize) -> String {
    format!(
        r#"
local hosts, threads, facts = {hosts}, 0, "{FACTS}"
function setup(thread) thread:set("first", threads); threads = threads + 1 end
function init() next_host = first * math.floor(hosts / 2) end
function request()
  next_host = (next_host + 1) % hosts
  return wrk.format("POST", string.format("/boot/token-of-host-%08d", next_host),
    {{["Content-Type"] = "application/x-www-form-urlencoded"}}, facts)
end
"#
    )
}
