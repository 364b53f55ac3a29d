//! Values that travel to and from a SQL Server.

use crate::db::{
    DbError,
    engine::{
        Bind, Row,
        value::{Value, collect},
    },
};
use tiberius::{ColumnData, Query};

/// The statement `sql` with its parameters: 64-bit integers, and Unicode text, as the columns are.
pub(super) fn bound<'a>(sql: &'static str, binds: &'a [Bind]) -> Query<'a> {
    let mut query = Query::new(sql);
    for bind in binds {
        match bind {
            Bind::Int(value) => query.bind(*value),
            Bind::Text(value) => query.bind(value.as_deref()),
        }
    }
    query
}

/// SQL Server gives each column its type, and a constant the smallest that it fits into.
pub(super) fn of_sqlserver(row: tiberius::Row) -> Result<Row, DbError> {
    let int = |value: Option<i64>| Ok(value.map_or(Value::Null, Value::Int));
    collect(row.into_iter().map(|value| match value {
        ColumnData::U8(value) => int(value.map(i64::from)),
        ColumnData::I16(value) => int(value.map(i64::from)),
        ColumnData::I32(value) => int(value.map(i64::from)),
        ColumnData::I64(value) => int(value),
        ColumnData::String(value) => {
            Ok(value.map_or(Value::Null, |text| Value::Text(text.into_owned())))
        }
        _ => Err(DbError::Shape),
    }))
}
