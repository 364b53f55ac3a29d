//! Microsoft SQL Server, which speaks another protocol than all others and another dialect.
//!
//! Statements are translated in one place, mechanically. Rows are read as of the last commit before
//! the statement (READ_COMMITTED_SNAPSHOT), and backups as of one moment (SNAPSHOT): the database
//! must allow both, which is checked when it is opened.

mod error;
mod feed;
mod pool;
mod server;
mod translate;
mod value;

pub(in crate::db) use feed::feed;
pub(in crate::db) use server::Server;

use super::{Bind, Row};
use crate::db::DbError;
use pool::{Client, Connections, Lease};
use std::{fmt, sync::Arc};
use translate::translated;

/// Whether the database reads as Bootmint needs it.
const SETTINGS: &str = "SELECT CAST(is_read_committed_snapshot_on AS BIGINT), \
     CAST(snapshot_isolation_state AS BIGINT) FROM sys.databases WHERE database_id = DB_ID()";
/// Keeps other replicas from migrating until the transaction ends.
const LOCK_SCHEMA: &str = "DECLARE @got INT; \
     EXEC @got = sp_getapplock @Resource = N'bootmint.schema', @LockMode = N'Exclusive', \
     @LockOwner = N'Transaction', @LockTimeout = 60000; \
     IF @got < 0 THROW 50000, N'another program has been migrating the schema for a minute', 1;";
/// What ends a batch of a migration, on a line of its own, as Microsoft's tools have it.
const GO: &str = "GO";

/// An open database.
#[derive(Clone)]
pub(in crate::db) struct Pool(Arc<Connections>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.server())
    }
}

impl Pool {
    /// Opens the database; `connections` at most are used at a time.
    pub(in crate::db) async fn open(server: &Server, connections: u32) -> Result<Self, DbError> {
        let pool = Self(Connections::new(server.clone(), connections));
        let mut settings = pool.query(SETTINGS, &[]).await?;
        let row = settings.first_mut().ok_or(DbError::Shape)?;
        if (row.int()?, row.int()?) != (1, 1) {
            return Err(DbError::Settings(
                "ALTER DATABASE ... SET READ_COMMITTED_SNAPSHOT ON and ALTER DATABASE ... SET \
                 ALLOW_SNAPSHOT_ISOLATION ON",
            ));
        }
        Ok(pool)
    }

    /// Reads without a transaction.
    pub(in crate::db) async fn query(
        &self,
        sql: &'static str,
        binds: &[Bind],
    ) -> Result<Vec<Row>, DbError> {
        query(&mut self.0.lease().await?, sql, binds).await
    }

    /// Begins a transaction that will write.
    pub(in crate::db) async fn begin(&self) -> Result<Tx, DbError> {
        let mut lease = self.0.lease().await?;
        run(&mut lease, "BEGIN TRANSACTION").await?;
        Ok(Tx { lease: Some(lease), again: true })
    }

    /// Begins a transaction that reads everything as it is now.
    pub(in crate::db) async fn begin_snapshot(&self) -> Result<Tx, DbError> {
        let mut lease = self.0.lease().await?;
        run(&mut lease, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION").await?;
        Ok(Tx { lease: Some(lease), again: false })
    }

    /// Waits until all connections are closed.
    pub(in crate::db) async fn close(&self) {
        self.0.close().await;
    }
}

/// A transaction; dropped without a commit, it is rolled back.
pub(in crate::db) struct Tx {
    /// None once it is over.
    lease: Option<Lease>,
    /// Whether its connection can be used for others: not if it reads in another way.
    again: bool,
}

impl Tx {
    /// Runs a statement; returns how many rows it changed.
    pub(in crate::db) async fn execute(
        &mut self,
        sql: &'static str,
        binds: &[Bind],
    ) -> Result<u64, DbError> {
        let lease = self.lease()?;
        let mut client = lease.take()?;
        let changed = value::bound(translated(sql), binds).execute(&mut *client).await?.total();
        lease.put(client);
        Ok(changed)
    }

    /// Reads rows.
    pub(in crate::db) async fn query(
        &mut self,
        sql: &'static str,
        binds: &[Bind],
    ) -> Result<Vec<Row>, DbError> {
        query(self.lease()?, sql, binds).await
    }

    /// Keeps other replicas from migrating until this transaction ends.
    pub(in crate::db) async fn lock_schema(&mut self) -> Result<(), DbError> {
        run(self.lease()?, LOCK_SCHEMA).await
    }

    /// Runs the batches of a migration.
    pub(in crate::db) async fn script(&mut self, sql: &'static str) -> Result<(), DbError> {
        for batch in batches(sql) {
            run(self.lease()?, &batch).await?;
        }
        Ok(())
    }

    /// Makes the changes durable.
    pub(in crate::db) async fn commit(mut self) -> Result<(), DbError> {
        let mut lease = self.lease.take().ok_or(DbError::Shape)?;
        run(&mut lease, "COMMIT TRANSACTION").await?;
        if !self.again {
            // It would go on reading as it does now: nobody gets it.
            drop(lease.take()?);
        }
        Ok(())
    }

    fn lease(&mut self) -> Result<&mut Lease, DbError> {
        self.lease.as_mut().ok_or(DbError::Shape)
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        // What a connection that is closed had not committed is rolled back as well.
        let (Ok(client), Ok(runtime)) = (lease.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        if self.again {
            lease.put(client);
            runtime.spawn(async move { run(&mut lease, "ROLLBACK TRANSACTION").await });
        }
    }
}

/// The batches of a script, without what stands between them.
fn batches(sql: &str) -> Vec<String> {
    let lines: Vec<&str> = sql.lines().collect();
    let batches = lines.split(|line| line.trim() == GO).map(|lines| lines.join("\n"));
    batches.filter(|batch| !batch.trim().is_empty()).collect()
}

/// Runs a batch without parameters.
async fn run(lease: &mut Lease, sql: &str) -> Result<(), DbError> {
    let mut client = lease.take()?;
    client.simple_query(sql).await?.into_results().await?;
    lease.put(client);
    Ok(())
}

async fn query(lease: &mut Lease, sql: &'static str, binds: &[Bind]) -> Result<Vec<Row>, DbError> {
    let mut client: Client = lease.take()?;
    let found = value::bound(translated(sql), binds).query(&mut *client).await?;
    let rows = found.into_first_result().await?;
    lease.put(client);
    rows.into_iter().map(value::of_sqlserver).collect()
}
