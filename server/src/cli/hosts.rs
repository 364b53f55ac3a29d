//! `bootmint hosts`.

use super::{actor, export, feed as query, ui::Ui};
use crate::{app::App, config::propose, db::StoredHost, time::Timestamp};
use bootmint_image_factory::{
    feed::{Defaults, FeedFormat},
    fetch::{Input, Request, TOKEN_VARIABLE},
    host::{HostName, ServerUrl},
};
use std::{collections::BTreeMap, path::PathBuf};

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
    /// The feed: a file, - for standard input, an HTTP address, netbox:URL, or sql:FILE with a
    /// query (see `bootmint feed`). The environment variable BOOTMINT_FEED_TOKEN holds the token
    feed: String,
    /// The feed's format: csv, json, ndjson or toml [default: by its content type or extension]
    #[arg(long)]
    format: Option<FeedFormat>,
    /// Trust this PEM file instead of the system's certificates for a feed over HTTPS
    #[arg(long, value_name = "FILE", env = "BOOTMINT_FEED_CA")]
    feed_ca: Option<PathBuf>,
    /// The server of hosts that name none
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    /// Give hosts that bring no token the one that follows from token.key, whatever theirs was:
    /// their images must be minted anew
    #[arg(long)]
    new_tokens: bool,
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
    let input = match args.feed.strip_prefix("sql:") {
        Some(file) => {
            let feed = query::read(file.as_ref()).await?;
            Input::of(feed.as_bytes(), FeedFormat::Csv, &args.feed)?
        }
        None => load(args).await?,
    };
    let defaults = Defaults { server: args.server.clone(), ..Defaults::default() };
    let mut hosts = Vec::new();
    input.check(&defaults, &mut |host| hosts.push(host.clone()))?;
    if args.new_tokens {
        for host in &mut hosts {
            host.token = Some(app.token_of(host)?);
        }
    }
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

/// Gets a feed that is in no database.
async fn load(args: &ImportArgs) -> anyhow::Result<Input> {
    let request = Request {
        feed: args.feed.clone(),
        format: args.format,
        ca: args.feed_ca.clone(),
        token: std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
    };
    // It waits for the network, and has a runtime of its own.
    Ok(tokio::task::spawn_blocking(move || request.load()).await??)
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
    for (at, action, peer, facts) in app.store().boots(name, Timestamp::END, SHOWN).await? {
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
