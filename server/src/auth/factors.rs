//! Second factors of local accounts: set up, shown at the sign-in, removed.

use super::{
    AuthError, Role, UserName,
    accounts::{Which, ended, known, note},
    factor::{FactorNumber, FactorSecret},
    sign_in::pause,
};
use crate::{
    app::App,
    config::SecondFactor,
    db::{Account, Actor, AuditResult, Note, StoredFactor},
    time::Timestamp,
};

/// The name of their changes in the audit log.
const EVENT: &str = "second-factor";
/// How many codes may be tried before one has to wait, and how many seconds at most.
const FREE: i64 = 5;
const MOST: u32 = 900;

impl App {
    /// Checks the code of an account that has a second factor.
    pub(super) async fn check_code(
        &self,
        account: &Account,
        code: &str,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        if !account.factor {
            return Ok(());
        }
        let Some(factor) = self.store().factor(&account.name).await? else { return Ok(()) };
        if code.is_empty() {
            return Err(AuthError::NeedsCode);
        }
        self.take_code(&account.name, &factor.number, code, now, factor.step).await
    }

    async fn take_code(
        &self,
        owner: &UserName,
        number: &FactorNumber,
        code: &str,
        now: Timestamp,
        last: i64,
    ) -> Result<(), AuthError> {
        let secret = self.config().factor_key.secret(owner, number);
        let step = secret.matches(code, now, last).ok_or(AuthError::WrongCode)?;
        // Whoever sends the same code a moment later comes too late.
        if self.store().use_factor(owner, number, step).await? {
            Ok(())
        } else {
            Err(AuthError::WrongCode)
        }
    }

    /// Whether an account must set up a factor before it may do anything.
    pub(super) fn must_enrol(&self, account: &Account) -> bool {
        let local = account.directory.is_none() && account.password.is_some();
        let demanded = match self.config().console.second_factor {
            SecondFactor::Optional => false,
            SecondFactor::LocalAdmins => account.grants.iter().any(|one| one.role == Role::Admin),
            SecondFactor::Local => true,
        };
        local && demanded && !account.factor
    }

    /// Whether an account asks for a code.
    pub async fn has_factor(&self, owner: &UserName) -> Result<bool, AuthError> {
        Ok(self.store().factor(owner).await?.is_some_and(|factor| factor.confirmed))
    }

    /// A new secret for the owner's app. It counts once a code of it was shown.
    pub async fn offer_factor(&self, owner: &UserName) -> Result<FactorSecret, AuthError> {
        let number = FactorNumber::random()?;
        match self.store().account(owner).await? {
            None => return Err(AuthError::NoAccount(owner.clone())),
            Some(account) if account.directory.is_some() => {
                return Err(AuthError::OfDirectory(owner.clone()));
            }
            Some(account) if account.password.is_none() => {
                return Err(AuthError::Program(owner.clone()));
            }
            Some(_) => {}
        }
        if !self.store().offer_factor(owner, &number).await? {
            return Err(AuthError::HasFactor(owner.clone()));
        }
        Ok(self.config().factor_key.secret(owner, &number))
    }

    /// The secret that was offered and not confirmed yet.
    pub async fn offered_factor(
        &self,
        owner: &UserName,
    ) -> Result<Option<FactorSecret>, AuthError> {
        let factor = self.store().factor(owner).await?.filter(|factor| !factor.confirmed);
        Ok(factor.map(|factor| self.config().factor_key.secret(owner, &factor.number)))
    }

    /// Makes the offered factor count, since its owner shows a code of it.
    pub async fn confirm_factor(
        &self,
        owner: &UserName,
        code: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let offered = self.store().factor(owner).await?.filter(|factor| !factor.confirmed);
        let factor = offered.ok_or_else(|| AuthError::NoFactor(owner.clone()))?;
        self.try_offered(owner, &factor, code, actor, now).await?;
        let mut locked = self.store().lock_accounts().await?;
        let ended = ended(&mut locked, owner, now).await?;
        let detail = format!("account {owner}: set up{ended}");
        let note = note(EVENT, &detail, actor, now);
        // Whoever was signed in without it shows a code, too.
        match locked.confirm_factor(owner, &factor.number, &note).await? {
            true => Ok(()),
            false => Err(AuthError::NoFactor(owner.clone())),
        }
    }

    /// Checks a code of the factor that was offered: counted before it is looked at, and written
    /// down if it is wrong.
    async fn try_offered(
        &self,
        owner: &UserName,
        factor: &StoredFactor,
        code: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let subject = format!("factor user:{owner}");
        let pause = |tries| pause(tries, FREE, MOST);
        if let Some(until) = self.store().count_try(&subject, now, pause).await? {
            tracing::warn!(source = actor.trace().source, %owner, "codes throttled");
            return Err(AuthError::Throttled(until));
        }
        let taken = self.take_code(owner, &factor.number, code, now, factor.step).await;
        if let Err(AuthError::WrongCode) = &taken {
            let (detail, result) = (format!("account {owner}: wrong code"), AuditResult::Denied);
            let note = Note { result, ..note(EVENT, &detail, actor, now) };
            self.store().note(&note).await?;
        }
        taken?;
        Ok(self.store().forget_tries(&subject).await?)
    }

    /// Removes an account's factor: an administrator does, for who lost their telephone. What was
    /// signed in by it ends, as the telephone may be somebody else's now.
    pub async fn remove_factor(
        &self,
        which: impl Into<Which<'_>>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let which = which.into();
        let owner = which.name;
        let mut locked = self.store().lock_accounts().await?;
        known(&mut locked, which).await?;
        let ended = ended(&mut locked, owner, now).await?;
        let detail = format!("account {owner}: removed{ended}");
        if locked.remove_factor(owner, &note(EVENT, &detail, actor, now)).await? {
            Ok(())
        } else {
            Err(AuthError::NoFactor(owner.clone()))
        }
    }
}

#[cfg(test)]
mod tests;
