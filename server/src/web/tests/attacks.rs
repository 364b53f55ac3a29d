//! What somebody hostile tries: each is tried here, and refused.

use super::browser::{Browser, PASSWORD, cookie_of};
use crate::{
    api::{Method, tests::desk::Desk},
    app::{Facts, Proof},
    db::{Actor, Trace},
    secret::Digest,
    time::Timestamp,
    web::TABLE,
};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HERE: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn no_form_of_another_site_or_session_changes_anything() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let other = Browser::of(&desk, "other", "admin").await;
    let before = desk.app.store().hosts(None, 10).await.unwrap();
    let fields = [("confirm", "web-01"), ("host", "web-01")];
    let (own, foreign) = (root.filled(&fields), other.filled(&fields));
    for route in TABLE.iter().filter(|route| route.method != Method::Get) {
        let path = route.path.replace("{host}", "web-01").replace("{user}", "other");
        let line = format!("POST {}", path.replace("{token}", "0000000000000000"));
        // The cookie comes along in each of these, as if a browser had sent it.
        for (what, headers, body) in [
            ("from another site", vec![FORM, ("sec-fetch-site", "cross-site")], &own),
            ("from a site beside it", vec![FORM, ("sec-fetch-site", "same-site")], &own),
            (
                "from another origin",
                vec![FORM, ("origin", "http://evil.example"), ("host", "a")],
                &own,
            ),
            ("from nowhere", vec![FORM], &own),
            ("of another session", vec![FORM, HERE], &foreign),
            ("without its token", vec![FORM, HERE], &"confirm=web-01&host=web-01".to_owned()),
            ("as text", vec![("content-type", "text/plain"), HERE], &own),
        ] {
            if route.path == "/sign-in" && headers.contains(&HERE) {
                continue;
            }
            let answer = root.send(&line, &headers, body.clone()).await;
            let status = answer.status.as_u16();
            assert!([403, 415].contains(&status), "{line} {what}: {status} {}", answer.text());
        }
    }
    let after = desk.app.store().hosts(None, 10).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!(root.get("/fleet").await.status, 200, "nobody was signed out");
}

#[tokio::test]
async fn forged_forms_are_in_the_audit_chain_and_do_not_fill_it() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let stranger = Browser::new(&desk);
    let (elsewhere, own) = ([FORM, ("sec-fetch-site", "cross-site")], root.filled(&[]));
    let denied = async || {
        let rows = desk.app.store().audit(0, 1000).await.unwrap();
        let rows = rows.into_iter().filter(|row| row.event == "denied");
        rows.map(|row| format!("{} {}", row.actor, row.detail)).collect::<Vec<_>>()
    };
    root.send("POST /fleet/arm", &elsewhere, own.clone()).await;
    root.send("POST /fleet/arm", &[FORM, HERE], "confirm=web-01".to_owned()).await;
    stranger.send("POST /sign-in", &elsewhere, "user=root".to_owned()).await;
    assert_eq!(
        denied().await,
        [
            "user:root POST /fleet/arm: a form of another site",
            "user:root POST /fleet/arm: a form of another session",
            "anybody POST /sign-in: a form of another site",
        ]
    );
    for _ in 0..60 {
        stranger.send("POST /sign-in", &elsewhere, "user=root".to_owned()).await;
    }
    assert_eq!(denied().await.len(), 21, "no more than of wrong passwords");
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().rfind(|row| row.event == "denied").unwrap();
    assert_eq!((row.source.as_str(), row.result.as_str()), ("192.0.2.200", "denied"));
    // Who shows nothing at all is nobody: that is counted, not written down.
    let before = desk.app.store().audit_head().await.unwrap();
    assert_eq!(desk.get("/api/v1/hosts", "bmt_x").await.status, 401);
    assert_eq!(stranger.send("POST /fleet/arm", &[FORM, HERE], own).await.status, 401);
    assert_eq!(desk.app.store().audit_head().await.unwrap(), before);
}

#[tokio::test]
async fn a_session_that_somebody_laid_out_is_not_taken_up() {
    let desk = Desk::open().await;
    let mut root = Browser::of(&desk, "root", "admin").await;
    // A key that was made up, and the key of another person's session.
    for laid in [format!("bootmint={}", "a".repeat(64)), root.cookie.clone()] {
        let mut victim = Browser::new(&desk);
        victim.cookie.clone_from(&laid);
        let answer = victim.sign_in("root", PASSWORD, "").await;
        assert_ne!(cookie_of(&answer), laid);
        let mut attacker = Browser::new(&desk);
        attacker.cookie = laid;
        assert_eq!(attacker.get("/fleet").await.status, 303, "the one before counts no more");
        root = victim;
    }
    let set = root.post("/sign-out", &[]).await;
    assert!(set.header("set-cookie").contains("Max-Age=0"), "{}", set.header("set-cookie"));
    assert_eq!(root.get("/fleet").await.status, 303, "signed out where it counts");
}

#[tokio::test]
async fn a_cookie_opens_no_interface_and_a_token_no_console() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    assert_eq!(root.get("/api/v1/hosts").await.status, 401);
    let token = desk.token("ci", "admin").await;
    assert_eq!(desk.get("/fleet", &token).await.status, 303);
    let mut forged = Browser::new(&desk);
    forged.cookie = format!("bootmint={}", token.split('_').nth(2).unwrap());
    assert_eq!(forged.get("/fleet").await.status, 303);
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let desk = Desk::open().await;
    let mut browser = Browser::of(&desk, "root", "admin").await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
    {
        let answer = browser.sign_in("root", PASSWORD, next).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{next}");
        let page =
            browser.get(&format!("/sign-in?next={}", super::super::page::encode(next))).await;
        assert!(!page.text().contains("evil"), "{}", page.text());
    }
    let link = [("sec-fetch-site", "cross-site")];
    let stranger = Browser::new(&desk);
    let bounce = stranger.send("GET //evil.example/x", &link, String::new()).await;
    assert!(!bounce.text().contains("url=//"), "{}", bounce.text());
    let bounce = stranger.send("GET /fleet?q=%22%3E%3Cscript%3E", &link, String::new()).await;
    assert!(bounce.text().contains("url=/fleet?q=") && !bounce.text().contains("<script>"));
}

#[tokio::test]
async fn a_password_is_not_found_by_trying() {
    let desk = Desk::open().await;
    let mut thief = Browser::of(&desk, "root", "admin").await;
    thief.cookie.clear();
    thief.form.clear();
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(thief.sign_in("root", "wrong horse battery", "").await.status.as_u16());
    }
    assert_eq!(seen[0], 401);
    assert_eq!(seen.last(), Some(&429), "{seen:?}");
    let right = thief.sign_in("root", PASSWORD, "").await;
    assert_eq!(right.status, 429, "not even the right one");
    let unknown = thief.sign_in("nobody", "x", "").await;
    assert!(unknown.text().contains("name or password is wrong"), "{}", unknown.text());
}

#[tokio::test]
async fn what_others_say_is_text_and_never_markup() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'";
    // What a machine says of itself, of a host and of none.
    let form = [("mac", "52:54:00:00:00:01"), ("serial", evil), ("product", evil)];
    let (facts, now) = (Facts::from_form(form), Timestamp::now());
    let host = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    let token = Digest::of_token(&desk.app.token_of(&host).unwrap());
    desk.app.boot(&Proof::Token(token), &facts, &Trace::default(), now).await.unwrap();
    desk.app.boot(&Proof::Nothing, &facts, &Trace::default(), now).await.unwrap();
    // What a person gives as a reason, or as a name.
    root.post("/hosts/web-01/hold", &[("reason", evil)]).await;
    let signed = root.post("/sign-in", &[("user", evil), ("password", "x")]).await;
    let import = root.post("/import", &[("format", "csv"), ("feed", evil)]).await;
    let query = super::super::page::encode(evil);
    let mut pages = vec![signed, import];
    for route in TABLE.iter().filter(|route| route.method == Method::Get) {
        if ["/fleet/events", "/assets/{file}"].contains(&route.path) {
            continue;
        }
        let path = route.path.replace("{host}", "web-01").replace("{image}", "web-01.iso");
        pages.push(root.get(&path).await);
    }
    for path in
        [format!("/fleet?q={query}"), format!("/audit?actor={query}"), format!("/hosts/{query}")]
    {
        pages.push(root.get(&path).await);
    }
    let host = root.get("/hosts/web-01").await.text();
    assert!(host.contains("&#60;script&#62;alert(1)"), "it is there, as text: {host}");
    for page in pages {
        let text = page.text();
        if !page.header("content-type").starts_with("text/html") {
            continue;
        }
        assert!(!text.contains("<script>") && !text.contains("<img"), "{text}");
        // Nothing that the policy would have to allow. Text holds no "<", and values of attributes
        // no quotation mark: what is left of a tag without its values was written by us.
        for tag in text.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            let names: String = tag.split('"').step_by(2).collect();
            assert!(!names.contains(" style=") && !names.contains(" on"), "{tag}");
            assert!(!names.starts_with("style") && !tag.contains("=\"javascript:"), "{tag}");
        }
    }
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_to_keep_out() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    for path in ["/fleet", "/sign-in", "/hosts/nothing", "/assets/console.js", "/audit/export.csv"]
    {
        let answer = root.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        let kept = answer.header("cache-control").contains("public");
        assert_eq!(kept, path.starts_with("/assets/"), "{path}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_what_is_served() {
    let desk = Desk::open().await;
    let root = Browser::of(&desk, "root", "admin").await;
    for path in [
        "/assets/..%2f..%2fsecrets.toml",
        "/assets/../secrets.toml",
        "/assets/%2e%2e/secrets.toml",
        "/assets//etc/passwd",
        "/download/..%2ftoken.key.iso",
        "/download/..%2f..%2fetc%2fpasswd",
        "/hosts/..%2f..%2fsecrets",
        "/hosts/web-01%00.iso",
        "/download.tar?format=iso&hosts=../token.key",
    ] {
        let answer = root.get(path).await;
        let status = answer.status.as_u16();
        assert!([400, 404].contains(&status), "{path}: {status}");
        assert!(!answer.text().contains("root:") && !answer.text().contains("topsecret"), "{path}");
    }
}

#[tokio::test]
async fn who_lost_a_role_or_was_locked_is_out_at_once() {
    let desk = Desk::open().await;
    let alice = Browser::of(&desk, "alice", "viewer").await;
    assert_eq!(alice.get("/fleet").await.status, 200);
    let (name, root, now) = ("alice".parse().unwrap(), Actor::person("root"), Timestamp::now());
    let auditor = "auditor".parse().unwrap();
    desk.app.change_account(&name, Some(&auditor), None, &root, now).await.unwrap();
    assert_eq!(alice.get("/fleet").await.status, 403);
    desk.app.change_account(&name, None, Some(true), &root, now).await.unwrap();
    assert_eq!(alice.get("/audit").await.status, 303);
}
