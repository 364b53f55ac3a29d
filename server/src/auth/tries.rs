//! Tries to sign in, counted before a password is looked at: by where they come from, by the name
//! that was typed, and by the account that a name of the directory turned out to be. Somebody who has
//! several names there is one person, whose password is not guessed more often for it.
//!
//! The last two are counted apart. Only of the name that was typed it is said that it must wait:
//! whoever guessed by one name would else learn from another which account it is, and that there is
//! such an account.

use super::{AuthError, accounts::note, ldap::Gate, sign_in::pause};
use crate::{
    app::App,
    db::{Actor, AuditResult, DbError, Note},
    time::Timestamp,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
};

/// One sign-in, and what it was counted by.
pub(super) struct Tries<'a> {
    app: &'a App,
    source: &'a str,
    now: Timestamp,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    /// The account that was asked about, and whether its password may be tried.
    account: Option<(String, bool)>,
    subjects: Vec<String>,
    /// The last of them that has to wait from now on.
    locked_out: Option<String>,
    /// Why an account was not counted.
    error: Option<DbError>,
}

impl<'a> Tries<'a> {
    /// Counts a sign-in by that name, unless it has to wait.
    pub(super) async fn begin(
        app: &'a App,
        who: &str,
        source: &'a str,
        now: Timestamp,
    ) -> Result<Self, AuthError> {
        let tries = Self { app, source, now, counted: Mutex::default() };
        tries.count(format!("source:{source}"), 20, 900).await?;
        tries.count_both("user", who).await?;
        Ok(tries)
    }

    async fn count_both(&self, kind: &str, who: &str) -> Result<(), AuthError> {
        self.count(format!("{kind}:{who} source:{}", self.source), 5, 900).await?;
        // Weak against one who comes from everywhere, or anybody could lock anybody out.
        self.count(format!("{kind}:{who}"), 50, 60).await
    }

    async fn count(&self, subject: String, free: i64, most: u32) -> Result<(), AuthError> {
        let mut tries = 0;
        let pause = |count| {
            tries = count;
            pause(count, free, most)
        };
        if let Some(until) = self.app.store().count_try(&subject, self.now, pause).await? {
            return Err(AuthError::Throttled(until));
        }
        self.change(|counted| {
            if tries == free.saturating_add(1) {
                counted.locked_out = Some(subject.clone());
            }
            counted.subjects.push(subject);
        });
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Counted) -> T) -> T {
        change(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the account of who was turned away could not be counted, if that was it.
    pub(super) fn broken(&self) -> Result<(), AuthError> {
        self.change(|counted| counted.error.take()).map_or(Ok(()), |error| Err(error.into()))
    }

    /// Nobody came in: says so, if further ones must wait from now on. Once, when it begins: what
    /// comes after it is in the server's log alone.
    pub(super) async fn failed(&self, actor: &Actor) -> Result<(), AuthError> {
        let Some(subject) = self.change(|counted| counted.locked_out.take()) else { return Ok(()) };
        let detail = format!("further sign-ins of {subject} must wait");
        let note = note("lock-out", &detail, actor, self.now);
        Ok(self.app.store().note(&Note { result: AuditResult::Denied, ..note }).await?)
    }

    /// Somebody came in: the tries are forgotten.
    pub(super) async fn succeeded(&self) -> Result<(), AuthError> {
        for subject in self.change(|counted| std::mem::take(&mut counted.subjects)) {
            self.app.store().forget_tries(&subject).await?;
        }
        Ok(())
    }
}

impl Gate for Tries<'_> {
    fn passes<'g>(&'g self, account: &'g str) -> Pin<Box<dyn Future<Output = bool> + Send + 'g>> {
        Box::pin(async move {
            let before = self.change(|counted| counted.account.clone());
            if let Some((_, passes)) = before.filter(|(name, _)| name == account) {
                return passes;
            }
            let counted = self.count_both("account", account).await;
            let passes = counted.is_ok();
            self.change(|all| {
                all.account = Some((account.to_owned(), passes));
                if let Err(AuthError::Db(error)) = counted {
                    all.error = Some(error);
                }
            });
            passes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, time::Seconds};

    const NOW: Timestamp = Timestamp::from_unix(1_000_000);
    const BAD: &str = "192.0.2.66";

    /// Whether a password of alice is tried of who types that name.
    async fn tried(app: &App, typed: &str, source: &str, now: Timestamp) -> Option<bool> {
        let tries = Tries::begin(app, typed, source, now).await.ok()?;
        let passed = tries.passes("alice@ad.test").await;
        assert_eq!(tries.passes("alice@ad.test").await, passed, "at another controller");
        Some(passed)
    }

    #[tokio::test]
    async fn names_of_one_account_are_no_more_guesses_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(&folder.path().join("site")).unwrap();
        let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
        let typed = ["alice@ad.test", "al@corp.example", "nick@ad.test"];
        for at in 0..6 {
            assert_eq!(tried(&app, typed[at % 3], BAD, NOW).await, Some(true), "{at}");
        }
        assert_eq!(tried(&app, typed[1], BAD, NOW).await, Some(false), "by another name");
        assert_eq!(tried(&app, typed[0], BAD, NOW).await, Some(false), "nor by its own");
        assert_eq!(tried(&app, typed[2], "192.0.2.1", NOW).await, Some(true), "from elsewhere");
        let later = NOW.after(Seconds::new(900));
        assert_eq!(tried(&app, typed[1], BAD, later).await, Some(true), "time frees it");
        // Who comes in is counted anew, by whatever name.
        let good = Tries::begin(&app, typed[2], "192.0.2.7", later).await.unwrap();
        assert!(good.passes("alice@ad.test").await);
        good.succeeded().await.unwrap();
        for _ in 0..6 {
            assert_eq!(tried(&app, typed[0], "192.0.2.7", later).await, Some(true));
        }
    }

    #[tokio::test]
    async fn that_a_name_must_wait_says_nothing_of_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(&folder.path().join("site")).unwrap();
        let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
        for _ in 0..6 {
            tried(&app, "al@corp.example", BAD, NOW).await.expect("tried");
        }
        assert_eq!(tried(&app, "al@corp.example", BAD, NOW).await, None, "the one that was typed");
        // An account's name and one that nobody has are refused alike.
        assert_eq!(tried(&app, "alice@ad.test", BAD, NOW).await, Some(false));
        assert!(Tries::begin(&app, "nobody@ad.test", BAD, NOW).await.is_ok());
    }

    #[tokio::test]
    async fn a_lock_out_is_told_once_of_whom() {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(&folder.path().join("site")).unwrap();
        let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
        let actor = Actor::person("x");
        for at in 0..8 {
            let typed = format!("alias{at}@corp.example");
            let tries = Tries::begin(&app, &typed, BAD, NOW).await.unwrap();
            tries.passes("alice@ad.test").await;
            tries.broken().unwrap();
            tries.failed(&actor).await.unwrap();
        }
        let rows = app.store().audit(0, 100).await.unwrap();
        let told: Vec<_> = rows.iter().filter(|row| row.event == "lock-out").collect();
        let [row] = told[..] else { panic!("{told:?}") };
        let detail = "further sign-ins of account:alice@ad.test source:192.0.2.66 must wait";
        assert_eq!(row.detail, detail);
    }
}
