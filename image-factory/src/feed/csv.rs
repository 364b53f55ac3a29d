//! CSV: a header line that names the columns, then one host a line.

use super::{
    check::Checker,
    raw::{Cell, HostField, ListField, NicField, RawHost, RawNic, meant},
    source::{Piece, Source, Spot},
};
use crate::{
    fault::Fault,
    host::{MAX_NICS, VarName, quoted},
};
use csv::{ReaderBuilder, StringRecord};
use csv_core::ReadRecordResult;
use std::{
    borrow::Cow,
    io::Read,
    sync::{Mutex, PoisonError},
};

/// What marks a column as a variable whatever its name resembles.
const VARIABLE: &str = "var.";
/// What a value begins with that a spreadsheet takes for a formula.
pub(super) const FORMULA: [char; 4] = ['=', '+', '-', '@'];
/// What stands before such a value, so that a spreadsheet does not.
pub(super) const MARK: char = '\'';

/// What a column holds.
#[derive(Debug, PartialEq)]
pub(super) enum Column {
    Field(HostField),
    List(ListField),
    /// A field of the interface with this index.
    Nic(usize, NicField),
    Variable(VarName),
}

/// Reads all hosts of `source` into `checker` and tells the columns. A fault in the header ends
/// the reading, since no line could be understood.
pub(super) fn read(source: &Source<'_>, checker: &mut Checker<'_>) -> Vec<Column> {
    let mut reader = reader(source.reader(0));
    let mut record = StringRecord::new();
    let mut columns = None;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return columns.unwrap_or_default(),
            Err(error) => {
                checker.fault(Fault::new(source.start(), format!("CSV: {error}")));
                return columns.unwrap_or_default();
            }
        }
        let start = record.position().map_or(0, csv::Position::byte);
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        match &columns {
            None => match header(&record, start, source) {
                Ok(known) => columns = Some(known),
                Err(faults) => {
                    faults.into_iter().for_each(|fault| checker.fault(fault));
                    return Vec::new();
                }
            },
            Some(known) => {
                if !row(&record, start, known, source, checker) {
                    return columns.unwrap_or_default();
                }
            }
        }
    }
}

/// What reads records again.
pub(super) struct Again {
    columns: Vec<Column>,
    /// Parsers that are not at work: to make one takes longer than to read a record, and a copy of
    /// one does not parse.
    idle: Mutex<Vec<csv_core::Reader>>,
}

impl Again {
    /// For records with these columns.
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, idle: Mutex::default() }
    }

    /// Checks again the one host at the start of `piece`, which was found to be one before.
    pub(super) fn host(&self, piece: Piece<'_>, source: &Source<'_>, checker: &mut Checker<'_>) {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let parser = idle().pop();
        let mut parser =
            parser.unwrap_or_else(|| csv_core::ReaderBuilder::new().comment(Some(b'#')).build());
        let record = self.record(&mut parser, piece.text.as_bytes());
        parser.reset();
        idle().push(parser);
        if let Some(record) = record {
            row(&record, piece.base, &self.columns, source, checker);
        }
    }

    /// The first record in `input`.
    fn record(&self, parser: &mut csv_core::Reader, mut input: &[u8]) -> Option<StringRecord> {
        let mut text = vec![0; input.len() + 1];
        let mut ends = vec![0; self.columns.len() + 1];
        let (mut len, mut fields) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                parser.read_record(input, text.get_mut(len..)?, ends.get_mut(fields..)?);
            input = input.get(read..)?;
            (len, fields) = (len + wrote, fields + ended);
            match result {
                ReadRecordResult::InputEmpty => {} // an empty input tells the parser that it ends
                ReadRecordResult::Record => break,
                _ => return None,
            }
        }
        let mut record = StringRecord::with_capacity(len, fields);
        let mut start = 0;
        for &end in ends.get(..fields)? {
            record.push_field(str::from_utf8(text.get(start..end)?).ok()?);
            start = end;
        }
        Some(record)
    }
}

fn reader<R: Read>(from: R) -> csv::Reader<R> {
    ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).from_reader(from)
}

/// The place of field `index` of the record that starts at `record`.
fn spot(record: u32, index: usize, skip: usize) -> Spot {
    let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    Spot::Field { record, index: short(index), skip: short(skip) }
}

fn header(
    record: &StringRecord,
    start: u32,
    source: &Source<'_>,
) -> Result<Vec<Column>, Vec<Fault>> {
    let mut columns: Vec<Column> = Vec::with_capacity(record.len());
    let mut faults = Vec::new();
    for (index, name) in record.iter().enumerate() {
        let fault = match column(name.trim_matches([' ', '\t'])) {
            Ok(column) if columns.contains(&column) => {
                let message = format!("column {} stands twice", quoted(name));
                Fault::new(source.start(), message).help("keep one of them")
            }
            Ok(column) => {
                columns.push(column);
                continue;
            }
            Err(fault) => {
                let (message, help) = fault;
                Fault::new(source.start(), message).help(help)
            }
        };
        faults.push(Fault { at: source.locate(spot(start, index, 0)), ..fault });
    }
    if faults.is_empty() && !columns.contains(&Column::Field(HostField::Name)) {
        let at = source.locate(spot(start, 0, 0));
        let help = "the first line names the columns, separated by commas; see docs/feeds.md";
        faults.push(Fault::new(at, "there is no column \"name\"").help(help));
    }
    if faults.is_empty() { Ok(columns) } else { Err(faults) }
}

/// The column of that name, or what is wrong with it and what to do.
fn column(name: &str) -> Result<Column, (String, String)> {
    if let Some(field) = HostField::find(name) {
        return Ok(Column::Field(field));
    }
    if let Some(field) = ListField::find(name) {
        return Ok(Column::List(field));
    }
    if let Some((prefix, index, field)) = nic_column(name) {
        return further_nic(prefix, index, field);
    }
    if let Some(field) = NicField::find(name) {
        return Ok(Column::Nic(0, field));
    }
    if name.is_empty() {
        return Err(("a column has no name".to_owned(), "name it or take it away".to_owned()));
    }
    let bad = |help: &str| Err((format!("column {} is unknown", quoted(name)), help.to_owned()));
    if name.contains(';') {
        return bad("separate the columns by commas");
    }
    let fields = HostField::ALL.iter().map(|field| field.name());
    let fields = fields.chain(ListField::ALL.iter().map(|field| field.name()));
    let fields = fields.chain(NicField::ALL.iter().map(|field| field.name()));
    let variable = name.strip_prefix(VARIABLE);
    if variable.is_none()
        && let Some(meant) = meant(name, fields)
    {
        let mut help = format!("did you mean \"{meant}\"?");
        if name.parse::<VarName>().is_ok() {
            help.push_str(&format!(" a variable of that name is written \"{VARIABLE}{name}\""));
        }
        return bad(&help);
    }
    match variable.unwrap_or(name).parse::<VarName>() {
        Ok(name) => Ok(Column::Variable(name)),
        Err(invalid) => {
            let invalid = invalid.of_field("column");
            Err((invalid.message(), invalid.help().to_owned()))
        }
    }
}

/// Splits `nic2_mac` into `nic2_`, 2 and `mac`.
fn nic_column(name: &str) -> Option<(&str, usize, &str)> {
    let (nic, field) = name.split_once('_')?;
    let index = nic.strip_prefix("nic")?.parse().ok()?;
    Some((nic, index, field))
}

fn further_nic(nic: &str, number: usize, field: &str) -> Result<Column, (String, String)> {
    let unknown = format!("column \"{nic}_{}\" is unknown", field.escape_debug());
    if number < 2 {
        let help = format!("the first interface's columns have no prefix: write \"{field}\"");
        return Err((unknown, help));
    }
    if number > MAX_NICS {
        return Err((unknown, format!("a host has at most {MAX_NICS} interfaces")));
    }
    if let Some(field) = NicField::find(field) {
        return Ok(Column::Nic(number - 1, field));
    }
    let names = || NicField::ALL.iter().map(|field| field.name());
    let help = match meant(field, names()) {
        Some(meant) => format!("did you mean \"{nic}_{meant}\"?"),
        None => format!("an interface has {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err((unknown, help))
}

/// Checks one host; false when the feed's limits say that reading ends here.
fn row(
    record: &StringRecord,
    start: u32,
    columns: &[Column],
    source: &Source<'_>,
    checker: &mut Checker<'_>,
) -> bool {
    let mut host = RawHost::new(spot(start, 0, 0));
    let mut blank = true;
    for (index, (value, column)) in record.iter().zip(columns).enumerate() {
        let text = value.trim_matches([' ', '\t']);
        if text.is_empty() {
            continue;
        }
        blank = false;
        let plain = text.strip_prefix(MARK).filter(|text| text.starts_with(FORMULA));
        let (text, skip) = plain.map_or((text, 0), |plain| (plain, MARK.len_utf8()));
        let cell = Cell { text: Cow::Borrowed(text), spot: spot(start, index, skip) };
        match column {
            Column::Field(field) => host.set(*field, cell),
            Column::List(field) => host.set_list(*field, list(value, start, index)),
            Column::Nic(number, field) => {
                while host.nics.len() <= *number {
                    host.nics.push(RawNic::new(host.spot));
                }
                if let Some(nic) = host.nics.get_mut(*number) {
                    if nic.is_empty() {
                        nic.spot = cell.spot;
                    }
                    nic.set(*field, cell);
                }
            }
            Column::Variable(name) => {
                let key = Cell { text: Cow::Borrowed(name.as_str()), spot: cell.spot };
                host.vars.push((key, cell));
            }
        }
    }
    if record.len() != columns.len() && (!blank || record.len() > columns.len()) {
        let at = source.locate(spot(start, columns.len().min(record.len().saturating_sub(1)), 0));
        let message =
            format!("the line has {} fields, the header has {}", record.len(), columns.len());
        let help = if record.iter().any(|value| value.contains('\n')) {
            "a field goes on in the next line: is a closing quote missing?"
        } else {
            "quote values that contain commas, and keep empty fields' commas"
        };
        let name = host.get(HostField::Name).and_then(|cell| cell.text.parse().ok());
        checker.fault(Fault::new(at, message).help(help).of(name.as_ref()));
        return true;
    }
    host.nics.retain(|nic| !nic.is_empty());
    blank || checker.host(&host)
}

/// The items of a list, which spaces or semicolons separate.
fn list(value: &str, start: u32, index: usize) -> Vec<Cell<'_>> {
    let items = value.split([' ', ';', '\t']).filter(|item| !item.is_empty());
    let leading = value.len() - value.trim_start_matches([' ', '\t']).len();
    items
        .map(|item| {
            let skip = item.as_ptr().addr() - value.as_ptr().addr();
            let skip = skip.saturating_sub(leading);
            Cell { text: Cow::Borrowed(item), spot: spot(start, index, skip) }
        })
        .collect()
}
