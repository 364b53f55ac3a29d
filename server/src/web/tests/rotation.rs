//! Keys of sessions change while they are used; nobody notices but who has a copy.

use super::browser::{Browser, PASSWORD, cookie_of};
use crate::{
    api::tests::desk::Desk,
    auth::{Credentials, Password, SessionKey},
    db::{Actor, AuditRow, Trace},
    time::{Seconds, Timestamp},
};

/// A time before the present.
pub(super) fn ago(seconds: u32) -> Timestamp {
    Timestamp::now().before(Seconds::new(seconds))
}

/// The key of a session of `name` that began some time ago.
pub(super) async fn begun(desk: &Desk, name: &str, at: Timestamp) -> SessionKey {
    let password = Password::new(PASSWORD);
    let shown = Credentials::new(name, &password);
    desk.app.begin_session(&shown, None, &Actor::person(name), at).await.unwrap()
}

/// A browser with that key, and with the form of its session.
pub(super) fn with<'d>(desk: &'d Desk, key: &SessionKey) -> Browser<'d> {
    let mut browser = Browser::new(desk);
    browser.cookie = format!("bootmint={}", key.reveal());
    key.form_token().as_str().clone_into(&mut browser.form);
    browser
}

/// The next key of that session, which was given and taken up at these times.
async fn turned(desk: &Desk, key: &SessionKey, given: Timestamp, taken: Timestamp) -> SessionKey {
    let trace = Trace::default();
    let session = desk.app.session(key, &trace, given).await.unwrap().unwrap();
    let next = desk.app.next_key(&session, key, given).await.unwrap().unwrap();
    assert!(desk.app.session(&next, &trace, taken).await.unwrap().is_some());
    next
}

async fn reused(desk: &Desk) -> Vec<AuditRow> {
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    rows.into_iter().filter(|row| row.event == "session-reuse").collect()
}

#[tokio::test]
async fn a_key_is_followed_by_another_one_and_pages_go_on() {
    let desk = Desk::open().await;
    Browser::of(&desk, "alice", "admin").await;
    let young = with(&desk, &begun(&desk, "alice", ago(800)).await);
    assert!(cookie_of(&young.get("/fleet").await).is_empty());

    let old = with(&desk, &begun(&desk, "alice", ago(1000)).await);
    let answer = old.get("/fleet").await;
    let set = answer.header("set-cookie").to_owned();
    let life: u32 = set.split("Max-Age=").nth(1).unwrap().parse().unwrap();
    assert!((27_700..=27_800).contains(&life), "it ends when the session does: {set}");
    assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
    // Of requests at the same time, one brings a key; it counts from when it is shown.
    assert!(cookie_of(&old.get("/fleet").await).is_empty(), "one is under way");
    let mut new = Browser::new(&desk);
    (new.cookie, new.form) = (cookie_of(&answer), old.form.clone());
    assert_ne!(new.cookie, old.cookie);
    let replica = desk.replica("", "").await;
    let (_, key) = new.cookie.split_once('=').unwrap();
    let key = SessionKey::parse(key).unwrap();
    let there = replica.session(&key, &Trace::default(), Timestamp::now()).await.unwrap();
    assert!(there.is_some(), "another replica is the first to see it");
    // What was under way with the one before, and what the page has open.
    desk.app.close(); // so that streams end
    assert_eq!(old.get("/fleet/events").await.status, 200);
    assert_eq!(new.get("/fleet/events").await.status, 200);
    assert_eq!(old.post("/hosts/web-01/hold", &[]).await.status, 303);
    assert_eq!(new.post("/hosts/web-01/release", &[]).await.status, 303, "a form from before");
    assert!(new.get("/me").await.text().contains(&new.form), "forms stay what they are");
    let out = new.post("/sign-out", &[]).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    assert_eq!(old.get("/fleet").await.status, 303, "signed out with all its keys");
    assert!(reused(&desk).await.is_empty());
}

#[tokio::test]
async fn signing_out_and_another_password_bring_no_key_of_what_ended() {
    let desk = Desk::open().await;
    Browser::of(&desk, "alice", "admin").await;
    let due = with(&desk, &begun(&desk, "alice", ago(1000)).await);
    let out = due.post("/sign-out", &[]).await;
    let set: Vec<_> = out.headers.get_all("set-cookie").iter().collect();
    assert_eq!(set.len(), 1, "{set:?}");
    let due = with(&desk, &begun(&desk, "alice", ago(1000)).await);
    let new = "another horse battery";
    let fields = [("password", PASSWORD), ("new-password", new), ("again", new)];
    let changed = due.post("/me/password", &fields).await;
    assert_eq!(changed.status, 303, "{}", changed.text());
    let set: Vec<_> = changed.headers.get_all("set-cookie").iter().collect();
    assert_eq!(set.len(), 1, "{set:?}");
    let mut browser = Browser::new(&desk);
    browser.cookie = cookie_of(&changed);
    assert_eq!(browser.get("/fleet").await.status, 200);
}

#[tokio::test]
async fn a_copied_cookie_ends_its_session_and_is_written_down() {
    let desk = Desk::open().await;
    Browser::of(&desk, "alice", "admin").await;
    let first = begun(&desk, "alice", ago(1500)).await;
    let second = turned(&desk, &first, ago(500), ago(20)).await;
    assert_eq!(with(&desk, &first).get("/fleet").await.status, 200, "it may be under way");

    let third = begun(&desk, "alice", ago(1500)).await;
    let fourth = turned(&desk, &third, ago(500), ago(40)).await;
    let (thief, owner) = (with(&desk, &third), with(&desk, &fourth));
    assert_eq!(owner.get("/fleet").await.status, 200);
    let answer = thief.get("/fleet").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/sign-in?next=/fleet"));
    assert_eq!(owner.get("/fleet").await.status, 303, "it is over for both");
    assert_eq!(thief.get("/fleet").await.status, 303);
    let rows = reused(&desk).await;
    assert_eq!(rows.len(), 1, "once: {rows:?}");
    assert_eq!(rows[0].detail, "session of alice: a key that it had before came again");
    assert_eq!((rows[0].actor.as_str(), rows[0].result.as_str()), ("anybody", "denied"));
    assert_eq!((rows[0].source.as_str(), rows[0].token.len()), ("192.0.2.200", 16));
    assert!(!format!("{rows:?}").contains(third.reveal()), "no keys in the log");
    assert_eq!(with(&desk, &second).get("/fleet").await.status, 200, "the other one goes on");
}

#[tokio::test]
async fn a_thief_who_is_first_is_found_by_the_owners_key() {
    let desk = Desk::open().await;
    Browser::of(&desk, "alice", "admin").await;
    let stolen = begun(&desk, "alice", ago(1500)).await;
    let thiefs = turned(&desk, &stolen, ago(500), ago(40)).await;
    assert_eq!(with(&desk, &stolen).get("/fleet").await.status, 303, "the owner is signed out");
    assert_eq!(with(&desk, &thiefs).get("/fleet").await.status, 303, "and so is the thief");
    assert_eq!(reused(&desk).await.len(), 1);
    // What never was a key of a session is nobody's, and ends nothing.
    let other = SessionKey::parse(&"a".repeat(64)).unwrap();
    assert_eq!(with(&desk, &other).get("/fleet").await.status, 303);
    assert_eq!(reused(&desk).await.len(), 1);
}
