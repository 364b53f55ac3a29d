//! Sign-ins at the console.

use super::{Account, DbError, Note, Store, accounts, at_most_one, engine::Row};
use crate::{
    auth::{UserName, token::TokenId},
    secret::Digest,
    time::Timestamp,
};

/// A sign-in at the console, without its secret.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// Its id, for the audit log.
    pub id: TokenId,
    /// Whose it is.
    pub owner: UserName,
    /// When it began.
    pub created: Timestamp,
    /// When it was used last, to the minute.
    pub seen: Timestamp,
    /// When it ends, used or not.
    pub expires: Timestamp,
}

fn read(row: &mut Row) -> Result<StoredSession, DbError> {
    Ok(StoredSession {
        id: TokenId::parse(&row.text()?).ok_or(DbError::Shape)?,
        owner: row.text()?.parse().map_err(|_| DbError::Shape)?,
        created: Timestamp::from_unix(row.int()?),
        seen: Timestamp::from_unix(row.int()?),
        expires: Timestamp::from_unix(row.int()?),
    })
}

impl Store {
    /// Keeps a new session.
    pub async fn save_session(
        &self,
        session: &StoredSession,
        digest: &Digest,
    ) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute(
            "INSERT INTO sessions (id, digest, owner, created, seen, expires) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            [
                session.id.as_str().into(),
                digest.as_str().into(),
                session.owner.as_str().into(),
                session.created.as_unix().into(),
                session.seen.as_unix().into(),
                session.expires.as_unix().into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// The session of that digest, with its owner's account.
    pub async fn session(
        &self,
        digest: &Digest,
    ) -> Result<Option<(StoredSession, Account)>, DbError> {
        let sql = concat!(
            "SELECT s.id, s.owner, s.created, s.seen, s.expires, ",
            accounts::columns!(),
            " FROM sessions s JOIN ",
            accounts::tables!(of "s.owner"),
            " WHERE s.digest = $1"
        );
        let rows = self.engine.query(sql, [digest.as_str().into()]).await?;
        at_most_one(rows)
            .map(|mut row| Ok((read(&mut row)?, accounts::read(&mut row)?)))
            .transpose()
    }

    /// Writes down that a session was used.
    pub async fn touch_session(&self, id: &TokenId, now: Timestamp) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute(
            "UPDATE sessions SET seen = $1 WHERE id = $2",
            [now.as_unix().into(), id.as_str().into()],
        )
        .await?;
        tx.commit().await
    }

    /// Ends a session; says whether there was one.
    pub async fn remove_session(&self, id: &TokenId, note: &Note<'_>) -> Result<bool, DbError> {
        let mut tx = self.begin_noted(note).await?;
        let sql = "DELETE FROM sessions WHERE id = $1";
        if tx.execute(sql, [id.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Ends all sessions of an account.
    pub async fn remove_sessions_of(&self, owner: &UserName) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute("DELETE FROM sessions WHERE owner = $1", [owner.as_str().into()]).await?;
        tx.commit().await
    }
}
