//! Restores a backup into an empty database: all of it or, if anything is wrong, nothing.

use super::{FORMAT, Foot, Head, tables::Table};
use crate::db::{
    Broken, DbError, Store,
    audit::{self, AuditRow, Chain, End},
    engine::Tx,
};
use crate::{secret::hex, time::Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, Read};

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 16 << 20;

/// Why a backup was not restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file cannot be read.
    #[error("reading the backup failed")]
    Read(#[from] io::Error),
    /// The database holds something.
    #[error("the database is not empty: restore into a new one, and point database.url at it")]
    NotEmpty,
    /// The file is no backup.
    #[error("this is no backup of Bootmint: its first line is not that of one")]
    NoBackup,
    /// It was made by another version.
    #[error(
        "the backup has format {format} and schema version {schema}, this program has {FORMAT} and \
         {known}: restore it with the version of Bootmint that made it, then update"
    )]
    OtherVersion {
        /// Its format.
        format: u32,
        /// Its schema version.
        schema: i64,
        /// The schema version of this program.
        known: i64,
    },
    /// A line is wrong.
    #[error("line {0} of the backup is damaged")]
    Line(u64),
    /// The last line is missing.
    #[error("the backup breaks off after line {0}: it is not whole")]
    Short(u64),
    /// The last line does not fit.
    #[error("the backup was changed after it was made: its digest does not fit")]
    Changed,
    /// The audit chain does not hold.
    #[error("the backup is not restored")]
    Audit(#[from] Broken),
}

impl Store {
    /// Restores what [`Store::backup`] wrote; returns how many rows that are.
    pub async fn restore(&self, from: impl BufRead + Send) -> Result<u64, RestoreError> {
        let mut lines = Lines { from, digest: Sha256::new(), number: 0 };
        let known = self.engine.migrations().last().map_or(0, |&(version, _)| version);
        let head: Head = match lines.next()? {
            Some(line) => serde_json::from_slice(&line).map_err(|_| RestoreError::NoBackup)?,
            None => return Err(RestoreError::NoBackup),
        };
        if head.bootmint_backup != FORMAT || head.schema != known {
            let (format, schema) = (head.bootmint_backup, head.schema);
            return Err(RestoreError::OtherVersion { format, schema, known });
        }
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if !is_empty(&mut tx).await? {
            return Err(RestoreError::NotEmpty);
        }
        let (mut rows, mut start, mut chain) = (0_u64, End::default(), None);
        let foot: Foot = loop {
            let before = lines.digest.clone();
            let Some(line) = lines.next()? else { return Err(RestoreError::Short(lines.number)) };
            if let Ok(foot) = serde_json::from_slice(&line) {
                lines.digest = before;
                break foot;
            }
            let damaged = || RestoreError::Line(lines.number);
            let (table, values): (String, Vec<Value>) =
                serde_json::from_slice(&line).map_err(|_| damaged())?;
            let table = Table::find(&table).ok_or_else(damaged)?;
            let binds = table.binds(&values).ok_or_else(damaged)?;
            if table.name == "audit" {
                let row = audit_row(&values).ok_or_else(damaged)?;
                // What comes before the first row is in an archive, if anything does.
                let chain = chain.get_or_insert_with(|| {
                    start = End { seq: row.seq.saturating_sub(1), hash: row.previous.clone() };
                    Chain::after(start.clone())
                });
                chain.push(&row)?;
            }
            tx.execute(table.write, binds).await?;
            rows = rows.saturating_add(1);
        };
        if foot.rows != rows || foot.sha256 != hex(&lines.digest.finalize()) {
            return Err(RestoreError::Changed);
        }
        let end = match chain {
            Some(chain) => chain.finish(&start)?,
            None => End::default(),
        };
        for (sql, at) in [
            ("UPDATE audit_start SET seq = $1, hash = $2 WHERE id = 1", start),
            ("UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1", end),
        ] {
            tx.execute(sql, [at.seq.into(), at.hash.into()]).await?;
        }
        tx.commit().await?;
        Ok(rows)
    }
}

async fn is_empty(tx: &mut Tx) -> Result<bool, DbError> {
    for sql in [
        "SELECT COUNT(*) FROM hosts",
        "SELECT COUNT(*) FROM audit",
        "SELECT COUNT(*) FROM boots",
        "SELECT COUNT(*) FROM discovered",
        "SELECT COUNT(*) FROM users",
    ] {
        let mut rows = tx.query(sql, []).await?;
        if rows.first_mut().ok_or(DbError::Shape)?.int()? != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn audit_row(values: &[Value]) -> Option<AuditRow> {
    let mut values = values.iter();
    let mut number = || values.next()?.as_i64();
    let (seq, at) = (number()?, Timestamp::from_unix(number()?));
    let mut text = || values.next()?.as_str().map(str::to_owned);
    Some(AuditRow {
        seq,
        at,
        actor: text()?,
        host: text()?,
        event: text()?,
        was: text()?,
        became: text()?,
        detail: text()?,
        role: text()?,
        token: text()?,
        source: text()?,
        request: text()?,
        reason: text()?,
        result: text()?,
        previous: text()?,
        hash: text()?,
    })
}

/// Reads lines, and counts and digests them.
struct Lines<R> {
    from: R,
    digest: Sha256,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line; none at the end. A line without its end is damaged.
    fn next(&mut self) -> Result<Option<Vec<u8>>, RestoreError> {
        let mut line = Vec::new();
        self.from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        if line.last() != Some(&b'\n') {
            return Err(RestoreError::Line(self.number));
        }
        self.digest.update(&line);
        Ok(Some(line))
    }
}
