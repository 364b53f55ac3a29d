//! A JSON or TOML value whose parts know where they stand.

use super::{raw::Cell, source::Spot};
use std::borrow::Cow;

/// How deep values may nest; a host needs four levels.
pub(super) const MAX_DEPTH: usize = 6;

/// A value with its place.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) spot: Spot,
    pub(super) value: Value<'a>,
}

/// A value of JSON or TOML.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// JSON's null: the same as an absent field.
    Null,
    /// True or false.
    Bool(bool),
    /// A number as it is written.
    Number(Cow<'a, str>),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Node<'a>>),
    /// An object or table.
    Table(Vec<(Cell<'a>, Node<'a>)>),
    /// Something that no field takes, by its name.
    Other(&'static str),
}

impl Value<'_> {
    /// What it is, as messages say it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}
