//! `bootmint remote hosts`: what there is at a server elsewhere, and feeds for it.

use super::{Desk, PAGE, state_of, text, why};
use anyhow::{Context, bail};
use bootmint_image_factory::{
    feed::{self, FeedFormat},
    host::{HostName, Name},
};
use serde_json::Value;
use std::{fs, io::Read, path::PathBuf};

#[derive(clap::Subcommand)]
pub(super) enum Hosts {
    /// Lists hosts with their states
    List {
        /// Those of one site
        #[arg(long)]
        site: Option<Name>,
        /// Those in one state
        #[arg(long)]
        state: Option<String>,
    },
    /// Shows a host and its last boots
    Show {
        /// The host
        host: HostName,
    },
    /// Adds the hosts of a feed, and updates those that are there
    Import {
        /// The feed: a file, or - for standard input
        feed: PathBuf,
        /// The feed's format: csv, json, ndjson or toml [default: by the file's extension]
        #[arg(long)]
        format: Option<FeedFormat>,
        /// Change nothing; show what would be changed
        #[arg(long)]
        dry_run: bool,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

impl Desk<'_> {
    pub(super) fn hosts(&self, command: Hosts) -> anyhow::Result<()> {
        match command {
            Hosts::List { site, state } => self.list(site, state),
            Hosts::Show { host } => self.show(&host),
            Hosts::Import { feed, format, dry_run, reason } => {
                let query = format!("dry-run={dry_run}&{}", why(&reason).trim_start_matches('?'));
                self.import(&feed, format, &query)
            }
        }
    }

    fn list(&self, site: Option<Name>, state: Option<String>) -> anyhow::Result<()> {
        let mut path = "/hosts?".to_owned();
        if let Some(site) = site {
            path.push_str(&format!("&site={site}"));
        }
        if let Some(state) = state {
            if !state.chars().all(|c| c.is_ascii_lowercase()) {
                bail!(
                    "\"{state}\" is no state: new, armed, installing, installed, failed, stalled or held"
                );
            }
            path.push_str(&format!("&state={state}"));
        }
        self.pages(&path, &|host| {
            let (name, changed) = (text(host, "name"), text(host, "changed"));
            format!("{name:<32} {:<11} {changed}", state_of(host))
        })
    }

    fn show(&self, name: &HostName) -> anyhow::Result<()> {
        let host = self.remote.get(&format!("/hosts/{name}"))?;
        self.say(&host, |host| {
            self.ui.line(format_args!("host        {name}"));
            self.ui.line(format_args!("state       {}", state_of(host)));
            if let Some(until) = host.pointer("/state/until").and_then(Value::as_str) {
                self.ui.line(format_args!("until       {until}"));
            }
            self.ui.line(format_args!("imported    {}", text(host, "created")));
            self.ui.line(format_args!("changed     {}", text(host, "changed")));
            self.ui.line(format_args!("record      {}", &host["spec"]));
        });
        let boots = self.remote.get(&format!("/hosts/{name}/boots?limit={PAGE}"))?;
        let boots = boots.get("items").and_then(Value::as_array);
        for boot in boots.context("the answer has no items")? {
            let (at, action, peer) = (text(boot, "at"), text(boot, "action"), text(boot, "peer"));
            let facts = &boot["facts"];
            self.say(boot, |_| {
                self.ui.line(format_args!("boot        {at} {action:<8} {peer} {facts}"));
            });
        }
        Ok(())
    }

    fn import(
        &self,
        file: &PathBuf,
        format: Option<FeedFormat>,
        query: &str,
    ) -> anyhow::Result<()> {
        let name = file.display().to_string();
        let Some(format) = format.or_else(|| FeedFormat::of_path(file)) else {
            bail!("{name}: its extension tells no format: add --format csv, json, ndjson or toml");
        };
        let input: Box<dyn Read> = match name.as_str() {
            "-" => Box::new(std::io::stdin().lock()),
            _ => Box::new(fs::File::open(file).with_context(|| format!("opening {name}"))?),
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(feed::MAX_BYTES)?.saturating_add(1);
        input.take(limit).read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
        let path = format!("/import?format={format}&{query}");
        let done = self.remote.feed(&path, &name, bytes)?;
        self.say(&done, |done| self.imported(done));
        Ok(())
    }

    fn imported(&self, done: &Value) {
        let list = |key: &str| done.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let (added, updated) = (list("added"), list("updated"));
        for name in added.iter().filter_map(Value::as_str) {
            self.ui.line(format_args!("added    {name}"));
        }
        for host in &updated {
            self.ui.line(format_args!("updated  {}", text(host, "name")));
            for change in host.get("changes").and_then(Value::as_array).into_iter().flatten() {
                let (field, before) = (text(change, "field"), &change["before"]);
                self.ui.line(format_args!("         {field}: {before} -> {}", &change["after"]));
            }
        }
        if done["applied"] == false {
            self.ui.line("nothing was changed; an import would report:");
        }
        let (added, updated, unchanged) = (added.len(), updated.len(), &done["unchanged"]);
        self.ui.line(format_args!("{added} added, {updated} updated, {unchanged} unchanged"));
    }
}
