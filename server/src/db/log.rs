//! Logs that grow with every boot: boots of hosts, and machines that are no host.

use super::{DbError, Store, Tx, at_most_one, bootlog::binds, retry::until_over};
use crate::{secret::Digest, time::Timestamp};
use bootmint_image_factory::host::HostName;
use std::sync::atomic::Ordering;

/// The most machines that are remembered without being hosts.
const MAX_DISCOVERED: i64 = 10_000;

/// After the last boot that there can be.
pub const END: (Timestamp, i64) = (Timestamp::END, i64::MAX);

/// A boot of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootRow {
    /// When it asked.
    pub at: Timestamp,
    /// The host.
    pub host: HostName,
    /// What it was told.
    pub action: &'static str,
    /// The address that it asked from.
    pub peer: String,
    /// The facts that it sent, as a JSON object.
    pub facts: String,
}

/// A boot as it is read: time, action, address, facts.
pub type BootView = (Timestamp, String, String, String);

/// A machine that asked and is no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// What it is known by here.
    pub id: String,
    /// When it asked first.
    pub first_seen: Timestamp,
    /// When it asked last.
    pub last_seen: Timestamp,
    /// How often it asked.
    pub boots: i64,
    /// The address that it asked from last.
    pub peer: String,
    /// The facts that it sent last, as a JSON object.
    pub facts: String,
}

impl Store {
    /// Has a boot written down that changed nothing: soon, in a batch with others.
    pub fn record_boot(&self, boot: BootRow) {
        self.boots.push(boot);
    }

    /// How many boots were not written down since the start, since too many waited or the
    /// database did not take them.
    pub fn lost_boots(&self) -> u64 {
        self.boots.lost()
    }

    /// The last `limit` boots of a host up to the time `until`, the newest first: time, action,
    /// address, facts.
    pub async fn boots(
        &self,
        host: &HostName,
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<BootView>, DbError> {
        let boots = self.boots_before(host, (until, i64::MAX), limit).await?;
        Ok(boots.into_iter().map(|(_, boot)| boot).collect())
    }

    /// The same of those before the boot with that time and number; each with its number.
    pub async fn boots_before(
        &self,
        host: &HostName,
        (at, id): (Timestamp, i64),
        limit: i64,
    ) -> Result<Vec<(i64, BootView)>, DbError> {
        let sql = "SELECT id, at, action, peer, facts FROM boots \
                   WHERE host = $1 AND (at < $2 OR (at = $2 AND id < $3)) \
                   ORDER BY at DESC, id DESC LIMIT $4";
        let values = [host.as_str().into(), at.as_unix().into(), id.into(), limit.into()];
        let rows = self.engine.query(sql, values).await?;
        rows.into_iter()
            .map(|mut row| {
                let (id, at) = (row.int()?, Timestamp::from_unix(row.int()?));
                Ok((id, (at, row.text()?, row.text()?, row.text()?)))
            })
            .collect()
    }

    /// Remembers a machine that is no host, by what identifies it. Beyond 10,000 of them new ones
    /// are not remembered, so that nobody can fill the disk; says whether this one was.
    pub async fn record_discovered(
        &self,
        id: &Digest,
        at: Timestamp,
        peer: &str,
        facts: &str,
    ) -> Result<bool, DbError> {
        let (id, now) = (id.as_str(), at.as_unix());
        until_over!(self.try_discovered(id, now, peer, facts))
    }

    async fn try_discovered(
        &self,
        id: &str,
        now: i64,
        peer: &str,
        facts: &str,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        let known = tx
            .execute(
                "UPDATE discovered SET last_seen = $1, boots = boots + 1, peer = $2, facts = $3 \
                 WHERE id = $4",
                [now.into(), peer.into(), facts.into(), id.into()],
            )
            .await?;
        if known == 0 {
            if self.discovered.load(Ordering::Relaxed) >= MAX_DISCOVERED {
                return Ok(false);
            }
            tx.execute(
                "INSERT INTO discovered (id, first_seen, last_seen, boots, peer, facts) \
                 VALUES ($1, $2, $2, 1, $3, $4)",
                [id.into(), now.into(), peer.into(), facts.into()],
            )
            .await?;
            self.discovered.fetch_add(1, Ordering::Relaxed);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The machines that asked and are no hosts, the latest first, `limit` at most.
    pub async fn discovered(&self, limit: i64) -> Result<Vec<Discovered>, DbError> {
        self.discovered_before((END.0, ""), limit).await
    }

    /// The same of those behind the machine with that time and id.
    pub async fn discovered_before(
        &self,
        (last_seen, id): (Timestamp, &str),
        limit: i64,
    ) -> Result<Vec<Discovered>, DbError> {
        let sql = "SELECT id, first_seen, last_seen, boots, peer, facts FROM discovered \
                   WHERE last_seen < $1 OR (last_seen = $1 AND id > $2) \
                   ORDER BY last_seen DESC, id LIMIT $3";
        let values = [last_seen.as_unix().into(), id.into(), limit.into()];
        let rows = self.engine.query(sql, values).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Discovered {
                    id: row.text()?,
                    first_seen: Timestamp::from_unix(row.int()?),
                    last_seen: Timestamp::from_unix(row.int()?),
                    boots: row.int()?,
                    peer: row.text()?,
                    facts: row.text()?,
                })
            })
            .collect()
    }

    /// Forgets boots, and machines that are no hosts, of before `before`.
    pub async fn forget(&self, before: Timestamp) -> Result<u64, DbError> {
        until_over!(self.try_forget(before.as_unix()))
    }

    async fn try_forget(&self, before: i64) -> Result<u64, DbError> {
        let mut tx = self.engine.begin().await?;
        let boots = tx.execute("DELETE FROM boots WHERE at < $1", [before.into()]).await?;
        let machines =
            tx.execute("DELETE FROM discovered WHERE last_seen < $1", [before.into()]).await?;
        tx.commit().await?;
        self.discovered.store(self.count_discovered().await?, Ordering::Relaxed);
        Ok(boots.saturating_add(machines))
    }

    pub(super) async fn count_discovered(&self) -> Result<i64, DbError> {
        let rows = self.engine.query("SELECT COUNT(*) FROM discovered", []).await?;
        at_most_one(rows).ok_or(DbError::Shape)?.int()
    }
}

/// Writes down a boot, as part of a change.
pub(super) async fn insert_boot(tx: &mut Tx, boot: &BootRow) -> Result<(), DbError> {
    let sql = "INSERT INTO boots (at, host, action, peer, facts) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(sql, binds(boot)).await.map(drop)
}
