//! Changes that are sent twice, and what is kept of their answers.

use super::desk::{Answer, Desk};
use crate::time::Timestamp;
use axum::http::StatusCode as S;
use serde_json::json;

#[tokio::test]
async fn a_repeated_change_is_done_once() {
    let desk = Desk::open().await;
    let token = desk.token("re", "reimager").await;
    let key = [("idempotency-key", "k1")];
    let send = async |host: &str| {
        let body = json!({ "confirm": host }).to_string();
        desk.ask(&format!("POST /api/v1/hosts/{host}/arm"), &token, &key, body).await
    };
    let first = send("web-01").await;
    let second = send("web-01").await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(send("web-02").await.status, S::UNPROCESSABLE_ENTITY, "the key was used");
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.event == "arm").count(), 1);
    // A refusal is not kept.
    let key = [("idempotency-key", "k2")];
    let refused = desk.ask("POST /api/v1/hosts/web-01/release", &token, &key, "").await;
    assert_eq!(refused.status, S::CONFLICT);
    desk.ask("POST /api/v1/hosts/web-01/hold", &token, &[], "").await;
    let done = desk.ask("POST /api/v1/hosts/web-01/release", &token, &key, "").await;
    assert_eq!(done.status, S::OK);
}

/// All that a thief of the database, or of a backup, has.
async fn stolen(desk: &Desk) -> String {
    let mut file = Vec::new();
    desk.app.store().backup(&mut file, Timestamp::now()).await.unwrap();
    String::from_utf8(file).unwrap()
}

#[tokio::test]
async fn answers_with_secrets_are_kept_sealed() {
    let desk = Desk::open().await;
    let root = desk.token("root", "admin").await;
    let user = json!({"name": "alice", "roles": ["viewer"]}).to_string();
    let token = json!({"label": "ci", "roles": ["viewer"]}).to_string();
    let changes = [
        ("POST /api/v1/users", user, "one-time-password"),
        ("POST /api/v1/users/alice/reset-password", String::new(), "one-time-password"),
        ("POST /api/v1/tokens", token, "token"),
    ];
    let send = async |desk: &Desk, (line, body, _): &(&str, String, &str)| -> Answer {
        desk.ask(line, &root, &[("idempotency-key", line)], body.as_str()).await
    };
    for change in &changes {
        let first = send(&desk, change).await;
        assert!(first.status.is_success(), "{}: {}", change.0, first.text());
        let again = send(&desk, change).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{}", change.0);
        let secret = first.json()[change.2].as_str().unwrap().to_owned();
        assert!(!stolen(&desk).await.contains(&secret), "{}", change.0);
    }
    // With another key nobody can tell what the answers were.
    let other = desk.with_another_key().await;
    for change in &changes {
        let again = send(&other, change).await;
        assert_eq!(again.status, S::CONFLICT, "{}", change.0);
        assert!(again.text().contains("look first"), "{}", again.text());
    }
}
