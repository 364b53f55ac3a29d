//! JSON and NDJSON. Values are first taken as slices of the text, from which their places follow.

use super::{
    check::Checker,
    raw::Cell,
    source::{Piece, Source, Spot, offset_u32},
    table,
    tree::{MAX_DEPTH, Node, Value},
    walk::Walk,
};
use crate::fault::Fault;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, io::BufRead};

/// Reads a document: an array of hosts, or an object with `hosts` and perhaps `defaults`.
pub(super) fn read(source: &Source<'_>, checker: &mut Checker<'_>) {
    // First the syntax, to the end: what comes after relies on it.
    if let Err(error) = serde_json::from_reader::<_, IgnoredAny>(source.reader(0)) {
        let at = source.line_start(error.line()) + error.column().saturating_sub(1);
        return checker.fault(syntax(source, at, &error));
    }
    match Walk::new(source.reader(0), 0).next() {
        Some((at, b'[')) => hosts(at, source, checker),
        Some((at, b'{')) => document(at, source, checker),
        other => {
            let at = source.locate(Spot::Offset(other.map_or(0, |(at, _)| at)));
            let help = "write [{\"name\": ...}, ...] or {\"defaults\": {...}, \"hosts\": [...]}";
            checker.fault(Fault::new(at, "a feed is an array or an object").help(help));
        }
    }
}

/// Reads one host a line; blank lines are skipped.
pub(super) fn read_lines(source: &Source<'_>, checker: &mut Checker<'_>) {
    let (mut reader, mut base, mut line) = (source.reader(0), 0, Vec::new());
    loop {
        line.clear();
        // A source that cannot be read remembers that itself.
        let Ok(1..) = reader.read_until(b'\n', &mut line) else { return };
        let text = str::from_utf8(&line).unwrap_or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let piece = Piece { text: text.strip_suffix('\r').unwrap_or(text), base };
        if !piece.text.trim().is_empty() && !host(piece, source, checker) {
            return;
        }
        base += offset_u32(line.len());
    }
}

/// Checks again the one host at the start of `piece`, which was found to be one before.
pub(super) fn again(piece: Piece<'_>, checker: &mut Checker<'_>) {
    if let Some(Ok(raw)) =
        serde_json::Deserializer::from_str(piece.text).into_iter::<&RawValue>().next()
    {
        table::host(&node(raw, &piece, MAX_DEPTH), checker);
    }
}

/// Reads the object at byte `from`. The hosts come last, as defaults may stand behind them.
fn document(from: u32, source: &Source<'_>, checker: &mut Checker<'_>) {
    let mut walk = Walk::new(source.reader(from), from);
    walk.enter();
    let mut list = None;
    let mut seen: Vec<String> = Vec::new();
    while let Some((at, _)) = walk.next() {
        let key = take(&mut walk);
        let piece = Piece { text: &key, base: at };
        let Ok(raw) = serde_json::from_str(piece.text) else { return };
        let key = cell(raw, &piece);
        let Some((at, first)) = walk.next() else { return };
        if seen.iter().any(|seen| *seen == key.text) {
            checker.fault(table::twice(&key, source));
            walk.value(|_| ());
            continue;
        }
        match &*key.text {
            "defaults" => {
                let text = take(&mut walk);
                let piece = Piece { text: &text, base: at };
                let Ok(raw) = serde_json::from_str(piece.text) else { return };
                table::defaults(&node(raw, &piece, MAX_DEPTH), checker);
            }
            "hosts" => {
                list = Some((at, first));
                walk.value(|_| ());
            }
            _ => {
                checker.fault(table::unknown(&key, &["defaults", "hosts"], source));
                walk.value(|_| ());
            }
        }
        seen.push(key.text.into_owned());
    }
    let (at, message) = match list {
        Some((at, b'[')) => return hosts(at, source, checker),
        Some((at, _)) => (at, "hosts must be a list"),
        None => (from, "hosts is missing"),
    };
    let at = source.locate(Spot::Offset(at));
    checker.fault(Fault::new(at, message).help("write \"hosts\": [...]"));
}

/// Reads the array of hosts at byte `from`.
fn hosts(from: u32, source: &Source<'_>, checker: &mut Checker<'_>) {
    let mut walk = Walk::new(source.reader(from), from);
    walk.enter();
    while let Some((base, _)) = walk.next() {
        let text = take(&mut walk);
        if !host(Piece { text: &text, base }, source, checker) {
            return;
        }
    }
}

/// The text of the value before which the walk stands.
fn take(walk: &mut Walk<impl BufRead>) -> String {
    let mut bytes = Vec::new();
    walk.value(|byte| bytes.push(byte));
    String::from_utf8(bytes).unwrap_or_default()
}

/// Checks the host that `piece` is; false when the feed's limits say that reading ends here.
fn host(piece: Piece<'_>, source: &Source<'_>, checker: &mut Checker<'_>) -> bool {
    match serde_json::from_str::<&RawValue>(piece.text) {
        Ok(raw) => table::host(&node(raw, &piece, MAX_DEPTH), checker),
        Err(error) => {
            let inside = byte_at(piece.text, error.line(), error.column());
            checker.fault(syntax(source, piece.base as usize + inside, &error));
            true
        }
    }
}

fn spot(part: &str, piece: &Piece<'_>) -> Spot {
    Spot::Offset(piece.offset_of(part))
}

fn syntax(source: &Source<'_>, at: usize, error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(&*message, |(what, _)| what);
    let fault = Fault::new(source.at_byte(at), format!("JSON: {what}"));
    fault.help("correct the syntax here or just before")
}

/// The byte of `text` that serde_json means by a line and a column, both from 1.
fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column.saturating_sub(1)
}

/// The value with all its parts; anything below `depth` levels is not looked at.
fn node<'a>(raw: &'a RawValue, piece: &Piece<'_>, depth: usize) -> Node<'a> {
    let text = raw.get();
    let value = match text.as_bytes().first() {
        _ if depth == 0 => Value::Other("a deep structure"),
        Some(b'{') => match serde_json::from_str(text) {
            Ok(Members(members)) => Value::Table(
                members
                    .into_iter()
                    .map(|(key, value)| (cell(key, piece), node(value, piece, depth - 1)))
                    .collect(),
            ),
            Err(_) => Value::Other("a broken object"),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(items) => {
                Value::List(items.into_iter().map(|v| node(v, piece, depth - 1)).collect())
            }
            Err(_) => Value::Other("a broken array"),
        },
        Some(b'"') => string(text).map_or(Value::Other("a broken string"), Value::Text),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(Cow::Borrowed(text)),
    };
    Node { spot: spot(text, piece), value }
}

fn cell<'a>(key: &'a RawValue, piece: &Piece<'_>) -> Cell<'a> {
    let text = string(key.get()).unwrap_or(Cow::Borrowed(key.get()));
    Cell { text, spot: spot(key.get(), piece) }
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
