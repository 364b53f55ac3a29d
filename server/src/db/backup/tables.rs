//! What a backup holds: every table with its columns, those first that others refer to.
//!
//! A test compares this with the schema, so that a new table cannot be forgotten.

use crate::db::DbError;
use crate::db::engine::{Bind, Row};
use serde_json::Value;

/// What a column holds. A missing value has a type too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Kind {
    Int,
    Text,
}

/// How the rows of a table are read in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Paging {
    /// From behind the last value of the first column, which is an integer.
    Number,
    /// From behind the last value of the first column, which is text.
    Text,
    /// By the number of rows before.
    Offset,
}

/// A table.
#[derive(Debug)]
pub(in crate::db) struct Table {
    pub(in crate::db) name: &'static str,
    pub(in crate::db) columns: &'static [(&'static str, Kind)],
    pub(in crate::db) paging: Paging,
    /// Whether the database numbers the rows itself, in the first column.
    pub(in crate::db) numbered: bool,
    pub(in crate::db) read: &'static str,
    pub(in crate::db) write: &'static str,
}

macro_rules! names {
    ($first:ident $(, $rest:ident)*) => {
        concat!(stringify!($first) $(, ", ", stringify!($rest))*)
    };
}

/// The statements of one table: by its first column, or by several of them.
macro_rules! table {
    ($name:ident by $paging:ident $key:ident: $($column:ident $kind:ident),+ => $values:literal) => {
        Table {
            name: stringify!($name),
            columns: &[$((stringify!($column), Kind::$kind)),+],
            paging: Paging::$paging,
            numbered: false,
            read: concat!(
                "SELECT ", names!($($column),+), " FROM ", stringify!($name), " WHERE ",
                stringify!($key), " > $1 ORDER BY ", stringify!($key), " LIMIT $2"
            ),
            write: concat!(
                "INSERT INTO ", stringify!($name), " (", names!($($column),+), ") VALUES (",
                $values, ")"
            ),
        }
    };
    ($name:ident by ($($key:ident),+): $($column:ident $kind:ident),+ => $values:literal) => {
        Table {
            name: stringify!($name),
            columns: &[$((stringify!($column), Kind::$kind)),+],
            paging: Paging::Offset,
            numbered: false,
            read: concat!(
                "SELECT ", names!($($column),+), " FROM ", stringify!($name), " ORDER BY ",
                names!($($key),+), " LIMIT $1 OFFSET $2"
            ),
            write: concat!(
                "INSERT INTO ", stringify!($name), " (", names!($($column),+), ") VALUES (",
                $values, ")"
            ),
        }
    };
    ($name:ident numbered by $id:ident: $($column:ident $kind:ident),+ => $values:literal) => {
        Table {
            name: stringify!($name),
            columns: &[(stringify!($id), Kind::Int), $((stringify!($column), Kind::$kind)),+],
            paging: Paging::Number,
            numbered: true,
            read: concat!(
                "SELECT ", stringify!($id), ", ", names!($($column),+), " FROM ",
                stringify!($name), " WHERE ", stringify!($id), " > $1 ORDER BY ",
                stringify!($id), " LIMIT $2"
            ),
            write: concat!(
                "INSERT INTO ", stringify!($name), " (", names!($($column),+), ") VALUES (",
                $values, ")"
            ),
        }
    };
}

/// All tables but `schema_version`, which the migrations keep, and the ends of the chain,
/// `audit_start` and `audit_head`, which follow from `audit`.
pub(in crate::db) const TABLES: &[Table] = &[
    table!(hosts by Text name: name Text, spec Text, token_digest Text, state Text, attempt Text,
        tries Int, due Int, generation Int, created Int, changed Int, asset Text,
        token_sealed Text => "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12"),
    table!(host_ids by (kind, value): kind Text, value Text, host Text => "$1, $2, $3"),
    table!(former_ids by (kind, value): kind Text, value Text => "$1, $2"),
    table!(attempts by Text id: id Text, host Text, secret_digest Text, profile Text, started Int,
        due Int, ended Int, outcome Text, profile_version Int
        => "$1, $2, $3, $4, $5, $6, $7, $8, $9"),
    table!(profile_versions by (profile, version): profile Text, version Int, at Int, author Text,
        reason Text, origin Text, digest Text, files Text => "$1, $2, $3, $4, $5, $6, $7, $8"),
    table!(answers by (attempt, name): attempt Text, name Text, read_count Int => "$1, $2, $3"),
    table!(boots numbered by id: at Int, host Text, action Text, peer Text, facts Text
        => "$1, $2, $3, $4, $5"),
    table!(discovered by Text id: id Text, first_seen Int, last_seen Int, boots Int, peer Text,
        facts Text => "$1, $2, $3, $4, $5, $6"),
    table!(audit by Number seq: seq Int, at Int, actor Text, host Text, event Text, was Text,
        became Text, detail Text, role Text, token Text, source Text, request Text, reason Text,
        result Text, previous Text, hash Text
        => "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16"),
    table!(arm_requests by Text host: host Text, actor Text, at Int, due Int => "$1, $2, $3, $4"),
    table!(users by Text name: name Text, password Text, one_time Int, disabled Int, grants Text,
        created Int => "$1, $2, $3, $4, $5, $6"),
    table!(directory_people by Text owner: owner Text, id Text, checked Int, source Text,
        refresh Text, claimed Int => "$1, $2, $3, $4, $5, $6"),
    table!(sign_in_flows by Text id: id Text, next Text, earlier Text, expires Int
        => "$1, $2, $3, $4"),
    table!(second_factors by Text owner: owner Text, number Text, confirmed Int, step Int
        => "$1, $2, $3, $4"),
    table!(api_tokens by Text id: id Text, digest Text, owner Text, label Text, grants Text,
        created Int, expires Int => "$1, $2, $3, $4, $5, $6, $7"),
    table!(sessions by Text id: id Text, digest Text, owner Text, created Int, seen Int,
        expires Int, turn Text, turned Int, coming Text, offered Int, former Text
        => "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11"),
    table!(views by (owner, name): owner Text, name Text, query Text => "$1, $2, $3"),
    table!(sign_ins by Text subject: subject Text, tries Int, blocked Int => "$1, $2, $3"),
    table!(replies by Text id: id Text, request Text, at Int, status Int, body Text
        => "$1, $2, $3, $4, $5"),
    table!(webhooks by Text name: name Text, delivered Int, failures Int, next_try Int, lease Text,
        lease_until Int => "$1, $2, $3, $4, $5, $6"),
    table!(secrets by (place, name): place Text, name Text, sealed Text, changed Int,
        changed_by Text => "$1, $2, $3, $4, $5"),
];

impl Table {
    /// The table of that name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// A row as JSON values.
    pub(super) fn values(&self, mut row: Row) -> Result<Vec<Value>, DbError> {
        self.columns
            .iter()
            .map(|(_, kind)| match kind {
                Kind::Int => row.maybe_int().map(Value::from),
                Kind::Text => row.maybe_text().map(Value::from),
            })
            .collect()
    }

    /// The parameters of [`Table::write`] for a row of a backup; none if it is no such row.
    pub(super) fn binds(&self, values: &[Value]) -> Option<Vec<Bind>> {
        if values.len() != self.columns.len() {
            return None;
        }
        let skipped = usize::from(self.numbered);
        let bind = |(value, (_, kind)): (&Value, &(&str, Kind))| match (kind, value) {
            (Kind::Int, Value::Null) => Some(Bind::Int(None)),
            (Kind::Text, Value::Null) => Some(Bind::Text(None)),
            (Kind::Int, value) => value.as_i64().map(Bind::from),
            (Kind::Text, value) => value.as_str().map(Bind::from),
        };
        values.iter().zip(self.columns).skip(skipped).map(bind).collect()
    }
}
