//! Opens each engine the way Bootmint needs it.

use super::{Address, DbError, Engine, SqlServer, sqlserver};
use sqlx::{
    ConnectOptions, Connection, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    pool::PoolConnectionMetadata,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

/// How long a statement waits for a connection or a lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that rested longer than this is tried before it is used: the server may have
/// been restarted. One that was used just now is not, which spares a round trip for each statement.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// What a session of MySQL must be told, since its defaults can be set otherwise. With READ
/// COMMITTED no statement locks gaps, so that writers of different hosts do not meet.
const MYSQL_SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION innodb_lock_wait_timeout = 10, \
     sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')";

/// Opens the database; `connections` at most are used at a time.
pub(super) async fn open(address: &Address, connections: u32) -> Result<Engine, DbError> {
    match address {
        Address::Sqlite(path) => sqlite(path, connections).await,
        Address::Postgres(options) => postgres(options.as_ref().clone(), connections).await,
        Address::MySql(options) => mysql(options.as_ref().clone(), connections).await,
        Address::SqlServer(SqlServer(server)) => {
            Ok(Engine::SqlServer(sqlserver::Pool::open(server, connections).await?))
        }
    }
}

async fn sqlite(path: &Path, connections: u32) -> Result<Engine, DbError> {
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
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Engine::Sqlite { writer, readers })
}

async fn postgres(options: PgConnectOptions, connections: u32) -> Result<Engine, DbError> {
    let options = options.application_name("bootmint").disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| Box::pin(alive(connection, meta)))
        .connect_with(options)
        .await?;
    Ok(Engine::Postgres(pool))
}

async fn mysql(options: MySqlConnectOptions, connections: u32) -> Result<Engine, DbError> {
    let options = options.disable_statement_logging();
    let pool = MySqlPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| Box::pin(alive(connection, meta)))
        .after_connect(|connection, _| {
            Box::pin(
                async move { sqlx::raw_sql(MYSQL_SESSION).execute(connection).await.map(drop) },
            )
        })
        .connect_with(options.clone())
        .await?;
    Ok(Engine::MySql { pool, options: Box::new(options) })
}

/// Whether a connection can be used; an error counts as no.
async fn alive<C: Connection>(
    connection: &mut C,
    meta: PoolConnectionMetadata,
) -> Result<bool, sqlx::Error> {
    if meta.idle_for > FRESH {
        return Ok(connection.ping().await.is_ok());
    }
    Ok(true)
}

/// A connection that holds MySQL's lock on the schema as long as it lives: the statements of a
/// migration end each transaction, and with it all other locks.
pub(super) async fn lock_mysql_schema(
    options: &MySqlConnectOptions,
) -> Result<MySqlConnection, DbError> {
    let mut connection = options.connect().await?;
    let sql = "SELECT GET_LOCK(CONCAT('bootmint.', DATABASE()), 60)";
    let got: Option<i64> = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    if got == Some(1) { Ok(connection) } else { Err(sqlx::Error::PoolTimedOut.into()) }
}
