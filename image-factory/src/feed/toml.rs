//! TOML: `[defaults]` and one `[[host]]` each.

use super::{
    MAX_TOML_BYTES,
    check::Checker,
    raw::Cell,
    source::{Source, Spot},
    table,
    tree::{MAX_DEPTH, Node, Value},
};
use crate::fault::Fault;
use std::{borrow::Cow, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Reads all hosts of `source` into `checker`. Syntax errors end the reading.
pub(super) fn read(source: &Source<'_>, checker: &mut Checker<'_>) {
    if source.len() > MAX_TOML_BYTES {
        let message = format!("the feed has more than {MAX_TOML_BYTES} bytes");
        checker
            .fault(Fault::new(source.start(), message).help("use NDJSON or CSV for large feeds"));
        return;
    }
    let text = source.text(0..source.len());
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let at = source.at_byte(error.span().map_or(0, |span| span.start));
        let fault = Fault::new(at, format!("TOML: {}", error.message().replace('\n', ", ")));
        checker.fault(fault.help("correct the syntax here or just before"));
    }
    if !errors.is_empty() {
        return;
    }
    let mut hosts = None;
    for (key, value) in document.get_ref() {
        let key = cell(key);
        match &*key.text {
            "defaults" => table::defaults(&node(value, MAX_DEPTH), checker),
            "host" => hosts = Some(value),
            _ => checker.fault(table::unknown(&key, &["defaults", "host"], source)),
        }
    }
    let Some(hosts) = hosts else { return };
    let DeValue::Array(items) = hosts.get_ref() else {
        let at = source.at_byte(hosts.span().start);
        checker.fault(Fault::new(at, "host must be a list").help("write [[host]]"));
        return;
    };
    for item in items.iter() {
        if !table::host(&node(item, MAX_DEPTH), checker) {
            return;
        }
    }
}

fn spot(span: Range<usize>) -> Spot {
    Spot::Offset(u32::try_from(span.start).unwrap_or(u32::MAX))
}

fn cell<'a>(key: &'a Spanned<Cow<'_, str>>) -> Cell<'a> {
    Cell { text: Cow::Borrowed(key.get_ref()), spot: spot(key.span()) }
}

/// The value with all its parts; anything below `depth` levels is not looked at.
fn node<'a>(value: &'a Spanned<DeValue<'_>>, depth: usize) -> Node<'a> {
    let converted = match value.get_ref() {
        _ if depth == 0 => Value::Other("a deep structure"),
        DeValue::String(text) => Value::Text(Cow::Borrowed(text)),
        DeValue::Integer(n) if n.radix() == 10 => Value::Number(Cow::Borrowed(n.as_str())),
        DeValue::Integer(_) => Value::Other("a number that is not decimal"),
        DeValue::Float(n) => Value::Number(Cow::Borrowed(n.as_str())),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| node(item, depth - 1)).collect())
        }
        DeValue::Table(members) => Value::Table(
            members.iter().map(|(key, value)| (cell(key), node(value, depth - 1))).collect(),
        ),
    };
    Node { spot: spot(value.span()), value: converted }
}
