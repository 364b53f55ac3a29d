//! Sessions of people at the console: short, and a new one at each sign-in.

use super::{AuthError, Credentials, Principal, UserName, accounts::note, token::TokenId};
use crate::{
    app::App,
    db::{Actor, Realm, StoredSession},
    secret::{Digest, NoRandom, hex, random_bytes},
    time::{Seconds, Timestamp},
};
use std::fmt;

/// How many hexadecimal digits a key has.
const KEY: usize = 64;
/// How exactly it is written down when a session was used.
const GRAIN: Seconds = Seconds::new(60);

/// What a browser has in its cookie: 256 random bits. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(String);

impl SessionKey {
    fn random() -> Result<Self, NoRandom> {
        random_bytes::<32>().map(|bytes| Self(hex(&bytes)))
    }

    /// The key that a cookie holds, if it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == KEY && digits).then(|| Self(text.to_owned()))
    }

    /// The text, for the cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the database holds.
    fn digest(&self) -> Digest {
        Digest::of(format!("session\n{}", self.0).as_bytes())
    }

    /// What every form of this session holds, so that other sites can't send one: it can't be
    /// known without the key, and the key does not follow from it.
    pub fn form_token(&self) -> Digest {
        Digest::of(format!("form\n{}", self.0).as_bytes())
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}

/// A session that counts.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// Who it is.
    pub principal: Principal,
    /// When it ends, used or not.
    pub expires: Timestamp,
}

impl App {
    /// Lets somebody in at the console. The session is always a new one: `before`, which the
    /// browser came with, ends.
    pub async fn begin_session(
        &self,
        shown: &Credentials<'_>,
        before: Option<&SessionKey>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<SessionKey, AuthError> {
        let account = self.authenticate(shown, actor, now).await?;
        if let Some(before) = before {
            self.end_session(before, actor, now).await?;
        }
        self.open_session(account.name, now).await
    }

    /// A new session of somebody who was let in.
    pub(super) async fn open_session(
        &self,
        owner: UserName,
        now: Timestamp,
    ) -> Result<SessionKey, AuthError> {
        let (key, id) = (SessionKey::random()?, TokenId::random()?);
        let expires = now.after(self.config().console.longest);
        let stored = StoredSession { id, owner, created: now, seen: now, expires };
        self.store().save_session(&stored, &key.digest()).await?;
        Ok(key)
    }

    /// The session that a browser came with, whether or not it counts; and whether the OpenID
    /// provider may let its owner in again without asking them: they were not idle for too long.
    pub async fn lapsed_session(
        &self,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<Option<(TokenId, bool)>, AuthError> {
        let Some((stored, account)) = self.store().session(&key.digest()).await? else {
            return Ok(None);
        };
        let idle = stored.seen.after(self.config().console.idle);
        let again =
            account.is_of(Realm::Openid) && !account.disabled && now < stored.expires && now < idle;
        Ok(Some((stored.id, again)))
    }

    /// Whose session it is, if it counts at `now`.
    pub async fn session(
        &self,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<Option<Session>, AuthError> {
        let Some((stored, account)) = self.store().session(&key.digest()).await? else {
            return Ok(None);
        };
        let idle = stored.seen.after(self.config().console.idle);
        if now >= stored.expires || now >= idle || !self.counts(&account, now) {
            return Ok(None);
        }
        if now >= stored.seen.after(GRAIN) {
            self.store().touch_session(&stored.id, now).await?;
        }
        let enrols = self.must_enrol(&account);
        let principal = Principal::in_person(account.name, account.grants).enrolling(enrols);
        Ok(Some(Session { id: stored.id, principal, expires: stored.expires }))
    }

    /// Ends a session, if it is one.
    pub async fn end_session(
        &self,
        key: &SessionKey,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        if let Some((stored, _)) = self.store().session(&key.digest()).await? {
            let detail = format!("session of {}", stored.owner);
            let note = note("sign-out", &detail, actor, now);
            self.store().remove_session(&stored.id, &note).await?;
        }
        Ok(())
    }

    /// Whether nobody can sign in yet: there is no account with a password, no directory and no
    /// OpenID provider.
    pub async fn has_no_people(&self) -> Result<bool, AuthError> {
        if self.directory().is_some() || self.openid().is_some() {
            return Ok(false);
        }
        let accounts = self.store().accounts().await?;
        Ok(accounts.iter().all(|account| account.password.is_none()))
    }

    /// Whether `name` has never chosen a password: it has the one-time one.
    pub async fn is_first_run(&self) -> Result<Option<UserName>, AuthError> {
        let accounts = self.store().accounts().await?;
        let mut people = accounts.iter().filter(|account| account.password.is_some());
        match (people.next(), people.next()) {
            (Some(only), None) if only.one_time => Ok(Some(only.name.clone())),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
