//! Sessions begin anew, and end.

use super::*;
use crate::{
    auth::{Grants, Password},
    config,
    db::Trace,
};

const NOW: Timestamp = Timestamp::from_unix(1_000_000);

#[tokio::test]
async fn a_session_is_new_at_each_sign_in_and_ends_by_disuse_by_time_and_by_order() {
    let folder = tempfile::tempdir().unwrap();
    let made = config::init(&folder.path().join("site")).unwrap();
    let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
    let root = Actor::person("root");
    assert!(app.has_no_people().await.unwrap());
    let (alice, grants): (UserName, Grants) = ("alice".parse().unwrap(), "viewer".parse().unwrap());
    let once = app.add_account(&alice, &grants, true, &root, NOW).await.unwrap().unwrap();
    assert_eq!(app.is_first_run().await.unwrap(), Some(alice.clone()));
    let who = Actor::by_request("user:alice", &Trace { source: "::1".into(), ..Trace::default() });
    let new = Password::new("correct horse battery");
    let begin = async |password: &Password, new: Option<&Password>, before: Option<&SessionKey>| {
        app.begin_session(&Credentials::new("alice", password).renewing(new), before, &who, NOW)
            .await
            .unwrap()
    };
    let trace = Trace::default();
    let counts = async |key: &SessionKey, now| match app.session(key, &trace, now).await.unwrap() {
        Some(session) => app.use_session(&session, now).await.is_ok(),
        None => false,
    };
    let first = begin(&once, Some(&new), None).await;
    assert_eq!(app.is_first_run().await.unwrap(), None);
    assert!(counts(&first, NOW).await);
    // Whoever gave somebody a key before they signed in does not know the one after.
    let second = begin(&new, None, Some(&first)).await;
    assert!(second != first && !counts(&first, NOW).await);
    assert_ne!(first.form_token(), second.form_token());

    let minutes = |n: u32| NOW.after(Seconds::new(n * 60));
    assert!(counts(&second, minutes(29)).await, "in use");
    assert!(counts(&second, minutes(58)).await, "still in use");
    assert!(!counts(&second, minutes(89)).await, "not used for half an hour");
    let third = begin(&new, None, None).await;
    for n in (20..480).step_by(20) {
        assert!(counts(&third, minutes(n)).await, "{n}");
    }
    assert!(!counts(&third, minutes(480)).await, "it ends although it is used");

    let fourth = begin(&new, None, None).await;
    app.change_account(&alice, None, Some(true), &root, NOW).await.unwrap();
    assert!(!counts(&fourth, NOW).await, "locked");
    app.change_account(&alice, None, Some(false), &root, NOW).await.unwrap();
    assert!(counts(&fourth, NOW).await);
    begin(&new, Some(&Password::new("another horse battery")), None).await;
    assert!(!counts(&fourth, NOW).await, "the password was changed");
    let again = begin(&Password::new("another horse battery"), None, None).await;
    app.end_session(&again, &who, NOW).await.unwrap();
    assert!(!counts(&again, NOW).await, "signed out");
    let rows = app.store().audit(0, 1000).await.unwrap();
    assert!(rows.iter().any(|row| row.event == "sign-out"));
    assert!(!format!("{rows:?}").contains(again.reveal()), "no keys in the log");
}

#[tokio::test]
async fn a_session_in_use_does_not_end_however_soon_disuse_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let made = config::init(&folder.path().join("site")).unwrap();
    let soon = [("BOOTMINT_CONSOLE__IDLE_MINUTES".to_owned(), "1".to_owned())];
    let app = App::open(config::load(&made.config, soon).unwrap()).await.unwrap();
    let (alice, grants): (UserName, Grants) = ("alice".parse().unwrap(), "viewer".parse().unwrap());
    app.add_account(&alice, &grants, true, &Actor::person("root"), NOW).await.unwrap();
    let (key, trace) = (app.open_session(alice, NOW).await.unwrap(), Trace::default());
    for seconds in (20..200).step_by(20) {
        let now = NOW.after(Seconds::new(seconds));
        let session = app.session(&key, &trace, now).await.unwrap();
        app.use_session(&session.expect("it is used"), now).await.unwrap();
    }
    let late = NOW.after(Seconds::new(180 + 60));
    assert!(app.session(&key, &trace, late).await.unwrap().is_none(), "not for a minute");
}
