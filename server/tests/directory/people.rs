//! Accounts of people of the directory: from the sign-in to the day when they leave.

use crate::{
    active_directory::{grant, person, viewers},
    samba::{self, Samba},
    site::written,
};
use bootmint_server::{
    app::App,
    auth::{AuthError, Credentials, NewToken, Password, Permission, Place, SessionKey},
    config,
    db::{Actor, AuditFilter, Trace},
    time::{Seconds, Timestamp},
};
const PASSWORD: &str = "S3cret-pass-phrase";

/// A server whose people come from the domain.
struct Site {
    app: App,
    first: String,
    _folder: tempfile::TempDir,
}

fn actor() -> Actor {
    let trace = Trace { source: "192.0.2.1".to_owned(), ..Trace::default() };
    Actor::by_request("user:anybody", &trace)
}

fn later(now: Timestamp, seconds: u32) -> Timestamp {
    now.after(Seconds::new(seconds))
}

impl Site {
    async fn open(samba: &Samba, groups: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = written(folder.path(), samba, groups, "");
        let app = App::open(config::load(&file, []).unwrap()).await.unwrap();
        let (root, admin) = ("root".parse().unwrap(), "admin".parse().unwrap());
        let (who, now) = (actor(), Timestamp::now());
        let first = app.add_account(&root, &admin, true, &who, now);
        let first = first.await.unwrap().unwrap().reveal().to_owned();
        Self { app, first, _folder: folder }
    }

    async fn sign_in(
        &self,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<SessionKey, AuthError> {
        let password = Password::new(password);
        self.app.begin_session(&Credentials::new(name, &password), None, &actor(), now).await
    }

    /// Whose session it is, and what they may; nothing if it is none.
    async fn stands(&self, key: &SessionKey, now: Timestamp) -> Option<(String, bool)> {
        let session = self.app.session(key, &Trace::default(), now).await.unwrap()?;
        let may = session.principal.role_for(Permission::HostsReimage, Place::Somewhere);
        Some((session.principal.user().to_string(), may.is_some()))
    }

    /// What the audit log says of sign-ins and of accounts of the directory, the newest first.
    async fn audit(&self) -> Vec<String> {
        let filter = AuditFilter::default();
        let rows = self.app.store().audit_back(&filter, i64::MAX, 100).await.unwrap();
        rows.iter().map(|row| format!("{} {} {}", row.actor, row.event, row.detail)).collect()
    }
}

#[tokio::test]
async fn somebody_comes_loses_a_group_and_is_out_within_minutes() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let group = viewers(&mut admin, "late-shift", &["nora"]).await;
    let site = Site::open(samba, &grant(&group, r#""reimager@site:berlin""#)).await;
    let now = Timestamp::now();
    let key = site.sign_in("ADTEST\\Nora", PASSWORD, now).await.unwrap();
    let nora = ("nora@ad.test".to_owned(), true);
    assert_eq!(site.stands(&key, now).await, Some(nora.clone()));
    let new = NewToken {
        owner: "nora@ad.test".parse().unwrap(),
        label: "shell".to_owned(),
        grants: "reimager@site:berlin".parse().unwrap(),
        expires: later(now, 86_400),
    };
    let token = site.app.make_token(&new, &actor(), now).await.unwrap();
    let token_may = async |at| {
        let principal = site.app.recognise(token.reveal(), at).await.unwrap();
        principal.map(|one| one.role_for(Permission::HostsReimage, Place::Somewhere).is_some())
    };
    assert_eq!(token_may(now).await, Some(true));
    // Looked up again too early: nothing is asked. Later: nothing has changed.
    assert_eq!(site.app.recheck_people(later(now, 60)).await.unwrap(), 0);
    assert_eq!(site.app.recheck_people(later(now, 121)).await.unwrap(), 0);
    assert_eq!(site.stands(&key, later(now, 122)).await, Some(nora));

    admin.take_out(&group, &person("nora")).await;
    assert_eq!(site.app.recheck_people(later(now, 250)).await.unwrap(), 1);
    assert_eq!(site.stands(&key, later(now, 251)).await, None, "the session is over");
    assert_eq!(token_may(later(now, 251)).await, None);
    assert!(matches!(
        site.sign_in("nora", PASSWORD, later(now, 252)).await,
        Err(AuthError::Refused(_))
    ));
    // Back in the group: what the token allows counts again; the session stays over.
    admin.put_into(&group, &person("nora")).await;
    assert_eq!(site.app.recheck_people(later(now, 400)).await.unwrap(), 1);
    assert_eq!(token_may(later(now, 401)).await, Some(true));
    assert_eq!(site.stands(&key, later(now, 401)).await, None);

    let audit = site.audit().await;
    let said = |text: &str| assert!(audit.iter().any(|row| row == text), "{text}: {audit:#?}");
    said("user:nora@ad.test sign-in by the directory");
    said("clock directory-account account nora@ad.test: may nothing any more (no-group)");
    said("user:anybody sign-in directory: no-group");
    said("clock directory-account account nora@ad.test: nothing -> reimager@site:berlin");
}

#[tokio::test]
async fn what_the_directory_was_not_asked_about_for_long_counts_no_more() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let group = viewers(&mut admin, "patient", &["olga"]).await;
    let site = Site::open(samba, &grant(&group, r#""viewer""#)).await;
    let now = Timestamp::now();
    let key = site.sign_in("olga", PASSWORD, now).await.unwrap();
    assert!(site.stands(&key, later(now, 890)).await.is_some());
    assert_eq!(site.stands(&key, later(now, 901)).await, None, "offline-seconds are over");
    assert_eq!(site.app.recheck_people(later(now, 902)).await.unwrap(), 0);
    assert!(site.stands(&key, later(now, 903)).await.is_some(), "the directory was asked again");
}

#[tokio::test]
async fn other_names_of_somebody_are_no_more_guesses() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let group = viewers(&mut admin, "guessed", &["rosa"]).await;
    admin.set(&person("rosa"), "userPrincipalName", &["nick.rosa@ad.test"]).await;
    let site = Site::open(samba, &grant(&group, r#""viewer""#)).await;
    let now = Timestamp::now();
    let names = ["rosa", "ADTEST\\Rosa", "rosa@ad.test", "nick.rosa@ad.test"];
    for at in 0..6 {
        let refused = site.sign_in(names[at % names.len()], "wrong", now).await.unwrap_err();
        assert!(matches!(refused, AuthError::Refused(_)), "{refused}");
    }
    // The right one, by the name of which only one was wrong: it is not tried.
    let held = site.sign_in("nick.rosa@ad.test", PASSWORD, now).await.unwrap_err();
    assert_eq!(held.to_string(), AuthError::Wrong.to_string(), "one answer to all");
    // Nor by another one: that would tell whose name the first one is.
    let other = site.sign_in("rosa", PASSWORD, now).await.unwrap_err();
    assert_eq!(other.to_string(), AuthError::Wrong.to_string());
    // The domain may have locked her by its own rules.
    admin.set(&person("rosa"), "lockoutTime", &["0"]).await;
    site.sign_in("nick.rosa@ad.test", PASSWORD, later(now, 900)).await.expect("time frees it");
    let audit = site.audit().await;
    let said = |text: &str| assert!(audit.iter().any(|row| row == text), "{text}: {audit:#?}");
    said("user:anybody sign-in directory: too-many-tries");
    let who = "further sign-ins of account:rosa@ad.test source:192.0.2.1 must wait";
    said(&format!("user:anybody lock-out {who}"));
}

#[tokio::test]
async fn names_are_nobodys_for_good_and_accounts_here_stay_apart() {
    let Some(samba) = samba::shared().await else { return };
    let mut admin = samba.admin().await;
    let group = viewers(&mut admin, "named", &["petra", "quinn"]).await;
    let site = Site::open(samba, &grant(&group, r#""viewer""#)).await;
    let (now, root) = (Timestamp::now(), actor());
    let petra = site.sign_in("petra", PASSWORD, now).await.unwrap();
    // Renamed: another account, and the session under the old name ends.
    admin.set(&person("petra"), "sAMAccountName", &["petra-new"]).await;
    assert_eq!(site.app.recheck_people(later(now, 130)).await.unwrap(), 1);
    assert_eq!(site.stands(&petra, later(now, 131)).await, None);
    let again = site.sign_in("petra-new", PASSWORD, later(now, 132)).await.unwrap();
    let (name, _) = site.stands(&again, later(now, 133)).await.unwrap();
    assert_eq!(name, "petra-new@ad.test");
    // Somebody else gets the old name: nothing of the old account is theirs.
    admin.set(&person("quinn"), "sAMAccountName", &["petra"]).await;
    site.sign_in("petra", PASSWORD, later(now, 134)).await.unwrap();
    // What the directory decides is not changed here; locking somebody out is.
    let petra = "petra@ad.test".parse().unwrap();
    let roles = "admin".parse().unwrap();
    let changed = site.app.change_account(&petra, Some(&roles), None, &root, now).await;
    assert!(matches!(changed, Err(AuthError::OfDirectory(_))));
    assert!(matches!(
        site.app.reset_password(&petra, &root, now).await,
        Err(AuthError::OfDirectory(_))
    ));
    site.app.change_account(&petra, None, Some(true), &root, now).await.unwrap();
    let refused = site.sign_in("petra", PASSWORD, later(now, 135)).await.unwrap_err();
    assert_eq!(refused.to_string(), AuthError::Wrong.to_string(), "one answer to all");
    // The local administrator gets in whatever the directory does, and that stands out.
    let (once, new) = (Password::new(site.first.clone()), Password::new("correct horse battery"));
    let proof = Credentials::new("root", &once).renewing(Some(&new));
    site.app.begin_session(&proof, None, &root, later(now, 136)).await.unwrap();
    let audit = site.audit().await;
    assert_eq!(audit[0], "user:root sign-in by a local password, beside the directory");
    assert!(audit.iter().any(|row| row == "user:anybody sign-in directory: locked-here"));
}
