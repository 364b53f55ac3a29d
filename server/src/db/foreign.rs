//! Hosts out of any database: each row of a query is a host, each column a field of a CSV feed.
//!
//! Only reads: the connection is in a transaction that cannot write or, where there is no such
//! thing, that is rolled back.

use super::{Address, DbError, SqlServer, engine::sqlserver_feed};
use bootmint_image_factory::feed::{MAX_BYTES, MAX_HOSTS};
use serde_json::{Map, Value};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Row as _, TypeInfo as _, ValueRef as _,
    mysql::{MySqlConnectOptions, MySqlRow},
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use std::{path::Path, time::Duration};

/// How long a query may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why there is no feed.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A value has no text.
    #[error("column \"{0}\" holds what is neither text, number, truth value nor a list of these")]
    Value(String),
    /// It may write, and the engine has no transaction that could keep it from that.
    #[error(
        "the query is not a single SELECT, or has a word outside of names and texts that changes \
         something: put names that are such words into brackets"
    )]
    Writes,
    /// Nothing was found.
    #[error("the query found no row")]
    Empty,
    /// Too much was found.
    #[error("the query found more than {MAX_HOSTS} rows, or more than {} MiB", MAX_BYTES >> 20)]
    TooMuch,
    /// It took too long.
    #[error("the query took more than {} s", PATIENCE.as_secs())]
    Slow,
}

impl From<sqlx::Error> for ForeignError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// What a query found: the names of the columns, and each row's values.
struct Found {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The CSV feed of what `query` finds in the database at `address`.
pub async fn foreign_feed(address: &Address, query: &str) -> Result<String, ForeignError> {
    let query = query.trim().trim_end_matches(';');
    let found = async {
        match address {
            Address::Sqlite(path) => sqlite(path, query).await,
            Address::Postgres(options) => postgres(options, query).await,
            Address::MySql(options) => mysql(options, query).await,
            Address::SqlServer(SqlServer(server)) => {
                let (columns, rows) = sqlserver_feed(server, query).await?;
                Ok(Found { columns, rows })
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await.map_err(|_| ForeignError::Slow)??;
    if found.rows.is_empty() {
        return Err(ForeignError::Empty);
    }
    csv(&found)
}

fn csv(found: &Found) -> Result<String, ForeignError> {
    // All values are quoted: a line that began with `#` would be a comment.
    let mut out =
        csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    for row in [&found.columns].into_iter().chain(&found.rows) {
        // Writing to memory cannot fail, and all rows have the same length.
        out.write_record(row).map_err(|_| DbError::Shape)?;
    }
    let text = out.into_inner().map_err(|_| DbError::Shape)?;
    if found.rows.len() > MAX_HOSTS || text.len() > MAX_BYTES {
        return Err(ForeignError::TooMuch);
    }
    Ok(String::from_utf8(text).map_err(|_| DbError::Shape)?)
}

/// `query` as a part of `select`, which ends with a row more than a feed may have. The line ends
/// keep a comment at the query's end from taking the rest.
fn limited(select: &str, query: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("{select} FROM (\n{query}\n) q LIMIT {}", MAX_HOSTS.saturating_add(1)))
}

/// PostgreSQL makes JSON of any type it has, also of network addresses and lists.
async fn postgres(options: &PgConnectOptions, query: &str) -> Result<Found, ForeignError> {
    let mut connection = options.clone().disable_statement_logging().connect().await?;
    sqlx::raw_sql("BEGIN READ ONLY").execute(&mut connection).await?;
    let sql = limited("SELECT row_to_json(q)::text", query);
    let texts: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await?;
    connection.close().await?;
    let mut found = Found { columns: Vec::new(), rows: Vec::with_capacity(texts.len()) };
    for text in texts {
        let object: Map<String, Value> = serde_json::from_str(&text).map_err(|_| DbError::Shape)?;
        if found.rows.is_empty() {
            found.columns = object.keys().cloned().collect();
        }
        let row = object.iter().map(|(column, value)| {
            let list = match value {
                Value::Array(list) => list.iter().map(scalar).collect::<Option<Vec<_>>>(),
                value => scalar(value).map(|text| vec![text]),
            };
            list.map(|list| list.join(" ")).ok_or_else(|| ForeignError::Value(column.clone()))
        });
        found.rows.push(row.collect::<Result<_, _>>()?);
    }
    Ok(found)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// SQLite gives each value its own type.
async fn sqlite(path: &Path, query: &str) -> Result<Found, ForeignError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.disable_statement_logging().connect().await?;
    let rows = sqlx::query(limited("SELECT *", query)).fetch_all(&mut connection).await?;
    connection.close().await?;
    let value = |row: &SqliteRow, index: usize| -> Result<String, ForeignError> {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(String::new());
        }
        match raw.type_info().name() {
            "INTEGER" => Ok(row.try_get_unchecked::<i64, _>(index)?.to_string()),
            "REAL" => Ok(row.try_get_unchecked::<f64, _>(index)?.to_string()),
            "TEXT" => Ok(row.try_get_unchecked(index)?),
            _ => Err(ForeignError::Value(row.column(index).name().to_owned())),
        }
    };
    collect(&rows, SqliteRow::columns, value)
}

/// MySQL sends everything as text to a statement without parameters.
async fn mysql(options: &MySqlConnectOptions, query: &str) -> Result<Found, ForeignError> {
    let mut connection = options.clone().disable_statement_logging().connect().await?;
    sqlx::raw_sql("START TRANSACTION READ ONLY").execute(&mut connection).await?;
    let rows = sqlx::raw_sql(limited("SELECT *", query)).fetch_all(&mut connection).await?;
    connection.close().await?;
    let value = |row: &MySqlRow, index: usize| -> Result<String, ForeignError> {
        let text = row.try_get_unchecked::<Option<String>, _>(index);
        let text = text.map_err(|_| ForeignError::Value(row.column(index).name().to_owned()))?;
        Ok(text.unwrap_or_default())
    };
    collect(&rows, MySqlRow::columns, value)
}

fn collect<R: sqlx::Row>(
    rows: &[R],
    columns: fn(&R) -> &[<R::Database as sqlx::Database>::Column],
    value: impl Fn(&R, usize) -> Result<String, ForeignError>,
) -> Result<Found, ForeignError> {
    let first = rows.first().map(columns).unwrap_or_default();
    let names: Vec<String> = first.iter().map(|column| column.name().to_owned()).collect();
    let values = |row| (0..names.len()).map(|index| value(row, index)).collect();
    let rows = rows.iter().map(values).collect::<Result<Vec<Vec<_>>, _>>()?;
    Ok(Found { columns: names, rows })
}
