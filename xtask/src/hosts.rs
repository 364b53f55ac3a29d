//! Checks feeds without building anything.

use crate::{feed_input, ui::Ui};
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
    let feed = feed_input::load(&args.feed, args.format, &args.input)?;
    let defaults = Defaults { server: args.server, ..Defaults::default() };
    let (name, mut summary) = (feed.name.clone(), Summary::default());
    let checked = feed.check(&defaults, &mut |host| summary.add(host));
    match checked {
        Ok(_) => {
            ui.result(format_args!("{name}: {summary}"));
            ui.json(&Report { feed: &name, summary, faults: &[] })
        }
        Err(faults) => {
            ui.result(&faults);
            let list = faults.as_slice();
            ui.json(&Report { feed: &name, summary: Summary::default(), faults: list })?;
            let plural = if faults.len() == 1 { "fault" } else { "faults" };
            bail!("{name} has {} {plural}", faults.len())
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
    fn add(&mut self, host: &Host) {
        self.hosts += 1;
        self.interfaces += host.nics.len();
        self.dhcp += host.nics.iter().filter(|nic| nic.addressing == Addressing::Dhcp).count();
        if let Some(site) = &host.site {
            *self.sites.entry(site.to_string()).or_default() += 1;
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
    use bootmint_image_factory::feed::Feed;

    #[test]
    fn a_summary_counts_hosts_interfaces_and_sites() {
        let csv = "name,address,dhcp,site,server\na,,yes,x,http://192.0.2.1\nb,192.0.2.5/24,,x,http://192.0.2.1\n";
        let mut summary = Summary::default();
        let mut add = |host: &Host| summary.add(host);
        Feed::check(csv.as_bytes(), FeedFormat::Csv, "f", &Defaults::default(), &mut add).unwrap();
        let text = summary.to_string();
        assert_eq!(text, "2 hosts, 2 interfaces (1 by DHCP), 1 site; no faults");
    }
}
