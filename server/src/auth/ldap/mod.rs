//! Sign-in by Active Directory or OpenLDAP.
//!
//! A service account looks the person up; then the password is proved by a bind as the entry
//! that was found, so that the names of two people cannot be mixed up. Nothing is ever sent
//! before the connection is encrypted and the controller's certificate is checked.

mod ask;
mod config;
mod entry;
mod gate;
mod login;
mod policy;
mod refusal;

pub use config::{Controller, DirectoryConfig, Encryption, Kind, NoDirectory, RawDirectory};
pub use entry::PersonId;
pub use gate::{Gate, Open};
pub use login::Domains;
pub use refusal::Refusal;

use crate::{
    auth::Grants,
    time::Timestamp,
    tls::{TrustError, client},
};
use ask::{Session, Trouble};
use ldap3::dn_escape;
use login::Login;
use rustls::ClientConfig;
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the service account rests after it was refused.
const REST: Duration = Duration::from_secs(60);
/// The longest password that is sent, in bytes.
const MAX_PASSWORD: usize = 512;

/// Somebody of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What stays the same when they are renamed.
    pub id: PersonId,
    /// `account@domain`, in lower case.
    pub name: String,
    /// The name for people, without control characters.
    pub shown: String,
    /// What their groups grant. Never nothing.
    pub grants: Grants,
}

/// The directory gave no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Not one controller could be asked.
    #[error("no directory controller could be asked: {}", Tried(.0))]
    Unreachable(Vec<(String, String)>),
    /// A controller refuses what the configuration makes the server ask.
    #[error("the directory controller {controller} says no: {why}")]
    Refused {
        /// Which one.
        controller: String,
        /// What it said, and what to do.
        why: String,
    },
}

struct Tried<'a>(&'a [(String, String)]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (controller, why)) in self.0.iter().enumerate() {
            write!(f, "{}{controller}: {why}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Why somebody is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The one sentence for all reasons; the reason is for the audit log only.
    #[error("the name or the password is wrong, or the account may not sign in here")]
    Refused(Refusal),
    /// Nobody can be let in now.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// How somebody who signed in stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They may stay, with these grants.
    Good(Person),
    /// They may not stay.
    Ended(Refusal),
}

/// What a controller is asked.
enum Question<'a> {
    /// Whether that is somebody's password.
    SignIn { login: &'a Login, password: &'a str, gate: &'a dyn Gate },
    /// How somebody stands whose ticket was checked.
    Vouched(&'a Login),
    /// How somebody stands.
    Recheck(&'a PersonId),
}

/// A directory. Its clones are the same one.
#[derive(Clone, Debug)]
pub struct Directory {
    config: Arc<DirectoryConfig>,
    client: Arc<ClientConfig>,
    /// The controller that answered last is asked first.
    first: Arc<AtomicUsize>,
    /// Until when the service account is not tried again, since it was refused, and by whom.
    shut: Arc<Mutex<Option<(Instant, String, String)>>>,
}

impl Directory {
    /// Reads the authorities that are trusted. No controller is asked yet.
    pub fn new(config: DirectoryConfig) -> Result<Self, TrustError> {
        let client = client(&config.trust)?;
        Ok(Self { config: Arc::new(config), client, first: Arc::default(), shut: Arc::default() })
    }

    /// Its configuration.
    pub fn config(&self) -> &DirectoryConfig {
        &self.config
    }

    /// Lets somebody in by name and password, if `gate` lets it be tried.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        gate: &dyn Gate,
        now: Timestamp,
    ) -> Result<Person, SignInError> {
        // With an empty password a bind succeeds for anybody, as an anonymous one.
        if password.is_empty() {
            return Err(SignInError::Refused(Refusal::NoPassword));
        }
        if password.len() > MAX_PASSWORD {
            return Err(SignInError::Refused(Refusal::WrongPassword));
        }
        let login = Login::parse(name, &self.config.domains)
            .ok_or(SignInError::Refused(Refusal::NotAName))?;
        let question = Question::SignIn { login: &login, password, gate };
        self.ask(&question, now).await?.map_err(SignInError::Refused)
    }

    /// Lets somebody in whose Kerberos ticket, of this directory's domain, was checked.
    pub async fn vouched(&self, name: &str, now: Timestamp) -> Result<Person, SignInError> {
        let login = login::of_ticket(name).ok_or(SignInError::Refused(Refusal::NotAName))?;
        self.ask(&Question::Vouched(&login), now).await?.map_err(SignInError::Refused)
    }

    /// How somebody who signed in stands now: removed from a group, disabled, expired, deleted?
    /// Too many wrong passwords end nobody's session: anybody could cause that.
    pub async fn recheck(&self, id: &PersonId, now: Timestamp) -> Result<Standing, DirectoryError> {
        let answer = self.ask(&Question::Recheck(id), now).await?;
        Ok(answer.map_or_else(Standing::Ended, Standing::Good))
    }

    /// The one way to write a name of this directory: `account@domain`, in lower case.
    pub fn plain_name(&self, name: &str) -> Option<String> {
        Login::parse(name, &self.config.domains).map(|login| self.plain(&login))
    }

    fn plain(&self, login: &Login) -> String {
        match login {
            Login::Account(name) | Login::Own(name) => {
                format!("{name}@{}", self.config.domains.own())
            }
            Login::Suffix(name, domain) => format!("{name}@{domain}"),
        }
    }

    async fn ask_at(
        &self,
        mut session: Session<'_>,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Result<Person, Refusal>, Trouble> {
        match *question {
            Question::SignIn { login, password, gate } => {
                self.sign_in_at(session, login, password, gate, now).await
            }
            Question::Vouched(login) => {
                let found = session.by_login(login, now).await?;
                self.stands(session, found).await
            }
            Question::Recheck(id) => {
                let found = session.by_id(id, now).await?;
                self.stands(session, found).await
            }
        }
    }

    /// How somebody stands who need not prove who they are.
    async fn stands(
        &self,
        mut session: Session<'_>,
        found: Result<entry::Entry, Refusal>,
    ) -> Result<Result<Person, Refusal>, Trouble> {
        match found {
            Ok(entry) => {
                let grants = session.grants(&entry).await?;
                Ok(self.person(entry, grants))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    async fn sign_in_at(
        &self,
        mut session: Session<'_>,
        login: &Login,
        password: &str,
        gate: &dyn Gate,
        now: Timestamp,
    ) -> Result<Result<Person, Refusal>, Trouble> {
        let found = session.by_login(login, now).await?;
        let who = found.as_ref().map_or_else(|_| self.plain(login), |entry| self.full_name(entry));
        let passes = gate.passes(&who).await;
        let entry = match found {
            Ok(entry) => entry,
            Err(refusal) => return self.turn_away(session, password, refusal).await,
        };
        let grants = session.grants(&entry).await?;
        // Wrong passwords lock accounts of a directory. Whoever could not come in with the right
        // one is not tried, or a stranger could lock anybody's account, the service account too.
        if let Some(fault) = entry.fault() {
            return self.turn_away(session, password, fault).await;
        }
        if grants.is_empty() {
            return self.turn_away(session, password, Refusal::NoGroup).await;
        }
        // Said to nobody as it is: it would tell whose other name this one is.
        if !passes {
            return self.turn_away(session, password, Refusal::Held).await;
        }
        let proof = session.prove(&entry.dn, password).await?;
        Ok(entry.explain(proof).and_then(|()| self.person(entry, grants)))
    }

    /// Says no, after a bind that takes its time as one with the right name would.
    async fn turn_away(
        &self,
        session: Session<'_>,
        password: &str,
        refusal: Refusal,
    ) -> Result<Result<Person, Refusal>, Trouble> {
        let nobody = format!("CN={},{}", dn_escape("nobody"), self.config.base);
        // Whatever it says, nobody is let in.
        let _ = session.prove(&nobody, password).await;
        Ok(Err(refusal))
    }

    /// `account@domain`, however the name was typed.
    fn full_name(&self, entry: &entry::Entry) -> String {
        format!("{}@{}", entry.account, self.config.domains.own())
    }

    /// The person, unless the account may not be used or grants nothing.
    fn person(&self, entry: entry::Entry, grants: Grants) -> Result<Person, Refusal> {
        if let Some(fault) = entry.fault() {
            return Err(fault);
        }
        if grants.is_empty() {
            return Err(Refusal::NoGroup);
        }
        let name = self.full_name(&entry);
        Ok(Person { id: entry.id, name, shown: entry.shown, grants })
    }

    /// Remembers that the service account is refused: each try counts, and an administrator who
    /// unlocks it must not find it locked again.
    fn shut(&self, controller: String, why: String) -> DirectoryError {
        let until = Instant::now().checked_add(REST);
        *self.shut.lock().unwrap_or_else(PoisonError::into_inner) =
            until.map(|until| (until, controller.clone(), why.clone()));
        DirectoryError::Refused { controller, why }
    }

    fn is_open(&self) -> Result<(), DirectoryError> {
        match &*self.shut.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((until, controller, why)) if Instant::now() < *until => {
                let (controller, why) = (controller.clone(), why.clone());
                Err(DirectoryError::Refused { controller, why })
            }
            _ => Ok(()),
        }
    }

    /// Asks one controller after the other, until one gives an answer.
    async fn ask(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Result<Person, Refusal>, DirectoryError> {
        self.is_open()?;
        let controllers = &self.config.controllers;
        let first = self.first.load(Ordering::Relaxed);
        let mut tried = Vec::new();
        for index in (0..controllers.len()).map(|step| (first + step) % controllers.len()) {
            let controller = &controllers[index];
            let answer = match Session::open(&self.config, controller, &self.client).await {
                Ok(session) => self.ask_at(session, question, now).await,
                Err(Trouble::Final(why)) => return Err(self.shut(controller.to_string(), why)),
                Err(trouble) => Err(trouble),
            };
            match answer {
                Ok(answer) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Trouble::Next(why)) => {
                    tracing::warn!(%controller, why, "a directory controller gave no answer");
                    tried.push((controller.to_string(), why));
                }
                Err(Trouble::Final(why)) => {
                    return Err(DirectoryError::Refused {
                        controller: controller.to_string(),
                        why,
                    });
                }
            }
        }
        Err(DirectoryError::Unreachable(tried))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_can_be_asked_by_any_thread() {
        fn sent<T: Send>(_: impl FnOnce(&'static Directory, &'static PersonId) -> T) {}
        sent(|directory, _| directory.sign_in("", "", &Open, Timestamp::default()));
        sent(|directory, id| directory.recheck(id, Timestamp::default()));
    }
}
