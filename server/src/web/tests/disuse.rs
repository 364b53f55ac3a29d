//! Sessions end by disuse, whatever a page that was left open goes on asking for.

use super::{
    browser::{Browser, PASSWORD},
    rotation::{ago, begun, with},
};
use crate::{
    api::tests::desk::Desk,
    db::Trace,
    time::{Seconds, Timestamp},
};

#[tokio::test]
async fn a_page_that_follows_what_happens_does_not_keep_its_session() {
    let desk = Desk::open().await;
    Browser::of(&desk, "alice", "viewer").await;
    let key = begun(&desk, "alice", ago(1700)).await;
    let left = with(&desk, &key);
    desk.app.close(); // so that streams end
    let soon = Timestamp::now().after(Seconds::new(200));
    let counts = async || desk.app.session(&key, &Trace::default(), soon).await.unwrap().is_some();
    let by_itself = [("sec-fetch-site", "same-origin"), ("bootmint-unasked", "yes")];
    assert_eq!(left.get("/fleet/events").await.status, 200);
    assert_eq!(left.send("GET /fleet", &by_itself, String::new()).await.status, 200);
    let forged = left.send("POST /me/password", &[], format!("password={PASSWORD}")).await;
    assert_eq!(forged.status, 403);
    assert!(!counts().await, "nobody used it for half an hour");
    assert_eq!(left.get("/fleet").await.status, 200);
    assert!(counts().await, "somebody did");
}
