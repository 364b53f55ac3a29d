//! Accounts of people who sign in by the directory: made when they come, kept as the directory
//! has them, and worth nothing when it has not been asked for too long.

use super::{
    AuthError, Password, UserName,
    accounts::note,
    ldap::{Directory, DirectoryError, Person, Refusal, SignInError, Standing},
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
                let config = directory.config();
                // A clock that was wrong once must not keep anybody in.
                let sane = person.checked <= now.after(config.recheck);
                sane && now < person.checked.after(config.offline) && !account.grants.is_empty()
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
        // A lock is the person's, whatever they are called.
        let disabled = before.as_ref().is_some_and(|account| account.disabled);
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
            Some(other) => {
                let detail = format!("account {name}: {grants}");
                let note = note(EVENT, &detail, actor, now);
                self.store().regrant(&person.id, &grants, now, &note).await?;
                return Ok(Account { directory: place, grants, ..other });
            }
            None => Account {
                name: name.clone(),
                password: None,
                one_time: false,
                disabled,
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
            // Its lock would be gone with it: an administrator decides.
            Some(other) if other.directory.is_some() && !other.disabled => {
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
        for account in self.store().unchecked(before, now, BATCH).await? {
            let Some(person) = &account.directory else { continue };
            let standing = match directory.recheck(&person.id, now).await {
                Ok(standing) => standing,
                // One person's trouble is not everybody's.
                Err(error @ DirectoryError::Refused { .. }) => {
                    tracing::error!(account = %account.name, %error, "not looked up again");
                    continue;
                }
                Err(error) => return Err(AuthError::Directory(error)),
            };
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
        let Some(person) = &account.directory else { return Ok(false) };
        let had = !account.grants.is_empty();
        if had {
            let detail = format!("account {}: may nothing any more ({why})", account.name);
            let (nothing, actor) = (super::Grants::default(), Actor::clock());
            let note = note(EVENT, &detail, &actor, now);
            self.store().regrant(&person.id, &nothing, now, &note).await?;
            tracing::info!(account = %account.name, why, "somebody of the directory may nothing now");
        } else {
            self.store().mark_checked(&person.id, now).await?;
        }
        self.store().remove_sessions_of(&account.name).await?;
        Ok(had)
    }
}
