//! Accounts, read and changed under one lock: of two who change them at the same time, the second
//! sees what the first did, and each writes only what it changes.

use super::{
    Account, DbError, Note, Store, Tx,
    accounts::{read, select},
    at_most_one, audit,
};
use crate::{
    auth::{Grants, UserName, factor::FactorNumber},
    time::Timestamp,
};

/// The accounts as they are, and stay until something is written. Dropped, nothing was.
pub struct LockedAccounts(Tx);

impl Store {
    /// Keeps others from changing accounts and tokens meanwhile, at all replicas.
    pub async fn lock_accounts(&self) -> Result<LockedAccounts, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        Ok(LockedAccounts(tx))
    }

    /// Removes an account with its tokens; says whether there was one.
    pub async fn remove_account(&self, name: &UserName, note: &Note<'_>) -> Result<bool, DbError> {
        let mut locked = self.lock_accounts().await?;
        if locked.account(name).await?.is_none() {
            return Ok(false);
        }
        locked.remove(name, note).await?;
        Ok(true)
    }
}

impl LockedAccounts {
    /// The account of that name.
    pub async fn account(&mut self, name: &UserName) -> Result<Option<Account>, DbError> {
        let rows = self.0.query(select!("WHERE u.name = $1"), [name.as_str().into()]).await?;
        at_most_one(rows).map(|mut row| read(&mut row)).transpose()
    }

    /// All accounts, by name.
    pub async fn accounts(&mut self) -> Result<Vec<Account>, DbError> {
        let rows = self.0.query(select!("ORDER BY u.name"), []).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// How many tokens of an account count.
    pub async fn count_tokens(&mut self, owner: &UserName, now: Timestamp) -> Result<i64, DbError> {
        let sql = "SELECT COUNT(*) FROM api_tokens WHERE owner = $1 AND expires > $2";
        let rows = self.0.query(sql, [owner.as_str().into(), now.as_unix().into()]).await?;
        at_most_one(rows).ok_or(DbError::Shape)?.int()
    }

    /// Makes an account. There is none of that name.
    pub async fn add(mut self, account: &Account, note: &Note<'_>) -> Result<(), DbError> {
        let name = account.name.as_str();
        self.0
            .execute(
                "INSERT INTO users (name, password, one_time, disabled, grants, created) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
                [
                    name.into(),
                    account.password.clone().into(),
                    i64::from(account.one_time).into(),
                    i64::from(account.disabled).into(),
                    account.grants.to_string().into(),
                    account.created.as_unix().into(),
                ],
            )
            .await?;
        if let Some(person) = &account.directory {
            self.0
                .execute(
                    "INSERT INTO directory_people (owner, id, checked, source, refresh) \
                     VALUES ($1, $2, $3, $4, $5)",
                    [
                        name.into(),
                        person.id.as_str().into(),
                        person.checked.as_unix().into(),
                        person.realm.name().into(),
                        person.refresh.as_ref().map(|sealed| sealed.as_str().to_owned()).into(),
                    ],
                )
                .await?;
        }
        self.finish(note).await
    }

    /// Changes what an account may, or whether it is locked, or both.
    pub async fn change(
        mut self,
        name: &UserName,
        grants: Option<&Grants>,
        disabled: Option<bool>,
        note: &Note<'_>,
    ) -> Result<(), DbError> {
        if let Some(grants) = grants {
            let sql = "UPDATE users SET grants = $1 WHERE name = $2";
            self.0.execute(sql, [grants.to_string().into(), name.as_str().into()]).await?;
        }
        if let Some(disabled) = disabled {
            let sql = "UPDATE users SET disabled = $1 WHERE name = $2";
            self.0.execute(sql, [i64::from(disabled).into(), name.as_str().into()]).await?;
        }
        self.finish(note).await
    }

    /// Gives an account another password. What was signed in or made with the old one ends.
    pub async fn set_password(
        mut self,
        name: &UserName,
        hash: &str,
        one_time: bool,
        note: &Note<'_>,
    ) -> Result<(), DbError> {
        let sql = "UPDATE users SET password = $1, one_time = $2 WHERE name = $3";
        let binds = [hash.into(), i64::from(one_time).into(), name.as_str().into()];
        self.0.execute(sql, binds).await?;
        self.end_proofs(name).await?;
        self.finish(note).await
    }

    /// Makes sure that the factor is asked for from now on, also of who is signed in. Says whether
    /// it was still the one of that number.
    pub async fn confirm_factor(
        mut self,
        owner: &UserName,
        number: &FactorNumber,
        note: &Note<'_>,
    ) -> Result<bool, DbError> {
        let sql = "UPDATE second_factors SET confirmed = 1 \
                   WHERE owner = $1 AND number = $2 AND confirmed = 0";
        let binds = [owner.as_str().into(), number.as_str().into()];
        if self.0.execute(sql, binds).await? == 0 {
            return Ok(false);
        }
        self.end_proofs(owner).await?;
        self.finish(note).await?;
        Ok(true)
    }

    /// Removes the factor, with what was signed in or made by it; says whether there was one.
    pub async fn remove_factor(
        mut self,
        owner: &UserName,
        note: &Note<'_>,
    ) -> Result<bool, DbError> {
        let sql = "DELETE FROM second_factors WHERE owner = $1";
        if self.0.execute(sql, [owner.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        self.end_proofs(owner).await?;
        self.finish(note).await?;
        Ok(true)
    }

    /// Removes an account with all that is its own.
    pub async fn remove(mut self, name: &UserName, note: &Note<'_>) -> Result<(), DbError> {
        self.end_proofs(name).await?;
        for sql in [
            "DELETE FROM directory_people WHERE owner = $1",
            "DELETE FROM second_factors WHERE owner = $1",
            "DELETE FROM views WHERE owner = $1",
            "DELETE FROM users WHERE name = $1",
        ] {
            self.0.execute(sql, [name.as_str().into()]).await?;
        }
        self.finish(note).await
    }

    /// Ends an account's sessions and tokens.
    async fn end_proofs(&mut self, owner: &UserName) -> Result<(), DbError> {
        for sql in
            ["DELETE FROM api_tokens WHERE owner = $1", "DELETE FROM sessions WHERE owner = $1"]
        {
            self.0.execute(sql, [owner.as_str().into()]).await?;
        }
        Ok(())
    }

    async fn finish(mut self, note: &Note<'_>) -> Result<(), DbError> {
        audit::append(&mut self.0, &note.entry()).await?;
        self.0.commit().await
    }
}
