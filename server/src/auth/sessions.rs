//! Sessions of people at the console: short, a new one at each sign-in, and with keys that change.

mod key;
mod turns;

pub use key::SessionKey;
pub use turns::{GRACE, TURN, Turns};

use super::{AuthError, Credentials, Principal, UserName, accounts::note, token::TokenId};
use crate::{
    app::App,
    db::{Actor, AuditResult, Note, Realm, StoredSession, Trace},
    time::{Seconds, Timestamp},
};
use turns::Shown;

/// How exactly it is written down when a session was used, in seconds at most.
const GRAIN: u32 = 60;
/// And in parts of the time of disuse that ends it.
const PARTS: u32 = 30;
/// The event of a session that ended since a key of before came again, for the audit log.
pub(crate) const REUSED: &str = "session-reuse";

/// A session that counts.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// Who it is.
    pub principal: Principal,
    /// When it ends, used or not.
    pub expires: Timestamp,
    /// When somebody used it, as it is written down.
    seen: Timestamp,
    /// Whether another key is to be offered.
    due: bool,
}

impl Session {
    /// How many seconds of it are left.
    pub(crate) fn left(&self, now: Timestamp) -> u32 {
        u32::try_from(self.expires.as_unix().saturating_sub(now.as_unix())).unwrap_or(0)
    }
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
        let turns = Turns::begin(key.turn(), now);
        let stored = StoredSession { id, owner, created: now, seen: now, expires, turns };
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

    /// Whose session it is, if it counts at `now`. A key that is spent ends it: somebody has a copy
    /// of what another one has, and nobody knows which of them this is. `trace` is of who shows it.
    pub async fn session(
        &self,
        key: &SessionKey,
        trace: &Trace,
        now: Timestamp,
    ) -> Result<Option<Session>, AuthError> {
        let Some((stored, account)) = self.store().session(&key.digest()).await? else {
            return Ok(None);
        };
        let idle = stored.seen.after(self.config().console.idle);
        if now >= stored.expires || now >= idle || !self.counts(&account, now) {
            return Ok(None);
        }
        let shown = stored.turns.shown(&key.turn(), now);
        match shown {
            Shown::Spent => {
                self.end_copied(&stored, trace, now).await?;
                return Ok(None);
            }
            Shown::Coming => self.store().turn_session(&stored.id, &key.turn(), now).await?,
            Shown::Counts | Shown::Due | Shown::Late => {}
        }
        let enrols = self.must_enrol(&account);
        let principal = Principal::in_person(account.name, account.grants).enrolling(enrols);
        let due = shown == Shown::Due;
        let StoredSession { id, seen, expires, .. } = stored;
        Ok(Some(Session { id, principal, expires, seen, due }))
    }

    /// Writes down that somebody used a session: it does not end by disuse yet.
    pub async fn use_session(&self, session: &Session, now: Timestamp) -> Result<(), AuthError> {
        let part = self.config().console.idle.get().checked_div(PARTS).unwrap_or(0);
        if now >= session.seen.after(Seconds::new(part.min(GRAIN))) {
            self.store().touch_session(&session.id, now).await?;
        }
        Ok(())
    }

    /// Ends a session of which a spent key was shown.
    async fn end_copied(
        &self,
        stored: &StoredSession,
        trace: &Trace,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let detail = format!("session of {}: a key that it had before came again", stored.owner);
        let trace = Trace { token: stored.id.to_string(), ..trace.clone() };
        let actor = Actor::by_request("anybody", &trace);
        let note = note(REUSED, &detail, &actor, now);
        let note = Note { result: AuditResult::Denied, ..note };
        if self.store().remove_session(&stored.id, &note).await? {
            tracing::warn!(source = trace.source, owner = %stored.owner, "a session key was reused");
        }
        Ok(())
    }

    /// The key that is to follow `key`, which `session` was shown with, if one is due: of several
    /// requests at a time, one is given it. It counts once it is shown.
    pub async fn next_key(
        &self,
        session: &Session,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<Option<SessionKey>, AuthError> {
        if !session.due {
            return Ok(None);
        }
        let next = key.turned()?;
        let offer = (&key.turn(), &next.turn());
        let given = self.store().offer_turn(&session.id, offer, now, now.before(GRACE)).await?;
        Ok(given.then_some(next))
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
