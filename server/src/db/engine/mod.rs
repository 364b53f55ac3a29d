//! Database engines behind one small interface: statements with numbered parameters (`$1`),
//! values that are integers or text, and transactions.
//!
//! Everything above this writes each statement once, in the SQL that all engines share; where
//! they differ (types, triggers) the migrations do, one folder an engine.

mod value;

pub(super) use value::{Bind, Row};

use super::DbError;
use sqlx::{
    ConnectOptions, Postgres, Sqlite,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{os::unix::fs::OpenOptionsExt, path::Path, str::FromStr, time::Duration};

/// How long a statement waits for a connection or a lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the database is.
#[derive(Clone)]
pub enum Address {
    /// A file of the embedded engine.
    Sqlite(std::path::PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

impl std::fmt::Debug for Address {
    /// Without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(to) => write!(f, "postgres://{}:{}", to.get_host(), to.get_port()),
        }
    }
}

/// An address that names no database.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// Neither of the schemes.
    #[error("the database URL starts with neither \"sqlite:\" nor \"postgres://\"")]
    Scheme,
    /// PostgreSQL's rest is wrong; the source may hold a password and is not shown.
    #[error("the database URL is no PostgreSQL URL: write postgres://user:password@host:5432/name")]
    Postgres,
}

impl Address {
    /// Reads `sqlite:FILE` (relative to `folder`) or `postgres://...`.
    pub fn parse(url: &str, folder: &Path) -> Result<Self, NoAddress> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(folder.join(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url).map_err(|_| NoAddress::Postgres)?;
            return Ok(Self::Postgres(Box::new(options)));
        }
        Err(NoAddress::Scheme)
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// One connection writes, since SQLite has one writer at a time; others read beside it.
    Sqlite {
        writer: sqlx::SqlitePool,
        readers: sqlx::SqlitePool,
    },
    Postgres(sqlx::PgPool),
}

/// A transaction; dropped without a commit, it is rolled back.
pub(super) enum Tx {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// Runs one statement on a connection of any engine.
macro_rules! run {
    ($on:expr, $sql:expr, $binds:expr, $how:ident) => {{
        let mut query = sqlx::query($sql);
        for bind in $binds {
            query = match bind {
                Bind::Int(value) => query.bind(value),
                Bind::Text(value) => query.bind(value),
            };
        }
        query.$how($on).await
    }};
}

impl Engine {
    /// Opens the database; `connections` at most are used at a time.
    pub(super) async fn open(address: &Address, connections: u32) -> Result<Self, DbError> {
        match address {
            Address::Sqlite(path) => open_sqlite(path, connections).await,
            Address::Postgres(options) => {
                let options = options.as_ref().clone().application_name("bootmint");
                let pool = PgPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(PATIENCE)
                    .connect_with(options.disable_statement_logging())
                    .await?;
                Ok(Self::Postgres(pool))
            }
        }
    }

    /// The migrations: version, and statements.
    pub(super) fn migrations(&self) -> &'static [(i64, &'static str)] {
        match self {
            Self::Sqlite { .. } => &[
                (1, include_str!("../migrations/sqlite/0001-start.sql")),
                (10, include_str!("../migrations/sqlite/0010-arm-requests.sql")),
                (20, include_str!("../migrations/sqlite/0020-accounts.sql")),
            ],
            Self::Postgres(_) => &[
                (1, include_str!("../migrations/postgres/0001-start.sql")),
                (10, include_str!("../migrations/postgres/0010-arm-requests.sql")),
                (20, include_str!("../migrations/postgres/0020-accounts.sql")),
            ],
        }
    }

    /// Reads without a transaction.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite { readers, .. } => {
                run!(readers, sql, binds, fetch_all)?.iter().map(value::of_sqlite).collect()
            }
            Self::Postgres(pool) => {
                run!(pool, sql, binds, fetch_all)?.iter().map(value::of_postgres).collect()
            }
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
        }
    }
}

async fn open_sqlite(path: &Path, connections: u32) -> Result<Engine, DbError> {
    // SQLite would make it readable by all; the files beside it take its mode.
    let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    drop(made.map_err(sqlx::Error::Io)?);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A transition that was answered must survive a power cut: it is fsynced.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_with(options.clone())
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Engine::Sqlite { writer, readers })
}

impl Tx {
    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<u64, DbError> {
        Ok(match self {
            Self::Sqlite(tx) => run!(&mut **tx, sql, binds, execute)?.rows_affected(),
            Self::Postgres(tx) => run!(&mut **tx, sql, binds, execute)?.rows_affected(),
        })
    }

    /// Reads rows.
    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        binds: impl IntoIterator<Item = Bind>,
    ) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite(tx) => {
                run!(&mut **tx, sql, binds, fetch_all)?.iter().map(value::of_sqlite).collect()
            }
            Self::Postgres(tx) => {
                run!(&mut **tx, sql, binds, fetch_all)?.iter().map(value::of_postgres).collect()
            }
        }
    }

    /// Keeps other replicas from migrating until this transaction ends.
    pub(super) async fn lock_schema(&mut self) -> Result<(), DbError> {
        match self {
            // The transaction holds SQLite's one write lock already.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => {
                self.execute("SELECT pg_advisory_xact_lock(7236838)", []).await.map(drop)
            }
        }
    }

    /// Runs several statements without parameters: a migration.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
            Self::Postgres(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
        }
        Ok(())
    }

    /// Makes the changes durable.
    pub(super) async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
