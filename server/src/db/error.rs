//! What can be wrong with a database, whichever engine says it.

use bootmint_image_factory::host::HostName;
use sqlx::{error::DatabaseError, mysql::MySqlDatabaseError};
use std::error::Error;

/// What a database's client says.
type Cause = Box<dyn Error + Send + Sync>;

/// Something is wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached, or not in time: worth trying again.
    #[error("the database does not answer")]
    Unavailable(#[source] Cause),
    /// The connection broke off. Whether a commit that ran was done is not known.
    #[error("the connection to the database broke off")]
    Broken(#[source] Cause),
    /// Another writer was in the way: the transaction was rolled back.
    #[error("the database is busy")]
    Busy(#[source] Cause),
    /// It refused a statement.
    #[error("the database refused a statement")]
    Refused(#[source] Cause),
    /// It is not set up as Bootmint needs it.
    #[error("the database is not set up as Bootmint needs it: run {0}")]
    Settings(&'static str),
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
    /// Hosts are not as they were when an import of them was decided on.
    #[error(
        "changed since they were looked at: {}; nothing was imported: look at what the feed would \
         change now, and import it again",
        first(.0)
    )]
    Moved(Vec<HostName>),
}

/// The first of them, for a message.
fn first(hosts: &[HostName]) -> String {
    const SHOWN: usize = 20;
    let names = hosts.iter().take(SHOWN).map(|name| format!("\"{name}\""));
    let names = names.collect::<Vec<_>>().join(", ");
    match hosts.len().saturating_sub(SHOWN) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

impl DbError {
    /// Whether it may pass by itself.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Broken(_) | Self::Busy(_))
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let kind = match &error {
            sqlx::Error::Database(inner) => kind(inner.as_ref()),
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => Kind::Broken,
            sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Kind::Unavailable,
            _ => Kind::Refused,
        };
        let cause = Box::new(error);
        match kind {
            Kind::Busy => Self::Busy(cause),
            Kind::Broken => Self::Broken(cause),
            Kind::Unavailable => Self::Unavailable(cause),
            Kind::Refused => Self::Refused(cause),
        }
    }
}

/// What a database's error means to us.
enum Kind {
    Busy,
    Broken,
    Unavailable,
    Refused,
}

fn kind(error: &dyn DatabaseError) -> Kind {
    // Deadlock, and a lock that was waited for in vain. The transaction is dropped after both.
    const MYSQL_BUSY: [u16; 2] = [1205, 1213];
    // SQLite: BUSY and LOCKED with their extensions. PostgreSQL: serialisation, deadlock.
    const BUSY: [&str; 7] = ["5", "6", "261", "262", "517", "40001", "40P01"];
    // The server or an operator ended the connection: PostgreSQL's and MariaDB's codes.
    const BROKEN: [&str; 4] = ["57P01", "57P02", "57P05", "70100"];
    if let Some(mysql) = error.try_downcast_ref::<MySqlDatabaseError>()
        && MYSQL_BUSY.contains(&mysql.number())
    {
        return Kind::Busy;
    }
    let code = error.code().unwrap_or_default();
    // Of both servers: connection trouble; PostgreSQL: operator intervention, resources.
    let class = |class: &str| code.len() == 5 && code.starts_with(class);
    match code.as_ref() {
        code if BUSY.contains(&code) => Kind::Busy,
        code if BROKEN.contains(&code) || class("08") => Kind::Broken,
        _ if class("57") || class("53") => Kind::Unavailable,
        _ => Kind::Refused,
    }
}
