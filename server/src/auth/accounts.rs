//! What the application does with local accounts, and with tokens.

use super::{
    Grants, Password, Principal, UserName,
    ldap::{DirectoryError, Refusal},
    oidc::OidcError,
    password::PasswordError,
    spnego::KerberosError,
    token::{ApiToken, TokenId},
};
use crate::{
    app::App,
    db::{Account, Actor, AuditResult, DbError, LockedAccounts, Note, StoredToken},
    mark::Seen,
    secret::NoRandom,
    time::{Seconds, Timestamp},
};

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
    /// The same answer for somebody of the directory; why is for the audit log alone.
    #[error("name or password is wrong, or the account is locked")]
    Refused(Refusal),
    /// The directory gave no answer.
    #[error("the directory cannot be asked now: try again later, or use a local account")]
    Directory(#[source] DirectoryError),
    /// The OpenID provider lets somebody not in.
    #[error(transparent)]
    Openid(#[from] OidcError),
    /// A Kerberos ticket lets nobody in.
    #[error(transparent)]
    Kerberos(#[from] KerberosError),
    /// The directory, or the OpenID provider, decides this.
    #[error(
        "the account \"{0}\" is the directory's or identity provider's: its password and roles are \
         changed there"
    )]
    OfDirectory(UserName),
    /// Too many tries.
    #[error("too many tries: wait until {0}")]
    Throttled(Timestamp),
    /// The one-time password must be changed.
    #[error("this password was for one use: send a new one along")]
    MustChange,
    /// The second factor is missing.
    #[error("this account has a second factor: send the code that your app shows now")]
    NeedsCode,
    /// The second factor is wrong.
    #[error("the code is not the one of now, or was used already: wait for the next one")]
    WrongCode,
    /// A second factor is demanded, and there is none yet.
    #[error(
        "this account must have a second factor: sign in at the console, which shows how to set \
         it up"
    )]
    MustEnrol,
    /// A second factor is there already.
    #[error("the account \"{0}\" has a second factor: remove it first")]
    HasFactor(UserName),
    /// There is no second factor.
    #[error("the account \"{0}\" has no second factor")]
    NoFactor(UserName),
    /// There is no such account.
    #[error("there is no account \"{0}\"")]
    NoAccount(UserName),
    /// The account is not as it was seen.
    #[error("the account \"{0}\" has changed since you looked: look again, then decide")]
    Changed(UserName),
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

/// Which account is meant, and what was seen of it.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// Its name.
    pub name: &'a UserName,
    /// What the change rests on.
    pub seen: &'a Seen,
}

impl<'a> From<&'a UserName> for Which<'a> {
    /// The account of that name, whatever it is.
    fn from(name: &'a UserName) -> Self {
        static ANYTHING: Seen = Seen::Anything;
        Self { name, seen: &ANYTHING }
    }
}

impl App {
    /// Who the owner of a token is, if the token counts at `now`.
    pub async fn recognise(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<Option<Principal>, AuthError> {
        let Some(token) = ApiToken::parse(text) else { return Ok(None) };
        let found = self.store().token(&token.digest()).await?;
        let counts = |(token, owner): &(StoredToken, Account)| {
            now < token.expires && self.counts(owner, now)
        };
        Ok(found.filter(counts).map(|(token, owner)| {
            // What was made before a factor was demanded is no way around it.
            let enrols = self.must_enrol(&owner);
            Principal::by_token(owner.name, token.id, owner.grants, token.grants).enrolling(enrols)
        }))
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
            directory: None,
            factor: false,
        };
        let mut locked = self.store().lock_accounts().await?;
        if locked.account(name).await?.is_some() {
            return Err(AuthError::Exists(name.clone()));
        }
        let detail = format!("account {name}: {grants}");
        locked.add(&account, &note("add-account", &detail, actor, now)).await?;
        Ok(password)
    }

    /// Changes what an account may, or locks it.
    pub async fn change_account(
        &self,
        which: impl Into<Which<'_>>,
        grants: Option<&Grants>,
        disabled: Option<bool>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let which = which.into();
        let name = which.name;
        let mut locked = self.store().lock_accounts().await?;
        let before = known(&mut locked, which).await?;
        if grants.is_some() && before.directory.is_some() {
            return Err(AuthError::OfDirectory(name.clone()));
        }
        let mut account = before.clone();
        if let Some(grants) = grants {
            account.grants = grants.clone();
        }
        account.disabled = disabled.unwrap_or(account.disabled);
        if !is_admin(&account) {
            keep_an_admin(&mut locked, name).await?;
        }
        let detail = format!("account {name}: {} -> {}", standing(&before), standing(&account));
        let note = note("change-account", &detail, actor, now);
        locked.change(name, grants, disabled, &note).await?;
        Ok(account)
    }

    /// Gives a person's account a new one-time password. Its sessions and tokens end: somebody
    /// else may have got them by the old one.
    pub async fn reset_password(
        &self,
        which: impl Into<Which<'_>>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Password, AuthError> {
        let which = which.into();
        let name = which.name;
        let password = Password::one_time()?;
        let hash = password.hash().await?;
        let mut locked = self.store().lock_accounts().await?;
        let account = known(&mut locked, which).await?;
        if account.directory.is_some() {
            return Err(AuthError::OfDirectory(name.clone()));
        }
        if account.password.is_none() {
            return Err(AuthError::Program(name.clone()));
        }
        let detail = format!("account {name}{}", ended(&mut locked, name, now).await?);
        let note = note("reset-password", &detail, actor, now);
        locked.set_password(name, &hash, true, &note).await?;
        Ok(password)
    }

    /// Removes an account with its tokens.
    pub async fn remove_account(
        &self,
        which: impl Into<Which<'_>>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let which = which.into();
        let name = which.name;
        let mut locked = self.store().lock_accounts().await?;
        known(&mut locked, which).await?;
        keep_an_admin(&mut locked, name).await?;
        let detail = format!("account {name}");
        Ok(locked.remove(name, &note("remove-account", &detail, actor, now)).await?)
    }

    /// Forgets old tries and tokens that ended.
    pub async fn forget_accounts(&self, now: Timestamp) -> Result<(), AuthError> {
        Ok(self.store().forget_accounts(now.before(KEEP)).await?)
    }
}

/// The account that is meant, if it is as it was seen.
pub(super) async fn known(
    locked: &mut LockedAccounts,
    which: Which<'_>,
) -> Result<Account, AuthError> {
    let name = || which.name.clone();
    let account = locked.account(which.name).await?.ok_or_else(|| AuthError::NoAccount(name()))?;
    match which.seen.holds(Some(&account.mark())) {
        true => Ok(account),
        false => Err(AuthError::Changed(name())),
    }
}

/// Refuses when nobody but `name` could manage accounts.
async fn keep_an_admin(locked: &mut LockedAccounts, name: &UserName) -> Result<(), AuthError> {
    let accounts = locked.accounts().await?;
    let admins: Vec<_> = accounts.iter().filter(|account| is_admin(account)).collect();
    match admins.as_slice() {
        [last] if last.name == *name => Err(AuthError::LastAdmin(name.clone())),
        _ => Ok(()),
    }
}

/// What an account may, for the audit log.
fn standing(account: &Account) -> String {
    let locked = if account.disabled { ", locked" } else { "" };
    format!("{}{locked}", told(&account.grants))
}

/// Roles, for the audit log.
pub(super) fn told(grants: &Grants) -> String {
    if grants.is_empty() { "nothing".to_owned() } else { grants.to_string() }
}

/// How many tokens end with a proof of who somebody is, for the audit log.
pub(super) async fn ended(
    locked: &mut LockedAccounts,
    owner: &UserName,
    now: Timestamp,
) -> Result<String, AuthError> {
    Ok(match locked.count_tokens(owner, now).await? {
        0 => String::new(),
        1 => ", 1 token ended".to_owned(),
        more => format!(", {more} tokens ended"),
    })
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
