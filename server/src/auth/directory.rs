//! Accounts of people who sign in by the directory: made when they come, kept as the directory
//! has them, and worth nothing when it has not been asked for too long.

use super::{
    AuthError, Password, UserName,
    accounts::note,
    ldap::{Directory, Person, Refusal, SignInError, Standing},
};
use crate::{
    app::App,
    db::{Account, Actor, InDirectory},
    time::Timestamp,
};

/// The name of their changes in the audit log.
const EVENT: &str = "directory-account";
/// How many people are looked up at a time.
const BATCH: i64 = 100;

impl App {
    /// Whether somebody may do at `now` what the account grants.
    pub(super) fn counts(&self, account: &Account, now: Timestamp) -> bool {
        let fresh = match (&account.directory, self.directory()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(person), Some(directory)) => {
                now < person.checked.after(directory.config().offline)
            }
        };
        fresh && !account.disabled
    }

    /// The account of somebody whose password the directory takes.
    pub(super) async fn try_directory(
        &self,
        directory: &Directory,
        name: &str,
        password: &Password,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let person = match directory.sign_in(name, password.reveal(), now).await {
            Ok(person) => person,
            Err(SignInError::Refused(why)) => return Err(AuthError::Refused(why)),
            Err(SignInError::Directory(error)) => {
                tracing::warn!(%error, "nobody can sign in by the directory");
                return Err(AuthError::Directory(error));
            }
        };
        let account = self.adopt(&person, actor, now).await?;
        if account.disabled { Err(AuthError::Refused(Refusal::LockedHere)) } else { Ok(account) }
    }

    /// Makes the account what the directory says of the person.
    async fn adopt(
        &self,
        person: &Person,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let name: UserName =
            person.name.parse().map_err(|_| AuthError::Refused(Refusal::NotAName))?;
        let before = self.store().account_in_directory(&person.id).await?;
        let before = match before {
            Some(old) if old.name != name => {
                // Tokens and sessions go with it: they are an account's, and its name is new.
                let detail = format!("account {}: its owner is {name} now", old.name);
                self.store().remove_account(&old.name, &note(EVENT, &detail, actor, now)).await?;
                None
            }
            known => known,
        };
        if before.is_none() {
            self.make_room(&name, actor, now).await?;
        }
        let place = Some(InDirectory { id: person.id.clone(), checked: now });
        let grants = person.grants.clone();
        let account = match before {
            Some(same) if same.grants == grants => {
                self.store().mark_checked(&person.id, now).await?;
                return Ok(Account { directory: place, ..same });
            }
            Some(other) => Account { directory: place, grants, ..other },
            None => Account {
                name: name.clone(),
                password: None,
                one_time: false,
                disabled: false,
                grants,
                created: now,
                directory: place,
                factor: false,
            },
        };
        let detail = format!("account {name}: {}", account.grants);
        self.store().save_account(&account, &note(EVENT, &detail, actor, now)).await?;
        Ok(account)
    }

    /// Lets somebody new have a name that somebody else of the directory had.
    async fn make_room(
        &self,
        name: &UserName,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        match self.store().account(name).await? {
            None => Ok(()),
            Some(other) if other.directory.is_some() => {
                let detail = format!("account {name}: the name is somebody else's now");
                self.store().remove_account(name, &note(EVENT, &detail, actor, now)).await?;
                Ok(())
            }
            Some(_) => Err(AuthError::Refused(Refusal::NameTaken)),
        }
    }

    /// Looks up again who is signed in or has tokens; returns how many lost or won something.
    /// Any number of replicas may do so side by side.
    pub async fn recheck_people(&self, now: Timestamp) -> Result<usize, AuthError> {
        let Some(directory) = self.directory() else { return Ok(0) };
        let before = now.before(directory.config().recheck);
        let mut changed = 0_usize;
        for account in self.store().unchecked(before, BATCH).await? {
            let Some(person) = &account.directory else { continue };
            let standing =
                directory.recheck(&person.id, now).await.map_err(AuthError::Directory)?;
            let different = match standing {
                Standing::Good(person) if person.name == account.name.as_str() => {
                    let different = person.grants != account.grants;
                    self.adopt(&person, &Actor::clock(), now).await?;
                    different
                }
                Standing::Good(person) => {
                    let why = format!("is {} now", person.name);
                    self.end_person(account, &why, now).await?
                }
                Standing::Ended(why) => self.end_person(account, why.name(), now).await?,
            };
            changed = changed.saturating_add(usize::from(different));
        }
        Ok(changed)
    }

    /// Takes from an account what it may; its tokens come back to life with its roles.
    async fn end_person(
        &self,
        account: Account,
        why: &str,
        now: Timestamp,
    ) -> Result<bool, AuthError> {
        let directory = account.directory.map(|person| InDirectory { checked: now, ..person });
        let had = !account.grants.is_empty();
        let ended = Account { grants: super::Grants::default(), directory, ..account };
        if had {
            let detail = format!("account {}: may nothing any more ({why})", ended.name);
            let actor = Actor::clock();
            self.store().save_account(&ended, &note(EVENT, &detail, &actor, now)).await?;
            tracing::info!(account = %ended.name, why, "somebody of the directory may nothing now");
        } else if let Some(person) = &ended.directory {
            self.store().mark_checked(&person.id, now).await?;
        }
        self.store().remove_sessions_of(&ended.name).await?;
        Ok(had)
    }
}
