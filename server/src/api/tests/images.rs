//! Images over HTTP: whole, in parts, by link, as an archive.

use super::desk::Desk;
use crate::{
    db::{Actor, KeptToken, Wanted},
    images::{publish, tests::build},
    secret::Digest,
    time::{Seconds, Timestamp},
};
use axum::http::StatusCode as S;
use bootmint_image_factory::{
    feed::{self, FeedFormat},
    format::Format,
    host::Host,
    ticket::Patience,
};
use serde_json::json;
use std::time::Duration;

/// Publishes what a batch made for web-01 and db-01; returns the batch's ISO of web-01, its host,
/// and what must live as long.
pub(crate) async fn published(desk: &Desk) -> (Vec<u8>, Host, tempfile::TempDir) {
    let work = tempfile::tempdir().unwrap();
    let mut hosts = Vec::new();
    for name in ["web-01", "db-01"] {
        let mut host = desk.app.stored(&name.parse().unwrap()).await.unwrap().host;
        host.token = Some(desk.app.token_of(&host).unwrap());
        hosts.push(host);
    }
    let (firmware, out) = build(work.path(), &hosts, &Patience::default());
    let shelf = &desk.app.config().templates;
    publish(&out, &[firmware], &Patience::default(), shelf).unwrap();
    (std::fs::read(out.join("web-01.iso")).unwrap(), hosts.remove(0), work)
}

async fn downloads(desk: &Desk) -> usize {
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    rows.iter().filter(|row| row.event == "image").count()
}

#[tokio::test]
async fn an_image_comes_whole_and_in_parts_and_is_audited() {
    let desk = Desk::open().await;
    let token = desk.token("re", "reimager@site:berlin").await;
    let iso = "/api/v1/images/web-01.iso";
    let early = desk.get(iso, &token).await;
    assert_eq!(early.status, S::NOT_FOUND, "{}", early.text());
    let (file, _, _work) = published(&desk).await;
    let whole = desk.get(iso, &token).await;
    assert_eq!(whole.status, S::OK, "{}", whole.text());
    assert!(whole.body[..] == file[..], "it is what a batch writes");
    assert_eq!(whole.header("content-length"), file.len().to_string());
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"web-01.iso\"");
    let tag = whole.header("etag");
    let ask =
        async |line: &str, headers: &[(&str, &str)]| desk.ask(line, &token, headers, "").await;
    let head = ask(&format!("HEAD {iso}"), &[]).await;
    assert_eq!((head.status, head.body.len()), (S::OK, 0));
    assert_eq!(head.header("content-length"), file.len().to_string());
    assert_eq!(downloads(&desk).await, 1, "who only looks at the head gets nothing");
    let get = format!("GET {iso}");
    assert_eq!(ask(&get, &[("if-none-match", tag)]).await.status, S::NOT_MODIFIED);
    let another = desk.token("b", "image-builder").await;
    for range in ["bytes=32768-34815", "bytes=-2048"] {
        let headers = [("range", range), ("if-range", tag)];
        let part = desk.ask(&get, &another, &headers, "").await;
        assert_eq!(part.status, S::PARTIAL_CONTENT);
        let (_, place) = part.header("content-range").split_once(' ').unwrap();
        let (from, _) = place.split_once('-').unwrap();
        let from: usize = from.parse().unwrap();
        assert!(part.body[..] == file[from..from + 2048], "{range}");
    }
    assert_eq!(downloads(&desk).await, 2, "parts of one download are one");
    let other = ask(&get, &[("range", "bytes=0-1"), ("if-range", "\"x\"")]).await;
    assert_eq!(other.status, S::OK);
    let outside = ask(&get, &[("range", format!("bytes={}-", file.len()).as_str())]).await;
    assert_eq!(outside.status, S::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), format!("bytes */{}", file.len()));
    assert_eq!(desk.get("/api/v1/images/db-01.iso", &token).await.status, S::FORBIDDEN);
    assert_eq!(desk.get("/api/v1/images/web-01.efi", &token).await.status, S::NOT_FOUND);
}

#[tokio::test]
async fn no_part_leaves_before_its_download_is_written_down() {
    let desk = Desk::open().await;
    let token = desk.token("b", "image-builder").await;
    let (_, _, _work) = published(&desk).await;
    let ask = |range: &'static str| {
        let (desk, token) = (&desk, &token);
        async move { desk.ask("GET /api/v1/images/web-01.iso", token, &[("range", range)], "").await }
    };
    desk.ask("HEAD /api/v1/images/web-01.iso", &token, &[], "").await;
    // The audit log cannot be written to.
    let held = desk.app.store().lock_accounts().await.unwrap();
    let wait = Duration::from_millis(500);
    for range in ["bytes=0-9", "bytes=10-19"] {
        let early = tokio::time::timeout(wait, ask(range)).await;
        assert!(early.is_err(), "{range} did not wait, and its client goes away");
    }
    drop(held);
    assert_eq!(ask("bytes=20-29").await.status, S::PARTIAL_CONTENT);
    assert!(downloads(&desk).await >= 1, "the parts before it count for nothing");
    let before = downloads(&desk).await;
    assert_eq!(ask("bytes=30-39").await.status, S::PARTIAL_CONTENT);
    assert_eq!(downloads(&desk).await, before);
}

#[tokio::test]
async fn a_link_leads_to_its_image_and_ends() {
    let desk = Desk::open().await;
    let (file, host, _work) = published(&desk).await;
    let token = desk.token("re", "reimager").await;
    let ask = "POST /api/v1/hosts/web-01/image-link";
    let made = desk.ask(ask, &token, &[], r#"{"format": "iso", "minutes": 5}"#).await;
    assert_eq!(made.status, S::CREATED, "{}", made.text());
    let path = made.json()["path"].as_str().unwrap().to_owned();
    let got = desk.get(&path, "").await;
    assert!(got.status == S::OK && got.body[..] == file[..]);
    let url = made.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("{}{path}", host.server));
    let got = desk.machine(&path).await;
    assert!(got.status == S::OK && got.body[..] == file[..], "a BMC gets it where it boots");
    assert_eq!(desk.machine(&path.replace("/images/", "/images/0")).await.status, S::NOT_FOUND);
    desk.ask("POST /api/v1/hosts/web-01/arm", &token, &[], r#"{"confirm": "web-01"}"#).await;
    assert_eq!(desk.get(&path, "").await.status, S::OK, "arming does not end it");
    for wrong in [
        path.replace("web-01", "db-01"),
        path.replace("/images/", "/images/0"),
        path.replace(".iso", ".usb.img"),
        path.replace("web-01", "nobody"),
    ] {
        assert_eq!(desk.get(&wrong, "").await.status, S::NOT_FOUND, "{wrong}");
    }
    let past = Timestamp::now().before(Seconds::new(1));
    let ended = desk.app.link_to(&host, Format::Iso, past).unwrap();
    assert_eq!(desk.get(&ended, "").await.status, S::GONE);
    let week = json!({"format": "iso", "minutes": 7 * 24 * 60 + 1}).to_string();
    assert_eq!(desk.ask(ask, &token, &[], week).await.status, S::BAD_REQUEST);
    let rows = desk.app.store().audit(0, 1000).await.unwrap();
    for row in rows.iter().filter(|row| row.event == "image") {
        assert_eq!((row.actor.as_str(), row.host.as_str()), ("link", "web-01"));
        assert_eq!(row.source, "192.0.2.200");
    }
    assert_eq!(downloads(&desk).await, 3);

    let mut changed = host;
    changed.serial = Some("SN9".parse().unwrap());
    changed.token = None;
    let root = Actor::person("root");
    desk.app.import(&[changed], &root, Timestamp::now()).await.unwrap();
    assert_eq!(desk.get(&path, "").await.status, S::NOT_FOUND, "the host is another now");
}

#[tokio::test]
async fn several_images_come_as_one_archive() {
    let desk = Desk::open().await;
    let (file, _, _work) = published(&desk).await;
    let token = desk.token("b", "image-builder").await;
    let tar = desk.get("/api/v1/images.tar?format=iso&hosts=web-01,db-01", &token).await;
    assert_eq!(tar.status, S::OK, "{}", tar.text());
    assert_eq!(tar.header("content-length"), tar.body.len().to_string());
    let mut archive = tar::Archive::new(&tar.body[..]);
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        if names.len() == 1 {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            assert!(content == file);
        }
    }
    assert_eq!(names, ["web-01.iso", "db-01.iso"]);
    assert_eq!(downloads(&desk).await, 2);
    let site = desk.get("/api/v1/images.tar?format=iso&site=paris", &token).await;
    assert_eq!(site.status, S::OK);
    for bad in ["format=iso", "format=vdi&site=paris", "format=iso&hosts=a&site=b"] {
        let answer = desk.get(&format!("/api/v1/images.tar?{bad}"), &token).await;
        assert_eq!(answer.status, S::BAD_REQUEST, "{bad}");
    }
}

/// A feed that brings a token for web-01.
const FEED: &str = "name,mac,address,server,token\n\
    web-01,52:54:00:00:00:01,192.0.2.1/24,http://192.0.2.2:8080,a-token-of-the-feed-0123456789\n";

/// What a batch makes of [`FEED`].
fn batch(work: &std::path::Path) -> (std::path::PathBuf, Vec<u8>, std::path::PathBuf) {
    let defaults = feed::Defaults::default();
    let hosts = feed::parse(FEED.as_bytes(), FeedFormat::Csv, "feed", &defaults).unwrap();
    let (firmware, out) = build(work, &hosts, &Patience::default());
    let iso = std::fs::read(out.join("web-01.iso")).unwrap();
    (out, iso, firmware)
}

#[tokio::test]
async fn a_host_whose_token_came_with_its_feed_has_the_image_that_a_batch_makes_of_it() {
    let desk = Desk::open().await;
    let admin = desk.token("a", "admin").await;
    let work = tempfile::tempdir().unwrap();
    let (out, iso, firmware) = batch(work.path());
    publish(&out, &[firmware], &Patience::default(), &desk.app.config().templates).unwrap();
    let csv = [("content-type", "text/csv")];
    let import = async |path: &str| {
        let answer = desk.ask(&format!("POST {path}"), &admin, &csv, FEED).await;
        assert_eq!(answer.status, S::OK, "{}", answer.text());
        answer.json()
    };
    let image = async || desk.get("/api/v1/images/web-01.iso", &admin).await;
    // As servers wrote it before they kept tokens.
    let feed = feed::parse(FEED.as_bytes(), FeedFormat::Csv, "feed", &feed::Defaults::default());
    let feed = feed.unwrap();
    let stored = desk.app.stored(&feed[0].name).await.unwrap();
    let digest = Digest::of_token(feed[0].token.as_ref().unwrap());
    let token = Some(KeptToken { digest, sealed: None });
    let former = Wanted { host: &feed[0], token, seen: Some(stored.generation) };
    let (root, now) = (Actor::person("root"), Timestamp::now());
    desk.app.store().import(&[former], &root, now).await.unwrap();
    let none = image().await;
    assert_eq!(none.status, S::CONFLICT);
    assert!(none.text().contains("import the host again with its token"), "{}", none.text());
    let foreseen = import("/api/v1/import?dry-run=true").await;
    assert_eq!(foreseen["updated"][0]["changes"][0]["after"], "kept sealed");
    import("/api/v1/import").await;
    assert!(image().await.body[..] == iso[..], "it is what a batch writes");
    assert_eq!(import("/api/v1/import").await["unchanged"], 1);
    // Another key, and the same image.
    let keys = std::fs::read_to_string(desk.site().join("secrets.key")).unwrap();
    let both = desk.replica("", &format!("{}\n{keys}", "0e".repeat(32))).await;
    assert_eq!(both.reseal(&root, now).await.unwrap().tokens, 1);
    let lost = image().await;
    assert_eq!(lost.status, S::CONFLICT, "the server that runs has only the key before");
    assert!(lost.text().contains("not in the key file"), "{}", lost.text());
    let minted = both.mint(&feed[0], None, Format::Iso).await.unwrap().whole().concat();
    assert!(minted == iso);
    // Who lost the key has it again by the feed.
    assert_eq!(import("/api/v1/import").await["updated"][0]["name"], "web-01");
    assert!(image().await.body[..] == iso[..]);
    desk.app.store().close().await;
    for file in std::fs::read_dir(desk.site()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        let found = bytes.windows(20).any(|window| window == b"a-token-of-the-feed-");
        assert!(!found, "the token stands in {}", file.path().display());
    }
}

#[tokio::test]
async fn what_the_published_firmware_lacks_is_told_with_host_and_profile() {
    let desk = Desk::open().await;
    let host = async |name: &str| desk.app.stored(&name.parse().unwrap()).await.unwrap().host;
    let mut web = host("web-02").await;
    web.vars.insert("boot".parse().unwrap(), "tools".parse().unwrap());
    desk.app.lint(&web, None).await.unwrap();
    let (_, _, _work) = published(&desk).await;
    let said = desk.app.lint(&web, None).await.unwrap_err().to_string();
    assert_eq!(
        said,
        "host \"web-02\", ordinary boot, with the firmware profile \"default\": a menu is shown, but \
         the bios firmware lacks \"menu\": compile a profile that switches this option on; no \
         published profile has it"
    );
    let texts = desk.app.preview(&web).await.unwrap();
    assert_eq!(texts[0].text, format!("{said}\n"), "who looks sees it before all else");
    web.vars.clear();
    desk.app.lint(&web, None).await.unwrap();
    web.nics[0].vlan = Some("7".parse().unwrap());
    web.vars.insert("os".parse().unwrap(), "esxi".parse().unwrap());
    let said = desk.app.lint(&web, None).await.unwrap_err().to_string();
    assert!(said.contains("its ticket") && said.contains("lacks \"vlan\""), "{said}");
    web.profile = Some("other".parse().unwrap());
    desk.app.lint(&web, None).await.unwrap();
}
