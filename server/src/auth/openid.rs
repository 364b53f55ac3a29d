//! Signing in by the OpenID provider: begun here, gone on with there, ended here; and asking it
//! again about people who are signed in.

use super::{
    AuthError, SessionKey,
    accounts::note,
    directory::BATCH,
    oidc::{FlowKey, OidcError, Provider, Renewed, Returned, Vouched},
};
use crate::{
    app::App,
    db::{Account, Actor, AuditResult, InDirectory, Realm, StoredFlow},
    time::{Seconds, Timestamp},
};
use reqwest::Url;

/// How long a person may take at the provider.
pub const FLOW: Seconds = Seconds::new(600);
/// How many sign-ins may be under way.
const MOST: i64 = 1000;

impl App {
    fn provider(&self) -> Result<&Provider, OidcError> {
        self.openid().ok_or_else(|| OidcError::Unfit("there is none".to_owned()))
    }

    /// Begins a sign-in by the provider: what the browser keeps, and where it goes. It is led to
    /// `next` afterwards, and the session that it came with ends.
    pub async fn begin_openid(
        &self,
        next: &str,
        before: Option<&SessionKey>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(FlowKey, Url), AuthError> {
        let provider = self.provider()?;
        self.count_arrival(actor, now).await?;
        let earlier = match before {
            Some(before) => self.lapsed_session(before, now).await?.map(|(id, _)| id),
            None => None,
        };
        let key = FlowKey::random()?;
        let to = provider.entrance(&key).await?;
        let flow = StoredFlow { next: next.to_owned(), earlier, expires: now.after(FLOW) };
        if !self.store().begin_flow(&key.id(), &flow, MOST, now).await? {
            tracing::warn!("too many sign-ins by the identity provider are under way");
            return Err(OidcError::Busy.into());
        }
        Ok((key, to))
    }

    /// Ends a sign-in: whom the provider sent back is let in with a new session, and led on.
    /// `key` is what the browser kept.
    pub async fn end_openid(
        &self,
        key: Option<&FlowKey>,
        returned: &Returned,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(SessionKey, String), AuthError> {
        let key = key.filter(|key| key.state().as_str() == returned.state);
        let flow = match key {
            Some(key) => self.store().end_flow(&key.id(), now).await?.map(|flow| (key, flow)),
            None => None,
        };
        if flow.is_none() {
            // Anybody can send these; what is written down of them must not fill the disk.
            self.count_arrival(actor, now).await?;
        }
        let result = match &flow {
            Some((key, _)) => self.try_openid(key, returned, actor, now).await,
            None => Err(OidcError::Stranger.into()),
        };
        let account =
            self.write_arrival(result, "by the identity provider", explained, actor, now).await?;
        let (_, flow) = flow.ok_or(OidcError::Stranger)?;
        let session = self.renew_session(account.name, flow.earlier, actor, now).await?;
        Ok((session, flow.next))
    }

    /// The account of somebody whom the provider sent back.
    async fn try_openid(
        &self,
        key: &FlowKey,
        returned: &Returned,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let Vouched { person, refresh } = self.provider()?.redeem(key, returned, now).await?;
        let account = match self.adopt(&person, Realm::Openid, actor, now).await {
            Err(AuthError::Refused(why)) => return Err(OidcError::Refused(why).into()),
            result => result?,
        };
        if account.disabled {
            return Err(OidcError::Refused(super::ldap::Refusal::LockedHere).into());
        }
        let sealed = match refresh {
            Some(refresh) => self.config().refresh_key.seal(&person.id, &refresh)?,
            None => None,
        };
        self.store().keep_refresh(&person.id, sealed.as_ref()).await?;
        Ok(account)
    }

    /// Asks the provider again about who is signed in or has tokens, where it gave something to
    /// ask with; returns how many lost or won something. Any number of replicas may do so.
    pub async fn recheck_openid(&self, now: Timestamp) -> Result<usize, AuthError> {
        let Some(provider) = self.openid() else { return Ok(0) };
        let before = now.before(provider.config().recheck);
        let mut changed = 0_usize;
        for account in self.store().unchecked(Realm::Openid, before, now, BATCH).await? {
            let Some(place) = account.directory.clone() else { continue };
            // What it is asked with may count once.
            if self.store().claim_person(&place.id, now).await? {
                let different = self.recheck_one(provider, account, &place, now).await?;
                changed = changed.saturating_add(usize::from(different));
            }
        }
        Ok(changed)
    }

    async fn recheck_one(
        &self,
        provider: &Provider,
        account: Account,
        place: &InDirectory,
        now: Timestamp,
    ) -> Result<bool, AuthError> {
        let key = &self.config().refresh_key;
        let Some(refresh) = place.refresh.as_ref().and_then(|one| key.open(&place.id, one)) else {
            return self.sign_out_person(&account, place, "what it gave cannot be read", now).await;
        };
        let standing = match provider.renew(&refresh, &place.id, now).await {
            Ok(Renewed { standing, refresh: next }) => {
                // Kept first: the old one may be spent.
                let sealed = match next {
                    Some(next) => key.seal(&place.id, &next)?,
                    None => place.refresh.clone(),
                };
                self.store().keep_refresh(&place.id, sealed.as_ref()).await?;
                standing
            }
            Err(error) => Err(error),
        };
        match standing {
            Ok(person) if person.name == account.name.as_str() => {
                let different = person.grants != account.grants;
                self.adopt(&person, Realm::Openid, &Actor::clock(), now).await?;
                Ok(different)
            }
            Ok(person) => self.end_person(account, &format!("is {} now", person.name), now).await,
            Err(OidcError::Refused(why)) => self.end_person(account, why.name(), now).await,
            Err(OidcError::Over(why)) => self.sign_out_person(&account, place, &why, now).await,
            Err(error) if error.is_outage() => Err(error.into()),
            // One person's trouble is not everybody's. What is not known of them for long counts
            // no more.
            Err(error) => {
                tracing::error!(account = %account.name, %error, "not looked up again");
                Ok(false)
            }
        }
    }

    /// Ends somebody's sessions, since the provider cannot be asked about them any more. They may
    /// sign in again, if it lets them.
    async fn sign_out_person(
        &self,
        account: &Account,
        place: &InDirectory,
        why: &str,
        now: Timestamp,
    ) -> Result<bool, AuthError> {
        self.store().keep_refresh(&place.id, None).await?;
        self.store().remove_sessions_of(&account.name).await?;
        let detail = format!("all sessions of {} ({why})", account.name);
        self.store().note(&note("sign-out", &detail, &Actor::clock(), now)).await?;
        tracing::info!(account = %account.name, why, "somebody is signed out");
        Ok(true)
    }
}

/// Why somebody is not let in, for the audit log.
fn explained(error: &AuthError) -> (String, AuditResult) {
    match error {
        AuthError::Openid(error) if error.is_outage() => (error.detail(), AuditResult::Failed),
        AuthError::Openid(error) => {
            (format!("identity provider: {}", error.detail()), AuditResult::Denied)
        }
        error => (error.to_string(), AuditResult::Failed),
    }
}
