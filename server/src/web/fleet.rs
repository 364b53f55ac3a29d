//! The fleet: hosts and their states, live.

use super::{
    charts::{Chart, HEIGHT},
    page::{self, Frame, Visitor},
    routes::passes,
};
use crate::{
    api::{Method, caller::Caller, input::Params, problem::Problem},
    app::App,
    db::{KeptView, StoredHost},
    time::{Seconds, Timestamp},
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use bootmint_image_factory::host::{Addressing, Host, HostName};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

/// The states, in the order in which they are counted.
pub(super) const STATES: [&str; 7] =
    ["new", "armed", "installing", "installed", "failed", "stalled", "held"];
/// How many hosts are read at a time.
const BATCH: i64 = 500;
/// How many hosts a page shows.
const PAGE: usize = 100;
/// How many hours the chart of boots shows.
const HOURS: u32 = 24;

/// Which hosts are wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FleetQuery {
    q: String,
    state: String,
    site: String,
    os: String,
    page: usize,
}

impl FleetQuery {
    fn wants(&self, stored: &StoredHost, row: &Row) -> bool {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        is(&self.state, row.state)
            && is(&self.site, &row.site)
            && is(&self.os, &row.os)
            && self.matches(&stored.host)
    }

    /// Whether a host is among those that are wanted.
    pub(super) fn finds(&self, app: &App, stored: &StoredHost) -> bool {
        self.wants(stored, &Row::new(app, stored))
    }

    /// Whether what was typed stands in the name, an address or another identifier.
    fn matches(&self, host: &Host) -> bool {
        let wanted = self.q.trim().to_ascii_lowercase();
        if wanted.is_empty() {
            return true;
        }
        let has = |text: &str| text.to_ascii_lowercase().contains(&wanted);
        let shown = |text: Option<String>| text.is_some_and(|text| has(&text));
        has(host.name.as_str())
            || shown(host.serial.as_ref().map(ToString::to_string))
            || shown(host.asset.as_ref().map(ToString::to_string))
            || shown(host.uuid.map(|uuid| uuid.to_string()))
            || host.nics.iter().any(|nic| {
                shown(nic.mac.map(|mac| mac.to_string())) || has(&addresses(&nic.addressing))
            })
            || host.vars.values().any(|value| has(value.as_str()))
    }

    /// The first page of the hosts that these filters leave.
    pub(super) fn filtered([q, state, site, os]: [&str; 4]) -> Self {
        let [q, state, site, os] = [q, state, site, os].map(ToOwned::to_owned);
        Self { q, state, site, os, page: 0 }
    }

    /// The query that leads to the first page of these hosts; nothing if they are all.
    pub(super) fn address(&self) -> String {
        let filters =
            [("q", &self.q), ("state", &self.state), ("site", &self.site), ("os", &self.os)];
        let mut query = String::new();
        for (name, value) in filters.iter().filter(|(_, value)| !value.is_empty()) {
            let before = if query.is_empty() { '?' } else { '&' };
            query.push_str(&format!("{before}{name}={}", page::encode(value)));
        }
        query
    }

    /// The query of another page of the same hosts.
    fn at(&self, page: usize) -> String {
        let query = self.address();
        let before = if query.is_empty() { '?' } else { '&' };
        format!("{query}{before}page={page}")
    }
}

/// The addresses of an interface, for people.
pub(super) fn addresses(addressing: &Addressing) -> String {
    let Addressing::Static { v4, v6 } = addressing else { return "DHCP".to_owned() };
    let v4 = v4.map(|v4| format!("{}/{}", v4.address, v4.prefix));
    let v6 = v6.map(|v6| format!("{}/{}", v6.address, v6.prefix));
    v4.into_iter().chain(v6).collect::<Vec<_>>().join(" ")
}

/// A host's line.
struct Row {
    name: String,
    state: &'static str,
    site: String,
    os: String,
    address: String,
    mac: String,
    changed: String,
}

impl Row {
    fn new(app: &App, stored: &StoredHost) -> Self {
        let host = &stored.host;
        let text = |value: Option<String>| value.unwrap_or_default();
        Self {
            name: host.name.to_string(),
            state: stored.state.name(),
            site: text(host.site.as_ref().map(ToString::to_string)),
            os: text(app.os_name(host)),
            address: host.nics.first().map(|nic| addresses(&nic.addressing)).unwrap_or_default(),
            mac: text(host.nics.first().and_then(|nic| nic.mac).map(|mac| mac.to_string())),
            changed: stored.changed.to_string(),
        }
    }
}

/// What one look at all hosts found.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    matching: usize,
    all: usize,
    counts: BTreeMap<&'static str, usize>,
    sites: BTreeSet<String>,
    oses: BTreeSet<String>,
    names: HashSet<String>,
}

async fn look(app: &App, caller: &Caller, query: &FleetQuery) -> Result<Found, Problem> {
    let mut found = Found::default();
    let mut after: Option<HostName> = None;
    let first = query.page.saturating_mul(PAGE);
    loop {
        let batch = app.store().hosts(after.as_ref(), BATCH).await?;
        let Some(last) = batch.last() else { return Ok(found) };
        after = Some(last.host.name.clone());
        for stored in batch.iter().filter(|stored| caller.may(&stored.host)) {
            let row = Row::new(app, stored);
            found.all = found.all.saturating_add(1);
            let count = found.counts.entry(row.state).or_default();
            *count = count.saturating_add(1);
            found.names.insert(row.name.clone());
            found.sites.extend(Some(row.site.clone()).filter(|site| !site.is_empty()));
            found.oses.extend(Some(row.os.clone()).filter(|os| !os.is_empty()));
            if query.wants(stored, &row) {
                if (first..first.saturating_add(PAGE)).contains(&found.matching) {
                    found.rows.push(row);
                }
                found.matching = found.matching.saturating_add(1);
            }
        }
    }
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    query: FleetQuery,
    found: Found,
    by_state: Chart,
    boots: Chart,
    height: usize,
    states: [&'static str; 7],
    pages: usize,
    before: Option<String>,
    next: Option<String>,
    views: Vec<KeptView>,
    /// What leads to what is shown, whichever page; nothing if all hosts are.
    address: String,
    may_import: bool,
    may_arm: bool,
    may_hold: bool,
    may_fetch: bool,
}

impl FleetPage {
    /// The name under which its reader keeps what is shown.
    fn kept(&self) -> Option<&str> {
        let here = self.views.iter().find(|view| view.query == self.address);
        here.map(|view| view.name.as_str())
    }
}

/// `GET /fleet`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Params(query): Params<FleetQuery>,
) -> Result<Response, Problem> {
    let found = look(&app, &visitor.caller, &query).await?;
    let counts = STATES.map(|state| {
        let count = found.counts.get(state).copied().unwrap_or(0);
        (count, format!("{state}: {count}"), state)
    });
    let who = &visitor.caller.principal;
    let pages = found.matching.div_ceil(PAGE).max(1);
    let next = query.page.saturating_add(1);
    let page = FleetPage {
        frame: Frame::new(&visitor, "/fleet", "Fleet"),
        by_state: Chart::new("Hosts by state".to_owned(), 24, counts),
        boots: boots(&app, &found.names, Timestamp::now()).await?,
        height: HEIGHT,
        states: STATES,
        pages,
        before: query.page.checked_sub(1).map(|page| query.at(page)),
        next: (next < pages).then(|| query.at(next)),
        views: app.store().views(who.user()).await?,
        address: query.address(),
        may_import: passes(who, Method::Get, "/import"),
        may_arm: passes(who, Method::Post, "/fleet/arm"),
        may_hold: passes(who, Method::Post, "/fleet/hold"),
        may_fetch: passes(who, Method::Get, "/download.tar"),
        query,
        found,
    };
    page::show(&page)
}

/// The boots of these hosts, by hour.
async fn boots(app: &App, names: &HashSet<String>, now: Timestamp) -> Result<Chart, Problem> {
    let hour = now.as_unix().div_euclid(3600);
    let since = Timestamp::from_unix(hour.saturating_mul(3600))
        .before(Seconds::new(HOURS.saturating_sub(1).saturating_mul(3600)));
    let mut by_hour: BTreeMap<i64, usize> = BTreeMap::new();
    for (host, at, boots) in app.store().boots_by_hour(since).await? {
        if names.contains(&host) {
            let count = by_hour.entry(at.as_unix()).or_default();
            *count = count.saturating_add(usize::try_from(boots).unwrap_or(0));
        }
    }
    let all: usize = by_hour.values().sum();
    let values = (0..HOURS).map(|n| {
        let at = since.as_unix().saturating_add(i64::from(n).saturating_mul(3600));
        let count = by_hour.get(&at).copied().unwrap_or(0);
        (count, format!("{}: {count} boots", Timestamp::from_unix(at)), "boots")
    });
    Ok(Chart::new(format!("Boots in the last {HOURS} hours: {all}"), 10, values))
}
