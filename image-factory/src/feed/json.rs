//! JSON and NDJSON. Values are first taken as slices of the text, from which their places follow.

use super::{
    check::Checker,
    raw::Cell,
    source::{Source, Spot},
    table,
    tree::{MAX_DEPTH, Node, Value},
};
use crate::fault::Fault;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Reads a document: an array of hosts, or an object with `hosts` and perhaps `defaults`.
pub(super) fn read(source: &Source<'_>, checker: &mut Checker<'_>) {
    let Some(raw) = slice(source.text, source, checker) else { return };
    match raw.get().as_bytes().first() {
        Some(b'[') => hosts(raw, source, checker),
        Some(b'{') => document(raw, source, checker),
        _ => {
            let at = source.locate(spot(raw.get(), source));
            let help = "write [{\"name\": ...}, ...] or {\"defaults\": {...}, \"hosts\": [...]}";
            checker.fault(Fault::new(at, "a feed is an array or an object").help(help));
        }
    }
}

/// Reads one host a line; blank lines are skipped.
pub(super) fn read_lines(source: &Source<'_>, checker: &mut Checker<'_>) {
    for line in source.text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(raw) = slice(line, source, checker)
            && !table::host(&node(raw, source, MAX_DEPTH), source, checker)
        {
            return;
        }
    }
}

fn document(raw: &RawValue, source: &Source<'_>, checker: &mut Checker<'_>) {
    let Ok(Members(members)) = serde_json::from_str(raw.get()) else { return };
    let mut list = None;
    let mut seen: Vec<Cow<'_, str>> = Vec::new();
    for (key, value) in members {
        let key = cell(key, source);
        if seen.contains(&key.text) {
            checker.fault(table::twice(&key, source));
            continue;
        }
        match &*key.text {
            "defaults" => table::defaults(&node(value, source, MAX_DEPTH), source, checker),
            "hosts" => list = Some(value),
            _ => checker.fault(table::unknown(&key, &["defaults", "hosts"], source)),
        }
        seen.push(key.text);
    }
    match list {
        Some(list) if list.get().starts_with('[') => hosts(list, source, checker),
        Some(other) => {
            let at = source.locate(spot(other.get(), source));
            checker.fault(Fault::new(at, "hosts must be a list").help("write \"hosts\": [...]"));
        }
        None => {
            let at = source.locate(spot(raw.get(), source));
            checker.fault(Fault::new(at, "hosts is missing").help("write \"hosts\": [...]"));
        }
    }
}

fn hosts(raw: &RawValue, source: &Source<'_>, checker: &mut Checker<'_>) {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    for item in items {
        if !table::host(&node(item, source, MAX_DEPTH), source, checker) {
            return;
        }
    }
}

fn spot(part: &str, source: &Source<'_>) -> Spot {
    Spot::Offset(source.offset_of(part))
}

/// The one JSON value in `text`, a slice of the source; its syntax is checked to its end.
fn slice<'a>(
    text: &'a str,
    source: &Source<'_>,
    checker: &mut Checker<'_>,
) -> Option<&'a RawValue> {
    serde_json::from_str(text)
        .map_err(|error| {
            let start = source.offset_of(text) as usize;
            let inside = byte_at(text, error.line(), error.column());
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(&*message, |(what, _)| what);
            let fault = Fault::new(source.at_byte(start + inside), format!("JSON: {what}"));
            checker.fault(fault.help("correct the syntax here or just before"));
        })
        .ok()
}

/// The byte of `text` that serde_json means by a line and a column, both from 1.
fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column.saturating_sub(1)
}

/// The value with all its parts; anything below `depth` levels is not looked at.
fn node<'a>(raw: &'a RawValue, source: &Source<'_>, depth: usize) -> Node<'a> {
    let text = raw.get();
    let value = match text.as_bytes().first() {
        _ if depth == 0 => Value::Other("a deep structure"),
        Some(b'{') => match serde_json::from_str(text) {
            Ok(Members(members)) => Value::Table(
                members
                    .into_iter()
                    .map(|(key, value)| (cell(key, source), node(value, source, depth - 1)))
                    .collect(),
            ),
            Err(_) => Value::Other("a broken object"),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => {
                Value::List(items.into_iter().map(|v| node(v, source, depth - 1)).collect())
            }
            Err(_) => Value::Other("a broken array"),
        },
        Some(b'"') => string(text).map_or(Value::Other("a broken string"), Value::Text),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(Cow::Borrowed(text)),
    };
    Node { spot: spot(text, source), value }
}

fn cell<'a>(key: &'a RawValue, source: &Source<'_>) -> Cell<'a> {
    let text = string(key.get()).unwrap_or(Cow::Borrowed(key.get()));
    Cell { text, spot: spot(key.get(), source) }
}

/// The content of a string with its quotes; nothing where an escape makes no character.
fn string(text: &str) -> Option<Cow<'_, str>> {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
    }
}

/// The members of an object as slices, in their order and with repetitions.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> de::Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
