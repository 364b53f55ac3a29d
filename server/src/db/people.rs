//! Accounts that somebody else vouches for: a directory, or an OpenID provider.

use super::{
    Account, DbError, Note, Realm, Store,
    accounts::{read, select},
    at_most_one,
};
use crate::{
    auth::{Grants, ldap::PersonId, refresh::Sealed},
    time::{Seconds, Timestamp},
};

/// How long somebody who asks the provider has for that, before another one may.
const LEASE: Seconds = Seconds::new(60);

impl Store {
    /// The account of somebody of the directory, or of the provider.
    pub async fn account_in_directory(&self, id: &PersonId) -> Result<Option<Account>, DbError> {
        let rows = self.engine.query(select!("WHERE d.id = $1"), [id.as_str().into()]).await?;
        at_most_one(rows).map(|mut row| read(&mut row)).transpose()
    }

    /// Accounts of `realm` that it was not asked about since `before`, and that have a session or
    /// a token: no more than `limit`, the longest ago first.
    pub async fn unchecked(
        &self,
        realm: Realm,
        before: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Account>, DbError> {
        // What was asked later than now was asked by a clock that was wrong.
        let sql = select!(
            "WHERE d.source = $3 AND (d.source = 'directory' OR d.refresh IS NOT NULL) AND (d.checked < $1 OR d.checked > $2) AND (EXISTS (SELECT 1 FROM sessions s WHERE s.owner = u.name) \
             OR EXISTS (SELECT 1 FROM api_tokens t WHERE t.owner = u.name)) \
             ORDER BY d.checked, u.name LIMIT $4"
        );
        let binds =
            [before.as_unix().into(), now.as_unix().into(), realm.name().into(), limit.into()];
        let rows = self.engine.query(sql, binds).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Writes down what the directory says somebody may, and nothing else of the account: others
    /// may have changed it meanwhile.
    pub async fn regrant(
        &self,
        id: &PersonId,
        grants: &Grants,
        now: Timestamp,
        note: &Note<'_>,
    ) -> Result<(), DbError> {
        let mut tx = self.begin_noted(note).await?;
        let sql = "UPDATE users SET grants = $1 \
                   WHERE name IN (SELECT owner FROM directory_people WHERE id = $2)";
        tx.execute(sql, [grants.to_string().into(), id.as_str().into()]).await?;
        let sql = "UPDATE directory_people SET checked = $1 WHERE id = $2";
        tx.execute(sql, [now.as_unix().into(), id.as_str().into()]).await?;
        tx.commit().await
    }

    /// Writes down that the directory was asked, and nothing changed.
    pub async fn mark_checked(&self, id: &PersonId, now: Timestamp) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        let sql = "UPDATE directory_people SET checked = $1 WHERE id = $2";
        tx.execute(sql, [now.as_unix().into(), id.as_str().into()]).await?;
        tx.commit().await
    }

    /// Lets one replica ask the provider about somebody: what it is asked with may count once.
    pub async fn claim_person(&self, id: &PersonId, now: Timestamp) -> Result<bool, DbError> {
        let mut tx = self.engine.begin().await?;
        // A claim of later than now is of a clock that was wrong.
        let sql = "UPDATE directory_people SET claimed = $1 \
                   WHERE id = $2 AND (claimed <= $3 OR claimed > $4)";
        let now = [now, now.before(LEASE), now].map(Timestamp::as_unix);
        let binds = [now[0].into(), id.as_str().into(), now[1].into(), now[2].into()];
        let claimed = tx.execute(sql, binds).await? == 1;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Keeps what the provider is asked with next, or nothing; the claim is over.
    pub async fn keep_refresh(
        &self,
        id: &PersonId,
        refresh: Option<&Sealed>,
    ) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        let sql = "UPDATE directory_people SET refresh = $1, claimed = 0 WHERE id = $2";
        let refresh = refresh.map(|sealed| sealed.as_str().to_owned());
        tx.execute(sql, [refresh.into(), id.as_str().into()]).await?;
        tx.commit().await
    }
}
