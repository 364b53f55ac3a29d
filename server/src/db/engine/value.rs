//! Values that travel to and from a database: integers and text, which every engine has.

use crate::db::DbError;
use sqlx::{
    Column, Row as _, TypeInfo, ValueRef, mysql::MySqlRow, postgres::PgRow, sqlite::SqliteRow,
};

/// A parameter of a statement. A missing one has a type too: some engines ask for it.
#[derive(Debug)]
pub(in crate::db) enum Bind {
    Int(Option<i64>),
    Text(Option<String>),
}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

/// A value of a result.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
}

/// A row of a result; its columns are taken from the left.
#[derive(Debug)]
pub(in crate::db) struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// The next column, an integer.
    pub(in crate::db) fn int(&mut self) -> Result<i64, DbError> {
        self.maybe_int()?.ok_or(DbError::Shape)
    }

    /// The next column, text.
    pub(in crate::db) fn text(&mut self) -> Result<String, DbError> {
        self.maybe_text()?.ok_or(DbError::Shape)
    }

    /// The next column, an integer or nothing.
    pub(in crate::db) fn maybe_int(&mut self) -> Result<Option<i64>, DbError> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(DbError::Shape),
        }
    }

    /// The next column, text or nothing.
    pub(in crate::db) fn maybe_text(&mut self) -> Result<Option<String>, DbError> {
        match self.0.next() {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(DbError::Shape),
        }
    }
}

/// SQLite gives each value its own type.
pub(super) fn of_sqlite(row: &SqliteRow) -> Result<Row, DbError> {
    let value = |index: usize| -> Result<Value, DbError> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        match raw.type_info().name() {
            "INTEGER" => Ok(Value::Int(row.try_get(index)?)),
            "TEXT" => Ok(Value::Text(row.try_get(index)?)),
            _ => Err(DbError::Shape),
        }
    };
    collect((0..row.columns().len()).map(value))
}

/// PostgreSQL gives each column its type.
pub(super) fn of_postgres(row: &PgRow) -> Result<Row, DbError> {
    let value = |index: usize| -> Result<Value, DbError> {
        match row.try_column(index)?.type_info().name() {
            "INT8" => Ok(row.try_get::<Option<i64>, _>(index)?.map_or(Value::Null, Value::Int)),
            "TEXT" => Ok(row.try_get::<Option<String>, _>(index)?.map_or(Value::Null, Value::Text)),
            _ => Err(DbError::Shape),
        }
    };
    collect((0..row.columns().len()).map(value))
}

/// MySQL gives each column its type, and calls text that is compared byte by byte binary.
pub(super) fn of_mysql(row: &MySqlRow) -> Result<Row, DbError> {
    let value = |index: usize| -> Result<Value, DbError> {
        match row.try_column(index)?.type_info().name() {
            "BIGINT" => Ok(row.try_get::<Option<i64>, _>(index)?.map_or(Value::Null, Value::Int)),
            "VARCHAR" | "VARBINARY" | "TEXT" | "BLOB" | "LONGTEXT" | "LONGBLOB" => {
                let text = row.try_get_unchecked::<Option<String>, _>(index)?;
                Ok(text.map_or(Value::Null, Value::Text))
            }
            _ => Err(DbError::Shape),
        }
    };
    collect((0..row.columns().len()).map(value))
}

/// A row of these values.
pub(super) fn collect(
    values: impl Iterator<Item = Result<Value, DbError>>,
) -> Result<Row, DbError> {
    Ok(Row(values.collect::<Result<Vec<_>, _>>()?.into_iter()))
}
