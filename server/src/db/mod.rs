//! The database: hosts and their states, attempts, logs, and the audit chain.
//!
//! Nothing outside this folder names a database crate. Every change of a state is one
//! transaction: it applies only to the generation that was seen, and writes its audit row.

mod accounts;
mod actor;
mod attempts;
mod audit;
mod backup;
mod bootlog;
mod change;
mod edit;
mod engine;
mod error;
mod factors;
mod flows;
mod foreign;
mod guard;
mod hosts;
mod ids;
mod import;
mod locked;
mod log;
mod lookup;
mod migrations;
mod notes;
mod parsed;
mod people;
mod profiles;
mod replies;
mod retention;
mod retry;
mod secrets;
mod sessions;
mod together;
mod trail;
mod verify;
mod views;
mod webhooks;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod statements;

pub use accounts::{Account, InDirectory, Realm, StoredToken};
pub use actor::{Actor, AuditResult, Trace};
pub use attempts::{Attempt, Outcome};
pub use audit::{AuditRow, Broken, Chain, End};
pub use backup::{BackupError, RestoreError};
pub use change::{Change, Committed, NewAttempt};
pub use engine::{Address, NoAddress, SqlServer};
pub use error::DbError;
pub use factors::StoredFactor;
pub use flows::StoredFlow;
pub use foreign::{ForeignError, foreign_feed};
pub use guard::{Approval, ArmGuard, ArmRequest, Guarded, Limit};
pub use hosts::{SealedToken, StoredHost};
pub use import::{Imported, KeptToken, Wanted};
pub use locked::LockedAccounts;
pub use log::{BootRow, BootView, Discovered, END};
pub use notes::Note;
pub use profiles::{NewVersion, Newest, ProfileVersion, Published};
pub use replies::Reply;
pub use secrets::{Removed, SealedSecret};
pub use sessions::StoredSession;
pub use trail::{AuditFilter, Transition};
pub use verify::Whole;
pub use views::KeptView;
pub use webhooks::WebhookPlace;

use bootlog::BootLog;
use engine::{Engine, Tx};
use lookup::Lookups;
use notes::Notes;
use parsed::Parsed;
use std::sync::atomic::{AtomicI64, Ordering};

/// The database. It holds no state of its own beside the connections, and nothing that counts.
#[derive(Debug)]
pub struct Store {
    engine: Engine,
    boots: BootLog,
    lookups: Lookups,
    notes: Notes,
    parsed: Parsed,
    discovered: AtomicI64,
}

impl Store {
    /// Opens the database, which SQLite makes if it is missing, and brings its schema up to date.
    pub async fn open(address: &Address, connections: u32) -> Result<Self, DbError> {
        let engine = Engine::open(address, connections).await?;
        migrations::apply(&engine).await?;
        let boots = BootLog::start(engine.clone());
        let lookups = lookup::start(&engine);
        let notes = notes::start(&engine);
        let store = Self {
            engine,
            boots,
            lookups,
            notes,
            parsed: Parsed::default(),
            discovered: AtomicI64::new(0),
        };
        store.discovered.store(store.count_discovered().await?, Ordering::Relaxed);
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.engine.query("SELECT seq FROM audit_head", []).await.map(drop)
    }

    /// Writes the boots that wait, and closes the connections after the statements that run.
    pub async fn close(&self) {
        self.boots.close().await;
        self.engine.close().await;
    }
}

/// The one row of a result that has one at most.
fn at_most_one<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}
