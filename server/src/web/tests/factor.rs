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

/// A site that demands a second factor of its local administrators.
async fn demanding(which: &str) -> Desk {
    Desk::open_with([("BOOTMINT_CONSOLE__SECOND_FACTOR".into(), which.into())]).await
}

#[tokio::test]
async fn an_administrator_without_a_second_factor_sets_it_up_before_anything_else() {
    let desk = demanding("local-admins").await;
    let mut root = Browser::of(&desk, "root", "admin").await;
    for path in ["/", "/fleet", "/accounts", "/fleet/events", "/fleet.csv"] {
        let led = root.get(path).await;
        assert_eq!((led.status.as_u16(), led.header("location")), (303, "/me"), "{path}");
    }
    let me = root.get("/me").await.text();
    assert!(me.contains("must have a second factor before you can go on"), "{me}");
    let denied = root.post("/accounts", &[("name", "eve"), ("roles", "admin")]).await;
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("must have a second factor"), "{}", denied.text());
    assert!(desk.app.store().account(&"eve".parse().unwrap()).await.unwrap().is_none());
    let token = root.post("/tokens", &[("label", "x"), ("roles", "viewer"), ("days", "1")]).await;
    assert_eq!(token.status, 403, "no token is made to get around it");

    let page = root.post("/me/factor", &[("password", PASSWORD)]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let owner = "root".parse().unwrap();
    let secret = desk.app.offered_factor(&owner).await.unwrap().unwrap();
    let step = || Timestamp::now().as_unix() / 30;
    let confirmed = root.post("/me/factor/confirm", &[("code", &secret.code(step()))]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.text());
    let later = secret.code(step() + 1);
    let fields = [("user", "root"), ("password", PASSWORD), ("code", later.as_str())];
    let signed = root.post("/sign-in", &fields).await;
    root.cookie = super::browser::cookie_of(&signed);
    assert_eq!(root.get("/accounts").await.status, 200, "it is as ever now");
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let denied = rows.iter().filter(|row| row.event == "denied" && row.actor == "user:root");
    assert_eq!(denied.count(), 2, "what was tried before it is written down");
}

#[tokio::test]
async fn no_token_gets_around_a_second_factor_that_is_demanded() {
    let desk = demanding("local-admins").await;
    let _root = Browser::of(&desk, "root", "admin").await;
    // One that was made before the site demanded it.
    let old = desk.another_token("root", "admin").await;
    let refused = desk.get("/api/v1/hosts", &old).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("must have a second factor"), "{}", refused.text());
    assert_eq!(desk.get("/api/v1/me", &old).await.status, 200, "who one is, one may ask");
    let body = format!(r#"{{"user": "root", "password": "{PASSWORD}"}}"#);
    let before = desk.app.store().tokens().await.unwrap().len();
    let signed = desk.ask("POST /api/v1/sign-in", "", &[], body).await;
    assert_eq!(signed.status, 403, "{}", signed.text());
    assert_eq!(desk.app.store().tokens().await.unwrap().len(), before);
    // Programs have no password, and others were not asked.
    let program = desk.token("ci", "admin").await;
    assert_eq!(desk.get("/api/v1/hosts", &program).await.status, 200);
    let alice = Browser::of(&desk, "alice", "viewer").await;
    assert_eq!(alice.get("/fleet").await.status, 200);
    let all = demanding("local").await;
    let alice = Browser::of(&all, "alice", "viewer").await;
    assert_eq!(alice.get("/fleet").await.header("location"), "/me");
}
