//! Requests that come through a proxy: whose they are, and who is kept from lying about that.

use super::desk::Desk;
use axum::http::StatusCode as S;

/// Tries a wrong password; the request says that it was passed on for `forwarded`.
async fn try_from(desk: &Desk, forwarded: &str) -> S {
    let headers = [("x-forwarded-for", forwarded)];
    let body = r#"{"user": "root", "password": "wrong horse battery"}"#;
    desk.ask("POST /api/v1/sign-in", "", &headers, body).await.status
}

/// Where the audit log says that the tries came from, each once.
async fn sources(desk: &Desk) -> Vec<String> {
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let tries = rows.into_iter().filter(|row| row.event == "sign-in");
    let mut sources: Vec<_> = tries.map(|row| row.source).collect();
    sources.dedup();
    sources
}

#[tokio::test]
async fn one_attacker_behind_a_proxy_locks_nobody_else_out() {
    let desk = Desk::open_behind("\"192.0.2.200\"").await;
    // Whatever the attacker writes before it, the proxy's word is the last.
    for number in 0..6 {
        let forwarded = format!("203.0.113.{number}, 198.51.100.66");
        assert_eq!(try_from(&desk, &forwarded).await, S::UNAUTHORIZED, "{number}");
    }
    let blocked = try_from(&desk, "203.0.113.99, 198.51.100.66").await;
    assert_eq!(blocked, S::TOO_MANY_REQUESTS);
    assert_eq!(try_from(&desk, "198.51.100.1").await, S::UNAUTHORIZED, "others may try");
    assert_eq!(sources(&desk).await, ["198.51.100.66", "198.51.100.1"]);
}

#[tokio::test]
async fn who_is_no_proxy_says_nothing_about_where_it_is() {
    for trusted in ["", "\"192.0.2.201\", \"10.0.0.0/8\""] {
        let desk = Desk::open_behind(trusted).await;
        for number in 0..6 {
            let forwarded = format!("203.0.113.{number}");
            assert_eq!(try_from(&desk, &forwarded).await, S::UNAUTHORIZED, "{number}");
        }
        let seventh = try_from(&desk, "203.0.113.99").await;
        assert_eq!(seventh, S::TOO_MANY_REQUESTS, "it is one and the same");
        assert_eq!(sources(&desk).await, ["192.0.2.200"]);
    }
}
