//! Sign-ins at the console.

use super::{Account, DbError, Note, Store, accounts, at_most_one, engine::Row};
use crate::{
    auth::{UserName, sessions::Turns, token::TokenId},
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
    /// Its keys.
    pub turns: Turns,
}

fn read(row: &mut Row) -> Result<StoredSession, DbError> {
    Ok(StoredSession {
        id: TokenId::parse(&row.text()?).ok_or(DbError::Shape)?,
        owner: row.text()?.parse().map_err(|_| DbError::Shape)?,
        created: Timestamp::from_unix(row.int()?),
        seen: Timestamp::from_unix(row.int()?),
        expires: Timestamp::from_unix(row.int()?),
        turns: Turns {
            turn: Digest::stored(row.text()?),
            turned: Timestamp::from_unix(row.int()?),
            coming: row.maybe_text()?.map(Digest::stored),
            offered: Timestamp::from_unix(row.int()?),
            former: row.maybe_text()?.map(Digest::stored),
        },
    })
}

impl Store {
    /// Keeps a new session, which has one key.
    pub async fn save_session(
        &self,
        session: &StoredSession,
        digest: &Digest,
    ) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute(
            "INSERT INTO sessions (id, digest, owner, created, seen, expires, turn, turned) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                session.id.as_str().into(),
                digest.as_str().into(),
                session.owner.as_str().into(),
                session.created.as_unix().into(),
                session.seen.as_unix().into(),
                session.expires.as_unix().into(),
                session.turns.turn.as_str().into(),
                session.turns.turned.as_unix().into(),
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
            "SELECT s.id, s.owner, s.created, s.seen, s.expires, s.turn, s.turned, s.coming, \
             s.offered, s.former, ",
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

    /// Keeps the second key of `offer`, which is to follow the first one; says whether that one
    /// counts and no other was offered since `since`.
    pub async fn offer_turn(
        &self,
        id: &TokenId,
        offer: (&Digest, &Digest),
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        let sql = "UPDATE sessions SET coming = $1, offered = $2 \
                   WHERE id = $3 AND turn = $4 AND (coming IS NULL OR offered <= $5)";
        let (turn, next) = offer;
        let binds = [
            next.as_str().into(),
            now.as_unix().into(),
            id.as_str().into(),
            turn.as_str().into(),
            since.as_unix().into(),
        ];
        let given = tx.execute(sql, binds).await? == 1;
        tx.commit().await?;
        Ok(given)
    }

    /// Lets the key that was offered take the place of the one that counted, unless it has.
    pub async fn turn_session(
        &self,
        id: &TokenId,
        coming: &Digest,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        // MySQL sets one column after the other.
        let sql = "UPDATE sessions SET former = turn, turn = $1, coming = NULL, turned = $2 \
                   WHERE id = $3 AND coming = $1";
        let binds = [coming.as_str().into(), now.as_unix().into(), id.as_str().into()];
        tx.execute(sql, binds).await?;
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
