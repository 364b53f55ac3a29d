//! Answers to changes that their senders may repeat: the first is done, the others are told the
//! same.

use super::{DbError, Store, at_most_one, audit};
use crate::{secret::Digest, time::Timestamp};

/// What is known of a change that was sent with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is new: it is to be done now, and [`Store::keep_reply`] or [`Store::drop_reply`] follows.
    New,
    /// It is being done.
    Running,
    /// The key was used for another change.
    Other,
    /// It was done: status, and what [`Store::keep_reply`] kept of the body.
    Done(i64, String),
}

impl Store {
    /// Claims `id` for the change whose digest is `request`.
    pub async fn claim_reply(
        &self,
        id: &Digest,
        request: &Digest,
        now: Timestamp,
    ) -> Result<Reply, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        let sql = "SELECT request, status, body FROM replies WHERE id = $1";
        if let Some(mut row) = at_most_one(tx.query(sql, [id.as_str().into()]).await?) {
            let same = row.text()? == request.as_str();
            return Ok(match (same, row.maybe_int()?, row.maybe_text()?) {
                (false, ..) => Reply::Other,
                (true, Some(status), Some(body)) => Reply::Done(status, body),
                (true, ..) => Reply::Running,
            });
        }
        tx.execute(
            "INSERT INTO replies (id, request, at) VALUES ($1, $2, $3)",
            [id.as_str().into(), request.as_str().into(), now.as_unix().into()],
        )
        .await?;
        tx.commit().await?;
        Ok(Reply::New)
    }

    /// Keeps the answer to a change; the body comes sealed, as it may hold a secret.
    pub async fn keep_reply(&self, id: &Digest, status: i64, body: &str) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute(
            "UPDATE replies SET status = $1, body = $2 WHERE id = $3",
            [status.into(), body.into(), id.as_str().into()],
        )
        .await?;
        tx.commit().await
    }

    /// Frees the key of a change that was not done.
    pub async fn drop_reply(&self, id: &Digest) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute("DELETE FROM replies WHERE id = $1", [id.as_str().into()]).await?;
        tx.commit().await
    }
}
