//! How single values are taken from cells: parsed, with a fault where that fails.

use super::{
    raw::Cell,
    source::{Source, Spot},
};
use crate::{
    fault::{Fault, Location},
    host::{DomainName, Invalid, Name, ServerUrl, Text, VarName},
};
use std::{collections::HashMap, str::FromStr};

/// Takes values of one host and gathers their faults.
pub(super) struct Values<'s> {
    source: &'s Source<'s>,
    faults: Vec<Fault>,
    /// Whether the reader understood every field, so that what is missing is really missing.
    understood: bool,
}

impl<'s> Values<'s> {
    /// For a host of `source` that has `faults` already.
    pub(super) fn new(source: &'s Source<'s>, faults: Vec<Fault>) -> Self {
        Self { source, understood: faults.is_empty(), faults }
    }

    /// All faults.
    pub(super) fn finish(self) -> Vec<Fault> {
        self.faults
    }

    /// How many faults there are so far.
    pub(super) fn count(&self) -> usize {
        self.faults.len()
    }

    /// The line and column of `spot`.
    pub(super) fn locate(&self, spot: Spot) -> Location {
        self.source.locate(spot)
    }

    /// Adds a fault at `spot`.
    pub(super) fn fault(
        &mut self,
        spot: Spot,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.faults.push(Fault::new(self.source.locate(spot), message).help(help));
    }

    /// Adds a fault about a missing value, unless the reader has already refused a field, which
    /// may well be the one that is missing.
    pub(super) fn missing(&mut self, spot: Spot, message: &str, help: &str) {
        if self.understood {
            self.fault(spot, message, help);
        }
    }

    /// Adds a fault whose message already says what to do.
    pub(super) fn fault_without_help(&mut self, spot: Spot, message: String) {
        self.faults.push(Fault::new(self.source.locate(spot), message));
    }

    /// What `parse` makes of the cell; a refusal becomes a fault.
    pub(super) fn take<T>(
        &mut self,
        cell: &Cell<'_>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        parse(&cell.text)
            .map_err(|error| self.faults.push(Fault::invalid(self.locate(cell.spot), &error)))
            .ok()
    }

    /// The text in the cell of the field of that name.
    pub(super) fn text(&mut self, cell: &Cell<'_>, field: &'static str) -> Option<Text> {
        self.take(cell, |text| text.parse::<Text>().map_err(|error| error.of_field(field)))
    }

    /// What `parse` makes of the cell, or `default` where there is none.
    pub(super) fn or<T: Clone>(
        &mut self,
        cell: Option<&Cell<'_>>,
        default: &Option<T>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        match cell {
            Some(cell) => self.take(cell, parse),
            None => default.clone(),
        }
    }
}

/// The most different values of one kind that are kept for sharing.
const KEPT: usize = 4096;

/// Parsed values by their text, so that a value which stands in many hosts is parsed and stored
/// once.
pub(super) struct Memo<T>(HashMap<Box<str>, T>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: FromStr<Err = Invalid> + Clone> Memo<T> {
    /// The value of `text`.
    pub(super) fn get(&mut self, text: &str) -> Result<T, Invalid> {
        if let Some(value) = self.0.get(text) {
            return Ok(value.clone());
        }
        let value: T = text.parse()?;
        if self.0.len() < KEPT {
            self.0.insert(text.into(), value.clone());
        }
        Ok(value)
    }
}

/// The values that hosts share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) servers: Memo<ServerUrl>,
    pub(super) domains: Memo<DomainName>,
    pub(super) names: Memo<Name>,
    pub(super) variables: Memo<VarName>,
    pub(super) texts: Memo<Text>,
}
