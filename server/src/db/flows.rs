//! Sign-ins that began here and go on at an OpenID provider.

use super::{DbError, Store, at_most_one, audit};
use crate::{auth::token::TokenId, secret::Digest, time::Timestamp};

/// A sign-in that is under way. Its secrets are the browser's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFlow {
    /// Where the person is led afterwards.
    pub next: String,
    /// The session that the browser had, which ends.
    pub earlier: Option<TokenId>,
    /// Until when it may end well.
    pub expires: Timestamp,
}

impl Store {
    /// Keeps a new one, unless `most` are under way at `now`; says whether it was kept.
    pub async fn begin_flow(
        &self,
        id: &Digest,
        flow: &StoredFlow,
        most: i64,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        // Serialises those who would count at the same time.
        audit::lock(&mut tx).await?;
        let sql = "DELETE FROM sign_in_flows WHERE expires <= $1";
        tx.execute(sql, [now.as_unix().into()]).await?;
        let mut rows = tx.query("SELECT COUNT(*) FROM sign_in_flows", []).await?;
        if rows.first_mut().ok_or(DbError::Shape)?.int()? >= most {
            tx.commit().await?;
            return Ok(false);
        }
        let sql = "INSERT INTO sign_in_flows (id, next, earlier, expires) VALUES ($1, $2, $3, $4)";
        let binds = [
            id.as_str().into(),
            flow.next.as_str().into(),
            flow.earlier.as_ref().map(|id| id.as_str().to_owned()).into(),
            flow.expires.as_unix().into(),
        ];
        tx.execute(sql, binds).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes one that is under way: it is there no more. Of two who ask at once, one gets it.
    pub async fn end_flow(
        &self,
        id: &Digest,
        now: Timestamp,
    ) -> Result<Option<StoredFlow>, DbError> {
        let mut tx = self.engine.begin().await?;
        let sql = "SELECT next, earlier, expires FROM sign_in_flows WHERE id = $1";
        let found = at_most_one(tx.query(sql, [id.as_str().into()]).await?);
        let Some(mut row) = found else { return Ok(None) };
        let flow = StoredFlow {
            next: row.text()?,
            earlier: match row.maybe_text()? {
                Some(id) => Some(TokenId::parse(&id).ok_or(DbError::Shape)?),
                None => None,
            },
            expires: Timestamp::from_unix(row.int()?),
        };
        let sql = "DELETE FROM sign_in_flows WHERE id = $1";
        let mine = tx.execute(sql, [id.as_str().into()]).await? == 1;
        tx.commit().await?;
        Ok(Some(flow).filter(|flow| mine && now < flow.expires))
    }
}
