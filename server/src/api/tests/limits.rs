//! How much one may ask: refused with the time to wait, counted, and nobody else's trouble.

use super::desk::{Answer, Desk};
use axum::http::StatusCode as S;

async fn desk(limit: &str, number: u32) -> Desk {
    let name = format!("BOOTMINT_LIMITS__{limit}");
    Desk::open_with([(name, number.to_string())]).await
}

fn is_refused(answer: &Answer, why: &str) {
    assert_eq!(answer.status, S::TOO_MANY_REQUESTS, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let wait: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(answer.json()["detail"].as_str().unwrap().contains(why), "{}", answer.text());
}

#[tokio::test]
async fn an_account_asks_so_often_whatever_token_it_shows() {
    let desk = desk("REQUESTS_PER_MINUTE", 4).await;
    let (one, other) = (desk.token("a", "viewer").await, desk.token("b", "admin").await);
    let again = desk.another_token("a", "viewer").await;
    for _ in 0..2 {
        assert_eq!(desk.get("/api/v1/hosts", &one).await.status, S::OK);
        assert_eq!(desk.get("/api/v1/hosts", &again).await.status, S::OK);
    }
    let refused = desk.get("/api/v1/hosts", &one).await;
    is_refused(&refused, "requests-per-minute");
    assert_eq!(refused.header("retry-after"), "15", "one in 15 seconds");
    let metrics = desk.get("/metrics", &other).await.text();
    assert!(metrics.contains("bootmint_limited_total{limit=\"requests\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn who_is_not_known_is_counted_by_address_and_keeps_nobody_else_out() {
    let desk = desk("UNKNOWN_PER_MINUTE", 3).await;
    let token = desk.token("a", "viewer").await;
    for _ in 0..3 {
        assert_eq!(desk.get("/api/v1/hosts", "guessed").await.status, S::UNAUTHORIZED);
    }
    is_refused(&desk.get("/api/v1/hosts", "guessed").await, "your address");
    is_refused(&desk.get("/api/v1/openapi.json", "").await, "your address");
    let page = desk.get("/sign-in", "").await;
    assert_eq!(page.status, S::TOO_MANY_REQUESTS);
    assert!(page.text().contains("<h1>") && !page.header("retry-after").is_empty());
    assert_eq!(desk.get("/healthz", "").await.status, S::OK, "it is no news");
    assert_eq!(desk.get("/api/v1/hosts", &token).await.status, S::OK);
    let before = desk.app.store().audit_head().await.unwrap();
    let forged = [("sec-fetch-site", "cross-site")];
    let forged = desk.ask("POST /sign-in", "", &forged, "user=a").await;
    assert_eq!(forged.status, S::TOO_MANY_REQUESTS);
    assert_eq!(desk.app.store().audit_head().await.unwrap(), before, "nobody fills the disk");
}

#[tokio::test]
async fn what_makes_much_work_has_limits_of_its_own() {
    let desk = desk("HEAVY_PER_MINUTE", 2).await;
    let token = desk.token("a", "auditor").await;
    for _ in 0..2 {
        assert_eq!(desk.get("/api/v1/audit/verify", &token).await.status, S::OK);
    }
    is_refused(&desk.get("/api/v1/audit/verify", &token).await, "heavy-per-minute");
    assert_eq!(desk.get("/api/v1/audit", &token).await.status, S::OK);
}

#[tokio::test]
async fn only_so_much_work_goes_on_at_a_time_and_so_many_watch() {
    let desk = desk("HEAVY_AT_ONCE", 1).await;
    let (one, other) = (desk.token("a", "admin").await, desk.token("b", "admin").await);
    let running = desk.app.limits().heavy("user:a").unwrap();
    is_refused(&desk.get("/api/v1/audit/verify", &one).await, "going on already");
    assert_eq!(desk.get("/api/v1/audit/verify", &other).await.status, S::OK);
    drop(running);
    for _ in 0..2 {
        assert_eq!(desk.get("/api/v1/audit/verify", &one).await.status, S::OK, "it has ended");
    }
    let watching: Vec<_> =
        std::iter::from_fn(|| desk.app.limits().watcher("user:a").ok()).collect();
    assert_eq!(watching.len(), 20);
    is_refused(&desk.get("/api/v1/events", &one).await, "watch already");
    assert!(desk.app.limits().watcher("user:b").is_ok(), "others have places left");
}
