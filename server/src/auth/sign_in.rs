//! Signing in: by a local password or the directory, with a second factor, counted and written down.

use super::{
    AuthError, NewToken, Password, Principal, UserName,
    accounts::{ended, note},
    token::ApiToken,
    tries::Tries,
};
use crate::{
    app::App,
    db::{Account, Actor, AuditResult, Note},
    time::{Seconds, Timestamp},
};

/// How long somebody who signed in stays so.
const SESSION: Seconds = Seconds::new(8 * 3600);

/// How somebody came in who did not come the way that people come here, for the audit log.
pub(crate) const BREAK_GLASS: [&str; 2] = [
    "by a local password, beside the directory",
    "by a local password, beside the identity provider",
];

/// What somebody shows at the sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a Password,
    new_password: Option<&'a Password>,
    code: &'a str,
}

impl<'a> Credentials<'a> {
    /// Name and password.
    pub const fn new(name: &'a str, password: &'a Password) -> Self {
        Self { name, password, new_password: None, code: "" }
    }

    /// With a password that takes the place of the one that was shown.
    #[must_use]
    pub const fn renewing(self, new_password: Option<&'a Password>) -> Self {
        Self { new_password, ..self }
    }

    /// With the code of a second factor; an empty one is none.
    #[must_use]
    pub const fn with_code(self, code: &'a str) -> Self {
        Self { code, ..self }
    }
}

/// Somebody who signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub principal: Principal,
    /// The token that stands for them until `expires`.
    pub token: ApiToken,
    /// Until when.
    pub expires: Timestamp,
}

/// How long a subject is blocked after that many tries, if at all: `free` tries cost nothing,
/// then each doubles the time, up to `most` seconds.
pub(super) fn pause(tries: i64, free: i64, most: u32) -> Option<Seconds> {
    let over = u32::try_from(tries.checked_sub(free)?).ok()?;
    (over > 0).then(|| Seconds::new(1_u32.checked_shl(over).unwrap_or(most).clamp(1, most)))
}

impl App {
    /// Lets somebody in by name and password, with a token. Every try is counted before it is
    /// looked at, and written to the audit log.
    pub async fn sign_in(
        &self,
        shown: &Credentials<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<SignedIn, AuthError> {
        let account = self.authenticate(shown, actor, now).await?;
        if self.must_enrol(&account) {
            let detail = format!("a token of {}: a second factor is missing", account.name);
            let note = Note { result: AuditResult::Denied, ..note("denied", &detail, actor, now) };
            self.store().note(&note).await?;
            return Err(AuthError::MustEnrol);
        }
        self.give_token(&account, actor, now).await
    }

    /// Whether somebody knows the password of their account; counted and written down as a sign-in.
    pub async fn prove(
        &self,
        shown: &Credentials<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        self.authenticate(shown, actor, now).await.map(drop)
    }

    /// The account of somebody who knows its password.
    pub(super) async fn authenticate(
        &self,
        shown: &Credentials<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let result = self.try_password(shown, actor, now).await;
        if let Err(AuthError::Throttled(_)) = &result {
            // The tries before it are written down; these must not fill the disk.
            tracing::warn!(source = actor.trace().source, "sign-in throttled");
            return result;
        }
        let (detail, outcome) = match &result {
            Ok(account) => (self.way_in(account).to_owned(), AuditResult::Done),
            Err(AuthError::Wrong) => ("wrong".to_owned(), AuditResult::Denied),
            Err(AuthError::Refused(why)) => (format!("directory: {why}"), AuditResult::Denied),
            Err(AuthError::MustChange) => ("must change".to_owned(), AuditResult::Denied),
            Err(AuthError::NeedsCode) => ("needs a code".to_owned(), AuditResult::Denied),
            Err(AuthError::WrongCode) => ("wrong code".to_owned(), AuditResult::Denied),
            Err(AuthError::Directory(error)) => (error.to_string(), AuditResult::Failed),
            Err(error) => (error.to_string(), AuditResult::Failed),
        };
        // Somebody of the directory may have typed their name in several ways.
        let known = result
            .as_ref()
            .ok()
            .map(|account| Actor::by_request(&format!("user:{}", account.name), actor.trace()));
        let actor = known.as_ref().unwrap_or(actor);
        let note =
            Note { at: now, actor, host: "", event: "sign-in", detail: &detail, result: outcome };
        self.store().note(&note).await?;
        result
    }

    /// How somebody came in, for the audit log: an own password beside a directory is the way for
    /// when the directory is down, and stands out.
    fn way_in(&self, account: &Account) -> &'static str {
        match (&account.directory, self.directory(), self.openid()) {
            (Some(_), ..) => "by the directory",
            (None, Some(_), _) => BREAK_GLASS[0],
            (None, None, Some(_)) => BREAK_GLASS[1],
            (None, None, None) => "",
        }
    }

    async fn try_password(
        &self,
        shown: &Credentials<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let Credentials { name, password, .. } = *shown;
        let account = match name.parse() {
            Ok(name) => self.store().account(&name).await?.filter(|one| one.directory.is_none()),
            Err(_) => None,
        };
        let directory = self.directory().filter(|_| account.is_none());
        let who = match directory {
            Some(directory) => directory.plain_name(name).unwrap_or_default(),
            None => name.to_ascii_lowercase(),
        };
        // What is no name is nobody's, in whatever way it is written.
        let who = who.parse::<UserName>().map_or(String::new(), |name| name.to_string());
        let tries = Tries::begin(self, &who, &actor.trace().source, now).await?;
        let account = match directory {
            Some(directory) => {
                let account = self.try_directory(directory, shown, &tries, actor, now).await;
                tries.broken()?;
                account
            }
            None => Self::try_local(account, password).await,
        };
        let result = match account {
            Ok(account) => self.try_factor(account, shown, actor, now).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(account) => {
                tries.succeeded().await?;
                Ok(account)
            }
            Err(error) => {
                tries.failed(actor).await?;
                Err(error)
            }
        }
    }

    /// The rest that is asked of somebody who knows the password.
    async fn try_factor(
        &self,
        account: Account,
        shown: &Credentials<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        Self::check_renewal(&account, shown.new_password)?;
        // A code counts once, so that it comes after all that may be wrong.
        self.check_code(&account, shown.code, now).await?;
        self.renew_password(account, shown.new_password, actor, now).await
    }

    async fn try_local(
        account: Option<Account>,
        password: &Password,
    ) -> Result<Account, AuthError> {
        let hash = account.as_ref().and_then(|account| account.password.as_deref());
        let right = password.matches(hash).await?;
        account.filter(|account| right && !account.disabled).ok_or(AuthError::Wrong)
    }

    /// Whether somebody who knows the password may keep it, or change it to that one.
    fn check_renewal(account: &Account, new: Option<&Password>) -> Result<(), AuthError> {
        match new {
            None if account.one_time => Err(AuthError::MustChange),
            None => Ok(()),
            Some(_) if account.directory.is_some() => {
                Err(AuthError::OfDirectory(account.name.clone()))
            }
            Some(new) => Ok(new.check(account.name.as_str())?),
        }
    }

    /// Changes the password of somebody who came in, if they wish.
    async fn renew_password(
        &self,
        mut account: Account,
        new: Option<&Password>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let Some(new) = new else { return Ok(account) };
        let (old, hash) = (account.password.take().unwrap_or_default(), new.hash().await?);
        let mut locked = self.store().lock_accounts().await?;
        // It may have been locked, or given another password, since it was looked at.
        let same = |now: &Account| !now.disabled && now.password.as_deref() == Some(&*old);
        if !locked.account(&account.name).await?.as_ref().is_some_and(same) {
            return Err(AuthError::Wrong);
        }
        let ended = ended(&mut locked, &account.name, now).await?;
        let detail = format!("account {}{ended}", account.name);
        let note = note("change-password", &detail, actor, now);
        // Whoever knew the old one is signed out, and has no tokens.
        locked.set_password(&account.name, &hash, false, &note).await?;
        (account.password, account.one_time) = (Some(hash), false);
        Ok(account)
    }

    async fn give_token(
        &self,
        account: &Account,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<SignedIn, AuthError> {
        let expires = now.after(SESSION);
        let new = NewToken {
            owner: account.name.clone(),
            label: "signed in".to_owned(),
            grants: account.grants.clone(),
            expires,
        };
        let token = self.make_token(&new, actor, now).await?;
        let grants = account.grants.clone();
        let principal =
            Principal::by_token(account.name.clone(), token.id().clone(), grants.clone(), grants);
        Ok(SignedIn { principal, token, expires })
    }
}
