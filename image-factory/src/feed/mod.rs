//! Feeds: where hosts come from. CSV, JSON, NDJSON and TOML, as `docs/feeds.md` specifies them.
//!
//! Each reader turns its syntax into raw hosts whose cells remember where they stand;
//! `check` turns those into hosts, `whole` compares hosts with each other, and every fault
//! that either finds is reported at once. Nothing here does I/O but by [`Bytes`].

mod address;
mod bytes;
mod check;
mod csv;
mod json;
mod network;
mod pass;
mod raw;
mod source;
mod table;
mod toml;
mod tree;
mod values;
mod walk;
mod whole;
mod write;

#[cfg(test)]
mod bad_feeds;
#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub use pass::Feed;
pub use write::{WriteError, write};

use crate::{
    fault::Faults,
    format::{Format, named},
    host::{DomainName, Host, Name, SerialConsole, ServerUrl, Text, VarName},
};
use pass::read_checked;
use source::Source;
use std::{collections::BTreeMap, fmt, net::IpAddr, path::Path, str::FromStr};

/// The largest feed that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;
/// The largest TOML feed, in bytes: its parser keeps the whole document, at thirty times its size.
pub const MAX_TOML_BYTES: usize = 64 << 20;
/// The most hosts that a feed may hold.
pub const MAX_HOSTS: usize = 1_000_000;

/// The syntax of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFormat {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// One TOML document.
    Toml,
}

impl FeedFormat {
    /// All formats, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Json, Self::Ndjson, Self::Toml];

    /// The name used on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Toml => "toml",
        }
    }

    /// The format that a file's extension tells: `csv`, `json`, `ndjson` or `jsonl`, `toml`.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }

    /// The format that an HTTP `Content-Type` tells; parameters are ignored.
    pub fn of_content_type(value: &str) -> Option<Self> {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/csv" => Some(Self::Csv),
            "application/json" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Some(Self::Ndjson)
            }
            "application/toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

named!(FeedFormat, "feed format");

/// What hosts have unless they say otherwise.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The server.
    pub server: Option<ServerUrl>,
    /// The DNS servers.
    pub dns: Vec<IpAddr>,
    /// The DNS domain.
    pub domain: Option<DomainName>,
    /// The firmware profile.
    pub profile: Option<Name>,
    /// The image formats.
    pub formats: Vec<Format>,
    /// The site.
    pub site: Option<Name>,
    /// The serial console.
    pub console: Option<SerialConsole>,
    /// Variables; a host's own of the same name wins.
    pub vars: BTreeMap<VarName, Text>,
}

/// Reads and checks a whole feed, and holds all its hosts; see [`Feed`] for large ones.
///
/// `file` is what faults call the feed. A host's own values win over the feed's defaults, and
/// those over `defaults`. On error every fault of the feed is there, except that a syntax error
/// or a wrong CSV header stops the reading: what follows could not be understood.
pub fn parse(
    bytes: &[u8],
    format: FeedFormat,
    file: &str,
    defaults: &Defaults,
) -> Result<Vec<Host>, Faults> {
    let source = Source::new(Box::new(bytes), file)?;
    let mut hosts = Vec::new();
    read_checked(&source, format, defaults, &mut |_, host| hosts.push(host))?;
    Ok(hosts)
}
