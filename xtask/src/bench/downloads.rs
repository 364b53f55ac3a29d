//! Images on demand: the server mints a host's ISO while it sends it, nginx sends the same ISO as
//! a file.

use super::{
    servers::{Nginx, Served, Site},
    wrk::{Run, Wrk},
};
use crate::{
    build_images,
    firmware::{self, CacheArgs, FirmwareArgs},
    ui::Ui,
};
use anyhow::{Context, ensure};
use reqwest::blocking::Client;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The one host. It has no token of its own, so that the server knows it.
const FEED: &str = "name,mac,address,gateway,server\n\
                    host-1,52:54:00:00:00:01,10.0.0.2/24,10.0.0.1,http://127.0.0.1:8080\n";
const ISO: &str = "host-1.iso";

/// The ways to ask for the ISO.
const WAYS: [Way; 2] = [
    Way { name: "whole downloads", range: None },
    // The audit log gets a row for each download that asks for no part, and for the first part of
    // one in parts: this is what sending alone takes.
    Way { name: "parts of one download", range: Some("bytes=0-") },
];

struct Way {
    name: &'static str,
    range: Option<&'static str>,
}

/// What was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Downloads {
    image_bytes: u64,
    connections: usize,
    ways: Vec<Both>,
    /// The server's resident memory before the first run, after each, and after whole downloads
    /// once more.
    memory_kib: Vec<u64>,
    /// Rows of the audit log: whole downloads, and what came before.
    audit_rows: u64,
}

/// One way to ask, at both servers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Both {
    way: &'static str,
    nginx: Sent,
    bootmint: Sent,
    /// Megabytes per second, of nginx's.
    ratio: f64,
}

/// What one server sent, and what it took.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Sent {
    #[serde(flatten)]
    run: Run,
    cpu_seconds_per_gb: f64,
}

impl Sent {
    fn new(run: Run, cpu: Duration) -> Self {
        let seconds = run.requests as f64 / run.per_second;
        let gigabytes = run.mb_per_second * seconds / 1e3;
        Self { run, cpu_seconds_per_gb: cpu.as_secs_f64() / gigabytes }
    }
}

/// Where the image comes from.
pub(super) struct Source<'a> {
    pub(super) program: &'a Path,
    pub(super) firmware: &'a FirmwareArgs,
    pub(super) cache: &'a CacheArgs,
    pub(super) scratch: &'a Path,
}

/// Measures both servers, one after the other for each way to ask.
pub(super) fn measure(source: &Source<'_>, wrk: Wrk, ui: &Ui) -> anyhow::Result<Downloads> {
    let (site, iso) = source.publish(ui)?;
    let token = site.token()?;
    let served = site.0.serve()?;
    let folder = source.scratch.join("nginx-images");
    fs::create_dir(&folder)?;
    fs::copy(&iso, folder.join(ISO))?;
    let nginx = Nginx::start(&folder, "", false)?;
    let link = link(&served, &token)?;
    let file = format!("{}/{ISO}", nginx.url);
    let image = fs::read(&iso)?;
    for url in [&file, &link] {
        ensure!(get(url)? == image, "{url} is not what build-images wrote to {}", iso.display());
    }
    let lua = source.scratch.join("download.lua");
    let mut memory_kib = vec![served.memory_kib()?];
    let mut ways = Vec::new();
    for way in &WAYS {
        let script = script(way.range);
        let before = nginx.cpu_time()?;
        let run = wrk.run(&script, &lua, &file)?;
        let theirs = Sent::new(run, nginx.cpu_time()?.saturating_sub(before));
        show(&format!("nginx, {}", way.name), &theirs, ui);
        let before = served.cpu_time()?;
        let run = wrk.run(&script, &lua, &link)?;
        let ours = Sent::new(run, served.cpu_time()?.saturating_sub(before));
        show(&format!("bootmint, {}", way.name), &ours, ui);
        let ratio = ours.run.mb_per_second / theirs.run.mb_per_second;
        memory_kib.push(served.memory_kib()?);
        ui.result(format_args!("  {ratio:.2} of nginx"));
        ways.push(Both { way: way.name, nginx: theirs, bootmint: ours, ratio });
    }
    // Once more, to see whether memory stays where it is.
    wrk.run(&script(None), &lua, &link)?;
    memory_kib.push(served.memory_kib()?);
    let audit_rows = served.verify_audit()?;
    let memory: Vec<_> = memory_kib.iter().map(|kib| (kib / 1024).to_string()).collect();
    ui.result(format_args!("  memory {} MiB; {audit_rows} audit rows hold", memory.join(" -> ")));
    let image_bytes = image.len() as u64;
    Ok(Downloads { image_bytes, connections: wrk.connections, ways, memory_kib, audit_rows })
}

fn show(what: &str, sent: &Sent, ui: &Ui) {
    let run = &sent.run;
    ui.result(format_args!(
        "{what:<36} {:>8.0} MB/s, {:.2} CPU s/GB, {:.0} requests/s, p99 {:.1} ms, {} errors",
        run.mb_per_second, sent.cpu_seconds_per_gb, run.per_second, run.p99_ms, run.errors
    ));
}

/// A site whose template is published.
struct Ready(Site);

impl Source<'_> {
    /// Builds the host's ISO, and publishes what it was built from. Returns the ISO too.
    fn publish(&self, ui: &Ui) -> anyhow::Result<(Ready, PathBuf)> {
        let mut site =
            Site::make(self.program, &self.scratch.join("images"), "sqlite:bootmint.db")?;
        let (feed, out) = (self.scratch.join("image-host.csv"), self.scratch.join("out"));
        fs::write(&feed, FEED)?;
        let key = site.file("token.key");
        let run = build_images::Args::for_benchmark(&feed, &out, self.firmware, self.cache)?;
        build_images::build(run.with_token_key(&key), ui, &|_| ())?;
        let (profile, chosen) = firmware::choose(&self.cache.open()?, self.firmware, ui)?;
        site.set("BOOTMINT_IMAGES__PROFILE", profile.to_string());
        site.run(&["hosts", "import", utf8(&feed)?])?;
        let folder = utf8(&chosen.folder)?;
        site.run(&["templates", "publish", utf8(&out)?, "--firmware", folder])?;
        Ok((Ready(site), out.join(ISO)))
    }
}

fn utf8(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("the name of {} is no UTF-8", path.display()))
}

impl Ready {
    /// An API token that may make links.
    fn token(&self) -> anyhow::Result<String> {
        let role = ["--role", "image-builder"];
        self.0.run(&[&["users", "add", "bench", "--program"], &role[..]].concat())?;
        self.0.run(&[&["tokens", "add", "bench", "--label", "bench"], &role[..]].concat())
    }
}

fn client() -> anyhow::Result<Client> {
    // An error means that the process has a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().no_proxy().build()?)
}

/// The answer to a request for a link.
#[derive(Deserialize)]
struct Link {
    path: String,
}

/// The address of a link to the image.
fn link(served: &Served, token: &str) -> anyhow::Result<String> {
    let request = client()?
        .post(format!("{}/api/v1/hosts/host-1/image-link", served.console))
        .bearer_auth(token.trim())
        .header("Content-Type", "application/json")
        .body(r#"{"format":"iso"}"#);
    let answer = request.send()?.error_for_status().context("asking for a link to the image")?;
    Ok(served.console.clone() + &path(&answer.bytes()?)?)
}

fn path(answer: &[u8]) -> anyhow::Result<String> {
    let link: Link = serde_json::from_slice(answer).context("reading the link to the image")?;
    Ok(link.path)
}

fn get(url: &str) -> anyhow::Result<Vec<u8>> {
    let answer = client()?.get(url).send()?.error_for_status()?;
    Ok(answer.bytes().with_context(|| format!("getting {url}"))?.to_vec())
}

/// What wrk sends.
fn script(range: Option<&str>) -> String {
    range.map_or_else(String::new, |range| format!("wrk.headers[\"Range\"] = \"{range}\"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_link_is_read() {
        let answer = br#"{"path":"/images/00ff/1795533037/host-1.iso","expires":"2026-11-24"}"#;
        assert_eq!(path(answer).unwrap(), "/images/00ff/1795533037/host-1.iso");
        assert!(path(br#"{"title":"Not Found"}"#).is_err());
    }

    #[test]
    fn processor_time_is_told_for_what_was_sent() {
        let run = Run {
            requests: 800,
            per_second: 200.0,
            mb_per_second: 500.0,
            p50_ms: 1.0,
            p99_ms: 1.0,
            errors: 0,
        };
        let sent = Sent::new(run, Duration::from_secs(3));
        assert!((sent.cpu_seconds_per_gb - 1.5).abs() < 1e-9);
    }

    #[test]
    fn each_way_is_asked_for_as_it_says() {
        let scripts = WAYS.map(|way| script(way.range));
        assert_eq!(scripts, ["", "wrk.headers[\"Range\"] = \"bytes=0-\"\n"]);
    }
}
