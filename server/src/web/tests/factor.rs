//! A second factor, from the page where it is set up to the one where it is removed.

use super::browser::{Browser, PASSWORD};
use crate::{api::tests::desk::Desk, auth::UserName, db::Actor, time::Timestamp};

#[tokio::test]
async fn a_second_factor_is_set_up_asked_for_and_removed() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let mut alice = Browser::of(&desk, "alice", "viewer").await;
    let name: UserName = "alice".parse().unwrap();
    assert!(alice.get("/me").await.text().contains("action=\"/me/factor\""));
    let guess = alice.post("/me/factor", &[("password", "wrong horse battery")]).await;
    assert_eq!(guess.status, 400, "{}", guess.text());
    let offer = alice.post("/me/factor", &[("password", PASSWORD)]).await.text();
    let secret = desk.app.offered_factor(&name).await.unwrap().unwrap();
    for part in ["<svg class=\"qr\"", &secret.text()[..4], "otpauth://totp/Bootmint:alice?"] {
        assert!(offer.contains(part), "{part}: {offer}");
    }
    let step = || Timestamp::now().as_unix() / 30;
    let wrong = alice.post("/me/factor/confirm", &[("code", "12345")]).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let right = alice.post("/me/factor/confirm", &[("code", &secret.code(step()))]).await;
    assert_eq!(right.status, 303, "{}", right.text());
    assert_eq!(alice.get("/me").await.status, 303, "whoever was signed in shows a code, too");
    alice.cookie.clear();
    alice.form.clear();
    let asked = alice.sign_in("alice", PASSWORD, "").await;
    assert_eq!(asked.status, 403);
    assert!(asked.text().contains("name=\"code\""), "{}", asked.text());
    let fields = [("user", "alice"), ("password", PASSWORD), ("code", &secret.code(step() + 1))];
    let signed = alice.post("/sign-in", &fields).await;
    assert_eq!(signed.status, 303, "{}", signed.text());
    let again = alice.post("/sign-in", &fields).await;
    assert_eq!(again.status, 401, "a code counts once");

    // An administrator's new password for one use: its form asks for all that is needed at once.
    let (actor, now) = (Actor::person("root"), Timestamp::now());
    let once = desk.app.reset_password(&name, &actor, now).await.unwrap();
    let shown = [("user", "alice"), ("password", once.reveal())];
    let must = alice.post("/sign-in", &[&shown[..], &[("code", "123456")]].concat()).await;
    let new = [("new-password", PASSWORD), ("again", PASSWORD)];
    let needs = alice.post("/sign-in", &[shown, new].concat()).await;
    for page in [must.text(), needs.text()] {
        for field in ["name=\"code\"", "name=\"new-password\""] {
            assert!(page.contains(field), "{field}: {page}");
        }
    }
    assert!(root.get("/accounts").await.text().contains("/accounts/alice/factor"));
    assert_eq!(root.post("/accounts/alice/factor", &[]).await.status, 303);
    assert_eq!(alice.post("/sign-in", &[shown, new].concat()).await.status, 303);
}
