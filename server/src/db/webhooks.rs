//! How far each webhook has been told, and which replica is telling it.
//!
//! The audit log is the outbox: a webhook is a place in it. Rows have numbers without gaps, given
//! under a lock, so that none can appear behind a place that was passed.

use super::{DbError, Store, at_most_one, audit, engine::Row, retry::until_over};
use crate::time::Timestamp;

/// How far a webhook has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookPlace {
    /// The webhook.
    pub name: String,
    /// The number of the last audit row that it was told of, or need not be.
    pub delivered: i64,
    /// How often the next one failed.
    pub failures: i64,
    /// When it is tried again at the earliest.
    pub next_try: Timestamp,
    /// Until when one replica alone tells it.
    pub lease_until: Timestamp,
}

impl WebhookPlace {
    /// Whether it may be told something at `now`.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.next_try <= now && self.lease_until <= now
    }
}

fn read(mut row: Row) -> Result<WebhookPlace, DbError> {
    Ok(WebhookPlace {
        name: row.text()?,
        delivered: row.int()?,
        failures: row.int()?,
        next_try: Timestamp::from_unix(row.int()?),
        lease_until: Timestamp::from_unix(row.int()?),
    })
}

const ONE: &str =
    "SELECT name, delivered, failures, next_try, lease_until FROM webhooks WHERE name = $1";

impl Store {
    /// Where that webhook is; none if it was never begun.
    pub async fn webhook(&self, name: &str) -> Result<Option<WebhookPlace>, DbError> {
        at_most_one(self.engine.query(ONE, [name.into()]).await?).map(read).transpose()
    }

    /// Begins a webhook, unless it was begun before: it is told of what happens from now on.
    pub async fn begin_webhook(&self, name: &str) -> Result<(), DbError> {
        until_over!(self.try_begin_webhook(name))
    }

    async fn try_begin_webhook(&self, name: &str) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        if !tx.query(ONE, [name.into()]).await?.is_empty() {
            return Ok(());
        }
        tx.execute(
            "INSERT INTO webhooks (name, delivered, failures, next_try, lease_until) \
             SELECT $1, seq, 0, 0, 0 FROM audit_head WHERE id = 1",
            [name.into()],
        )
        .await?;
        tx.commit().await
    }

    /// Takes the webhook for the replica that knows `lease`, until `until`; none if another has
    /// it, or if its time has not come.
    pub async fn claim_webhook(
        &self,
        name: &str,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<WebhookPlace>, DbError> {
        until_over!(self.try_claim_webhook(name, lease, now, until))
    }

    async fn try_claim_webhook(
        &self,
        name: &str,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<WebhookPlace>, DbError> {
        let mut tx = self.engine.begin().await?;
        // Who broke off in the commit finds its own lease.
        let changed = tx
            .execute(
                "UPDATE webhooks SET lease = $1, lease_until = $2 WHERE name = $3 \
                 AND ((lease_until <= $4 AND next_try <= $4) OR lease = $1)",
                [lease.into(), until.as_unix().into(), name.into(), now.as_unix().into()],
            )
            .await?;
        if changed == 0 {
            return Ok(None);
        }
        let place = at_most_one(tx.query(ONE, [name.into()]).await?).map(read).transpose()?;
        tx.commit().await?;
        Ok(place)
    }

    /// Writes down how far `place` came, and gives it free; says whether it was still held by
    /// `lease`.
    pub async fn settle_webhook(&self, place: &WebhookPlace, lease: &str) -> Result<bool, DbError> {
        until_over!(self.try_settle_webhook(place, lease))
    }

    async fn try_settle_webhook(&self, place: &WebhookPlace, lease: &str) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        let changed = tx
            .execute(
                "UPDATE webhooks SET delivered = $1, failures = $2, next_try = $3, lease = NULL, \
                 lease_until = 0 WHERE name = $4 AND lease = $5",
                [
                    place.delivered.into(),
                    place.failures.into(),
                    place.next_try.as_unix().into(),
                    place.name.as_str().into(),
                    lease.into(),
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Passes all that a webhook was not told; says whether it was ever begun.
    pub async fn skip_webhook(&self, name: &str) -> Result<bool, DbError> {
        until_over!(self.try_skip_webhook(name))
    }

    async fn try_skip_webhook(&self, name: &str) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        let changed = tx
            .execute(
                "UPDATE webhooks SET delivered = (SELECT seq FROM audit_head WHERE id = 1), \
                 failures = 0, next_try = 0, lease = NULL, lease_until = 0 WHERE name = $1",
                [name.into()],
            )
            .await?;
        tx.commit().await?;
        Ok(changed > 0)
    }
}
