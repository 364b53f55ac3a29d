//! A second factor, from the page where it is set up to the one where it is removed.

use super::browser::{Browser, PASSWORD};
use crate::{api::tests::desk::Desk, auth::UserName, time::Timestamp};

#[tokio::test]
async fn a_second_factor_is_set_up_asked_for_and_removed() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let mut alice = Browser::of(&desk, "alice", "viewer").await;
    let name: UserName = "alice".parse().unwrap();
    assert!(alice.get("/me").await.text().contains("action=\"/me/factor\""));
    let offer = alice.post("/me/factor", &[]).await.text();
    let secret = desk.app.offered_factor(&name).await.unwrap().unwrap();
    for part in ["<svg class=\"qr\"", &secret.text()[..4], "otpauth://totp/Bootmint:alice?"] {
        assert!(offer.contains(part), "{part}: {offer}");
    }
    let step = || Timestamp::now().as_unix() / 30;
    let wrong = alice.post("/me/factor/confirm", &[("code", "12345")]).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let right = alice.post("/me/factor/confirm", &[("code", &secret.code(step()))]).await;
    assert_eq!(right.status, 303, "{}", right.text());
    assert!(alice.get("/me").await.text().contains("has a second factor"));

    let asked = alice.sign_in("alice", PASSWORD, "").await;
    assert_eq!(asked.status, 403);
    assert!(asked.text().contains("name=\"code\""), "{}", asked.text());
    let fields = [("user", "alice"), ("password", PASSWORD), ("code", &secret.code(step() + 1))];
    let signed = alice.post("/sign-in", &fields).await;
    assert_eq!(signed.status, 303, "{}", signed.text());
    let again = alice.post("/sign-in", &fields).await;
    assert_eq!(again.status, 401, "a code counts once");

    assert!(root.get("/accounts").await.text().contains("/accounts/alice/factor"));
    assert_eq!(root.post("/accounts/alice/factor", &[]).await.status, 303);
    assert_eq!(alice.sign_in("alice", PASSWORD, "").await.status, 303);
}
