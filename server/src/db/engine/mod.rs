//! Database engines behind one small interface: statements with numbered parameters (`$1`),
//! values that are integers or text, and transactions.
//!
//! Everything above this writes each statement once, in the SQL that all engines share; where
//! they differ (types, triggers) the migrations do, one folder an engine.

mod address;
mod known;
mod numbered;
mod open;
#[cfg(feature = "sqlserver")]
mod sqlserver;
#[cfg(not(feature = "sqlserver"))]
#[path = "sqlserver_absent.rs"]
mod sqlserver;
mod value;

pub use address::{Address, NoAddress, SqlServer};
pub(super) use sqlserver::feed as sqlserver_feed;
pub(super) use value::{Bind, Row};

use super::DbError;
use numbered::positional;
use sqlx::{
    Connection, MySql, MySqlConnection, Postgres, SqlSafeStr, Sqlite, mysql::MySqlConnectOptions,
};
use std::time::Duration;

/// How often a read is tried again on another connection after its own broke off.
const READS: u32 = 5;
/// How long the first of these tries waits; each waits twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(30);

/// An open database.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// One connection writes, since SQLite has one writer at a time; others read beside it.
    Sqlite {
        writer: sqlx::SqlitePool,
        readers: sqlx::SqlitePool,
    },
    Postgres(sqlx::PgPool),
    MySql {
        pool: sqlx::MySqlPool,
        options: Box<MySqlConnectOptions>,
    },
    SqlServer(sqlserver::Pool),
}

/// A transaction; dropped without a commit, it is rolled back.
pub(super) enum Tx {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
    MySql(sqlx::Transaction<'static, MySql>),
    SqlServer(sqlserver::Tx),
}

/// What keeps other replicas from migrating while it is held.
pub(super) struct SchemaLock(Option<MySqlConnection>);

/// Binds values to a statement of any engine.
macro_rules! bound {
    ($sql:expr, $binds:expr) => {{
        let mut query = sqlx::query($sql);
        for bind in $binds {
            query = match bind {
                Bind::Int(value) => query.bind(*value),
                Bind::Text(value) => query.bind(value.as_deref()),
            };
        }
        query
    }};
}

/// Binds values to a statement of MySQL.
macro_rules! bound_mysql {
    ($sql:expr, $binds:expr) => {{
        let statement = positional($sql);
        // One that is missing is said by the engine, which counts them.
        bound!(statement.sql.as_str(), statement.order.iter().filter_map(|&at| $binds.get(at)))
    }};
}

impl Engine {
    /// Opens the database; `connections` at most are used at a time.
    pub(super) async fn open(address: &Address, connections: u32) -> Result<Self, DbError> {
        open::open(address, connections).await
    }

    /// The migrations: version, and statements.
    pub(super) fn migrations(&self) -> &'static [(i64, &'static str)] {
        match self {
            Self::Sqlite { .. } => super::migrations::SQLITE,
            Self::Postgres(_) => super::migrations::POSTGRES,
            Self::MySql { .. } => super::migrations::MYSQL,
            Self::SqlServer(_) => super::migrations::SQLSERVER,
        }
    }

    /// Makes the table that the migrations keep, unless it is there.
    pub(super) fn version_table(&self) -> &'static str {
        match self {
            Self::SqlServer(_) => {
                "IF OBJECT_ID(N'schema_version', N'U') IS NULL CREATE TABLE schema_version \
                 (version BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL)"
            }
            _ => {
                "CREATE TABLE IF NOT EXISTS schema_version \
                 (version BIGINT PRIMARY KEY, at BIGINT NOT NULL)"
            }
        }
    }

    /// Reads without a transaction. If the connection breaks off, another one is tried.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<Vec<Row>, DbError> {
        let binds: Vec<Bind> = binds.into_iter().collect();
        let mut pause = PAUSE;
        for _ in 0..READS {
            match self.try_query(sql, &binds).await {
                Err(DbError::Broken(_)) => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause = pause.saturating_mul(2);
        }
        self.try_query(sql, &binds).await
    }

    async fn try_query(&self, sql: &'static str, binds: &[Bind]) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite { readers, .. } => {
                let rows = bound!(sql, binds).fetch_all(readers).await?;
                rows.iter().map(value::of_sqlite).collect()
            }
            Self::Postgres(pool) => {
                let rows = bound!(sql, binds).fetch_all(pool).await?;
                rows.iter().map(value::of_postgres).collect()
            }
            Self::MySql { pool, .. } => {
                let rows = bound_mysql!(sql, binds).fetch_all(pool).await?;
                rows.iter().map(value::of_mysql).collect()
            }
            Self::SqlServer(pool) => pool.query(sql, binds).await,
        }
    }

    /// Begins a transaction that will write.
    pub(super) async fn begin(&self) -> Result<Tx, DbError> {
        match self {
            // Takes the write lock at once: a lock taken later could not be waited for.
            Self::Sqlite { writer, .. } => {
                Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
            Self::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
            Self::MySql { pool, .. } => Ok(Tx::MySql(pool.begin().await?)),
            Self::SqlServer(pool) => Ok(Tx::SqlServer(pool.begin().await?)),
        }
    }

    /// Begins a transaction that reads everything as it is now, whatever is written meanwhile.
    pub(super) async fn begin_snapshot(&self) -> Result<Tx, DbError> {
        match self {
            Self::Sqlite { readers, .. } => Ok(Tx::Sqlite(readers.begin().await?)),
            Self::Postgres(pool) => {
                let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Ok(Tx::Postgres(pool.begin_with(sql).await?))
            }
            Self::MySql { pool, .. } => {
                // The level holds for the next transaction only.
                let mut connection = pool.acquire().await?;
                let sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
                sqlx::raw_sql(sql).execute(&mut *connection).await?;
                let sql = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
                let begun = sqlx::Transaction::begin(connection, Some(sql.into_sql_str()));
                Ok(Tx::MySql(begun.await?))
            }
            Self::SqlServer(pool) => Ok(Tx::SqlServer(pool.begin_snapshot().await?)),
        }
    }

    /// Keeps other replicas from migrating, where a transaction cannot.
    pub(super) async fn lock_schema(&self) -> Result<SchemaLock, DbError> {
        match self {
            Self::Sqlite { .. } | Self::Postgres(_) | Self::SqlServer(_) => Ok(SchemaLock(None)),
            Self::MySql { options, .. } => {
                Ok(SchemaLock(Some(open::lock_mysql_schema(options).await?)))
            }
        }
    }

    /// Waits until all connections are closed.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
            Self::MySql { pool, .. } => pool.close().await,
            Self::SqlServer(pool) => pool.close().await,
        }
    }
}

impl SchemaLock {
    /// Lets others migrate.
    pub(super) async fn release(self) -> Result<(), DbError> {
        match self.0 {
            None => Ok(()),
            Some(connection) => Ok(connection.close().await?),
        }
    }
}

impl Tx {
    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<u64, DbError> {
        let binds: Vec<Bind> = binds.into_iter().collect();
        Ok(match self {
            Self::Sqlite(tx) => bound!(sql, &binds).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => bound!(sql, &binds).execute(&mut **tx).await?.rows_affected(),
            Self::MySql(tx) => bound_mysql!(sql, binds).execute(&mut **tx).await?.rows_affected(),
            Self::SqlServer(tx) => tx.execute(sql, &binds).await?,
        })
    }

    /// Reads rows.
    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<Vec<Row>, DbError> {
        let binds: Vec<Bind> = binds.into_iter().collect();
        match self {
            Self::Sqlite(tx) => {
                let rows = bound!(sql, &binds).fetch_all(&mut **tx).await?;
                rows.iter().map(value::of_sqlite).collect()
            }
            Self::Postgres(tx) => {
                let rows = bound!(sql, &binds).fetch_all(&mut **tx).await?;
                rows.iter().map(value::of_postgres).collect()
            }
            Self::MySql(tx) => {
                let rows = bound_mysql!(sql, binds).fetch_all(&mut **tx).await?;
                rows.iter().map(value::of_mysql).collect()
            }
            Self::SqlServer(tx) => tx.query(sql, &binds).await,
        }
    }

    /// Keeps other replicas from migrating until this transaction ends, where a transaction can.
    pub(super) async fn lock_schema(&mut self) -> Result<(), DbError> {
        match self {
            // SQLite's transaction holds its one write lock already; for MySQL see SchemaLock.
            Self::Sqlite(_) | Self::MySql(_) => Ok(()),
            Self::Postgres(_) => {
                self.execute("SELECT pg_advisory_xact_lock(7236838)", []).await.map(drop)
            }
            Self::SqlServer(tx) => tx.lock_schema().await,
        }
    }

    /// Runs several statements without parameters: a migration.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
            Self::Postgres(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
            Self::MySql(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
            Self::SqlServer(tx) => tx.script(sql).await?,
        }
        Ok(())
    }

    /// Makes the changes durable.
    pub(super) async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
            Self::MySql(tx) => tx.commit().await?,
            Self::SqlServer(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
