//! Lists hold what their caller may see, page by page.

use super::desk::Desk;
use crate::{
    app::{Facts, Proof},
    db::Trace,
    secret::Digest,
    time::Timestamp,
};
use axum::http::StatusCode as S;
use serde_json::json;

#[tokio::test]
async fn lists_hold_what_the_caller_may_see_page_by_page() {
    let desk = Desk::open().await;
    let names = async |path: &str, token: &str| {
        let page = desk.get(path, token).await.json();
        let items = page["items"].as_array().unwrap();
        let names: Vec<_> = items.iter().map(|i| i["name"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), page["next"].as_str().map(str::to_owned))
    };
    let (all, berlin) =
        (desk.token("a", "viewer").await, desk.token("b", "viewer@site:berlin").await);
    assert_eq!(names("/api/v1/hosts", &all).await.0, "db-01 web-01 web-02");
    assert_eq!(names("/api/v1/hosts", &berlin).await.0, "web-01 web-02");
    assert_eq!(names("/api/v1/hosts?site=paris", &all).await.0, "db-01");
    assert_eq!(names("/api/v1/hosts?state=armed", &all).await.0, "");
    let (first, next) = names("/api/v1/hosts?limit=1", &berlin).await;
    assert_eq!((first.as_str(), next.as_deref()), ("web-01", Some("web-01")));
    assert_eq!(names("/api/v1/hosts?limit=1&after=web-01", &berlin).await.0, "web-02");
    assert_eq!(desk.get("/api/v1/hosts?colour=red", &all).await.status, S::BAD_REQUEST);
    assert_eq!(desk.get("/api/v1/hosts/db-01", &berlin).await.status, S::FORBIDDEN);
}

#[tokio::test]
async fn boots_and_unknown_machines_come_page_by_page() {
    let desk = Desk::open().await;
    let token = desk.token("v", "viewer").await;
    let host = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    let known = Proof::Token(Digest::of_token(&desk.app.token_of(&host).unwrap()));
    for mac in ["52:54:00:00:01:01", "52:54:00:00:01:02", "52:54:00:00:01:03"] {
        let facts = Facts::from_form([("mac", mac)]);
        for proof in [&known, &Proof::Nothing] {
            desk.app.boot(proof, &facts, &Trace::default(), Timestamp::now()).await.unwrap();
        }
    }
    for path in ["/api/v1/hosts/web-01/boots", "/api/v1/discovered"] {
        let mut macs = Vec::new();
        let mut after = String::new();
        // Boots are written down soon, not at once.
        while macs.len() < 3 {
            let page = desk.get(&format!("{path}?limit=2{after}"), &token).await;
            assert_eq!(page.status, S::OK, "{}", page.text());
            let page = page.json();
            let items = page["items"].as_array().unwrap();
            macs.extend(items.iter().map(|one| one["facts"]["mac"].to_string()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None if macs.len() < 3 => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    (macs, after) = (Vec::new(), String::new());
                }
                None => {}
            }
        }
        macs.sort();
        macs.dedup();
        assert_eq!(macs.len(), 3, "{path}: {macs:?}");
        for bad in ["x", "1-", "-", "x-1"] {
            let answer = desk.get(&format!("{path}?after={bad}"), &token).await;
            let wrong = answer.status == S::BAD_REQUEST;
            // An id of a machine may be any text.
            assert!(wrong || (bad == "1-" && path.ends_with("discovered")), "{bad}");
        }
    }
}

#[tokio::test]
async fn accounts_tokens_secrets_and_profiles_come_page_by_page() {
    let desk = Desk::open().await;
    let root = desk.token("root-1", "admin").await;
    for user in ["ann", "ben", "cam"] {
        let body = format!(r#"{{"name": "{user}", "roles": ["viewer"]}}"#);
        assert_eq!(desk.ask("POST /api/v1/users", &root, &[], body).await.status, S::CREATED);
        let token = format!(r#"{{"owner": "{user}", "label": "x", "roles": ["viewer"]}}"#);
        assert_eq!(desk.ask("POST /api/v1/tokens", &root, &[], token).await.status, S::CREATED);
        let line = format!("PUT /api/v1/secrets/{user}?place=host:web-01");
        let set = desk.ask(&line, &root, &[], r#"{"value": "v"}"#).await;
        assert_eq!(set.status, S::NO_CONTENT, "{}", set.text());
    }
    for (path, key) in [
        ("/api/v1/users?", "name"),
        ("/api/v1/tokens?", "id"),
        ("/api/v1/secrets?place=host:web-01&", "name"),
        ("/api/v1/profiles?", "name"),
    ] {
        let ids = async |query: &str| {
            let page = desk.get(&format!("{path}{query}"), &root).await;
            assert_eq!(page.status, S::OK, "{}", page.text());
            let page = page.json();
            let items = page["items"].as_array().unwrap().iter();
            let ids: Vec<_> = items.map(|one| one[key].as_str().unwrap().to_owned()).collect();
            (ids, page["next"].as_str().map(str::to_owned))
        };
        let (all, next) = ids("limit=1000").await;
        assert!(all.len() >= 3 && next.is_none(), "{path}: {all:?}");
        let (mut found, mut query) = (Vec::new(), "limit=2".to_owned());
        loop {
            let (some, next) = ids(&query).await;
            assert!(some.len() <= 2, "{path}: {some:?}");
            found.extend(some);
            let Some(next) = next else { break };
            query = format!("limit=2&after={next}");
        }
        assert_eq!(found, all, "{path}");
    }
    for path in ["/api/v1/users?after=a/b", "/api/v1/tokens?after=x", "/api/v1/secrets?after=a/b"] {
        assert_eq!(desk.get(path, &root).await.status, S::BAD_REQUEST, "{path}");
    }
    // Others' tokens are on no page of who does not manage accounts.
    let editor = desk.token("ed", "editor").await;
    let own = desk.get("/api/v1/tokens?limit=1", &editor).await.json();
    assert_eq!(own["items"][0]["owner"], "ed");
    let after = own["next"].as_str().unwrap();
    let rest = desk.get(&format!("/api/v1/tokens?after={after}"), &editor).await.json();
    assert_eq!(rest["items"], json!([]));
}
