//! `bootmint hosts`.

use super::{actor, export, feed as query, ui::Ui};
use crate::{app::App, config::propose, db::StoredHost, time::Timestamp};
use anyhow::{Context, bail};
use bootmint_image_factory::{
    feed::{self, Defaults, FeedFormat},
    host::{HostName, ServerUrl},
};
use std::{collections::BTreeMap, io::Read, path::PathBuf};

/// How many hosts are read at a time.
const PAGE: i64 = 500;
/// How many boots and unknown machines are shown.
const SHOWN: i64 = 20;

/// Commands of `bootmint hosts`.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Adds the hosts of a feed, and updates those that are there
    Import(ImportArgs),
    /// Writes all hosts as a feed that can be imported again
    Export(export::Args),
    /// Lists all hosts with their states
    List,
    /// Shows a host and its last boots
    Show {
        /// The host
        host: HostName,
    },
    /// Lists machines that asked and are no hosts
    Discovered,
}

/// Arguments of `bootmint hosts import`.
#[derive(clap::Args)]
pub(super) struct ImportArgs {
    /// The feed: a file, - for standard input, or sql:FILE with a query: see `bootmint feed`
    feed: PathBuf,
    /// The feed's format: csv, json, ndjson or toml [default: by the file's extension]
    #[arg(long)]
    format: Option<FeedFormat>,
    /// The server of hosts that name none
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    /// Change nothing; show what would be changed
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(command: &Command, app: &App, ui: &Ui) -> anyhow::Result<()> {
    match command {
        Command::Import(args) => import(args, app, ui).await,
        Command::Export(args) => export::run(args, app, ui).await,
        Command::List => list(app, ui).await,
        Command::Show { host } => show(host, app, ui).await,
        Command::Discovered => discovered(app, ui).await,
    }
}

async fn import(args: &ImportArgs, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let name = args.feed.display().to_string();
    let (bytes, format) = match name.strip_prefix("sql:") {
        Some(file) => (query::read(file.as_ref()).await?.into_bytes(), FeedFormat::Csv),
        None => read(args, &name)?,
    };
    let defaults = Defaults { server: args.server.clone(), ..Defaults::default() };
    let hosts = feed::parse(&bytes, format, &name, &defaults)?;
    let done = if args.dry_run {
        let differences = app.compare(&hosts, &actor(), Timestamp::now()).await?;
        for line in &differences.lines {
            ui.line(line);
        }
        ui.line("nothing was changed; an import would report:");
        differences.imported
    } else {
        app.import(&hosts, &actor(), Timestamp::now()).await?
    };
    for host in &done.added {
        ui.line(format_args!("added    {host}"));
    }
    for host in &done.updated {
        ui.line(format_args!("updated  {host}"));
    }
    ui.line(format_args!(
        "{} added, {} updated, {} unchanged",
        done.added.len(),
        done.updated.len(),
        done.unchanged
    ));
    Ok(())
}

/// The bytes and the format of a feed in a file or on standard input.
fn read(args: &ImportArgs, name: &str) -> anyhow::Result<(Vec<u8>, FeedFormat)> {
    let Some(format) = args.format.or_else(|| FeedFormat::of_path(&args.feed)) else {
        bail!("{name}: its extension tells no format: add --format csv, json, ndjson or toml");
    };
    let file: Box<dyn Read> = if name == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(&args.feed).with_context(|| format!("opening {name}"))?)
    };
    let limit = u64::try_from(feed::MAX_BYTES)?.saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
    Ok((bytes, format))
}

async fn list(app: &App, ui: &Ui) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = app.store().hosts(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        for stored in &page {
            let (name, state) = (stored.host.name.as_str(), stored.state.name());
            ui.line(format_args!("{name:<32} {state:<11} {}", stored.changed));
        }
        after = Some(last.host.name.clone());
    }
}

async fn show(name: &HostName, app: &App, ui: &Ui) -> anyhow::Result<()> {
    let StoredHost { host, state, generation, created, changed } = app.stored(name).await?;
    ui.line(format_args!("host        {name}"));
    ui.line(format_args!("state       {}", state.name()));
    if let Some(attempt) = state.attempt() {
        ui.line(format_args!("attempt     {attempt}"));
    }
    if let Some(due) = state.due() {
        ui.line(format_args!("until       {due}"));
    }
    ui.line(format_args!("imported    {created}"));
    ui.line(format_args!("changed     {changed} (generation {generation})"));
    ui.line(format_args!("record      {}", crate::record::write(&host)?));
    for (at, action, peer, facts) in app.store().boots(name, SHOWN).await? {
        ui.line(format_args!("boot        {at} {action:<8} {peer} {facts}"));
    }
    Ok(())
}

async fn discovered(app: &App, ui: &Ui) -> anyhow::Result<()> {
    for machine in app.store().discovered(SHOWN).await? {
        let facts: BTreeMap<String, String> = serde_json::from_str(&machine.facts)?;
        let proposal = propose(&app.config().rules, &facts);
        let proposal = proposal.map_or_else(String::new, |name| format!(" -> {name}?"));
        ui.line(format_args!(
            "{} {:>5} boots {} {}{proposal}",
            machine.last_seen, machine.boots, machine.peer, machine.facts
        ));
    }
    Ok(())
}
