//! Accounts of people who sign in by the directory or the OpenID provider: made when they come,
//! kept as it has them, and worth nothing when it has not been asked for too long.

use super::{
    AuthError, Credentials, UserName,
    accounts::{note, told},
    ldap::{Directory, DirectoryError, Person, Refusal, SignInError, Standing},
    tries::Tries,
};
use crate::{
    app::App,
    db::{Account, Actor, InDirectory, Realm},
    time::{Seconds, Timestamp},
};

/// How many people are looked up at a time.
pub(super) const BATCH: i64 = 100;

/// The name of their changes in the audit log.
const fn event(realm: Realm) -> &'static str {
    match realm {
        Realm::Directory => "directory-account",
        Realm::Openid => "openid-account",
    }
}

impl App {
    /// Whether somebody may do at `now` what the account grants.
    pub(super) fn counts(&self, account: &Account, now: Timestamp) -> bool {
        let fresh = account.directory.as_ref().is_none_or(|person| {
            self.patience(person).is_some_and(|(recheck, lasts)| {
                // A clock that was wrong once must not keep anybody in.
                let sane = person.checked <= now.after(recheck);
                sane && now < person.checked.after(lasts) && !account.grants.is_empty()
            })
        });
        fresh && !account.disabled
    }

    /// After how long somebody is looked up again, and how long they count after it was done;
    /// nothing if there is nobody to ask.
    fn patience(&self, person: &InDirectory) -> Option<(Seconds, Seconds)> {
        match person.realm {
            Realm::Directory => self.directory().map(|directory| {
                let config = directory.config();
                (config.recheck, config.offline)
            }),
            Realm::Openid => self.openid().map(|provider| {
                let config = provider.config();
                (config.recheck, config.lasts(person.refresh.is_some()))
            }),
        }
    }

    /// The account of somebody whose password the directory takes.
    pub(super) async fn try_directory(
        &self,
        directory: &Directory,
        shown: &Credentials<'_>,
        tries: &Tries<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let found = directory.sign_in(shown.name, shown.password.reveal(), tries, now).await;
        self.take_in(found, actor, now).await
    }

    /// The account of somebody whom the directory lets in.
    pub(super) async fn take_in(
        &self,
        found: Result<Person, SignInError>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Account, AuthError> {
        let person = match found {
            Ok(person) => person,
            Err(SignInError::Refused(why)) => return Err(AuthError::Refused(why)),
            Err(SignInError::Directory(error)) => {
                tracing::warn!(%error, "nobody can sign in by the directory");
                return Err(AuthError::Directory(error));
            }
        };
        let account = self.adopt(&person, Realm::Directory, actor, now).await?;
        if account.disabled { Err(AuthError::Refused(Refusal::LockedHere)) } else { Ok(account) }
    }

    /// Makes the account what the directory, or the provider, says of the person.
    pub(super) async fn adopt(
        &self,
        person: &Person,
        realm: Realm,
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
                self.store()
                    .remove_account(&old.name, &note(event(realm), &detail, actor, now))
                    .await?;
                None
            }
            known => known,
        };
        if before.is_none() {
            self.make_room(&name, realm, actor, now).await?;
        }
        let refresh =
            before.as_ref().and_then(|account| account.directory.as_ref()?.refresh.clone());
        let place = InDirectory { refresh, ..InDirectory::of(realm, person.id.clone(), now) };
        let place = Some(place);
        let grants = person.grants.clone();
        let account = match before {
            Some(same) if same.grants == grants => {
                self.store().mark_checked(&person.id, now).await?;
                return Ok(Account { directory: place, ..same });
            }
            Some(other) => {
                let detail =
                    format!("account {name}: {} -> {}", told(&other.grants), told(&grants));
                let note = note(event(realm), &detail, actor, now);
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
        let mut locked = self.store().lock_accounts().await?;
        if let Some(other) = locked.account(&name).await? {
            // Another replica may have been faster with the same person.
            let same = other.directory.as_ref().is_some_and(|place| place.id == person.id);
            return if same { Ok(other) } else { Err(AuthError::Refused(Refusal::NameTaken)) };
        }
        locked.add(&account, &note(event(realm), &detail, actor, now)).await?;
        Ok(account)
    }

    /// Lets somebody new have a name that somebody else of the same realm had.
    async fn make_room(
        &self,
        name: &UserName,
        realm: Realm,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        match self.store().account(name).await? {
            None => Ok(()),
            // Its lock would be gone with it: an administrator decides.
            Some(other) if other.is_of(realm) && !other.disabled => {
                let detail = format!("account {name}: the name is somebody else's now");
                self.store().remove_account(name, &note(event(realm), &detail, actor, now)).await?;
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
        for account in self.store().unchecked(Realm::Directory, before, now, BATCH).await? {
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
                    self.adopt(&person, Realm::Directory, &Actor::clock(), now).await?;
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
    pub(super) async fn end_person(
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
            let note = note(event(person.realm), &detail, &actor, now);
            self.store().regrant(&person.id, &nothing, now, &note).await?;
            tracing::info!(account = %account.name, why, "somebody may nothing now");
        } else {
            self.store().mark_checked(&person.id, now).await?;
        }
        self.store().remove_sessions_of(&account.name).await?;
        Ok(had)
    }
}
