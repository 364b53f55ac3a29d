//! The client of the interface, with the real interface on a loopback port.

use crate::site::Site;
use bootmint_server::{
    api,
    auth::NewToken,
    boot::{self, Limits, Transport},
    db::Actor,
    remote::{Event, Hear, Place, Remote, RemoteError},
    time::{Seconds, Timestamp},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    sync::Arc,
};
use tokio::net::TcpListener;

/// Serves the interface of `site`; its URL.
pub(crate) async fn console(site: &Site) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let limits = Limits {
        clients: 100,
        head: Seconds::new(5),
        write: Seconds::new(5),
        head_bytes: boot::HEAD,
    };
    let router = api::router(&Arc::clone(&site.app));
    tokio::spawn(boot::serve(listener, Transport::Plain, router, limits, std::future::pending()));
    url
}

/// A token of a new program with these roles.
pub(crate) async fn token(site: &Site, name: &str, roles: &str) -> String {
    let (owner, grants) = (name.parse().unwrap(), roles.parse().unwrap());
    let (root, now) = (Actor::person("root"), Timestamp::now());
    site.app.add_account(&owner, &grants, false, &root, now).await.unwrap();
    let expires = now.after(Seconds::new(3600));
    let new = NewToken { owner, label: "test".into(), grants, expires };
    site.app.make_token(&new, &root, now).await.unwrap().reveal().to_owned()
}

async fn client(url: &str, token: String) -> Arc<Remote> {
    let place = Place { server: url.to_owned(), token, ca: None };
    // It has a runtime of its own, which must not be made on this one's threads.
    Arc::new(tokio::task::spawn_blocking(move || Remote::new(&place).unwrap()).await.unwrap())
}

/// Asks on a thread that may wait.
async fn ask<T: Send + 'static>(
    remote: &Arc<Remote>,
    question: impl FnOnce(&Remote) -> T + Send + 'static,
) -> T {
    let remote = Arc::clone(remote);
    tokio::task::spawn_blocking(move || question(&remote)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_elsewhere_sees_hosts_and_gives_orders() {
    let site = Site::start(&["web-01", "web-02"], "").await;
    let url = console(&site).await;
    let remote = client(&url, token(&site, "ops", "reimager").await).await;
    let page = ask(&remote, |remote| remote.get("/hosts?&limit=1").unwrap()).await;
    assert_eq!(page["items"][0]["name"], "web-01");
    assert_eq!(page["next"], "web-01");
    let arm = |confirm: &str| {
        let body = json!({ "confirm": confirm, "reason": "a test" });
        move |remote: &Remote| remote.post("/hosts/web-01/arm", &body)
    };
    let Err(RemoteError::Refused { status, detail, .. }) = ask(&remote, arm("web-02")).await else {
        panic!("another host's name confirms nothing");
    };
    assert!(status.is_client_error() && detail.contains("web-01"), "{status} {detail}");
    let armed = ask(&remote, arm("web-01")).await.unwrap();
    assert_eq!(armed["state"]["name"], "armed");

    let feed = |remote: &Remote| remote.feed("/import?format=csv", "h.csv", b"name\nx\n".to_vec());
    let error = ask(&remote, feed).await.unwrap_err();
    assert!(error.to_string().contains("permission"), "a reimager changes no host: {error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roles.json");
    let to = path.clone();
    let size = ask(&remote, move |remote| remote.save("/roles", &to).unwrap()).await;
    assert_eq!(size, std::fs::metadata(&path).unwrap().len());
    let missing = folder.path().join("none.iso");
    let to = missing.clone();
    assert!(ask(&remote, move |remote| remote.save("/images/no-host.iso", &to)).await.is_err());
    assert!(!missing.exists() && std::fs::read_dir(folder.path()).unwrap().count() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_faults_of_a_feed_stand_in_lines_that_editors_understand() {
    let site = Site::start(&["web-01"], "").await;
    let url = console(&site).await;
    let remote = client(&url, token(&site, "ci", "editor").await).await;
    let bad = "name,address,server\nweb-03,192.0.2.300/24,http://192.0.2.1\n";
    let path = "/import?format=csv&dry-run=false";
    let feed = move |remote: &Remote| remote.feed(path, "hosts.csv", bad.into());
    let error = ask(&remote, feed).await.unwrap_err().to_string();
    assert!(error.contains("\nhosts.csv:2:8: host \"web-03\": "), "{error}");
    let good = bad.replace(".300", ".30");
    let feed = move |remote: &Remote| remote.feed(path, "hosts.csv", good.into());
    let done: Value = ask(&remote, feed).await.unwrap();
    assert_eq!((&done["applied"], &done["added"]), (&json!(true), &json!(["web-03"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_and_a_wrong_server_are_told_apart() {
    let site = Site::start(&["web-01"], "").await;
    let url = console(&site).await;
    let remote = client(&url, "bmt_0000000000000000_0".to_owned()).await;
    let error = ask(&remote, |remote| remote.get("/hosts").unwrap_err()).await;
    assert!(matches!(&error, RemoteError::Refused { status, .. } if status.as_u16() == 401));
    // The listener of machines has no such interface.
    let remote = client(&site.url, "bmt_x".to_owned()).await;
    let error = ask(&remote, |remote| remote.get("/hosts").unwrap_err()).await;
    assert!(matches!(error, RemoteError::Foreign { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_hears_of_changes_at_his_sites_as_they_happen() {
    let site = Site::start(&["web-01"], "").await;
    let url = console(&site).await;
    let remote = client(&url, token(&site, "wall", "viewer").await).await;
    let (to, mut heard) = tokio::sync::mpsc::unbounded_channel::<Event>();
    let watching = ask(&remote, move |remote| {
        remote.watch(&mut |event| {
            let last = event.event == "hold";
            to.send(event.clone()).unwrap();
            if last { Hear::Enough } else { Hear::More }
        })
    });
    let orders = async {
        // Until the watcher is there nothing is told: what was before is in the audit log.
        let first = loop {
            site.arm("web-01").await;
            let wait = std::time::Duration::from_secs(3);
            match tokio::time::timeout(wait, heard.recv()).await {
                Ok(event) => break event.unwrap(),
                Err(_) => drop(site.order("web-01", &bootmint_server::app::Order::Disarm).await),
            }
        };
        site.order("web-01", &bootmint_server::app::Order::Hold).await;
        let mut all = vec![first];
        while let Some(event) = heard.recv().await {
            all.push(event);
        }
        all
    };
    let (ended, all) = tokio::join!(watching, orders);
    ended.unwrap();
    // The watcher may have come between an arming and its end.
    let [.., arm, hold] = &all[..] else { panic!("{all:?}") };
    assert_eq!((arm.host.as_str(), arm.event.as_str()), ("web-01", "arm"));
    assert_eq!((hold.was.as_str(), hold.became.as_str()), ("armed", "held"));
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods, reason = "the test runs the real program")]
async fn the_command_line_imports_a_feed_that_a_server_gives() {
    let feed = "name,mac,address,server\nweb-01,52:54:00:00:00:01,192.0.2.1/24,http://192.0.2.2\n";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hosts.csv?key=private", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let length = feed.len();
        let head_of = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
        write!(stream, "{head_of} {length}\r\n\r\n{feed}").unwrap();
        head.join("\n")
    });
    let work = tempfile::tempdir().unwrap();
    let config = bootmint_server::config::init(&work.path().join("site")).unwrap().config;
    let run = |arguments: Vec<String>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bootmint"));
        command.env("BOOTMINT_CONFIG", &config).env("BOOTMINT_FEED_TOKEN", "t0p").args(arguments);
        async move { tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap() }
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let done = run(words(&format!("hosts import --format csv {url}"))).await;
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(told.contains("1 added"), "{told} {}", String::from_utf8_lossy(&done.stderr));
    assert!(server.join().unwrap().to_ascii_lowercase().contains("authorization: bearer t0p"));
    let failed = run(words(&format!("hosts import {url}"))).await;
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && told.contains("getting http://127.0.0.1:"), "{told}");
    assert!(!told.contains("private") && !told.contains("t0p"), "{told}");
}
