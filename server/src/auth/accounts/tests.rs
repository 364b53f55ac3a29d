//! Signing in, tokens, and the last administrator.

use super::*;
use crate::{auth::Credentials, config, db::Trace};

const NOW: Timestamp = Timestamp::from_unix(1_000_000);

struct Site {
    app: App,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(&folder.path().join("site")).unwrap();
        let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
        Self { app, _folder: folder }
    }

    /// Another replica, at the same database.
    async fn replica(&self) -> App {
        let config = self._folder.path().join("site/bootmint.toml");
        App::open(config::load(&config, []).unwrap()).await.unwrap()
    }

    async fn add(&self, name: &str, grants: &str) -> Password {
        let (name, grants) = (name.parse().unwrap(), grants.parse().unwrap());
        self.app.add_account(&name, &grants, true, &root(), NOW).await.unwrap().unwrap()
    }

    /// An account whose one-time password was changed to this one.
    async fn person(&self, name: &str, grants: &str) -> Password {
        let (once, new) = (self.add(name, grants).await, Password::new("correct horse battery"));
        self.app
            .sign_in(&Credentials::new(name, &once).renewing(Some(&new)), &from("192.0.2.1"), NOW)
            .await
            .unwrap();
        new
    }
}

fn root() -> Actor {
    Actor::person("root")
}

fn from(source: &str) -> Actor {
    let trace = Trace { source: source.to_owned(), ..Trace::default() };
    Actor::by_request("anybody", &trace)
}

#[tokio::test]
async fn a_one_time_password_opens_once_and_only_to_change_it() {
    let site = Site::new().await;
    let (once, who) = (site.add("alice", "admin").await, from("192.0.2.1"));
    let sign_in = async |password: &Password, new: Option<&Password>| {
        site.app.sign_in(&Credentials::new("Alice", password).renewing(new), &who, NOW).await
    };
    assert!(matches!(sign_in(&once, None).await, Err(AuthError::MustChange)));
    let weak = Password::new("short");
    assert!(matches!(sign_in(&once, Some(&weak)).await, Err(AuthError::Password(_))));
    let new = Password::new("correct horse battery");
    let signed = sign_in(&once, Some(&new)).await.unwrap();
    assert!(matches!(sign_in(&once, None).await, Err(AuthError::Wrong)));
    let token = signed.token.reveal();
    let known = site.app.recognise(token, NOW).await.unwrap().unwrap();
    assert_eq!(known.user().as_str(), "alice");
    assert!(site.app.recognise(token, signed.expires).await.unwrap().is_none(), "it ended");
    let rows = site.app.store().audit(0, 100).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "sign-in")
        .map(|row| (row.detail.as_str(), row.result.as_str(), row.source.as_str()))
        .collect();
    assert_eq!(told[0], ("must change", "denied", "192.0.2.1"));
    assert_eq!(told[2], ("", "done", "192.0.2.1"));
    let text = format!("{rows:?}");
    assert!(!text.contains(once.reveal()) && !text.contains(token), "no secrets in the log");
    assert!(site.app.store().verify_audit().await.unwrap().is_ok());
}

#[tokio::test]
async fn tries_are_throttled_by_source_and_freed_by_time() {
    let site = Site::new().await;
    let password = site.person("alice", "viewer").await;
    let (wrong, bad, good) = (Password::new("wrong"), from("192.0.2.66"), from("192.0.2.1"));
    for _ in 0..5 {
        let error =
            site.app.sign_in(&Credentials::new("alice", &wrong), &bad, NOW).await.unwrap_err();
        assert!(matches!(error, AuthError::Wrong), "{error}");
    }
    let sixth = site.app.sign_in(&Credentials::new("alice", &wrong), &bad, NOW).await.unwrap_err();
    assert!(matches!(sixth, AuthError::Wrong), "the sixth is looked at, then it is blocked");
    let blocked =
        site.app.sign_in(&Credentials::new("alice", &password), &bad, NOW).await.unwrap_err();
    let AuthError::Throttled(until) = blocked else { panic!("{blocked}") };
    site.app
        .sign_in(&Credentials::new("alice", &password), &good, NOW)
        .await
        .expect("others are not locked out");
    site.app
        .sign_in(&Credentials::new("alice", &password), &bad, until)
        .await
        .expect("time frees it");
    let unknown =
        site.app.sign_in(&Credentials::new("nobody", &wrong), &good, NOW).await.unwrap_err();
    assert!(matches!(unknown, AuthError::Wrong), "unknown names are told nothing else");
    let rows = site.app.store().audit(0, 1000).await.unwrap();
    let locked: Vec<_> = rows.iter().filter(|row| row.event == "lock-out").collect();
    let [row] = locked[..] else { panic!("it is told once, when it begins: {locked:?}") };
    assert_eq!(
        (row.detail.as_str(), row.result.as_str()),
        ("further sign-ins of user:alice source:192.0.2.66 must wait", "denied")
    );
}

#[tokio::test]
async fn what_a_token_may_ends_with_its_owner() {
    let site = Site::new().await;
    site.person("root", "admin").await;
    site.person("alice", "reimager,viewer").await;
    let alice: UserName = "alice".parse().unwrap();
    let new = |days: u32| NewToken {
        owner: alice.clone(),
        label: "ci".into(),
        grants: "viewer".parse().unwrap(),
        expires: NOW.after(Seconds::new(days * 86_400)),
    };
    let token = site.app.make_token(&new(30), &root(), NOW).await.unwrap();
    assert!(matches!(site.app.make_token(&new(400), &root(), NOW).await, Err(AuthError::Life)));
    let may = async || {
        let who = site.app.recognise(token.reveal(), NOW).await.unwrap()?;
        who.role_for(super::super::Permission::HostsRead, super::super::Place::Everywhere)
    };
    assert_eq!(may().await, Some(super::super::Role::Viewer));
    let none = Grants::default();
    site.app.change_account(&alice, Some(&none), None, &root(), NOW).await.unwrap();
    assert_eq!(may().await, None);
    let viewer = "viewer".parse().unwrap();
    site.app.change_account(&alice, Some(&viewer), Some(true), &root(), NOW).await.unwrap();
    assert_eq!(may().await, None, "locked");
    site.app.change_account(&alice, None, Some(false), &root(), NOW).await.unwrap();
    assert!(may().await.is_some());
    site.app.revoke_token(token.id(), &root(), NOW).await.unwrap();
    assert_eq!(may().await, None);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let site = Site::new().await;
    site.person("root", "admin").await;
    let root_name: UserName = "root".parse().unwrap();
    let refused = [
        site.app.remove_account(&root_name, &root(), NOW).await.err(),
        site.app.change_account(&root_name, None, Some(true), &root(), NOW).await.err(),
        site.app
            .change_account(&root_name, Some(&Grants::default()), None, &root(), NOW)
            .await
            .err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, Some(AuthError::LastAdmin(_)))));
    site.person("second", "admin").await;
    site.app.remove_account(&root_name, &root(), NOW).await.unwrap();
}

#[tokio::test]
async fn changes_that_come_together_undo_nothing() {
    let site = Site::new().await;
    let (one, two): (UserName, UserName) = ("root".parse().unwrap(), "alice".parse().unwrap());
    for name in [&one, &two] {
        site.person(name.as_str(), "admin").await;
    }
    // Two administrators demote each other: one of them stays.
    let (other, none, who) = (site.replica().await, Grants::default(), root());
    let (first, second) = tokio::join!(
        site.app.change_account(&one, Some(&none), None, &who, NOW),
        other.change_account(&two, Some(&none), None, &who, NOW),
    );
    let refused = [first.err(), second.err()].into_iter().flatten().collect::<Vec<_>>();
    assert!(matches!(refused.as_slice(), [AuthError::LastAdmin(_)]), "{refused:?}");

    // What is made while a password is reset stays: its hash takes a while.
    site.person("bob", "viewer").await;
    let (bob, editor) = ("bob".parse().unwrap(), "editor".parse().unwrap());
    let (reset, changed) = tokio::join!(
        site.app.reset_password(&bob, &who, NOW),
        other.change_account(&bob, Some(&editor), Some(true), &who, NOW),
    );
    let (once, _) = (reset.unwrap(), changed.unwrap());
    let found = site.app.store().account(&bob).await.unwrap().unwrap();
    assert!(found.disabled && found.one_time, "{found:?}");
    assert_eq!(found.grants, editor);
    assert!(once.matches(found.password.as_deref()).await.unwrap());

    // Of two who make an account, one is told that it is there.
    let carol = "carol".parse().unwrap();
    let (first, second) = tokio::join!(
        site.app.add_account(&carol, &none, true, &who, NOW),
        other.add_account(&carol, &editor, true, &who, NOW),
    );
    let refused = [first.err(), second.err()].into_iter().flatten().collect::<Vec<_>>();
    assert!(matches!(refused.as_slice(), [AuthError::Exists(_)]), "{refused:?}");
}

#[tokio::test]
async fn tokens_end_with_the_password_that_they_were_made_with() {
    let site = Site::new().await;
    let (old, new) = (site.person("alice", "viewer").await, Password::new("another horse battery"));
    let (alice, ci): (UserName, UserName) = ("alice".parse().unwrap(), "ci".parse().unwrap());
    site.app.add_account(&ci, &"viewer".parse().unwrap(), false, &root(), NOW).await.unwrap();
    let make = async |owner: &UserName| {
        let (grants, expires) = ("viewer".parse().unwrap(), NOW.after(Seconds::new(86_400)));
        let new = NewToken { owner: owner.clone(), label: "own".into(), grants, expires };
        site.app.make_token(&new, &root(), NOW).await.unwrap()
    };
    let counts =
        async |token: &ApiToken| site.app.recognise(token.reveal(), NOW).await.unwrap().is_some();
    let program = make(&ci).await;

    // Somebody else knew the password, and made a token for a year.
    let (shown, who) = (Credentials::new("alice", &old), from("192.0.2.1"));
    let (signed, own) = (site.app.sign_in(&shown, &who, NOW).await.unwrap(), make(&alice).await);
    let changed = site.app.sign_in(&shown.renewing(Some(&new)), &who, NOW).await.unwrap();
    assert!(!counts(&signed.token).await && !counts(&own).await);
    assert!(counts(&changed.token).await, "it came of the new password");

    let again = make(&alice).await;
    assert!(counts(&again).await);
    site.app.reset_password(&alice, &root(), NOW).await.unwrap();
    assert!(!counts(&again).await && !counts(&changed.token).await);
    assert!(counts(&program).await, "a program's tokens are no business of this");
    let rows = site.app.store().audit(0, 1000).await.unwrap();
    let told = |event| rows.iter().rfind(|row| row.event == event).unwrap().detail.as_str();
    // The first sign-in of all left a token, too.
    assert_eq!(told("change-password"), "account alice, 3 tokens ended");
    assert_eq!(told("reset-password"), "account alice, 2 tokens ended");
}

#[tokio::test]
async fn changes_of_accounts_are_told_with_what_was_before() {
    let site = Site::new().await;
    site.person("alice", "viewer").await;
    let (alice, who) = ("alice".parse().unwrap(), root());
    let wider = "viewer,reimager@site:berlin".parse().unwrap();
    site.app.change_account(&alice, Some(&wider), None, &who, NOW).await.unwrap();
    site.app.change_account(&alice, None, Some(true), &who, NOW).await.unwrap();
    site.app
        .change_account(&alice, Some(&Grants::default()), Some(false), &who, NOW)
        .await
        .unwrap();
    let rows = site.app.store().audit(0, 1000).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .filter(|row| row.event == "change-account")
        .map(|row| row.detail.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "account alice: viewer -> viewer,reimager@site:berlin",
            "account alice: viewer,reimager@site:berlin -> viewer,reimager@site:berlin, locked",
            "account alice: viewer,reimager@site:berlin, locked -> nothing",
        ]
    );
}
