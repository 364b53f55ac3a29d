//! Backups: everything that a database holds, in one portable file, read while the server runs.
//!
//! The file is the same for every engine, so that it also carries a site from one engine to
//! another. Its lines are JSON: a head, then each row as `["table", [values]]`, then a foot with
//! the digest of all that stands before it. It holds no token and no secret of an attempt, only
//! their digests, as the database itself.

mod restore;
mod tables;

pub use restore::RestoreError;

use super::{
    DbError, Store,
    engine::{Bind, Tx},
};
use crate::{secret::hex, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};
pub(super) use tables::TABLES;
use tables::{Paging, Table};

/// How many rows are read at a time.
const PAGE: i64 = 1000;
/// The version of the format.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Head {
    bootmint_backup: u32,
    created: i64,
    schema: i64,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Foot {
    rows: u64,
    sha256: String,
}

/// Why a backup was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file.
    #[error("writing the backup failed")]
    Write(#[from] io::Error),
}

/// Writes lines, and counts and digests them.
struct Lines<W> {
    out: W,
    digest: Sha256,
    rows: u64,
}

impl<W: Write> Lines<W> {
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.out.write_all(&line)
    }

    fn finish(mut self) -> io::Result<u64> {
        let foot = Foot { rows: self.rows, sha256: hex(&self.digest.finalize_reset()) };
        let rows = self.rows;
        self.line(&foot)?;
        self.out.flush()?;
        Ok(rows)
    }
}

impl Store {
    /// Writes everything to `out`, as it is at one moment; returns how many rows that are.
    pub async fn backup(&self, out: impl Write + Send, now: Timestamp) -> Result<u64, BackupError> {
        let mut tx = self.engine.begin_snapshot().await?;
        let mut lines = Lines { out, digest: Sha256::new(), rows: 0 };
        let schema = self.engine.migrations().last().map_or(0, |&(version, _)| version);
        let head = Head { bootmint_backup: FORMAT, created: now.as_unix(), schema };
        lines.line(&head)?;
        for table in TABLES {
            write_table(&mut tx, table, &mut lines).await?;
        }
        Ok(lines.finish()?)
    }
}

async fn write_table(
    tx: &mut Tx,
    table: &Table,
    lines: &mut Lines<impl Write>,
) -> Result<(), BackupError> {
    let mut after = match table.paging {
        Paging::Number => Bind::from(i64::MIN),
        Paging::Text => Bind::from(""),
        Paging::Offset => Bind::from(0),
    };
    let mut read = 0_i64;
    loop {
        let binds = match table.paging {
            Paging::Number | Paging::Text => [after, PAGE.into()],
            Paging::Offset => [PAGE.into(), read.into()],
        };
        let rows = tx.query(table.read, binds).await?;
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let mut last = Value::Null;
        for row in rows {
            let values = table.values(row)?;
            lines.line(&(table.name, &values))?;
            lines.rows = lines.rows.saturating_add(1);
            last = values.into_iter().next().unwrap_or_default();
        }
        if count < PAGE {
            return Ok(());
        }
        read = read.saturating_add(count);
        after = match last {
            Value::String(text) => Bind::from(text),
            other => Bind::Int(other.as_i64()),
        };
    }
}

#[cfg(test)]
pub(super) mod tests;
