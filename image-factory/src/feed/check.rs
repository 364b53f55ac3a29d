//! From raw hosts to checked ones.

use super::{
    Defaults, MAX_HOSTS,
    address::{parse_dns, parse_v4, parse_v6},
    network::{self, Places},
    raw::{Cell, HostField, ListField, NicField, RawHost},
    source::{Source, Spot},
    values::{Shared, Values},
    whole::{Kind, Seen},
};
use crate::{
    fault::Fault,
    format::Format,
    host::{Host, HostName, MAX_DNS, MAX_VARS, Mac, Nic, Text, Token, Uuid, VarName},
};
use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

/// Turns raw hosts into hosts, hands each on, and gathers every fault.
pub(super) struct Checker<'s> {
    source: &'s Source<'s>,
    defaults: Cow<'s, Defaults>,
    /// Takes each host without faults, and where it can be read again.
    sink: &'s mut dyn FnMut(u32, Host),
    faults: Vec<Fault>,
    count: usize,
    /// Whether the feed has a default server that was refused.
    default_refused: bool,
    seen: Seen,
    shared: Shared,
}

/// What remains when all hosts were checked.
pub(super) struct Checked {
    /// The defaults with the feed's own.
    pub(super) defaults: Defaults,
    /// All faults.
    pub(super) faults: Vec<Fault>,
    /// What was seen.
    pub(super) seen: Seen,
}

impl<'s> Checker<'s> {
    /// A checker for hosts of `source`, which have `defaults` unless they say otherwise.
    pub(super) fn new(
        source: &'s Source<'s>,
        defaults: &'s Defaults,
        seen: Seen,
        sink: &'s mut dyn FnMut(u32, Host),
    ) -> Self {
        let (defaults, shared) = (Cow::Borrowed(defaults), Shared::default());
        let faults = Vec::new();
        Self { source, defaults, sink, faults, count: 0, default_refused: false, seen, shared }
    }

    /// Where the hosts stand.
    pub(super) fn source(&self) -> &'s Source<'s> {
        self.source
    }

    /// Adds a fault that a reader found.
    pub(super) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Ends the check. A source that could not be read has that one fault.
    pub(super) fn finish(mut self) -> Checked {
        if let Some(failure) = self.source.failure() {
            self.faults = vec![failure];
        } else if self.count == 0 && self.faults.is_empty() {
            let help = "docs/feeds.md shows what a feed looks like";
            self.fault(Fault::new(self.source.start(), "the feed holds no host").help(help));
        }
        Checked { defaults: self.defaults.into_owned(), faults: self.faults, seen: self.seen }
    }

    /// Checks one host; false when the feed holds too many.
    pub(super) fn host(&mut self, raw: &RawHost<'_>) -> bool {
        self.host_with(Some(raw), Vec::new())
    }

    /// Checks one host that has `faults` already.
    pub(super) fn host_with(&mut self, raw: Option<&RawHost<'_>>, faults: Vec<Fault>) -> bool {
        self.count += 1;
        if self.count > MAX_HOSTS {
            let at = raw.map_or_else(|| self.source.start(), |raw| self.source.locate(raw.spot));
            let message = format!("the feed has more than {MAX_HOSTS} hosts");
            self.faults.push(Fault::new(at, message).help("split it"));
            return false;
        }
        let mut values = Values::new(self.source, faults);
        let mut host = None;
        let mut name = None;
        if let Some(raw) = raw {
            name = self.name(&mut values, raw);
            host = self.build(&mut values, raw, name.as_ref());
        }
        let faults = values.finish();
        if faults.is_empty() {
            if let (Some(host), Some(raw)) = (host, raw) {
                (self.sink)(raw.spot.offset(), host);
            }
        } else {
            self.faults.extend(faults.into_iter().map(|fault| fault.of(name.as_ref())));
        }
        true
    }

    /// Takes the feed's own defaults, which win over those given by the caller.
    pub(super) fn defaults(&mut self, raw: &RawHost<'_>) {
        let mut values = Values::new(self.source, Vec::new());
        use HostField as F;
        for field in [F::Name, F::Token, F::Asset, F::Serial, F::Uuid] {
            if let Some(cell) = raw.get(field) {
                let message = format!("{} belongs to one host", field.name());
                values.fault(cell.spot, message, "move it from the defaults to its host");
            }
        }
        if let Some(nic) = raw.nics.first() {
            let help = "move them from the defaults to their hosts";
            values.fault(nic.spot, "interfaces belong to one host", help);
        }
        self.defaults = Cow::Owned(self.common(&mut values, raw));
        self.default_refused = raw.get(F::Server).is_some() && self.defaults.server.is_none();
        self.faults.extend(values.finish());
    }

    /// The fields that defaults have too: from `raw`, or else from the defaults so far.
    fn common(&mut self, values: &mut Values<'_>, raw: &RawHost<'_>) -> Defaults {
        use HostField as F;
        let (old, shared) = (&*self.defaults, &mut self.shared);
        Defaults {
            server: values.or(raw.get(F::Server), &old.server, |t| shared.servers.get(t)),
            domain: values.or(raw.get(F::Domain), &old.domain, |t| shared.domains.get(t)),
            profile: values.or(raw.get(F::Profile), &old.profile, |t| {
                shared.names.get(t).map_err(|invalid| invalid.of_field("profile"))
            }),
            site: values.or(raw.get(F::Site), &old.site, |t| {
                shared.names.get(t).map_err(|invalid| invalid.of_field("site"))
            }),
            console: values.or(raw.get(F::Console), &old.console, str::parse),
            dns: match raw.list(ListField::Dns) {
                [] => old.dns.clone(),
                cells => dns(values, cells),
            },
            formats: match raw.list(ListField::Formats) {
                [] => old.formats.clone(),
                cells => formats(values, cells),
            },
            vars: vars(values, raw, &old.vars, shared),
        }
    }

    fn name(&mut self, values: &mut Values<'_>, raw: &RawHost<'_>) -> Option<HostName> {
        let Some(cell) = raw.get(HostField::Name) else {
            values.missing(raw.spot, "the host has no name", "give it one");
            return None;
        };
        let name: HostName = values.take(cell, str::parse)?;
        self.seen.note(values, (Kind::Name, &name), Some(&name), cell.spot);
        Some(name)
    }

    fn build(
        &mut self,
        values: &mut Values<'_>,
        raw: &RawHost<'_>,
        name: Option<&HostName>,
    ) -> Option<Host> {
        let common = self.common(values, raw);
        let nics = nics(values, raw);
        self.note_nics(values, raw, name);
        let server = raw.get(HostField::Server);
        if let (Some(nics), Some(url)) = (&nics, &common.server) {
            let place = |cell: Option<&Cell<'_>>| cell.map_or(raw.spot, |cell| cell.spot);
            let dns = raw.list(ListField::Dns).first();
            let places = Places { server: place(server), dns: place(dns) };
            network::reach(values, nics, &common.dns, url, &places);
        }
        if common.server.is_none() && server.is_none() && !self.default_refused {
            let help = "set server for the host or in the defaults, or pass --server";
            values.missing(raw.spot, "the host has no server", help);
        }
        let identity = self.identity(values, raw, name);
        Some(Host {
            name: name?.clone(),
            nics: nics?.into_iter().map(|(_, nic)| nic).collect(),
            dns: common.dns,
            domain: common.domain,
            server: common.server?,
            token: identity.token,
            profile: common.profile,
            formats: common.formats,
            site: common.site,
            asset: identity.asset,
            serial: identity.serial,
            uuid: identity.uuid,
            console: common.console,
            vars: common.vars,
            at: values.locate(raw.spot),
        })
    }

    /// What identifies the machine, and compares it with the hosts before.
    fn identity(
        &mut self,
        values: &mut Values<'_>,
        raw: &RawHost<'_>,
        name: Option<&HostName>,
    ) -> Identity {
        let asset = raw.get(HostField::Asset).and_then(|cell| values.text(cell, "asset"));
        let serial = raw.get(HostField::Serial).and_then(|cell| {
            let serial = values.text(cell, "serial")?;
            self.seen.note(values, (Kind::Serial, &serial), name, cell.spot);
            Some(serial)
        });
        let uuid = raw.get(HostField::Uuid).and_then(|cell| {
            let uuid: Uuid = values.take(cell, str::parse)?;
            self.seen.note(values, (Kind::Uuid, uuid), name, cell.spot);
            Some(uuid)
        });
        let token = raw.get(HostField::Token).and_then(|cell| {
            let token: Token = values.take(cell, str::parse)?;
            self.seen.note(values, (Kind::Token, token.as_str()), name, cell.spot);
            Some(token)
        });
        Identity { asset, serial, uuid, token }
    }

    /// Compares the interfaces' addresses with those of the hosts before.
    fn note_nics(&mut self, values: &mut Values<'_>, raw: &RawHost<'_>, name: Option<&HostName>) {
        let mut own: Vec<Mac> = Vec::new(); // one port may carry several VLANs of the same host
        for nic in &raw.nics {
            if let Some(cell) = nic.get(NicField::Mac)
                && let Ok(mac) = cell.text.parse::<Mac>()
                && !own.contains(&mac)
            {
                own.push(mac);
                self.seen.note(values, (Kind::Mac, mac), name, cell.spot);
            }
            if let Some(cell) = nic.get(NicField::Address)
                && let Ok((address, _)) = parse_v4(&cell.text)
            {
                self.seen.note(values, (Kind::Address, address), name, cell.spot);
            }
            if let Some(cell) = nic.get(NicField::Address6)
                && let Ok((address, _)) = parse_v6(&cell.text)
            {
                self.seen.note(values, (Kind::Address6, address), name, cell.spot);
            }
        }
    }
}

/// What identifies a machine.
struct Identity {
    asset: Option<Text>,
    serial: Option<Text>,
    uuid: Option<Uuid>,
    token: Option<Token>,
}

/// The host's interfaces with their places, if none has a fault.
fn nics(values: &mut Values<'_>, raw: &RawHost<'_>) -> Option<Vec<(Spot, Nic)>> {
    if raw.nics.is_empty() {
        let help = "give it an address, or set dhcp to true";
        values.missing(raw.spot, "the host has no network interface", help);
        return None;
    }
    let mut nics = Vec::with_capacity(raw.nics.len());
    for nic in &raw.nics {
        nics.extend(network::nic(values, nic).map(|checked| (nic.spot, checked)));
    }
    let whole = nics.len() == raw.nics.len();
    network::distinct(values, &nics);
    whole.then_some(nics)
}

fn dns(values: &mut Values<'_>, cells: &[Cell<'_>]) -> Vec<IpAddr> {
    if let Some(cell) = cells.get(MAX_DNS) {
        let message = format!("dns has {} servers, more than {MAX_DNS}", cells.len());
        values.fault(cell.spot, message, "leave the last ones out");
    }
    cells.iter().filter_map(|cell| values.take(cell, parse_dns)).collect()
}

fn formats(values: &mut Values<'_>, cells: &[Cell<'_>]) -> Vec<Format> {
    let mut formats = Vec::with_capacity(cells.len());
    for cell in cells {
        match cell.text.parse::<Format>() {
            Ok(format) if formats.contains(&format) => {
                values.fault(
                    cell.spot,
                    format!("format {format} stands twice"),
                    "keep one of them",
                );
            }
            Ok(format) => formats.push(format),
            Err(error) => values.fault_without_help(cell.spot, error.to_string()),
        }
    }
    formats
}

fn vars(
    values: &mut Values<'_>,
    raw: &RawHost<'_>,
    defaults: &BTreeMap<VarName, Text>,
    shared: &mut Shared,
) -> BTreeMap<VarName, Text> {
    let mut vars = defaults.clone();
    for (key, cell) in &raw.vars {
        let name = values.take(key, |text| shared.variables.get(text));
        let field = || format!("variable {}", key.text.escape_debug());
        let text = values
            .take(cell, |text| shared.texts.get(text).map_err(|invalid| invalid.of_field(field())));
        if let (Some(name), Some(text)) = (name, text) {
            vars.insert(name, text);
        }
    }
    if vars.len() > MAX_VARS {
        let message = format!("the host has {} variables, more than {MAX_VARS}", vars.len());
        values.fault(raw.spot, message, "leave some out");
    }
    vars
}
