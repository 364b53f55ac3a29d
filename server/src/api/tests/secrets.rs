//! Secrets: set by people, released to installers, shown to nobody.

use super::desk::Desk;
use crate::{
    app::{Facts, Order, Proof},
    db::{Actor, Trace},
    secret::Digest,
    time::Timestamp,
};

/// Begins an install of web-01; returns the secret of its attempt.
async fn install(desk: &Desk) -> String {
    let (root, now) = (Actor::person("root"), Timestamp::now());
    let name = "web-01".parse().unwrap();
    let arm = Order::Arm { confirm: "web-01".into() };
    desk.app.order(&name, &arm, None, &root, now).await.unwrap();
    let host = desk.app.stored(&name).await.unwrap().host;
    let proof = Proof::Token(Digest::of_token(&desk.app.token_of(&host).unwrap()));
    let script = desk.app.boot(&proof, &Facts::default(), &Trace::default(), now).await.unwrap();
    let (_, rest) = script.as_str().split_once("/answer/").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_set_reaches_the_installer_and_nobody_else() {
    let desk = Desk::open().await;
    let editor = desk.token("editor", "editor").await;
    for (path, value) in [
        ("root-password-hash", "$6$everywhere"),
        ("root-password-hash?place=site:berlin", "$6$berlin"),
        ("root-password-hash?place=host:web-01", "$6$narrowest"),
        ("root-password-hash?place=host:web-02", "$6$another"),
    ] {
        let line = format!("PUT /api/v1/secrets/{path}");
        let body = format!(r#"{{"value":"{value}","reason":"new"}}"#);
        let answer = desk.ask(&line, &editor, &[], body).await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.text());
    }
    let list = desk.get("/api/v1/secrets?place=host:web-01", &editor).await;
    assert_eq!(list.json()["items"][0]["changed_by"], "user:editor");
    assert!(!list.text().contains("narrowest"), "{}", list.text());
    let texts = desk.get("/api/v1/hosts/web-01/render", &editor).await;
    assert_eq!(texts.status, 200, "{}", texts.text());
    assert!(!texts.text().contains("$6$"), "{}", texts.text());
    for file in std::fs::read_dir(desk.site()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        for value in ["narrowest", "$6$berlin", "$6$everywhere"] {
            let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!found, "{value} stands in {}", file.path().display());
        }
    }
    let secret = install(&desk).await;
    let answer =
        desk.app.answer(&secret, "preseed.cfg", &Trace::default(), Timestamp::now()).await.unwrap();
    assert!(answer.contains("$6$narrowest"), "{answer}");
    let rows = desk.app.store().audit(0, 100).await.unwrap();
    let released: Vec<_> = rows.iter().filter(|row| row.event == "answer").collect();
    assert_eq!(released.len(), 1);
    assert!(released[0].host == "web-01" && released[0].detail.starts_with("preseed.cfg for"));
    let set = rows.iter().find(|row| row.event == "secret-set").unwrap();
    assert_eq!((set.actor.as_str(), set.reason.as_str()), ("user:editor", "new"));
    assert!(!format!("{rows:?}").contains("$6$"), "the audit log holds no value");
}

#[tokio::test]
async fn who_answers_for_a_site_sets_its_hosts_secrets_alone() {
    let desk = Desk::open().await;
    let editor = desk.token("editor", "editor@site:berlin").await;
    for (place, status) in [
        ("host:web-01", 204),
        ("host:db-01", 403),
        ("site:berlin", 403),
        ("", 403),
        ("host:nobody", 404),
        ("berlin", 400),
    ] {
        let line = format!("PUT /api/v1/secrets/root?place={place}");
        let answer = desk.ask(&line, &editor, &[], r#"{"value":"x"}"#).await;
        assert_eq!(answer.status, status, "{place}: {}", answer.text());
        let line = format!("DELETE /api/v1/secrets/root?place={place}");
        assert_eq!(desk.ask(&line, &editor, &[], "").await.status, status, "{place}");
    }
    let long = format!(r#"{{"value":"{}"}}"#, "x".repeat(9000));
    for (line, body) in [
        ("PUT /api/v1/secrets/No%20Name?place=host:web-01", r#"{"value":"x"}"#),
        ("PUT /api/v1/secrets/root?place=host:web-01", r#"{"value":""}"#),
        ("PUT /api/v1/secrets/root?place=host:web-01", r#"{"value":"a\u0000b"}"#),
        ("PUT /api/v1/secrets/root?place=host:web-01", &long),
    ] {
        let answer = desk.ask(line, &editor, &[], body).await;
        assert_eq!(answer.status, 400, "{line} {}", answer.text());
    }
}

#[tokio::test]
async fn a_secret_is_set_by_who_saw_what_was_there() {
    let desk = Desk::open().await;
    let editor = desk.token("editor", "editor").await;
    let path = "/api/v1/secrets/root?place=host:web-01";
    let put = async |headers: &[(&str, &str)]| {
        let line = format!("PUT {path}");
        desk.ask(&line, &editor, headers, r#"{"value":"x"}"#).await.status.as_u16()
    };
    assert_eq!(desk.get(path, &editor).await.status, 404);
    assert_eq!(put(&[("if-none-match", "*")]).await, 204);
    assert_eq!(put(&[("if-none-match", "*")]).await, 412, "somebody was faster");
    let read = desk.get(path, &editor).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(read.json()["name"], "root");
    assert_eq!(put(&[("if-match", &tag)]).await, 204);
    assert_eq!(put(&[("if-match", &tag)]).await, 412, "the same value, sealed anew");
    let remove = async |tag: &str| {
        let line = format!("DELETE {path}");
        desk.ask(&line, &editor, &[("if-match", tag)], "").await.status.as_u16()
    };
    assert_eq!(remove(&tag).await, 412);
    assert_eq!(remove(desk.get(path, &editor).await.header("etag")).await, 204);
    assert_eq!(remove("*").await, 404);
}

#[tokio::test]
async fn a_lost_key_is_said_and_nothing_else_is_released() {
    let desk = Desk::open().await;
    let editor = desk.token("editor", "editor").await;
    let line = "PUT /api/v1/secrets/root-password-hash";
    desk.ask(line, &editor, &[], r#"{"value":"$6$everywhere"}"#).await;
    let secret = install(&desk).await;
    let other = desk.replica("", &"ab".repeat(32)).await;
    let error = other
        .answer(&secret, "preseed.cfg", &Trace::default(), Timestamp::now())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not in the key file"), "{error}");
    assert!(other.reseal(&Actor::person("root"), Timestamp::now()).await.is_err());
    let answer =
        desk.app.answer(&secret, "preseed.cfg", &Trace::default(), Timestamp::now()).await.unwrap();
    assert!(answer.contains("$6$everywhere"), "the failed try did not use it up");
    let key = std::fs::read_to_string(desk.site().join("secrets.key")).unwrap();
    let both = desk.replica("", &format!("{}\n{key}", "ab".repeat(32))).await;
    let resealed = both.reseal(&Actor::person("root"), Timestamp::now()).await.unwrap();
    assert_eq!((resealed.secrets, resealed.tokens), (1, 0));
    let host = both.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    let other = desk.replica("", &"ab".repeat(32)).await;
    let secrets = other.secrets_of(&host).await.unwrap();
    assert_eq!(secrets.reveal()["root-password-hash"], "$6$everywhere");
}
