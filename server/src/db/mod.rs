//! The database: hosts and their states, attempts, logs, and the audit chain.
//!
//! Nothing outside this folder names a database crate. Every change of a state is one
//! transaction: it applies only to the generation that was seen, and writes its audit row.

mod accounts;
mod actor;
mod attempts;
mod audit;
mod change;
mod edit;
mod engine;
mod guard;
mod hosts;
mod log;
mod replies;

#[cfg(test)]
mod contract;

pub use accounts::{Account, StoredToken};
pub use actor::{Actor, AuditResult, Trace};
pub use attempts::{Attempt, Outcome};
pub use audit::{AuditRow, Broken, Note};
pub use change::{Change, Committed, NewAttempt};
pub use engine::{Address, NoAddress};
pub use guard::{Approval, ArmGuard, ArmRequest, Guarded, Limit};
pub use hosts::{Imported, StoredHost};
pub use log::{BootRow, BootView, Discovered};
pub use replies::Reply;

use crate::time::Timestamp;
use engine::{Engine, Tx};
use std::sync::atomic::{AtomicI64, Ordering};

/// How often a transaction is begun again after it lost a race for a lock.
const RACES: usize = 5;

/// Something is wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached, or not in time: worth trying again.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// Another writer was in the way: the transaction was rolled back.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// It refused a statement.
    #[error("the database refused a statement")]
    Refused(#[source] sqlx::Error),
    /// A row is not what the schema says.
    #[error("a row of the database is not what its schema says: was it changed by hand?")]
    Shape,
    /// A stored host is damaged.
    #[error(transparent)]
    Host(#[from] crate::record::Damaged),
    /// It was made by a later version.
    #[error("the database has schema version {found}, this program knows {known}: update it")]
    TooNew {
        /// The database's version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Two hosts claim the same identifier.
    #[error("host \"{host}\" has the {what} of another host: correct one of them")]
    Taken {
        /// Whose import failed.
        host: String,
        /// What both have.
        what: &'static str,
    },
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite: BUSY and LOCKED with their extensions. PostgreSQL: serialisation, deadlock.
        const BUSY: [&str; 7] = ["5", "6", "261", "262", "517", "40001", "40P01"];
        match &error {
            sqlx::Error::Database(inner) => match inner.code().as_deref() {
                Some(code) if BUSY.contains(&code) => Self::Busy(error),
                // PostgreSQL: connection trouble, operator intervention, resources.
                Some(code)
                    if ["08", "57", "53"]
                        .iter()
                        .any(|class| code.len() == 5 && code.starts_with(class)) =>
                {
                    Self::Unavailable(error)
                }
                _ => Self::Refused(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Refused(error),
        }
    }
}

/// The database. It holds no state of its own beside the connections.
#[derive(Debug)]
pub struct Store {
    engine: Engine,
    discovered: AtomicI64,
}

impl Store {
    /// Opens the database, which SQLite makes if it is missing, and brings its schema up to date.
    pub async fn open(address: &Address, connections: u32) -> Result<Self, DbError> {
        let engine = Engine::open(address, connections).await?;
        migrate(&engine).await?;
        let store = Self { engine, discovered: AtomicI64::new(0) };
        store.discovered.store(store.count_discovered().await?, Ordering::Relaxed);
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.engine.query("SELECT seq FROM audit_head", []).await.map(drop)
    }

    /// Closes the connections, after the statements that run.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

/// Applies the migrations that are missing, each in a transaction of its own.
async fn migrate(engine: &Engine) -> Result<(), DbError> {
    let migrations = engine.migrations();
    for &(version, script) in migrations {
        let mut tx = engine.begin().await?;
        tx.lock_schema().await?;
        tx.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, at BIGINT NOT NULL)",
            [],
        )
        .await?;
        let mut rows = tx.query("SELECT COALESCE(MAX(version), 0) FROM schema_version", []).await?;
        let found = rows.first_mut().ok_or(DbError::Shape)?.int()?;
        let known = migrations.last().map_or(0, |&(version, _)| version);
        if found > known {
            return Err(DbError::TooNew { found, known });
        }
        if found < version {
            tx.script(script).await?;
            let now = Timestamp::now().as_unix();
            tx.execute(
                "INSERT INTO schema_version (version, at) VALUES ($1, $2)",
                [version.into(), now.into()],
            )
            .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// The one row of a result that has one at most.
fn at_most_one<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}
