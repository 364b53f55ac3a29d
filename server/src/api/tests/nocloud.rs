//! NoCloud files by link: made at the interface, followed at the boot listener, where nobody shows
//! a token.

use super::desk::Desk;
use crate::{
    boot::{Peer, router},
    time::{Seconds, Timestamp},
};
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode as S},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;

const ASK: &str = "POST /api/v1/hosts/web-01/nocloud-link";

/// What a machine gets at the boot listener.
async fn follow(desk: &Desk, url: &str) -> (S, String) {
    let path = url.strip_prefix("http://192.0.2.2:8080").unwrap_or(url);
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::of([192, 0, 2, 9].into()));
    let service = TowerToHyperService::new(router(Arc::clone(&desk.app)));
    let response = service.call(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_machine_finds_its_files_by_a_link_alone() {
    let desk = Desk::open().await;
    let token = desk.token("re", "reimager@site:berlin").await;
    let made = desk.ask(ASK, &token, &[], r#"{"minutes": 5}"#).await;
    assert_eq!(made.status, S::CREATED, "{}", made.text());
    let url = made.json()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://192.0.2.2:8080/nocloud/") && url.ends_with("/web-01/"));
    for (file, part) in [
        ("meta-data", "\"instance-id\": \"web-01\""),
        ("user-data", "#cloud-config\n"),
        ("vendor-data", "#cloud-config\n{}"),
        ("network-config", "\"ethernets\""),
    ] {
        let (status, text) = follow(&desk, &format!("{url}{file}")).await;
        assert_eq!(status, S::OK, "{text}");
        assert!(text.contains(part), "{file}: {text}");
    }
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    let row = rows.iter().find(|row| row.event == "nocloud-link").unwrap();
    assert_eq!((row.actor.as_str(), row.host.as_str()), ("user:re", "web-01"));
}

#[tokio::test]
async fn a_link_leads_to_the_files_of_its_host_until_it_ends() {
    let desk = Desk::open().await;
    let token = desk.token("re", "reimager").await;
    let url = desk.ask(ASK, &token, &[], "{}").await.json()["url"].as_str().unwrap().to_owned();
    let (_, signature) = url.split_once("/nocloud/").unwrap();
    let (signature, _) = signature.split_once('/').unwrap();
    let image = format!("/images/{signature}/99999999999/web-01.iso");
    assert_eq!(desk.get(&image, "").await.status, S::NOT_FOUND, "it is no link to an image");
    for wrong in [
        url.replace("web-01", "db-01"),
        url.replace("web-01", "nobody"),
        url.replace("web-01", "%2e%2e"),
        url.replace("/nocloud/", "/nocloud/0"),
        url.replace(signature, &"0".repeat(64)),
    ] {
        let (status, text) = follow(&desk, &format!("{wrong}meta-data")).await;
        assert_eq!(status, S::NOT_FOUND, "{wrong}: {text}");
        assert!(!text.contains("instance-id"), "{text}");
    }
    assert_eq!(follow(&desk, &format!("{url}secrets")).await.0, S::NOT_FOUND);
    let host = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    let past = Timestamp::now().before(Seconds::new(1));
    let ended = desk.app.nocloud_link(&host, past).unwrap();
    assert_eq!(follow(&desk, &format!("{ended}meta-data")).await.0, S::GONE);

    let mut changed = host;
    changed.serial = Some("SN9".parse().unwrap());
    let root = crate::db::Actor::person("root");
    desk.app.import(&[changed], &root, Timestamp::now()).await.unwrap();
    assert_eq!(follow(&desk, &format!("{url}meta-data")).await.0, S::NOT_FOUND);
}

#[tokio::test]
async fn links_are_made_by_who_may_for_a_week_at_most() {
    let desk = Desk::open().await;
    let viewer = desk.token("v", "viewer").await;
    assert_eq!(desk.ask(ASK, &viewer, &[], "{}").await.status, S::FORBIDDEN);
    let token = desk.token("re", "reimager").await;
    for minutes in [0, 7 * 24 * 60 + 1] {
        let body = format!(r#"{{"minutes": {minutes}}}"#);
        assert_eq!(desk.ask(ASK, &token, &[], body).await.status, S::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_firmware_that_wants_signed_answers_gets_none() {
    let desk = Desk::open().await;
    let host = desk.app.stored(&"web-01".parse().unwrap()).await.unwrap().host;
    let token = desk.app.token_of(&host).unwrap();
    for end in ["web-01.ipxe", "web-01.ipxe.sig"] {
        let path = format!("/boot/{}/{end}", token.as_str());
        assert_eq!(follow(&desk, &path).await.0, S::NOT_FOUND);
    }
    let stored = desk.app.stored(&host.name).await.unwrap();
    assert_eq!(stored.state.name(), "new", "it was no boot");
}
