//! Passes over a feed: the first checks all of it, later ones read hosts again one by one.

use super::{
    Bytes, Defaults, FeedFormat,
    check::Checker,
    csv::{self, Column},
    json,
    source::{Piece, Source},
    toml,
    whole::Seen,
};
use crate::{
    fault::{Fault, Faults},
    host::Host,
};
use std::fmt;

/// A feed without faults. Its hosts are not in memory, only where each stands: four bytes a host.
/// TOML is the exception, as no part of it can be read without the rest: there they are held.
pub struct Feed<'a> {
    source: Source<'a>,
    defaults: Defaults,
    hosts: Hosts,
}

/// Where a feed's hosts are.
enum Hosts {
    /// Records at these bytes, and what reads them.
    Csv(csv::Again, Vec<u32>),
    /// Objects, at these bytes.
    Json(Vec<u32>),
    /// In memory.
    Held(Vec<Host>),
}

impl<'a> Feed<'a> {
    /// Checks a whole feed as [`super::parse`] does, and shows each host to `visit`.
    pub fn check(
        bytes: impl Bytes + 'a,
        format: FeedFormat,
        file: &str,
        defaults: &Defaults,
        visit: &mut dyn FnMut(&Host),
    ) -> Result<Self, Faults> {
        let source = Source::new(Box::new(bytes), file)?;
        let (mut places, mut held) = (Vec::new(), Vec::new());
        let mut sink = |place, host: Host| {
            visit(&host);
            match format {
                FeedFormat::Toml => held.push(host),
                FeedFormat::Csv | FeedFormat::Json | FeedFormat::Ndjson => places.push(place),
            }
        };
        let (columns, defaults) = read_checked(&source, format, defaults, &mut sink)?;
        let hosts = match format {
            FeedFormat::Csv => Hosts::Csv(csv::Again::new(columns), places),
            FeedFormat::Json | FeedFormat::Ndjson => Hosts::Json(places),
            FeedFormat::Toml => Hosts::Held(held),
        };
        Ok(Self { source, defaults, hosts })
    }

    /// How many hosts there are; never none.
    pub fn count(&self) -> usize {
        match &self.hosts {
            Hosts::Csv(_, places) | Hosts::Json(places) => places.len(),
            Hosts::Held(hosts) => hosts.len(),
        }
    }

    /// The host at `index` in the feed's order, from 0.
    pub fn host(&self, index: usize) -> Result<Host, Fault> {
        let host = match &self.hosts {
            Hosts::Held(hosts) => hosts.get(index).cloned(),
            Hosts::Csv(records, places) => self.again(places, index, |piece, checker| {
                records.host(piece, &self.source, checker);
            }),
            Hosts::Json(places) => self.again(places, index, json::again),
        };
        host.ok_or_else(|| {
            let lost = || {
                let message = format!("host {} of the feed cannot be read again", index + 1);
                Fault::new(self.source.start(), message)
            };
            self.source.failure().unwrap_or_else(lost)
        })
    }

    /// Reads the host at `index` of `places`. Its text may hold what follows it.
    fn again(
        &self,
        places: &[u32],
        index: usize,
        read: impl FnOnce(Piece<'_>, &mut Checker<'_>),
    ) -> Option<Host> {
        let base = *places.get(index)?;
        let end = places.get(index + 1).map_or(self.source.len(), |next| *next as usize);
        let text = self.source.text(base as usize..end);
        let mut host = None;
        let mut sink = |_, read| host = Some(read);
        let mut checker = Checker::new(&self.source, &self.defaults, Seen::trust(), &mut sink);
        read(Piece { text: &text, base }, &mut checker);
        let faults = checker.finish().faults;
        host.filter(|_| faults.is_empty())
    }
}

impl fmt::Debug for Feed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed of {} hosts", self.count())
    }
}

/// Checks all hosts of `source`, each for itself and with each other; hands those to `sink` that
/// have no fault of their own. Tells the columns, where there are any, and the defaults.
pub(super) fn read_checked(
    source: &Source<'_>,
    format: FeedFormat,
    defaults: &Defaults,
    sink: &mut dyn FnMut(u32, Host),
) -> Result<(Vec<Column>, Defaults), Faults> {
    let mut checker = Checker::new(source, defaults, Seen::gather(), sink);
    let columns = read(source, format, &mut checker);
    let mut checked = checker.finish();
    if let Some(seen) = checked.seen.suspects() {
        let mut sink = |_, _| ();
        let mut checker = Checker::new(source, defaults, seen, &mut sink);
        read(source, format, &mut checker);
        checked.faults = checker.finish().faults;
    }
    Faults::new(checked.faults).or((columns, checked.defaults))
}

fn read(source: &Source<'_>, format: FeedFormat, checker: &mut Checker<'_>) -> Vec<Column> {
    match format {
        FeedFormat::Csv => return csv::read(source, checker),
        FeedFormat::Json => json::read(source, checker),
        FeedFormat::Ndjson => json::read_lines(source, checker),
        FeedFormat::Toml => toml::read(source, checker),
    }
    Vec::new()
}
