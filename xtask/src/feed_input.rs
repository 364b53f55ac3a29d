//! The feed that the command line names: got by the factory, or out of a database by the server's
//! program.

use crate::deps;
use anyhow::bail;
use bootmint_image_factory::{
    feed::FeedFormat,
    fetch::{Input, Request, TOKEN_VARIABLE},
};
use std::{env, path::PathBuf};
use xshell::{Shell, cmd};

/// Which certificates feeds over HTTPS are trusted by.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Args {
    /// Trust this PEM file instead of the system's certificates for a feed over HTTPS
    #[arg(long, value_name = "FILE", env = "BOOTMINT_FEED_CA")]
    feed_ca: Option<PathBuf>,
}

/// Gets the feed that the command line and the environment tell.
pub fn load(feed: &str, format: Option<FeedFormat>, args: &Args) -> anyhow::Result<Input> {
    if let Some(query) = feed.strip_prefix("sql:") {
        return ask_database(query);
    }
    let token = env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
    let request = Request { feed: feed.to_owned(), format, ca: args.feed_ca.clone(), token };
    Ok(request.load()?)
}

/// What a query finds. The server's program asks: nothing here speaks to databases.
fn ask_database(query: &str) -> anyhow::Result<Input> {
    let beside = env::current_exe().ok().map(|path| path.with_file_name("bootmint"));
    let program = beside.filter(|path| path.is_file()).or_else(|| deps::on_path("bootmint"));
    let Some(program) = program else {
        bail!(
            "a feed out of a database needs the program bootmint: \
             build it with `cargo build --package bootmint-server`"
        );
    };
    let shell = Shell::new()?;
    let feed = cmd!(shell, "{program} feed {query}").quiet().read()?;
    Ok(Input::of(feed.as_bytes(), FeedFormat::Csv, query)?)
}
