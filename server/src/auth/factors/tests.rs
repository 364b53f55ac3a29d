//! Signing in with a second factor.

use super::*;
use crate::{
    auth::{Credentials, Password, SignedIn},
    config,
};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix(NOW.as_unix() + seconds)
}

#[tokio::test]
async fn a_code_is_asked_for_once_it_was_confirmed_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let made = config::init(&folder.path().join("site")).unwrap();
    let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
    let (root, alice): (_, UserName) = (Actor::person("root"), "alice".parse().unwrap());
    let grants = "admin".parse().unwrap();
    let once = app.add_account(&alice, &grants, true, &root, NOW).await.unwrap().unwrap();
    let password = Password::new("correct horse battery");
    let first = Credentials::new("alice", &once).renewing(Some(&password));
    app.sign_in(&first, &root, NOW).await.unwrap();
    let shown = Credentials::new("alice", &password);
    let sign_in = async |code: &str, at| app.sign_in(&shown.with_code(code), &root, at).await;

    // An offer changes nothing until a code of it was shown; another offer takes its place.
    let lost = app.offer_factor(&alice).await.unwrap();
    let secret = app.offer_factor(&alice).await.unwrap();
    assert_ne!(lost.text(), secret.text());
    sign_in("", NOW).await.unwrap();
    let code = |at: Timestamp| secret.code(at.as_unix() / 30);
    let wrong = lost.code(NOW.as_unix() / 30);
    assert!(matches!(
        app.confirm_factor(&alice, &wrong, &root, NOW).await,
        Err(AuthError::WrongCode)
    ));
    let early = sign_in("", NOW).await.unwrap();
    let counts = async |signed: &SignedIn| {
        app.recognise(signed.token.reveal(), NOW).await.unwrap().is_some()
    };
    app.confirm_factor(&alice, &code(NOW), &root, NOW).await.unwrap();
    let rows = app.store().audit(0, 1000).await.unwrap();
    let wrong = rows.iter().find(|row| row.detail == "account alice: wrong code").unwrap();
    assert_eq!(wrong.event, "second-factor");
    assert!(!counts(&early).await, "whoever came without a code");
    assert!(app.has_factor(&alice).await.unwrap());
    assert!(matches!(app.offer_factor(&alice).await, Err(AuthError::HasFactor(_))));

    assert!(matches!(sign_in("", NOW).await, Err(AuthError::NeedsCode)));
    assert!(matches!(sign_in(&code(NOW), NOW).await, Err(AuthError::WrongCode)), "used already");
    let next = later(30);
    assert!(matches!(sign_in("000000", next).await, Err(AuthError::WrongCode)));
    let late = sign_in(&code(next), next).await.unwrap();
    assert!(counts(&late).await);
    assert!(matches!(sign_in(&code(next), next).await, Err(AuthError::WrongCode)), "once");
    // The password comes first: whoever does not know it learns nothing of the factor.
    let bad = Password::new("wrong horse battery");
    let guess = Credentials::new("alice", &bad);
    assert!(matches!(app.sign_in(&guess, &root, later(60)).await, Err(AuthError::Wrong)));
    // Codes are tries like passwords.
    let mut last = None;
    for _ in 0..9 {
        last = sign_in("123456", later(60)).await.err();
    }
    assert!(matches!(last, Some(AuthError::Throttled(_))), "{last:?}");

    app.remove_factor(&alice, &root, later(90)).await.unwrap();
    assert!(!counts(&late).await, "whoever has the telephone may have that");
    sign_in("", later(3600)).await.unwrap();
    let audit = app.store().audit(0, 1000).await.unwrap();
    let said: Vec<_> = audit.iter().map(|row| format!("{} {}", row.event, row.detail)).collect();
    for text in [
        "second-factor account alice: set up, 3 tokens ended",
        "sign-in needs a code",
        "sign-in wrong code",
        "second-factor account alice: removed, 1 token ended",
    ] {
        assert!(said.iter().any(|row| row == text), "{text}: {said:#?}");
    }
}

#[tokio::test]
async fn programs_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let made = config::init(&folder.path().join("site")).unwrap();
    let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
    let (root, ci): (_, UserName) = (Actor::person("root"), "ci".parse().unwrap());
    app.add_account(&ci, &"viewer".parse().unwrap(), false, &root, NOW).await.unwrap();
    assert!(matches!(app.offer_factor(&ci).await, Err(AuthError::Program(_))));
    let nobody: UserName = "nobody".parse().unwrap();
    assert!(matches!(app.offer_factor(&nobody).await, Err(AuthError::NoAccount(_))));
    assert!(matches!(app.remove_factor(&ci, &root, NOW).await, Err(AuthError::NoFactor(_))));
}

#[tokio::test]
async fn wrong_codes_at_setting_up_are_written_down_and_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let made = config::init(&folder.path().join("site")).unwrap();
    let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
    let (root, alice): (_, UserName) = (Actor::person("root"), "alice".parse().unwrap());
    app.add_account(&alice, &"viewer".parse().unwrap(), true, &root, NOW).await.unwrap();
    let secret = app.offer_factor(&alice).await.unwrap();
    let mut last = Ok(());
    for _ in 0..40 {
        last = app.confirm_factor(&alice, "12345", &root, NOW).await;
    }
    let Err(AuthError::Throttled(until)) = last else { panic!("{last:?}") };
    let rows = app.store().audit(0, 1000).await.unwrap();
    let wrong = rows.iter().filter(|row| row.detail == "account alice: wrong code");
    assert_eq!(wrong.count(), 6);
    let code = secret.code(until.as_unix() / 30);
    app.confirm_factor(&alice, &code, &root, until).await.unwrap();
}
