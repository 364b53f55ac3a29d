//! The interface: roles route by route, hosts, imports, orders, and what the audit log says.

pub(crate) mod desk;
mod events;
pub(crate) mod images;
mod import;
mod limits;
mod lists;
mod matrix;
mod nocloud;
mod once;
mod policy;
mod profiles;
mod proxies;
mod secrets;

use crate::secret::Digest;
use axum::http::StatusCode as S;
use desk::Desk;
use serde_json::json;

#[tokio::test]
async fn hosts_are_made_changed_and_removed_by_who_saw_them() {
    let desk = Desk::open().await;
    let token = desk.token("ed", "editor").await;
    let spec = json!({
        "name": "new-01", "server": "http://192.0.2.2:8080", "site": "berlin",
        "nics": [{"mac": "52:54:00:00:00:77", "address": "192.0.2.77/24"}],
    });
    let made = desk.ask("POST /api/v1/hosts", &token, &[], spec.to_string()).await;
    assert_eq!(made.status, S::CREATED, "{}", made.text());
    let again = desk.ask("POST /api/v1/hosts", &token, &[], spec.to_string()).await;
    assert_eq!(again.status, S::CONFLICT, "{}", again.text());
    let read = desk.get("/api/v1/hosts/new-01", &token).await;
    let (tag, mut spec) = (read.header("etag").to_owned(), read.json()["spec"].clone());
    let tag = tag.as_str();
    assert_eq!((tag, &read.json()["state"]["name"]), ("\"g1\"", &json!("new")));
    let known = desk.ask("GET /api/v1/hosts/new-01", &token, &[("if-none-match", tag)], "").await;
    assert_eq!(known.status, S::NOT_MODIFIED);

    spec["serial"] = json!("SN 1");
    let put = async |headers: &[(&str, &str)], spec: &serde_json::Value| {
        desk.ask("PUT /api/v1/hosts/new-01", &token, headers, spec.to_string()).await
    };
    assert_eq!(put(&[], &spec).await.status, S::PRECONDITION_REQUIRED);
    let changed = put(&[("if-match", tag)], &spec).await;
    assert_eq!((changed.status, changed.header("etag")), (S::OK, "\"g2\""));
    assert_eq!(put(&[("if-match", tag)], &spec).await.status, S::PRECONDITION_FAILED);
    spec["name"] = json!("other");
    assert_eq!(put(&[("if-match", "*")], &spec).await.status, S::UNPROCESSABLE_ENTITY);

    let remove = "DELETE /api/v1/hosts/new-01";
    assert_eq!(
        desk.ask(remove, &token, &[("if-match", tag)], "").await.status,
        S::PRECONDITION_FAILED
    );
    assert_eq!(desk.ask(remove, &token, &[("if-match", "\"g2\"")], "").await.status, S::NO_CONTENT);
    assert_eq!(desk.get("/api/v1/hosts/new-01", &token).await.status, S::NOT_FOUND);
    assert!(desk.app.store().verify_audit().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_feed_is_told_all_its_faults_and_what_it_would_change() {
    let desk = Desk::open().await;
    let token = desk.token("ed", "editor").await;
    let csv = [("content-type", "text/csv")];
    let bad = "name,mac,address,server\nweb-01,xx,192.0.2.1/24,http://a\nweb-0_,52:54:00:00:00:09,192.0.2.9,http://a\n";
    let answer = desk.ask("POST /api/v1/import", &token, &csv, bad).await;
    assert_eq!(answer.status, S::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let faults = answer.json()["faults"].as_array().unwrap().clone();
    let places: Vec<_> = faults.iter().map(|f| (f["row"].clone(), f["column"].clone())).collect();
    assert!(
        places.contains(&(json!(2), json!(8))) && places.contains(&(json!(3), json!(1))),
        "{faults:?}"
    );

    let good = "name,mac,address,gateway,dns,domain,server,site,serial,group\n\
        web-01,52:54:00:00:00:01,192.0.2.1/24,192.0.2.1,192.0.2.53,example.net,http://192.0.2.2:8080,berlin,SN1,web\n\
        web-09,52:54:00:00:00:09,192.0.2.9/24,,,,http://192.0.2.2:8080,berlin,,\n";
    let good = good.replace("192.0.2.1/24,192.0.2.1,", "192.0.2.1/24,192.0.2.254,");
    let dry = desk.ask("POST /api/v1/import?dry-run=true", &token, &csv, good.as_str()).await;
    assert_eq!(dry.status, S::OK, "{}", dry.text());
    let view = dry.json();
    assert_eq!((&view["applied"], &view["added"]), (&json!(false), &json!(["web-09"])));
    let fields: Vec<_> = view["updated"][0]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["field"].clone())
        .collect();
    assert_eq!(fields, [json!("gateway"), json!("serial")]);
    assert_eq!(desk.get("/api/v1/hosts/web-09", &token).await.status, S::NOT_FOUND);
    let done = desk.ask("POST /api/v1/import", &token, &csv, good.as_str()).await.json();
    assert_eq!((&done["applied"], &done["added"]), (&json!(true), &json!(["web-09"])));
    let again = desk.ask("POST /api/v1/import", &token, &csv, good.as_str()).await.json();
    assert_eq!(again["unchanged"], 2);

    // A token that a feed brings is told, but not what it is; a feed without one leaves it.
    let own =
        good.replace("group\n", "group,token\n").replace(",web\n", ",web,own-token-0123456789\n");
    let own = own.replace("berlin,,\n", "berlin,,,\n");
    let dry = desk.ask("POST /api/v1/import?dry-run=true", &token, &csv, own.as_str()).await;
    assert!(!dry.text().contains("own-token"), "{}", dry.text());
    assert_eq!(dry.json()["updated"][0]["changes"][0]["field"], json!("token"));
    desk.ask("POST /api/v1/import", &token, &csv, own.as_str()).await.json();
    let again = desk.ask("POST /api/v1/import", &token, &csv, good.as_str()).await.json();
    assert_eq!(again["unchanged"], 2);
    let digest = Digest::of_token(&"own-token-0123456789".parse().unwrap());
    let found = desk.app.store().host_by_token(&digest).await.unwrap().unwrap();
    assert_eq!(found.host.name.as_str(), "web-01");
}

#[tokio::test]
async fn arming_needs_the_name_and_leaves_a_whole_audit_row() {
    let desk = Desk::open().await;
    let token = desk.token("re", "reimager@site:berlin").await;
    let arm = "POST /api/v1/hosts/web-01/arm";
    let wrong = desk.ask(arm, &token, &[], r#"{"confirm": "web-02"}"#).await;
    assert_eq!(wrong.status, S::BAD_REQUEST, "{}", wrong.text());
    let stale = desk.ask(arm, &token, &[("if-match", "\"g9\"")], r#"{"confirm": "web-01"}"#).await;
    assert_eq!(stale.status, S::PRECONDITION_FAILED);
    let body = r#"{"confirm": "web-01", "reason": "new disk"}"#;
    let armed = desk.ask(arm, &token, &[], body).await;
    assert_eq!(armed.status, S::OK, "{}", armed.text());
    assert_eq!(armed.json()["state"]["name"], "armed");
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().find(|row| row.event == "arm").unwrap();
    assert_eq!((row.actor.as_str(), row.token.len()), ("user:re", 16));
    assert_eq!((row.role.as_str(), row.source.as_str()), ("reimager", "192.0.2.200"));
    assert_eq!((row.reason.as_str(), row.result.as_str()), ("new disk", "done"));
    assert_eq!(row.request, armed.header("x-request-id"));
    let elsewhere =
        desk.ask("POST /api/v1/hosts/db-01/arm", &token, &[], r#"{"confirm": "db-01"}"#).await;
    assert_eq!(elsewhere.status, S::FORBIDDEN);
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let denied = rows.iter().find(|row| row.event == "denied").unwrap();
    assert_eq!((denied.host.as_str(), denied.result.as_str()), ("db-01", "denied"));
    assert!(denied.detail.contains("/arm: hosts-reimage"), "{denied:?}");
    let remove = desk
        .ask(
            "DELETE /api/v1/hosts/web-01",
            &desk.token("ed", "editor").await,
            &[("if-match", "*")],
            "",
        )
        .await;
    assert_eq!(remove.status, S::CONFLICT, "an armed host is not removed");
    let disarmed = desk.ask("POST /api/v1/hosts/web-01/disarm", &token, &[], "").await;
    assert_eq!(disarmed.json()["state"]["name"], "installed");
    let again = desk.ask("POST /api/v1/hosts/web-01/disarm", &token, &[], "").await;
    assert_eq!(again.status, S::CONFLICT);
    assert!(again.text().contains("not armed"), "{}", again.text());
}

#[tokio::test]
async fn what_is_rendered_holds_no_secret() {
    let desk = Desk::open().await;
    let token = desk.token("v", "viewer").await;
    let answer = desk.get("/api/v1/hosts/web-01/render", &token).await;
    assert_eq!(answer.status, S::OK, "{}", answer.text());
    assert!(answer.text().contains("preseed.cfg"), "{}", answer.text());
    assert!(!answer.text().contains("topsecret"));
}

#[tokio::test]
async fn somebody_signs_in_makes_a_narrow_token_and_signs_out() {
    let desk = Desk::open().await;
    let root = desk.token("root", "admin").await;
    let body = json!({"name": "alice", "roles": ["admin"]}).to_string();
    let made = desk.ask("POST /api/v1/users", &root, &[], body).await;
    let once = made.json()["one_time_password"]
        .as_str()
        .or(made.json()["one-time-password"].as_str())
        .unwrap()
        .to_owned();
    let sign_in = async |password: &str, new: Option<&str>| {
        let body = json!({"user": "alice", "password": password, "new-password": new}).to_string();
        desk.ask("POST /api/v1/sign-in", "", &[], body).await
    };
    assert_eq!(sign_in("wrong", None).await.status, S::UNAUTHORIZED);
    assert_eq!(sign_in(&once, None).await.status, S::FORBIDDEN);
    let signed = sign_in(&once, Some("correct horse battery")).await;
    assert_eq!(signed.status, S::OK, "{}", signed.text());
    let session = signed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(desk.get("/api/v1/me", &session).await.json()["user"], "alice");

    let make = async |token: &str, roles: &str| {
        let body = json!({"label": "ci", "roles": [roles], "days": 1}).to_string();
        desk.ask("POST /api/v1/tokens", token, &[], body).await
    };
    let narrow = make(&session, "viewer").await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(desk.get("/api/v1/users", &narrow).await.status, S::FORBIDDEN);
    assert_eq!(
        make(&narrow, "admin").await.status,
        S::FORBIDDEN,
        "a narrow token makes no wide one"
    );
    assert_eq!(desk.get("/api/v1/hosts", &narrow).await.status, S::OK);

    assert_eq!(desk.ask("POST /api/v1/sign-out", &session, &[], "").await.status, S::NO_CONTENT);
    assert_eq!(desk.get("/api/v1/me", &session).await.status, S::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let desk = Desk::open().await;
    let token = desk.token("re", "reimager").await;
    let form = [("content-type", "text/plain")];
    let answer =
        desk.ask("POST /api/v1/hosts/web-01/arm", &token, &form, r#"{"confirm":"web-01"}"#).await;
    assert_eq!(answer.status, S::UNSUPPORTED_MEDIA_TYPE);
    let nothing = desk.get("/api/v1/nothing", &token).await;
    assert_eq!(nothing.status, S::NOT_FOUND);
    assert_eq!(nothing.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_second_token_is_no_second_person() {
    let setting = ("BOOTMINT_GUARD__APPROVAL".to_owned(), "second-person".to_owned());
    let desk = Desk::open_with([setting]).await;
    let first = desk.token("alice", "reimager,approver").await;
    let second = desk.another_token("alice", "approver").await;
    let bob = desk.token("bob", "approver").await;
    let order = async |what: &str, token: &str| {
        let line = format!("POST /api/v1/hosts/web-01/{what}");
        desk.ask(&line, token, &[], r#"{"confirm": "web-01"}"#).await
    };
    let asked = order("arm", &first).await;
    assert_eq!(asked.status, S::ACCEPTED, "{}", asked.text());
    assert_eq!(asked.json()["state"]["name"], "new");
    assert_eq!(order("approve", &second).await.status, S::CONFLICT);
    let armed = order("approve", &bob).await;
    assert_eq!((armed.status, &armed.json()["state"]["name"]), (S::OK, &json!("armed")));
}

#[tokio::test]
async fn an_account_is_changed_by_who_saw_it() {
    let desk = Desk::open().await;
    let root = desk.token("root", "admin").await;
    desk.token("kim", "viewer").await;
    let read = desk.get("/api/v1/users/kim", &root).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", read.json()["etag"].as_str().unwrap()));
    let known = [("if-none-match", tag.as_str())];
    let again = desk.ask("GET /api/v1/users/kim", &root, &known, "").await;
    assert_eq!((again.status, again.body.len()), (S::NOT_MODIFIED, 0));
    let change = async |tag: &str, body: &str| {
        desk.ask("PATCH /api/v1/users/kim", &root, &[("if-match", tag)], body).await
    };
    let first = change(&tag, r#"{"roles": ["editor"]}"#).await;
    assert_eq!(first.status, S::OK, "{}", first.text());
    let late = change(&tag, r#"{"roles": ["admin"]}"#).await;
    assert_eq!(late.status, S::PRECONDITION_FAILED);
    assert!(late.text().contains("has changed since you looked"), "{}", late.text());
    for line in [
        "POST /api/v1/users/kim/reset-password",
        "DELETE /api/v1/users/kim/factor",
        "DELETE /api/v1/users/kim",
    ] {
        let late = desk.ask(line, &root, &[("if-match", &tag)], "").await;
        assert_eq!(late.status, S::PRECONDITION_FAILED, "{line}");
    }
    let now = desk.get("/api/v1/users/kim", &root).await;
    assert_eq!(now.header("etag"), first.header("etag"), "a change tells the next tag");
    assert_eq!(now.json()["roles"], json!(["editor"]));
    assert_eq!(change("\"g1\"", "{}").await.status, S::PRECONDITION_FAILED);
    assert_eq!(change("*", r#"{"locked": true}"#).await.status, S::OK);
    let unasked = desk.ask("PATCH /api/v1/users/kim", &root, &[], r#"{"locked": false}"#).await;
    assert_eq!(unasked.status, S::OK, "who says nothing of what they saw is not asked");
    assert_eq!(desk.get("/api/v1/users/nobody", &root).await.status, S::NOT_FOUND);

    let other = desk.another_token("kim", "viewer").await;
    let (_, id) = (0, other.split('_').nth(1).unwrap());
    let path = format!("/api/v1/tokens/{id}");
    let tag = desk.get(&path, &root).await.header("etag").to_owned();
    let end = format!("DELETE {path}");
    let wrong = format!("\"{}\"", "0".repeat(32));
    let late = desk.ask(&end, &root, &[("if-match", &wrong)], "").await;
    assert_eq!(late.status, S::PRECONDITION_FAILED);
    let viewer = desk.token("vi", "viewer").await;
    assert_eq!(desk.get(&path, &viewer).await.status, S::NOT_FOUND, "it is somebody else's");
    assert_eq!(desk.ask(&end, &root, &[("if-match", &tag)], "").await.status, S::NO_CONTENT);
}

#[tokio::test]
async fn why_something_was_done_is_in_the_audit_log() {
    let desk = Desk::open().await;
    let root = desk.token("root", "admin").await;
    // The last administrator is a person.
    desk.app
        .add_account(
            &"boss".parse().unwrap(),
            &"admin".parse().unwrap(),
            true,
            &crate::db::Actor::person("root"),
            crate::time::Timestamp::now(),
        )
        .await
        .unwrap();
    let ask = async |line: &str, body: &str| {
        let answer = desk.ask(line, &root, &[], body).await;
        assert!(answer.status.is_success(), "{line}: {}", answer.text());
        answer.json()
    };
    ask("POST /api/v1/users", r#"{"name": "kim", "roles": ["viewer"], "reason": "r-add"}"#).await;
    ask("PATCH /api/v1/users/kim", r#"{"roles": ["editor"], "reason": "r-change"}"#).await;
    ask("POST /api/v1/users/kim/reset-password", r#"{"reason": "r-reset"}"#).await;
    ask("POST /api/v1/users/kim/reset-password", "").await;
    let token = r#"{"label": "ci", "roles": ["viewer"], "reason": "r-token"}"#;
    let made = ask("POST /api/v1/tokens", token).await;
    let id = made["id"].as_str().unwrap();
    ask(&format!("DELETE /api/v1/tokens/{id}?reason=r-revoke"), "").await;
    ask("DELETE /api/v1/users/kim?reason=r-remove", "").await;
    let feed = json!([{
        "name": "web-09", "server": "http://192.0.2.2:8080",
        "nics": [{"mac": "52:54:00:00:00:09", "address": "192.0.2.9/24"}],
    }]);
    ask("POST /api/v1/import?format=json&reason=r-import", &feed.to_string()).await;
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    for (event, why) in [
        ("add-account", "r-add"),
        ("change-account", "r-change"),
        ("reset-password", "r-reset"),
        ("make-token", "r-token"),
        ("revoke-token", "r-revoke"),
        ("remove-account", "r-remove"),
        ("import", "r-import"),
    ] {
        assert!(rows.iter().any(|row| row.event == event && row.reason == why), "{event}");
    }
}
