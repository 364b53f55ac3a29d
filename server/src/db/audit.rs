//! The audit chain: each row holds the digest of the one before it, so that no row can be
//! changed or removed without breaking those that follow.

use super::engine::{Bind, Row};
use super::{Actor, AuditResult, DbError, Store, Tx};
use crate::{secret::Digest, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    /// Its number, from 1 without gaps.
    pub seq: i64,
    /// When it happened. In JSON, seconds since 1970.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: String,
    /// The host.
    pub host: String,
    /// What happened.
    pub event: String,
    /// The state before.
    pub was: String,
    /// The state after.
    pub became: String,
    /// More, such as the attempt.
    pub detail: String,
    /// The role by which a request was allowed.
    pub role: String,
    /// The token that was shown.
    pub token: String,
    /// The address that it came from.
    pub source: String,
    /// Its id.
    pub request: String,
    /// Why, in a person's words.
    pub reason: String,
    /// How it ended: `done`, `denied` or `failed`; empty where no request was.
    pub result: String,
    /// The digest of the row before, empty for the first.
    pub previous: String,
    /// The digest of this row.
    pub hash: String,
}

impl AuditRow {
    /// Whether it tells what happened to a host.
    pub fn is_of_host(&self) -> bool {
        !self.became.is_empty() && !self.host.is_empty() || self.event == "remove"
    }
}

/// The columns of [`AuditRow`], in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "seq, at, actor, host, event, was, became, detail, role, token, source, request, reason, \
         result, previous, hash"
    };
}
pub(super) use columns;

pub(super) fn read(mut row: Row) -> Result<AuditRow, DbError> {
    Ok(AuditRow {
        seq: row.int()?,
        at: Timestamp::from_unix(row.int()?),
        actor: row.text()?,
        host: row.text()?,
        event: row.text()?,
        was: row.text()?,
        became: row.text()?,
        detail: row.text()?,
        role: row.text()?,
        token: row.text()?,
        source: row.text()?,
        request: row.text()?,
        reason: row.text()?,
        result: row.text()?,
        previous: row.text()?,
        hash: row.text()?,
    })
}

/// Where the chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit chain is broken at row {seq}: {why}")]
pub struct Broken {
    /// The first row that is wrong.
    pub seq: i64,
    why: &'static str,
}

impl Broken {
    pub(super) const fn new(seq: i64, why: &'static str) -> Self {
        Self { seq, why }
    }
}

/// What a new row says.
pub(super) struct Entry<'a> {
    pub(super) at: Timestamp,
    pub(super) actor: &'a Actor,
    pub(super) host: &'a str,
    pub(super) event: &'a str,
    pub(super) was: &'a str,
    pub(super) became: &'a str,
    pub(super) detail: &'a str,
    pub(super) result: AuditResult,
}

/// The digest of a row: over each value with its length before it, so that no two rows that
/// differ are the same text.
fn digest(seq: i64, at: Timestamp, previous: &str, parts: [&str; 6], request: [&str; 6]) -> Digest {
    let (seq, at) = (seq.to_string(), at.as_unix().to_string());
    // Rows without a request are hashed as they were before there were any.
    let asked = request.iter().any(|part| !part.is_empty());
    let mut text = String::from(if asked { "bootmint audit 2\n" } else { "bootmint audit 1\n" });
    let request = if asked { &request[..] } else { &[] };
    for part in [previous, &seq, &at].into_iter().chain(parts).chain(request.iter().copied()) {
        text.push_str(&part.len().to_string());
        text.push(':');
        text.push_str(part);
        text.push('\n');
    }
    Digest::of(text.as_bytes())
}

/// Locks the end of the chain. Every transaction that will append does this first, so that all
/// of them take their locks in the same order.
pub(super) async fn lock(tx: &mut Tx) -> Result<(), DbError> {
    tx.execute("UPDATE audit_head SET seq = seq WHERE id = 1", []).await.map(drop)
}

/// How many values a row has.
const COLUMNS: usize = 16;
/// How many rows one statement appends, as long as there are so many.
const ROWS: usize = 16;

/// A statement that appends `ROWS` rows.
static MANY: LazyLock<String> = LazyLock::new(|| statement(ROWS));
/// A statement that appends one row.
static ONE: LazyLock<String> = LazyLock::new(|| statement(1));

fn statement(rows: usize) -> String {
    let row = |row: usize| {
        let first = row * COLUMNS + 1;
        let values: Vec<_> = (first..first + COLUMNS).map(|value| format!("${value}")).collect();
        format!("({})", values.join(", "))
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    format!(concat!("INSERT INTO audit (", columns!(), ") VALUES {}"), rows.join(", "))
}

/// Appends a row.
pub(super) async fn append(tx: &mut Tx, entry: &Entry<'_>) -> Result<(), DbError> {
    append_all(tx, std::slice::from_ref(entry)).await
}

/// Appends rows in their order.
pub(super) async fn append_all(tx: &mut Tx, entries: &[Entry<'_>]) -> Result<(), DbError> {
    let mut rows = tx.query("SELECT seq, hash FROM audit_head WHERE id = 1", []).await?;
    let head = rows.first_mut().ok_or(DbError::Shape)?;
    let (mut seq, mut hash) = (head.int()?, head.text()?);
    let mut link = |entry: &Entry<'_>| {
        seq = seq.saturating_add(1);
        let (binds, next) = linked(entry, seq, &hash);
        next.as_str().clone_into(&mut hash);
        binds
    };
    let chunks = entries.chunks_exact(ROWS);
    let rest = chunks.remainder();
    for chunk in chunks {
        tx.execute(MANY.as_str(), chunk.iter().flat_map(&mut link).collect::<Vec<_>>()).await?;
    }
    for entry in rest {
        tx.execute(ONE.as_str(), link(entry)).await?;
    }
    let sql = "UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1";
    tx.execute(sql, [seq.into(), hash.into()]).await.map(drop)
}

/// The values of row number `seq`, which follows the one whose digest is `previous`, and its
/// digest.
fn linked(entry: &Entry<'_>, seq: i64, previous: &str) -> (Vec<Bind>, Digest) {
    let trace = entry.actor.trace();
    let result = if entry.actor.is_request() { entry.result.name() } else { "" };
    let parts =
        [entry.actor.as_str(), entry.host, entry.event, entry.was, entry.became, entry.detail];
    let request =
        [&*trace.role, &*trace.token, &*trace.source, &*trace.request, &*trace.reason, result];
    let hash = digest(seq, entry.at, previous, parts, request);
    let mut binds = vec![Bind::from(seq), entry.at.as_unix().into()];
    binds.extend(parts.into_iter().chain(request).map(Bind::from));
    binds.extend([previous.into(), hash.as_str().into()]);
    (binds, hash)
}

impl Store {
    /// The rows after number `after`, the oldest first, `limit` at most.
    pub async fn audit(&self, after: i64, limit: i64) -> Result<Vec<AuditRow>, DbError> {
        let sql =
            concat!("SELECT ", columns!(), " FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2");
        let rows = self.engine.query(sql, [after.into(), limit.into()]).await?;
        rows.into_iter().map(read).collect()
    }
}

/// An end of the chain: a row's number, and its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The number.
    pub seq: i64,
    /// The digest; empty before the first row.
    pub hash: String,
}

/// The chain, checked row by row.
#[derive(Debug)]
pub struct Chain {
    end: End,
    /// What the last row about an archive says was moved there.
    archived: Option<String>,
    /// The digest that is looked for, and the row that has it.
    noted: Option<Digest>,
    found: Option<i64>,
}

impl Chain {
    /// A chain whose first row follows `start`.
    pub fn after(start: End) -> Self {
        Self { end: start, archived: None, noted: None, found: None }
    }

    /// The same, which looks for the row with that digest.
    #[must_use]
    pub fn looking_for(mut self, noted: Option<&Digest>) -> Self {
        self.noted = noted.cloned();
        self.look();
        self
    }

    /// The row that has the digest which is looked for.
    pub fn found(&self) -> Option<i64> {
        self.found
    }

    fn look(&mut self) {
        if self.noted.as_ref().is_some_and(|noted| noted.as_str() == self.end.hash) {
            self.found = Some(self.end.seq);
        }
    }

    /// The last row.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Checks that `row` follows.
    pub fn push(&mut self, row: &AuditRow) -> Result<(), Broken> {
        check(row, self.end.seq, &self.end.hash)?;
        self.end = End { seq: row.seq, hash: row.hash.clone() };
        self.look();
        if row.event == ARCHIVED {
            self.archived = Some(row.detail.clone());
        }
        Ok(())
    }

    /// Its last row, if it tells of the archive that holds what comes before its first one.
    pub fn finish(self, start: &End) -> Result<End, Broken> {
        let told = self.archived.is_some_and(|told| told.starts_with(&archived(start)));
        match start.seq == 0 || told {
            true => Ok(self.end),
            false => Err(Broken { seq: 1, why: "it is gone, and no row tells of its archive" }),
        }
    }
}

/// The event of a row about an archive.
pub(super) const ARCHIVED: &str = "audit-archive";

/// What a row about an archive says first: how the chain that is in it ends.
pub(super) fn archived(end: &End) -> String {
    format!("to row {} with digest {}", end.seq, end.hash)
}

/// Checks that a row follows the row `before`, whose digest is `hash`.
pub(super) fn check(row: &AuditRow, before: i64, hash: &str) -> Result<(), Broken> {
    let expected = before.saturating_add(1);
    let broken = |why| Err(Broken { seq: expected, why });
    if row.seq != expected {
        return broken("it is missing");
    }
    if row.previous != hash {
        return broken("it does not follow the row before it");
    }
    let parts = [&*row.actor, &*row.host, &*row.event, &*row.was, &*row.became, &*row.detail];
    let request =
        [&*row.role, &*row.token, &*row.source, &*row.request, &*row.reason, &*row.result];
    if digest(row.seq, row.at, hash, parts, request).as_str() != row.hash {
        return broken("its content was changed");
    }
    Ok(())
}
