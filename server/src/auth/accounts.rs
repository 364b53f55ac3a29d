//! What the application does with accounts and tokens.

use super::{
    Grants, Password, Principal, UserName,
    password::PasswordError,
    token::{ApiToken, TokenId},
};
use crate::{
    app::App,
    db::{Account, Actor, AuditResult, DbError, Note, StoredToken},
    secret::NoRandom,
    time::{Seconds, Timestamp},
};

/// How long somebody who signed in stays so.
const SESSION: Seconds = Seconds::new(8 * 3600);
/// The longest life of a token.
const LONGEST: Seconds = Seconds::new(366 * 86_400);
/// The longest label of a token, in characters.
const MAX_LABEL: usize = 100;
/// How long tries and ended tokens are remembered.
const KEEP: Seconds = Seconds::new(86_400);

/// Why somebody is not let in, or an account not changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// A password is not taken.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The one answer to all that must not be told apart.
    #[error("name or password is wrong, or the account is locked")]
    Wrong,
    /// Too many tries.
    #[error("too many tries: wait until {0}")]
    Throttled(Timestamp),
    /// The one-time password must be changed.
    #[error("this password was for one use: send a new one along")]
    MustChange,
    /// There is no such account.
    #[error("there is no account \"{0}\"")]
    NoAccount(UserName),
    /// There is one already.
    #[error("there is an account \"{0}\" already")]
    Exists(UserName),
    /// There is no such token.
    #[error("there is no token {0}")]
    NoToken(TokenId),
    /// A program's account has no password.
    #[error("the account \"{0}\" is a program's: give it tokens, no password")]
    Program(UserName),
    /// The last administrator would be gone.
    #[error("\"{0}\" is the last account with the role admin everywhere: make another one first")]
    LastAdmin(UserName),
    /// A token's life is wrong.
    #[error("a token ends after now, and within {} days", LONGEST.get() / 86_400)]
    Life,
    /// A token's label is wrong.
    #[error("a token's label has 1 to {MAX_LABEL} printable characters")]
    Label,
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

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose.
    pub owner: UserName,
    /// What for.
    pub label: String,
    /// The most that it allows.
    pub grants: Grants,
    /// Until when.
    pub expires: Timestamp,
}

/// How long a subject is blocked after that many tries, if at all: `free` tries cost nothing,
/// then each doubles the time, up to `most` seconds.
fn pause(tries: i64, free: i64, most: u32) -> Option<Seconds> {
    let over = u32::try_from(tries.checked_sub(free)?).ok()?;
    (over > 0).then(|| Seconds::new(1_u32.checked_shl(over).unwrap_or(most).clamp(1, most)))
}

impl App {
    /// Lets somebody in by name and password, with a token. Every try is counted before it is
    /// looked at, and written to the audit log.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &Password,
        new_password: Option<&Password>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<SignedIn, AuthError> {
        let account = self.authenticate(name, password, new_password, actor, now).await?;
        self.give_token(&account, actor, now).await
    }

    /// The account of somebody who knows its password.
    pub(super) async fn authenticate(
        &self,
        name: &str,
        password: &Password,
        new_password: Option<&Password>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let result = self.try_password(name, password, new_password, actor, now).await;
        if let Err(AuthError::Throttled(_)) = &result {
            // The tries before it are written down; these must not fill the disk.
            tracing::warn!(source = actor.trace().source, "sign-in throttled");
            return result;
        }
        let (detail, outcome) = match &result {
            Ok(_) => (String::new(), AuditResult::Done),
            Err(AuthError::Wrong) => ("wrong".to_owned(), AuditResult::Denied),
            Err(AuthError::MustChange) => ("must change".to_owned(), AuditResult::Denied),
            Err(error) => (error.to_string(), AuditResult::Failed),
        };
        let note =
            Note { at: now, actor, host: "", event: "sign-in", detail: &detail, result: outcome };
        self.store().note(&note).await?;
        result
    }

    async fn try_password(
        &self,
        name: &str,
        password: &Password,
        new_password: Option<&Password>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let name: Option<UserName> = name.parse().ok();
        let source = &actor.trace().source;
        let who = name.as_ref().map_or("", |name| name.as_str());
        let subjects = [
            (format!("source:{source}"), 20, 900),
            (format!("user:{who} source:{source}"), 5, 900),
            // Weak against one who comes from everywhere, or anybody could lock anybody out.
            (format!("user:{who}"), 50, 60),
        ];
        for (subject, free, most) in &subjects {
            let pause = |tries| pause(tries, *free, *most);
            if let Some(until) = self.store().count_try(subject, now, pause).await? {
                return Err(AuthError::Throttled(until));
            }
        }
        let account = match &name {
            Some(name) => self.store().account(name).await?,
            None => None,
        };
        let hash = account.as_ref().and_then(|account| account.password.as_deref());
        let right = password.matches(hash).await?;
        let Some(mut account) = account.filter(|account| right && !account.disabled) else {
            return Err(AuthError::Wrong);
        };
        if let Some(new) = new_password {
            new.check(account.name.as_str())?;
            account.password = Some(new.hash().await?);
            account.one_time = false;
            self.store().save_account(&account, &note("change-password", "", actor, now)).await?;
            // Whoever knew the old one is signed out.
            self.store().remove_sessions_of(&account.name).await?;
        } else if account.one_time {
            return Err(AuthError::MustChange);
        }
        for (subject, ..) in &subjects {
            self.store().forget_tries(subject).await?;
        }
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

    /// Who the owner of a token is, if the token counts at `now`.
    pub async fn recognise(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<Principal>, AuthError> {
        let Some(token) = ApiToken::parse(text) else { return Ok(None) };
        let found = self.store().token(&token.digest()).await?;
        Ok(found.filter(|(token, owner)| now < token.expires && !owner.disabled).map(
            |(token, owner)| Principal::by_token(owner.name, token.id, owner.grants, token.grants),
        ))
    }

    /// Makes a token. Its text is known now and never again.
    pub async fn make_token(
        &self,
        new: &NewToken,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<ApiToken, AuthError> {
        if new.expires <= now || new.expires > now.after(LONGEST) {
            return Err(AuthError::Life);
        }
        let good = (1..=MAX_LABEL).contains(&new.label.chars().count());
        if !good || new.label.chars().any(char::is_control) {
            return Err(AuthError::Label);
        }
        if self.store().account(&new.owner).await?.is_none() {
            return Err(AuthError::NoAccount(new.owner.clone()));
        }
        let token = ApiToken::random()?;
        let stored = StoredToken {
            id: token.id().clone(),
            owner: new.owner.clone(),
            label: new.label.clone(),
            grants: new.grants.clone(),
            created: now,
            expires: new.expires,
        };
        let detail = format!("token {} of {}: {}", stored.id, stored.owner, stored.grants);
        let note = note("make-token", &detail, actor, now);
        self.store().save_token(&stored, &token.digest(), &note).await?;
        Ok(token)
    }

    /// Ends a token.
    pub async fn revoke_token(
        &self,
        id: &TokenId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let detail = format!("token {id}");
        let note = note("revoke-token", &detail, actor, now);
        if self.store().remove_token(id, &note).await? {
            Ok(())
        } else {
            Err(AuthError::NoToken(id.clone()))
        }
    }

    /// Makes an account: of a person, whose one-time password is returned, or of a program.
    pub async fn add_account(
        &self,
        name: &UserName,
        grants: &Grants,
        person: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Password>, AuthError> {
        if self.store().account(name).await?.is_some() {
            return Err(AuthError::Exists(name.clone()));
        }
        let password = if person { Some(Password::one_time()?) } else { None };
        let hash = match &password {
            Some(password) => Some(password.hash().await?),
            None => None,
        };
        let account = Account {
            name: name.clone(),
            password: hash,
            one_time: person,
            disabled: false,
            grants: grants.clone(),
            created: now,
        };
        let detail = format!("account {name}: {grants}");
        self.store().save_account(&account, &note("add-account", &detail, actor, now)).await?;
        Ok(password)
    }

    /// Changes what an account may, or locks it.
    pub async fn change_account(
        &self,
        name: &UserName,
        grants: Option<&Grants>,
        disabled: Option<bool>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let mut account = self.known_account(name).await?;
        if let Some(grants) = grants {
            account.grants = grants.clone();
        }
        account.disabled = disabled.unwrap_or(account.disabled);
        if !is_admin(&account) {
            self.keep_an_admin(name).await?;
        }
        let locked = if account.disabled { ", locked" } else { "" };
        let detail = format!("account {name}: {}{locked}", account.grants);
        self.store().save_account(&account, &note("change-account", &detail, actor, now)).await?;
        Ok(account)
    }

    /// Gives a person's account a new one-time password.
    pub async fn reset_password(
        &self,
        name: &UserName,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Password, AuthError> {
        let mut account = self.known_account(name).await?;
        if account.password.is_none() {
            return Err(AuthError::Program(name.clone()));
        }
        let password = Password::one_time()?;
        account.password = Some(password.hash().await?);
        account.one_time = true;
        let detail = format!("account {name}");
        self.store().save_account(&account, &note("reset-password", &detail, actor, now)).await?;
        self.store().remove_sessions_of(name).await?;
        Ok(password)
    }

    /// Removes an account with its tokens.
    pub async fn remove_account(
        &self,
        name: &UserName,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        self.keep_an_admin(name).await?;
        let detail = format!("account {name}");
        if self.store().remove_account(name, &note("remove-account", &detail, actor, now)).await? {
            Ok(())
        } else {
            Err(AuthError::NoAccount(name.clone()))
        }
    }

    async fn known_account(&self, name: &UserName) -> Result<Account, AuthError> {
        self.store().account(name).await?.ok_or_else(|| AuthError::NoAccount(name.clone()))
    }

    /// Refuses when nobody but `name` could manage accounts.
    async fn keep_an_admin(&self, name: &UserName) -> Result<(), AuthError> {
        let accounts = self.store().accounts().await?;
        let admins: Vec<_> = accounts.iter().filter(|account| is_admin(account)).collect();
        match admins.as_slice() {
            [last] if last.name == *name => Err(AuthError::LastAdmin(name.clone())),
            _ => Ok(()),
        }
    }

    /// Forgets old tries and tokens that ended.
    pub async fn forget_accounts(&self, now: Timestamp) -> Result<(), AuthError> {
        Ok(self.store().forget_accounts(now.before(KEEP)).await?)
    }
}

/// Whether somebody can sign in with it and manage accounts.
fn is_admin(account: &Account) -> bool {
    let manage = super::Permission::AccountsManage;
    !account.disabled
        && account.password.is_some()
        && account.grants.role_for(manage, super::Place::Everywhere).is_some()
}

pub(super) fn note<'a>(
    event: &'a str,
    detail: &'a str,
    actor: &'a Actor,
    at: Timestamp,
) -> Note<'a> {
    Note { at, actor, host: "", event, detail, result: AuditResult::Done }
}

#[cfg(test)]
mod tests;
