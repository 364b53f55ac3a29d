//! The audit log as people read it: of one host, or filtered, the newest row first.

use super::{AuditRow, DbError, Store, at_most_one, audit, engine::Row};
use crate::time::Timestamp;
use bootmint_image_factory::host::HostName;

/// A change of a host's state, as its timeline shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// The state before.
    pub was: String,
    /// The state after.
    pub became: String,
    /// What more there is to it.
    pub detail: String,
    /// Why, in a person's words.
    pub reason: String,
}

/// Which rows of the audit log are wanted; what is empty counts for all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this actor.
    pub actor: String,
    /// Of this host.
    pub host: String,
    /// Of this event.
    pub event: String,
    /// With this result.
    pub result: String,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// The rows that a filter wants, of those that the condition `$1` is about, in that order.
macro_rules! filtered {
    ($seq:literal, $order:literal) => {
        concat!(
            "SELECT ",
            audit::columns!(),
            " FROM audit WHERE seq ",
            $seq,
            " $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR host = $3) AND ($4 = '' OR event = $4) \
             AND ($5 = '' OR result = $5) AND at >= $6 AND at < $7 ORDER BY seq",
            $order,
            " LIMIT $8"
        )
    };
}

impl Store {
    /// The number of the last row of the audit log.
    pub async fn audit_head(&self) -> Result<i64, DbError> {
        let rows = self.engine.query("SELECT seq FROM audit_head WHERE id = 1", []).await?;
        at_most_one(rows).ok_or(DbError::Shape)?.int()
    }

    /// What a host went through up to the time `until`, the newest first, `limit` at most.
    pub async fn transitions(
        &self,
        host: &HostName,
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<Transition>, DbError> {
        let sql = "SELECT at, actor, event, was, became, detail, reason FROM audit \
                   WHERE host = $1 AND became <> '' AND at <= $2 ORDER BY seq DESC LIMIT $3";
        let binds = [host.as_str().into(), until.as_unix().into(), limit.into()];
        let rows = self.engine.query(sql, binds).await?;
        let read = |mut row: Row| {
            Ok(Transition {
                at: Timestamp::from_unix(row.int()?),
                actor: row.text()?,
                event: row.text()?,
                was: row.text()?,
                became: row.text()?,
                detail: row.text()?,
                reason: row.text()?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// The rows before number `before` that `filter` wants, the newest first, `limit` at most.
    pub async fn audit_back(
        &self,
        filter: &AuditFilter,
        before: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, DbError> {
        self.filtered(filtered!("<", " DESC"), filter, before, limit).await
    }

    /// The rows after number `after` that `filter` wants, the oldest first, `limit` at most.
    pub async fn audit_on(
        &self,
        filter: &AuditFilter,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, DbError> {
        self.filtered(filtered!(">", ""), filter, after, limit).await
    }

    async fn filtered(
        &self,
        sql: &'static str,
        filter: &AuditFilter,
        row: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, DbError> {
        let binds = [
            row.into(),
            filter.actor.as_str().into(),
            filter.host.as_str().into(),
            filter.event.as_str().into(),
            filter.result.as_str().into(),
            filter.from.unwrap_or_default().as_unix().into(),
            filter.until.unwrap_or(Timestamp::END).as_unix().into(),
            limit.into(),
        ];
        self.engine.query(sql, binds).await?.into_iter().map(audit::read).collect()
    }

    /// How often each host booted in each hour since `since`: host, beginning of the hour, boots.
    pub async fn boots_by_hour(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(String, Timestamp, i64)>, DbError> {
        let sql = "SELECT host, at - at % 3600, COUNT(*) FROM boots WHERE at >= $1 \
                   GROUP BY host, at - at % 3600";
        let rows = self.engine.query(sql, [since.as_unix().into()]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.text()?, Timestamp::from_unix(row.int()?), row.int()?)))
            .collect()
    }
}
