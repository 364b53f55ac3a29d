//! From a JSON object or TOML table to a raw host: known fields of the right kind.

use super::{
    check::Checker,
    raw::{Cell, HostField, ListField, NicField, RawHost, RawNic, meant},
    source::Source,
    tree::{Node, Value},
};
use crate::{
    fault::Fault,
    host::{MAX_NICS, quoted},
};
use std::borrow::Cow;

/// The fields whose values are tables.
const NICS: &str = "nics";
const VARS: &str = "vars";

/// Checks the host in `node`; false when the feed's limits say that reading ends here.
pub(super) fn host(node: &Node<'_>, checker: &mut Checker<'_>) -> bool {
    let mut faults = Vec::new();
    let raw = Reader { source: checker.source(), faults: &mut faults }.host(node, "a host");
    checker.host_with(raw.as_ref(), faults)
}

/// Takes the feed's defaults from `node`.
pub(super) fn defaults(node: &Node<'_>, checker: &mut Checker<'_>) {
    let mut faults = Vec::new();
    let raw = Reader { source: checker.source(), faults: &mut faults }.host(node, "defaults");
    faults.into_iter().for_each(|fault| checker.fault(fault));
    if let Some(raw) = raw {
        checker.defaults(&raw);
    }
}

/// A field that nobody knows, with the known one that may have been meant.
pub(super) fn unknown(key: &Cell<'_>, known: &[&str], source: &Source<'_>) -> Fault {
    let help = match meant(&key.text, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("known here: {}", known.join(", ")),
    };
    let message = format!("field {} is unknown", quoted(&key.text));
    Fault::new(source.locate(key.spot), message).help(help)
}

/// A field that stands twice in one object.
pub(super) fn twice(key: &Cell<'_>, source: &Source<'_>) -> Fault {
    let message = format!("field {} stands twice", quoted(&key.text));
    Fault::new(source.locate(key.spot), message).help("keep one of them")
}

struct Reader<'r, 's> {
    source: &'r Source<'s>,
    faults: &'r mut Vec<Fault>,
}

impl Reader<'_, '_> {
    fn host<'n>(&mut self, node: &'n Node<'_>, what: &str) -> Option<RawHost<'n>> {
        let Value::Table(members) = &node.value else {
            self.wrong(node, what, "a table");
            return None;
        };
        let mut host = RawHost::new(node.spot);
        let mut flat = RawNic::new(node.spot);
        for (key, value) in self.members(members) {
            if let Some(field) = HostField::find(&key.text) {
                if let Some(cell) = self.scalar(value, field.name(), Takes::Text) {
                    host.set(field, cell);
                }
            } else if let Some(field) = ListField::find(&key.text) {
                host.set_list(field, self.list(value, field.name()));
            } else if let Some(field) = NicField::find(&key.text) {
                self.nic_field(&mut flat, field, value);
            } else if key.text == NICS {
                host.nics = self.nics(value);
            } else if key.text == VARS {
                host.vars = self.vars(value);
            } else {
                let fields = HostField::ALL.iter().map(|field| field.name());
                let lists = ListField::ALL.iter().map(|field| field.name());
                let nics = NicField::ALL.iter().map(|field| field.name());
                let known: Vec<_> = fields.chain(lists).chain(nics).chain([NICS, VARS]).collect();
                self.faults.push(unknown(key, &known, self.source));
            }
        }
        if !flat.is_empty() && host.nics.is_empty() {
            host.nics.push(flat);
        } else if !flat.is_empty() {
            let at = self.source.locate(node.spot);
            let message = "the host has nics, and interface fields beside them";
            let help = "move mac, bus, vlan, addresses, gateways and dhcp into nics";
            self.faults.push(Fault::new(at, message).help(help));
        }
        Some(host)
    }

    /// The members of a table, without those that repeat an earlier one.
    fn members<'n, 'a>(
        &mut self,
        members: &'n [(Cell<'a>, Node<'a>)],
    ) -> Vec<(&'n Cell<'a>, &'n Node<'a>)> {
        let mut order: Vec<_> = members.iter().enumerate().collect();
        order.sort_by(|(i, (a, _)), (j, (b, _))| (&a.text, i).cmp(&(&b.text, j)));
        for pair in order.windows(2) {
            if let [(_, (first, _)), (_, (second, _))] = pair
                && first.text == second.text
            {
                self.faults.push(twice(second, self.source));
            }
        }
        order.dedup_by(|(_, (later, _)), (_, (first, _))| later.text == first.text);
        order.sort_by_key(|(index, _)| *index);
        order
            .into_iter()
            .filter(|(_, (_, value))| !matches!(value.value, Value::Null))
            .map(|(_, (key, value))| (key, value))
            .collect()
    }

    fn nics<'n>(&mut self, node: &'n Node<'_>) -> Vec<RawNic<'n>> {
        let Value::List(items) = &node.value else {
            self.wrong(node, NICS, "a list of tables");
            return Vec::new();
        };
        if items.len() > MAX_NICS {
            let at = self.source.locate(node.spot);
            let message = format!("the host has {} interfaces, more than {MAX_NICS}", items.len());
            self.faults.push(Fault::new(at, message).help("leave out those it does not boot by"));
        }
        items.iter().take(MAX_NICS).filter_map(|item| self.nic(item)).collect()
    }

    fn nic<'n>(&mut self, node: &'n Node<'_>) -> Option<RawNic<'n>> {
        let Value::Table(members) = &node.value else {
            self.wrong(node, "an interface", "a table");
            return None;
        };
        let mut nic = RawNic::new(node.spot);
        for (key, value) in self.members(members) {
            match NicField::find(&key.text) {
                Some(field) => self.nic_field(&mut nic, field, value),
                None => {
                    let known: Vec<_> = NicField::ALL.iter().map(|field| field.name()).collect();
                    self.faults.push(unknown(key, &known, self.source));
                }
            }
        }
        Some(nic)
    }

    fn nic_field<'n>(&mut self, nic: &mut RawNic<'n>, field: NicField, node: &'n Node<'_>) {
        let takes = match field {
            NicField::Vlan => Takes::Number,
            NicField::Dhcp => Takes::Bool,
            _ => Takes::Text,
        };
        if let Some(cell) = self.scalar(node, field.name(), takes) {
            nic.set(field, cell);
        }
    }

    fn vars<'n>(&mut self, node: &'n Node<'_>) -> Vec<(Cell<'n>, Cell<'n>)> {
        let Value::Table(members) = &node.value else {
            self.wrong(node, VARS, "a table");
            return Vec::new();
        };
        let mut vars = Vec::with_capacity(members.len());
        for (key, value) in self.members(members) {
            if let Some(cell) = self.scalar(value, "a variable", Takes::Any) {
                let text = Cow::Borrowed(&*key.text);
                vars.push((Cell { text, spot: key.spot }, cell));
            }
        }
        vars
    }

    fn list<'n>(&mut self, node: &'n Node<'_>, field: &str) -> Vec<Cell<'n>> {
        match &node.value {
            Value::List(items) => {
                items.iter().filter_map(|item| self.scalar(item, field, Takes::Text)).collect()
            }
            Value::Text(_) => self.scalar(node, field, Takes::Text).into_iter().collect(),
            _ => {
                self.wrong(node, field, "a list of text");
                Vec::new()
            }
        }
    }

    fn scalar<'n>(&mut self, node: &'n Node<'_>, field: &str, takes: Takes) -> Option<Cell<'n>> {
        let text: &'n str = match (&node.value, takes) {
            (Value::Text(text), Takes::Text | Takes::Number | Takes::Any) => text,
            (Value::Number(text), Takes::Number | Takes::Any) => text,
            (Value::Bool(true), Takes::Bool | Takes::Any) => "true",
            (Value::Bool(false), Takes::Bool | Takes::Any) => "false",
            _ => {
                let wanted = match takes {
                    Takes::Text => "text in quotes",
                    Takes::Number => "a number",
                    Takes::Bool => "true or false, without quotes",
                    Takes::Any => "text, a number, true or false",
                };
                self.wrong(node, field, wanted);
                return None;
            }
        };
        Some(Cell { text: Cow::Borrowed(text), spot: node.spot })
    }

    fn wrong(&mut self, node: &Node<'_>, field: &str, wanted: &str) {
        let message = format!("{field} is {}", node.value.kind());
        let at = self.source.locate(node.spot);
        self.faults.push(Fault::new(at, message).help(format!("write {wanted}")));
    }
}

/// The kinds of value that a field takes.
#[derive(Clone, Copy)]
enum Takes {
    /// Text.
    Text,
    /// A number, or text that holds one.
    Number,
    /// True or false.
    Bool,
    /// Any of them.
    Any,
}
