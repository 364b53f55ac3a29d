//! Signing in by an identity provider, with a browser that keeps cookies as browsers do.

use super::browser::{Browser, cookie_of};
use crate::{
    api::tests::desk::{Answer, Desk},
    auth::oidc::{
        FlowKey,
        tests::hostile::{CONSOLE, Hostile, Key},
    },
    db::{Actor, AuditRow},
    time::{Seconds, Timestamp},
};
use serde_json::{Value, json};

const CALLBACK: &str = "/sign-in/oidc/callback";

/// A site whose people come from that provider.
async fn open(hostile: &Hostile) -> Desk {
    let section = format!("[oidc]\n{}", hostile.section("recheck-seconds = 60\n"));
    Desk::open_with_section(&section, [("BOOTMINT_CONSOLE__URL".into(), CONSOLE.into())]).await
}

/// A sign-in that is under way.
struct Flow {
    cookie: String,
    state: String,
}

async fn begin(desk: &Desk, hostile: &Hostile, before: &str, next: &str, claims: Value) -> Flow {
    let mut browser = Browser::new(desk);
    before.clone_into(&mut browser.cookie);
    let answer = browser.get(&format!("/sign-in/oidc?next={next}")).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let to = reqwest::Url::parse(answer.header("location")).unwrap();
    assert!(to.as_str().starts_with(&format!("{}/enter?", hostile.issuer)), "{to}");
    let find =
        |name: &str| to.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned();
    let set = answer.header("set-cookie");
    for part in ["; Path=/;", "; HttpOnly;", "; SameSite=Lax;", "; Max-Age=600"] {
        assert!(set.contains(part), "{set}");
    }
    hostile.say_with(&find("nonce"), claims);
    Flow { cookie: cookie_of(&answer), state: find("state") }
}

/// The browser comes back from the provider.
async fn come(desk: &Desk, hostile: &Hostile, flow: &Flow, more: &str) -> Answer {
    let mut browser = Browser::new(desk);
    flow.cookie.clone_into(&mut browser.cookie);
    let iss = super::super::page::encode(&hostile.issuer);
    let path = format!("GET {CALLBACK}?state={}&iss={iss}&{more}", flow.state);
    browser.send(&path, &[("sec-fetch-site", "cross-site")], String::new()).await
}

/// A whole sign-in; the session's cookie, if there is one.
async fn sign_in(desk: &Desk, hostile: &Hostile, claims: Value) -> Result<String, Answer> {
    let flow = begin(desk, hostile, "", "/fleet", claims).await;
    let answer = come(desk, hostile, &flow, "code=c").await;
    if answer.status == 200 { Ok(cookie_of(&answer)) } else { Err(answer) }
}

async fn rows(desk: &Desk, event: &str) -> Vec<AuditRow> {
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    rows.into_iter().filter(|row| row.event == event).collect()
}

fn with(desk: &Desk, cookie: String) -> Browser<'_> {
    let mut browser = Browser::new(desk);
    browser.cookie = cookie;
    browser
}

#[tokio::test]
async fn somebody_whom_the_provider_knows_comes_in_with_the_roles_of_their_groups() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let page = Browser::new(&desk).get("/sign-in?next=/hosts/web-01").await.text();
    assert!(page.contains("href=\"/sign-in/oidc?next=/hosts/web-01\">Our provider</a>"), "{page}");
    assert!(!page.contains("bootmint users add"), "somebody can sign in");
    let flow = begin(&desk, &hostile, "", "/hosts/web-01", json!({})).await;
    let answer = come(&desk, &hostile, &flow, "code=c").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("content=\"0;url=/hosts/web-01\""), "{}", answer.text());
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert!(set[0].to_str().unwrap().contains("SameSite=Strict"), "{set:?}");
    assert!(set[1].to_str().unwrap().contains("Max-Age=0"), "the flow's own is gone: {set:?}");
    let alice = with(&desk, cookie_of(&answer));
    assert!(alice.get("/hosts/web-01").await.text().contains(">alice</a>"));
    assert_eq!(alice.get("/accounts").await.status, 403, "a viewer");
    let row = rows(&desk, "sign-in").await.pop().unwrap();
    assert_eq!(
        (row.actor.as_str(), row.detail.as_str()),
        ("user:alice", "by the identity provider")
    );
    let account = rows(&desk, "openid-account").await.pop().unwrap();
    assert_eq!(account.detail, "account alice: viewer");
    let stored = desk.app.store().account(&"alice".parse().unwrap()).await.unwrap().unwrap();
    let sealed = stored.directory.unwrap().refresh.unwrap();
    assert!(!sealed.as_str().contains("refresh-1"), "never in the clear");

    // Nobody's password opens it, and it is not a local account's.
    let mut other = Browser::new(&desk);
    assert_eq!(other.sign_in("alice", "", "").await.status, 401);
    assert!(alice.get("/me").await.text().contains("identity provider"));
}

#[tokio::test]
async fn the_way_back_counts_once_in_the_browser_that_began() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let refused = async |flow: &Flow, more: &str| {
        let answer = come(&desk, &hostile, flow, more).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(!answer.header("set-cookie").starts_with("bootmint="), "no session");
        answer.text()
    };
    let flow = begin(&desk, &hostile, "", "/", json!({})).await;
    let another = begin(&desk, &hostile, "", "/", json!({})).await;
    let stranger = "did not begin in this browser";
    for (cookie, state) in [
        ("", flow.state.as_str()),
        (another.cookie.as_str(), flow.state.as_str()),
        (flow.cookie.as_str(), another.state.as_str()),
        (flow.cookie.as_str(), ""),
        (flow.cookie.as_str(), "../x"),
    ] {
        let mixed = Flow { cookie: cookie.to_owned(), state: state.to_owned() };
        assert!(refused(&mixed, "code=c").await.contains(stranger));
    }
    // The right name of the cookie, with another sign-in's key in it.
    let name = flow.cookie.split('=').next().unwrap();
    let key = another.cookie.split('=').nth(1).unwrap();
    let forged = Flow { cookie: format!("{name}={key}"), state: flow.state.clone() };
    assert!(refused(&forged, "code=c").await.contains(stranger));
    let tokens = hostile.count("/token");
    assert_eq!(tokens, 0, "nobody's code was shown to the provider");
    let good = begin(&desk, &hostile, "", "//evil.example", json!({})).await;
    let answer = come(&desk, &hostile, &good, "code=c").await;
    assert!(answer.text().contains("content=\"0;url=/\""), "nobody is led away");
    assert!(refused(&good, "code=c").await.contains(stranger), "once");
    let denied = rows(&desk, "sign-in").await.into_iter().filter(|row| row.result == "denied");
    assert!(denied.count() >= 7);
    // Begun by another site, it goes through a page of this one first.
    let away = Browser::new(&desk);
    let line = "GET /sign-in/oidc?next=/fleet";
    let answer = away.send(line, &[("sec-fetch-site", "cross-site")], String::new()).await;
    assert!(answer.status == 200 && answer.text().contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn whom_the_provider_or_the_site_refuses_is_told_why() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let none = sign_in(&desk, &hostile, json!({ "groups": ["others"] })).await.unwrap_err();
    assert_eq!(none.status, 403);
    assert!(none.text().contains("none of your groups"), "{}", none.text());
    let wrong = sign_in(&desk, &hostile, json!({ "nonce": "another" })).await.unwrap_err();
    assert!(wrong.text().contains("another sign-in"), "{}", wrong.text());
    hostile.sign_with(Key::None);
    assert_eq!(sign_in(&desk, &hostile, json!({})).await.unwrap_err().status, 400);
    let flow = begin(&desk, &hostile, "", "/", json!({})).await;
    let more = "error=access_denied&error_description=%3Cb%3Enot%20you";
    let said = come(&desk, &hostile, &flow, more).await.text();
    assert!(said.contains("access_denied &#60;b&#62;not you"), "{said}");
    let details: Vec<_> = rows(&desk, "sign-in").await.into_iter().map(|row| row.detail).collect();
    for wanted in ["no-group", "another sign-in", "signature", "access_denied <b>not you"] {
        assert!(details.iter().any(|detail| detail.contains(wanted)), "{wanted}: {details:?}");
    }
    assert_eq!(desk.app.store().accounts().await.unwrap().len(), 0, "nobody has an account");
}

#[tokio::test]
async fn names_of_local_accounts_and_locks_stay_what_they_are() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    Browser::of(&desk, "root", "admin").await;
    let root = json!({ "preferred_username": "root", "groups": ["chiefs"] });
    let refused = sign_in(&desk, &hostile, root).await.unwrap_err();
    assert!(refused.text().contains("another account here has your name"), "{}", refused.text());
    let cookie = sign_in(&desk, &hostile, json!({})).await.unwrap();
    let (alice, actor, now) = ("alice".parse().unwrap(), Actor::person("root"), Timestamp::now());
    desk.app.change_account(&alice, None, Some(true), &actor, now).await.unwrap();
    assert_eq!(with(&desk, cookie).get("/fleet").await.status, 303);
    let locked = sign_in(&desk, &hostile, json!({})).await.unwrap_err();
    assert!(locked.text().contains("locked here"), "{}", locked.text());
    // The lock is the person's, under whatever name.
    let renamed = json!({ "preferred_username": "alicia" });
    assert!(sign_in(&desk, &hostile, renamed).await.is_err());
}

#[tokio::test]
async fn a_lost_group_counts_and_so_does_a_provider_that_vouches_no_longer() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let cookie = sign_in(&desk, &hostile, json!({ "groups": ["chiefs"] })).await.unwrap();
    let alice = with(&desk, cookie);
    let late = |seconds| Timestamp::now().after(Seconds::new(seconds));
    assert_eq!(alice.get("/accounts").await.status, 200);
    assert_eq!(desk.app.recheck_openid(Timestamp::now()).await.unwrap(), 0, "it was just asked");
    hostile.say_with("", json!({ "groups": ["staff"] }));
    assert_eq!(desk.app.recheck_openid(late(70)).await.unwrap(), 1);
    assert!(hostile.asked("/token").contains("refresh_token=refresh-1"));
    let account =
        async || desk.app.store().account(&"alice".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(account().await.grants.to_string(), "viewer");
    hostile.say_with("", json!({ "groups": [] }));
    assert_eq!(desk.app.recheck_openid(late(140)).await.unwrap(), 1);
    assert!(hostile.asked("/token").contains("refresh_token=refresh-2"), "each counts once");
    assert!(account().await.grants.is_empty());
    assert_eq!(alice.get("/fleet").await.status, 303);

    let cookie = sign_in(&desk, &hostile, json!({})).await.unwrap();
    let alice = with(&desk, cookie);
    // What is wrong with this server's own secret is not about her.
    hostile.refuse("invalid_client");
    assert_eq!(desk.app.recheck_openid(late(70)).await.unwrap(), 0);
    assert_eq!(alice.get("/fleet").await.status, 200);
    hostile.refuse("invalid_grant");
    assert_eq!(desk.app.recheck_openid(late(140)).await.unwrap(), 1);
    assert_eq!(alice.get("/fleet").await.header("location"), "/sign-in?next=/fleet");
    let row = rows(&desk, "sign-out").await.pop().unwrap();
    assert!(row.detail.contains("alice") && row.detail.contains("invalid_grant"), "{}", row.detail);
}

#[tokio::test]
async fn without_anything_to_ask_with_the_browser_goes_by_the_provider_again() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let cookie = sign_in(&desk, &hostile, json!({})).await.unwrap();
    let alice = with(&desk, cookie.clone());
    let id = desk.app.store().account(&"alice".parse().unwrap()).await.unwrap().unwrap();
    let id = id.directory.unwrap().id;
    desk.app.store().keep_refresh(&id, None).await.unwrap();
    assert_eq!(alice.get("/fleet").await.status, 200);
    let long_ago = Timestamp::now().before(Seconds::new(61));
    desk.app.store().mark_checked(&id, long_ago).await.unwrap();
    let led = alice.get("/fleet?q=a").await;
    assert_eq!(led.header("location"), "/sign-in/oidc?next=/fleet%3Fq%3Da");
    assert_eq!(alice.post("/fleet/arm", &[]).await.status, 401, "a form is not sent again");
    let flow = begin(&desk, &hostile, &cookie, "/fleet", json!({})).await;
    let answer = come(&desk, &hostile, &flow, "code=c").await;
    let again = with(&desk, cookie_of(&answer));
    assert_eq!(again.get("/fleet").await.status, 200);
    assert_eq!(alice.get("/fleet").await.status, 303, "the session before has ended");

    let mut leaving = with(&desk, again.cookie.clone());
    let page = leaving.get("/me").await.text();
    let start = page.find("name=\"form\" value=\"").unwrap() + 19;
    page[start..start + 64].clone_into(&mut leaving.form);
    let out = leaving.post("/sign-out", &[]).await;
    let to = format!("content=\"0;url={}/leave?client_id=bootmint&#38;post_logout", hostile.issuer);
    assert!(out.text().contains(&to), "{}", out.text());
    assert!(out.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_and_local_accounts_go_on() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    drop(hostile);
    let answer = Browser::new(&desk).get("/sign-in/oidc?next=/fleet").await;
    assert_eq!(answer.status, 503);
    let text = answer.text();
    assert!(text.contains("cannot be asked now") && text.contains("use a local account"), "{text}");
    let root = Browser::of(&desk, "root", "admin").await;
    assert_eq!(root.get("/accounts").await.status, 200);
    let details: Vec<_> = rows(&desk, "sign-in").await.into_iter().map(|row| row.detail).collect();
    assert!(details.iter().any(|one| one.contains("beside the identity provider")), "{details:?}");
}

#[tokio::test]
async fn sign_ins_that_nobody_ends_have_a_limit_and_a_site_without_a_provider_has_none() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let browser = Browser::new(&desk);
    let mut last = 303;
    for _ in 0..40 {
        last = browser.get("/sign-in/oidc").await.status.as_u16();
    }
    assert_eq!(last, 429, "one address waits");
    let key = FlowKey::parse(&"a".repeat(64)).unwrap();
    let junk = Flow { cookie: String::new(), state: key.state().as_str().to_owned() };
    assert_eq!(come(&desk, &hostile, &junk, "code=c").await.status, 429);
    let plain = Desk::open().await;
    for path in ["/sign-in/oidc", CALLBACK, "/sign-in/kerberos"] {
        assert_eq!(Browser::new(&plain).get(path).await.status, 404, "{path}");
    }
    assert!(!Browser::new(&plain).get("/sign-in").await.text().contains("id=\"provider\""));
}

#[tokio::test]
async fn what_groups_of_others_grant_is_shown_with_where_it_is_changed() {
    let hostile = Hostile::start();
    let desk = open(&hostile).await;
    let root = Browser::of(&desk, "root", "admin").await;
    let page = root.get("/accounts").await.text();
    for part in
        ["staff", "the identity provider", "groups in [oidc]", "<td class=\"wrap\">admin</td>"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let plain = Desk::open().await;
    let root = Browser::of(&plain, "root", "admin").await;
    let page = root.get("/accounts").await.text();
    assert!(page.contains("No groups grant anything here"), "{page}");
}
