//! `bootmint feed`: what a query finds, as a feed for the factory.

use crate::db::{Address, foreign_feed};
use anyhow::{Context, bail};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// The environment variable that holds the database's URL.
const DATABASE: &str = "BOOTMINT_FEED_DATABASE";

/// Arguments of `bootmint feed`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A file with one SQL query, whose columns are those of a CSV feed. The database's URL stands
    /// in the environment variable BOOTMINT_FEED_DATABASE
    query: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let feed = runtime.block_on(read(&args.query))?;
    std::io::stdout().lock().write_all(feed.as_bytes()).context("writing the feed")
}

/// The CSV feed of what the query in `file` finds.
pub(super) async fn read(file: &Path) -> anyhow::Result<String> {
    let name = file.display();
    let Ok(url) = std::env::var(DATABASE) else {
        bail!("{DATABASE} is not set: put the URL of the database into it that {name} asks");
    };
    let address =
        Address::parse(&url, Path::new("")).with_context(|| format!("reading {DATABASE}"))?;
    let query = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    foreign_feed(&address, &query).await.with_context(|| format!("asking {address:?} with {name}"))
}
