//! Local accounts, their tokens, and how often somebody tried to sign in.

use super::{DbError, Note, Store, Tx, at_most_one, audit, engine::Row};
use crate::{
    auth::{Grants, UserName, ldap::PersonId, refresh::Sealed, token::TokenId},
    mark::Mark,
    secret::Digest,
    time::{Seconds, Timestamp},
};

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: UserName,
    /// The hash of its password; only a local person's account has one.
    pub password: Option<String>,
    /// Whether the password must be changed at the next sign-in.
    pub one_time: bool,
    /// Whether it is locked.
    pub disabled: bool,
    /// What it may.
    pub grants: Grants,
    /// When it was made.
    pub created: Timestamp,
    /// Whose it is elsewhere, if it is no local one: in the directory, or at the OpenID provider.
    pub directory: Option<InDirectory>,
    /// Whether its owner shows a code at the sign-in. Saving the account leaves that as it is.
    pub factor: bool,
}

/// Who vouches for an account that is no local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm {
    /// The directory.
    Directory,
    /// The OpenID provider.
    Openid,
}

impl Realm {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Openid => "openid",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Directory, Self::Openid].into_iter().find(|realm| realm.name() == text)
    }
}

impl Account {
    /// What tells it from what it was before.
    pub fn mark(&self) -> Mark {
        Mark::of(&[
            self.name.as_str(),
            self.password.as_deref().unwrap_or_default(),
            &format!("{} {} {}", self.one_time, self.disabled, self.factor),
            &self.grants.to_string(),
            &self.created.to_string(),
            self.directory.as_ref().map_or("", |person| person.id.as_str()),
        ])
    }

    /// Whether that realm vouches for it.
    pub fn is_of(&self, realm: Realm) -> bool {
        self.directory.as_ref().is_some_and(|person| person.realm == realm)
    }
}

/// What ties an account to somebody of the directory, or of the OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InDirectory {
    /// Which of both.
    pub realm: Realm,
    /// Who.
    pub id: PersonId,
    /// When it was asked last.
    pub checked: Timestamp,
    /// What the provider is asked with later, if it gave anything.
    pub refresh: Option<Sealed>,
}

impl InDirectory {
    /// Somebody of that realm, who was looked up at `checked`.
    pub const fn of(realm: Realm, id: PersonId, checked: Timestamp) -> Self {
        Self { realm, id, checked, refresh: None }
    }
}

/// A token, without its secret.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub owner: UserName,
    /// What it is for.
    pub label: String,
    /// The most that it allows.
    pub grants: Grants,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it counts.
    pub expires: Timestamp,
}

impl StoredToken {
    /// What tells it from others: a token does not change.
    pub fn mark(&self) -> Mark {
        let (id, owner) = (self.id.to_string(), self.owner.as_str());
        let (grants, created) = (self.grants.to_string(), self.created.to_string());
        Mark::of(&[&id, owner, &self.label, &grants, &created, &self.expires.to_string()])
    }
}

/// The columns of [`Account`], in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "u.name, u.password, u.one_time, u.disabled, u.grants, u.created, d.id, d.checked, \
         d.source, d.refresh, COALESCE(f.confirmed, 0)"
    };
}
pub(super) use columns;

/// Where the columns of [`Account`] are, after `FROM` or `JOIN`.
macro_rules! tables {
    () => {
        "users u LEFT JOIN directory_people d ON d.owner = u.name \
         LEFT JOIN second_factors f ON f.owner = u.name"
    };
    (of $owner:literal) => {
        concat!(
            "users u ON u.name = ",
            $owner,
            " LEFT JOIN directory_people d ON d.owner = u.name \
             LEFT JOIN second_factors f ON f.owner = u.name"
        )
    };
}
pub(super) use tables;

/// Accounts, and which of them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            $crate::db::accounts::columns!(),
            " FROM ",
            $crate::db::accounts::tables!(),
            " ",
            $rest
        )
    };
}
pub(super) use select;

pub(super) fn read(row: &mut Row) -> Result<Account, DbError> {
    Ok(Account {
        name: row.text()?.parse().map_err(|_| DbError::Shape)?,
        password: row.maybe_text()?,
        one_time: row.int()? != 0,
        disabled: row.int()? != 0,
        grants: row.text()?.parse().map_err(|_| DbError::Shape)?,
        created: Timestamp::from_unix(row.int()?),
        directory: read_place(row)?,
        factor: row.int()? != 0,
    })
}

fn read_place(row: &mut Row) -> Result<Option<InDirectory>, DbError> {
    let (id, checked) = (row.maybe_text()?, row.maybe_int()?);
    let (realm, refresh) = (row.maybe_text()?, row.maybe_text()?);
    let (Some(id), Some(checked), Some(realm)) = (id, checked, realm) else { return Ok(None) };
    Ok(Some(InDirectory {
        realm: Realm::parse(&realm).ok_or(DbError::Shape)?,
        id: PersonId::parse(&id).ok_or(DbError::Shape)?,
        checked: Timestamp::from_unix(checked),
        refresh: refresh.map(Sealed::stored),
    }))
}

fn read_token(row: &mut Row) -> Result<StoredToken, DbError> {
    Ok(StoredToken {
        id: TokenId::parse(&row.text()?).ok_or(DbError::Shape)?,
        owner: row.text()?.parse().map_err(|_| DbError::Shape)?,
        label: row.text()?,
        grants: row.text()?.parse().map_err(|_| DbError::Shape)?,
        created: Timestamp::from_unix(row.int()?),
        expires: Timestamp::from_unix(row.int()?),
    })
}

impl Store {
    /// The account of that name.
    pub async fn account(&self, name: &UserName) -> Result<Option<Account>, DbError> {
        let rows = self.engine.query(select!("WHERE u.name = $1"), [name.as_str().into()]).await?;
        at_most_one(rows).map(|mut row| read(&mut row)).transpose()
    }

    /// All accounts, by name.
    pub async fn accounts(&self) -> Result<Vec<Account>, DbError> {
        let rows = self.engine.query(select!("ORDER BY u.name"), []).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Up to `limit` accounts in the order of their names, from behind `after`.
    pub async fn accounts_after(
        &self,
        after: Option<&UserName>,
        limit: i64,
    ) -> Result<Vec<Account>, DbError> {
        let after = after.map_or("", UserName::as_str);
        let sql = select!("WHERE u.name > $1 ORDER BY u.name LIMIT $2");
        let rows = self.engine.query(sql, [after.into(), limit.into()]).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Keeps a new token.
    pub async fn save_token(
        &self,
        token: &StoredToken,
        digest: &Digest,
        note: &Note<'_>,
    ) -> Result<(), DbError> {
        let mut tx = self.begin_noted(note).await?;
        tx.execute(
            "INSERT INTO api_tokens (id, digest, owner, label, grants, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                token.id.as_str().into(),
                digest.as_str().into(),
                token.owner.as_str().into(),
                token.label.as_str().into(),
                token.grants.to_string().into(),
                token.created.as_unix().into(),
                token.expires.as_unix().into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// The token of that digest, with its owner's account.
    pub async fn token(&self, digest: &Digest) -> Result<Option<(StoredToken, Account)>, DbError> {
        let sql = concat!(
            "SELECT t.id, t.owner, t.label, t.grants, t.created, t.expires, ",
            columns!(),
            " FROM api_tokens t JOIN ",
            tables!(of "t.owner"),
            " WHERE t.digest = $1"
        );
        let rows = self.engine.query(sql, [digest.as_str().into()]).await?;
        at_most_one(rows).map(|mut row| Ok((read_token(&mut row)?, read(&mut row)?))).transpose()
    }

    /// All tokens, the oldest first.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, DbError> {
        let sql = "SELECT id, owner, label, grants, created, expires FROM api_tokens \
                   ORDER BY created, id";
        let rows = self.engine.query(sql, []).await?;
        rows.into_iter().map(|mut row| read_token(&mut row)).collect()
    }

    /// Up to `limit` tokens, of `owner` alone if there is one, the oldest first, from behind the
    /// one with that time and id.
    pub async fn tokens_after(
        &self,
        owner: Option<&UserName>,
        (created, id): (Timestamp, &str),
        limit: i64,
    ) -> Result<Vec<StoredToken>, DbError> {
        let mut values = vec![created.as_unix().into(), id.into(), limit.into()];
        let sql = match owner {
            None => {
                "SELECT id, owner, label, grants, created, expires FROM api_tokens \
                 WHERE created > $1 OR (created = $1 AND id > $2) ORDER BY created, id LIMIT $3"
            }
            Some(owner) => {
                values.push(owner.as_str().into());
                "SELECT id, owner, label, grants, created, expires FROM api_tokens \
                 WHERE owner = $4 AND (created > $1 OR (created = $1 AND id > $2)) \
                 ORDER BY created, id LIMIT $3"
            }
        };
        let rows = self.engine.query(sql, values).await?;
        rows.into_iter().map(|mut row| read_token(&mut row)).collect()
    }

    /// Removes a token; says whether there was one.
    pub async fn remove_token(&self, id: &TokenId, note: &Note<'_>) -> Result<bool, DbError> {
        let mut tx = self.begin_noted(note).await?;
        let sql = "DELETE FROM api_tokens WHERE id = $1";
        if tx.execute(sql, [id.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Counts a try of `subject`, and blocks it for as long as `pause` says of the number of
    /// tries. Returns until when it was blocked already: then nothing is counted.
    pub async fn count_try(
        &self,
        subject: &str,
        now: Timestamp,
        mut pause: impl FnMut(i64) -> Option<Seconds> + Send,
    ) -> Result<Option<Timestamp>, DbError> {
        let mut tx = self.engine.begin().await?;
        // Serialises tries on engines that would let two of them read the same count.
        audit::lock(&mut tx).await?;
        let sql = "SELECT tries, blocked FROM sign_ins WHERE subject = $1";
        let known = at_most_one(tx.query(sql, [subject.into()]).await?);
        let (tries, blocked) = match known {
            Some(mut row) => (row.int()?, Timestamp::from_unix(row.int()?)),
            None => (0, Timestamp::default()),
        };
        if now < blocked {
            return Ok(Some(blocked));
        }
        let count = tries.saturating_add(1);
        let until = pause(count).map_or(now, |pause| now.after(pause)).as_unix();
        let sql = if tries == 0 {
            "INSERT INTO sign_ins (tries, blocked, subject) VALUES ($1, $2, $3)"
        } else {
            "UPDATE sign_ins SET tries = $1, blocked = $2 WHERE subject = $3"
        };
        tx.execute(sql, [count.into(), until.into(), subject.into()]).await?;
        tx.commit().await?;
        Ok(None)
    }

    /// Forgets the tries of `subject`.
    pub async fn forget_tries(&self, subject: &str) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        tx.execute("DELETE FROM sign_ins WHERE subject = $1", [subject.into()]).await?;
        tx.commit().await
    }

    /// Forgets tries of before `before`, and tokens that ended before it.
    pub async fn forget_accounts(&self, before: Timestamp) -> Result<(), DbError> {
        let mut tx = self.engine.begin().await?;
        let before = before.as_unix();
        tx.execute("DELETE FROM sign_ins WHERE blocked < $1", [before.into()]).await?;
        tx.execute("DELETE FROM api_tokens WHERE expires < $1", [before.into()]).await?;
        tx.execute("DELETE FROM sessions WHERE expires < $1", [before.into()]).await?;
        tx.execute("DELETE FROM replies WHERE at < $1", [before.into()]).await?;
        // Nobody is asked about who can do nothing here.
        let sql = "UPDATE directory_people SET refresh = NULL WHERE refresh IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.owner = directory_people.owner) \
                   AND NOT EXISTS (SELECT 1 FROM api_tokens t WHERE t.owner = directory_people.owner)";
        tx.execute(sql, []).await?;
        tx.commit().await
    }

    /// Begins a transaction with its audit row.
    pub(super) async fn begin_noted(&self, note: &Note<'_>) -> Result<Tx, DbError> {
        let mut tx = self.engine.begin().await?;
        audit::lock(&mut tx).await?;
        audit::append(&mut tx, &note.entry()).await?;
        Ok(tx)
    }
}
