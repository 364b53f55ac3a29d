//! Checks feeds without building anything.

use crate::{
    feed_input::{self, Request},
    ui::Ui,
};
use anyhow::bail;
use bootmint_image_factory::{
    fault::Fault,
    feed::{Defaults, FeedFormat},
    host::{Addressing, Host, ServerUrl},
};
use clap::Subcommand;
use serde::Serialize;
use std::collections::BTreeMap;

/// Arguments of `cargo xtask hosts`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks a whole feed and lists everything that is wrong with it
    Check(CheckArgs),
}

#[derive(clap::Args)]
struct CheckArgs {
    /// The feed: a file, - for standard input, or an http(s):// address (bearer token in
    /// BOOTMINT_FEED_TOKEN)
    feed: String,
    /// The feed's format: csv, json, ndjson or toml [default: by content type or extension]
    #[arg(long)]
    format: Option<FeedFormat>,
    /// The server of hosts that name none
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    #[command(flatten)]
    input: feed_input::Args,
}

/// Runs `cargo xtask hosts`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Command::Check(args) => check(args, ui),
    }
}

fn check(args: CheckArgs, ui: &Ui) -> anyhow::Result<()> {
    let feed = Request::new(&args.feed, args.format, &args.input).load()?;
    let defaults = Defaults { server: args.server, ..Defaults::default() };
    match feed.hosts(&defaults) {
        Ok(hosts) => {
            let summary = Summary::new(&hosts);
            ui.result(format_args!("{}: {summary}", feed.name));
            ui.json(&Report { feed: &feed.name, summary, faults: &[] })
        }
        Err(faults) => {
            ui.result(&faults);
            let list = faults.as_slice();
            ui.json(&Report { feed: &feed.name, summary: Summary::default(), faults: list })?;
            let plural = if faults.len() == 1 { "fault" } else { "faults" };
            bail!("{} has {} {plural}", feed.name, faults.len())
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    feed: &'a str,
    #[serde(flatten)]
    summary: Summary,
    faults: &'a [Fault],
}

/// What a feed without faults holds.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    hosts: usize,
    interfaces: usize,
    dhcp: usize,
    sites: BTreeMap<String, usize>,
}

impl Summary {
    fn new(hosts: &[Host]) -> Self {
        let nics = || hosts.iter().flat_map(|host| &host.nics);
        let mut sites = BTreeMap::new();
        for site in hosts.iter().filter_map(|host| host.site.as_ref()) {
            *sites.entry(site.to_string()).or_default() += 1;
        }
        Self {
            hosts: hosts.len(),
            interfaces: nics().count(),
            dhcp: nics().filter(|nic| nic.addressing == Addressing::Dhcp).count(),
            sites,
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let Self { hosts, interfaces, dhcp, sites } = self;
        write!(f, "{hosts} host{}, {interfaces} interface{}", plural(*hosts), plural(*interfaces))?;
        if *dhcp > 0 {
            write!(f, " ({dhcp} by DHCP)")?;
        }
        if !sites.is_empty() {
            write!(f, ", {} site{}", sites.len(), plural(sites.len()))?;
        }
        f.write_str("; no faults")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootmint_image_factory::feed;

    #[test]
    fn a_summary_counts_hosts_interfaces_and_sites() {
        let csv = "name,address,dhcp,site,server\na,,yes,x,http://192.0.2.1\nb,192.0.2.5/24,,x,http://192.0.2.1\n";
        let hosts =
            feed::parse(csv.as_bytes(), FeedFormat::Csv, "f", &Defaults::default()).unwrap();
        let text = Summary::new(&hosts).to_string();
        assert_eq!(text, "2 hosts, 2 interfaces (1 by DHCP), 1 site; no faults");
    }
}
