//! Where a database is, as its URL says it.

use super::sqlserver;
use sqlx::{mysql::MySqlConnectOptions, postgres::PgConnectOptions};
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where the database is.
#[derive(Clone)]
pub enum Address {
    /// A file of the embedded engine.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
    /// A MySQL or MariaDB server.
    MySql(Box<MySqlConnectOptions>),
    /// A SQL Server.
    SqlServer(SqlServer),
}

/// A SQL Server, as its URL says.
#[derive(Clone)]
pub struct SqlServer(pub(in crate::db) sqlserver::Server);

impl fmt::Debug for Address {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(to) => write!(f, "postgres://{}:{}", to.get_host(), to.get_port()),
            Self::MySql(to) => write!(f, "mysql://{}:{}", to.get_host(), to.get_port()),
            Self::SqlServer(SqlServer(to)) => write!(f, "{to}"),
        }
    }
}

/// An address that names no database. Its source may hold a password and is not shown.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// None of the schemes.
    #[error(
        "the database URL starts with none of \"sqlite:\", \"postgres://\", \"mysql://\", \
         \"mssql://\""
    )]
    Scheme,
    /// PostgreSQL's rest is wrong.
    #[error("the database URL is no PostgreSQL URL: write postgres://user:password@host:5432/name")]
    Postgres,
    /// MySQL's rest is wrong.
    #[error("the database URL is no MySQL URL: write mysql://user:password@host:3306/name")]
    MySql,
    /// SQL Server's rest is wrong.
    #[error(
        "the database URL is no SQL Server URL: write mssql://user:password@host:1433/name, and \
         behind it, if need be, ?encrypt=yes, strict or no, and &ca=FILE"
    )]
    SqlServer,
    /// It would be spoken to without TLS over a network.
    #[error(
        "the database URL says encrypt=no: that is for 127.0.0.1 and [::1] alone, where no network \
         hears the password"
    )]
    SqlServerInClear,
    /// This program does not know SQL Server.
    #[error(
        "the database URL is that of a SQL Server, and this program was built without it: build it \
         with `cargo build --package bootmint-server --features sqlserver`"
    )]
    NotBuilt,
}

impl Address {
    /// Reads `sqlite:FILE` (relative to `folder`), `postgres://...`, `mysql://...` or
    /// `mssql://...`.
    pub fn parse(url: &str, folder: &Path) -> Result<Self, NoAddress> {
        let starts = |schemes: [&str; 2]| schemes.iter().any(|scheme| url.starts_with(scheme));
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(folder.join(path)));
        }
        if starts(["postgres://", "postgresql://"]) {
            let options = PgConnectOptions::from_str(url).map_err(|_| NoAddress::Postgres)?;
            return Ok(Self::Postgres(Box::new(options)));
        }
        if starts(["mysql://", "mariadb://"]) {
            let options = MySqlConnectOptions::from_str(url).map_err(|_| NoAddress::MySql)?;
            if options.get_database().is_none() {
                return Err(NoAddress::MySql);
            }
            return Ok(Self::MySql(Box::new(options)));
        }
        if starts(["mssql://", "sqlserver://"]) {
            return sqlserver::Server::parse(url).map(|server| Self::SqlServer(SqlServer(server)));
        }
        Err(NoAddress::Scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_an_engine_and_passwords_stay_hidden() {
        let parse = |url| Address::parse(url, Path::new("/srv"));
        for (url, shown) in [
            ("sqlite:a.db", "sqlite:/srv/a.db"),
            ("postgres://u:hidden@db:1/n?sslmode=verify-full", "postgres://db:1"),
            ("mysql://u:hidden@db/n?ssl-mode=VERIFY_IDENTITY", "mysql://db:3306"),
            ("mariadb://u:hidden@db:1/n", "mysql://db:1"),
        ] {
            assert_eq!(format!("{:?}", parse(url).unwrap()), shown);
        }
        for url in ["", "a.db", "oracle://x", "mysql://u:hidden@db", "mysql://db/n?ssl-mode=x"] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains("database URL") && !error.contains("hidden"), "{error}");
        }
    }
}
