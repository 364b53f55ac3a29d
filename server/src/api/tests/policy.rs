//! Policies of hosts, sites and profiles: which one counts, and who may change it.

use super::desk::Desk;
use crate::{
    app::{Facts, Proof},
    db::{Actor, Trace},
    secret::Digest,
    testing,
    time::Timestamp,
};
use axum::http::StatusCode as S;
use serde_json::{Value, json};

const SITES: &str = "[sites.berlin.policy]\nfirst-boot = \"install\"\ndeadline-seconds = 60\n\
                     [sites.paris.policy]\non-failure = \"retry\"\n";

/// The state of a host after it booted.
async fn state_after_boot(desk: &Desk, name: &str) -> String {
    let name = name.parse().unwrap();
    let stored = desk.app.stored(&name).await.unwrap();
    let token = desk.app.token_of(&stored.host).unwrap();
    let proof = Proof::Token(Digest::of_token(&token));
    let facts = Facts::from_form([("ticket", "1")]);
    desk.app.boot(&proof, &facts, &Trace::default(), Timestamp::now()).await.unwrap();
    desk.app.stored(&name).await.unwrap().state.name().to_owned()
}

async fn import(desk: &Desk, name: &str, number: u8, site: &str, policy: &[(&str, &str)]) {
    let mut host = testing::host(name, number);
    (host.site, host.token) = (Some(site.parse().unwrap()), None);
    let policy = policy.iter().map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap()));
    host.vars.extend(policy);
    desk.app.import(&[host], &Actor::person("root"), Timestamp::now()).await.unwrap();
}

#[tokio::test]
async fn a_hosts_policy_counts_over_its_profiles_over_its_sites_over_that_of_all() {
    let desk = Desk::open_with_section(SITES, []).await;
    let why = async |name: &str| {
        let stored = desk.app.stored(&name.parse().unwrap()).await.unwrap();
        desk.app.foresee(&stored, Timestamp::now()).why
    };
    assert!(why("web-01").await.ends_with(": that of site berlin."), "{}", why("web-01").await);
    assert_eq!(state_after_boot(&desk, "web-01").await, "installing");
    assert_eq!(state_after_boot(&desk, "db-01").await, "installed", "paris says nothing of that");

    import(&desk, "own-01", 21, "berlin", &[("policy-first-boot", "hold")]).await;
    assert!(why("own-01").await.ends_with(": the host's own."), "{}", why("own-01").await);
    assert_eq!(state_after_boot(&desk, "own-01").await, "held");
    import(&desk, "own-02", 22, "rome", &[("policy-first-boot", "install")]).await;
    assert_eq!(state_after_boot(&desk, "own-02").await, "installing");

    // A profile's counts over the site's, value by value.
    let root = desk.token("root", "admin").await;
    let kali = desk.get("/api/v1/profiles/kali", &root).await.json();
    let mut files = kali["files"].clone();
    let text = files["profile.toml"].as_str().unwrap();
    files["profile.toml"] = format!("{text}\n[policy]\nfirst-boot = \"local\"\n").into();
    let body = json!({ "files": files, "reason": "x" }).to_string();
    let publish = "POST /api/v1/profiles/kali/publish";
    // For all it would be no change, but for berlin it is one.
    let editor = desk.token("ed", "editor").await;
    let refused = desk.ask(publish, &editor, &[("if-match", "\"g0\"")], body.clone()).await;
    assert_eq!(refused.status, S::FORBIDDEN, "{}", refused.text());
    let done = desk.ask(publish, &root, &[("if-match", "\"g0\"")], body).await;
    assert_eq!(done.status, S::OK, "{}", done.text());
    assert_eq!(state_after_boot(&desk, "web-02").await, "installed");
    import(&desk, "own-03", 23, "berlin", &[("policy-first-boot", "install")]).await;
    assert_eq!(state_after_boot(&desk, "own-03").await, "installing", "the host's over all");
}

#[tokio::test]
async fn only_who_may_arm_a_host_changes_its_policy() {
    let desk = Desk::open_with_section(SITES, []).await;
    let editor = desk.token("ed", "editor").await;
    let both = desk.token("both", "editor,reimager@site:paris").await;
    let put = async |token: &str, name: &str, change: fn(&mut Value)| {
        let path = format!("/api/v1/hosts/{name}");
        let read = desk.get(&path, token).await;
        let (tag, mut spec) = (read.header("etag").to_owned(), read.json()["spec"].clone());
        change(&mut spec);
        desk.ask(&format!("PUT {path}"), token, &[("if-match", &tag)], spec.to_string()).await
    };
    let install: fn(&mut Value) =
        |spec| spec["vars"] = json!({ "policy-first-boot": "install", "rack": "r1" });
    let refused = put(&editor, "db-01", install).await;
    assert_eq!(refused.status, S::FORBIDDEN, "{}", refused.text());
    assert!(refused.text().contains("hosts-reimage"), "{}", refused.text());
    let moved = put(&editor, "db-01", |spec| spec["site"] = json!("berlin")).await;
    assert_eq!(moved.status, S::FORBIDDEN, "berlin installs at the first boot: {}", moved.text());
    let rack = put(&editor, "db-01", |spec| spec["vars"] = json!({ "rack": "r1" })).await;
    assert_eq!(rack.status, S::OK, "{}", rack.text());
    let elsewhere = put(&both, "web-02", install).await;
    assert_eq!(elsewhere.status, S::FORBIDDEN, "{}", elsewhere.text());
    let done = put(&both, "db-01", install).await;
    assert_eq!(done.status, S::OK, "{}", done.text());
    let kept = put(&editor, "db-01", |spec| spec["serial"] = json!("SN1")).await;
    assert_eq!(kept.status, S::OK, "what stays is no change: {}", kept.text());
    let taken = put(&editor, "db-01", |spec| spec["vars"] = json!({})).await;
    assert_eq!(taken.status, S::FORBIDDEN, "{}", taken.text());

    let csv = [("content-type", "text/csv")];
    let feed = "name,mac,address,server,site,policy-first-boot\n\
                new-01,52:54:00:00:00:77,192.0.2.77/24,http://192.0.2.2:8080,paris,install\n";
    for path in ["/api/v1/import", "/api/v1/import?dry-run=true"] {
        let answer = desk.ask(&format!("POST {path}"), &editor, &csv, feed).await;
        assert_eq!(answer.status, S::FORBIDDEN, "{}", answer.text());
    }
    let wrong = feed.replace(",install", ",wipe");
    let answer = desk.ask("POST /api/v1/import", &both, &csv, wrong).await;
    assert_eq!(answer.status, S::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("policy-first-boot"), "{}", answer.text());
    let answer = desk.ask("POST /api/v1/import", &both, &csv, feed).await;
    assert_eq!(answer.status, S::OK, "{}", answer.text());
}
