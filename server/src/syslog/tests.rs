//! A collector of the tests' own gets the audit log, over each way.

use super::*;
use crate::{
    app::{App, Delivery},
    config,
    db::{Actor, AuditResult, Note, Trace},
    time::{Seconds, Timestamp},
    tls::{KeyKind, Pair, root, server},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{path::Path, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

const NOW: Timestamp = Timestamp::from_unix(1_000_000);

struct Site {
    app: App,
    folder: tempfile::TempDir,
}

impl Site {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = config::init(&folder.path().join("site")).unwrap();
        let app = App::open(config::load(&made.config, []).unwrap()).await.unwrap();
        Self { app, folder }
    }

    /// What sends to that server.
    fn collector(&self, server: &str, more: &str) -> Collector {
        let raw: RawSyslog = toml::from_str(&format!("server = \"{server}\"\n{more}")).unwrap();
        Collector::new(&raw.check(self.folder.path()).unwrap()).unwrap()
    }

    async fn note(&self, detail: &str, result: AuditResult) {
        let trace = Trace { source: "192.0.2.1".to_owned(), ..Trace::default() };
        let actor = Actor::by_request("user:root", &trace);
        let note = Note { at: NOW, actor: &actor, host: "", event: "test", detail, result };
        self.app.store().note(&note).await.unwrap();
    }

    async fn ship(&self, to: &Collector, at: Timestamp) -> Delivery {
        self.app.ship(to, at).await.unwrap()
    }
}

/// The messages of a connection, each behind its length.
fn frames(mut text: &str) -> Vec<String> {
    let mut found = Vec::new();
    while let Some((length, rest)) = text.split_once(' ') {
        let (message, after) = rest.split_at(length.parse().unwrap());
        found.push(message.to_owned());
        text = after;
    }
    assert!(text.is_empty(), "{text}");
    found
}

async fn all_of(mut stream: impl AsyncRead + Unpin) -> Vec<String> {
    let mut text = String::new();
    // Whoever ends TLS without a word ends it too.
    let _ = stream.read_to_string(&mut text).await;
    frames(&text)
}

/// Takes one connection.
fn take(listener: TcpListener) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move { all_of(listener.accept().await.unwrap().0).await })
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn the_audit_log_arrives_whole_and_in_order_after_a_collector_was_down() {
    let site = Site::open().await;
    let (listener, port) = listen().await;
    let to = site.collector(&format!("tcp://127.0.0.1:{port}"), "");
    drop(listener);
    assert_eq!(site.ship(&to, NOW).await, Delivery::Nothing, "it begins with what comes now");
    site.note("first \"quoted\"\nline", AuditResult::Done).await;
    site.note("second", AuditResult::Denied).await;
    assert_eq!(site.ship(&to, NOW).await, Delivery::Failed);
    assert_eq!(site.ship(&to, NOW).await, Delivery::Nothing, "it waits a little");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let taken = take(listener);
    let later = NOW.after(Seconds::new(60));
    assert_eq!(site.ship(&to, later).await, Delivery::Delivered);
    assert_eq!(site.ship(&to, later).await, Delivery::Nothing, "nothing comes twice");
    let messages = taken.await.unwrap();
    let rows = site.app.store().audit(0, 100).await.unwrap();
    let rows: Vec<_> = rows.iter().rev().take(2).rev().collect();
    assert_eq!(messages.len(), 2);
    for ((message, row), priority) in messages.iter().zip(rows).zip(["<110>1 ", "<108>1 "]) {
        assert!(message.starts_with(priority), "{message}");
        let head: Vec<_> = message.splitn(8, ' ').collect();
        assert_eq!((head[1], head[3], head[5]), ("1970-01-12T13:46:40Z", "bootmint", "test"));
        let body: serde_json::Value = serde_json::from_str(head[7]).unwrap();
        assert_eq!(body["seq"], row.seq);
        assert_eq!(
            (body["hash"].as_str(), body["detail"].as_str()),
            (Some(&*row.hash), Some(&*row.detail))
        );
        assert!(!message.contains('\n'), "one line each");
    }
}

#[tokio::test]
async fn datagrams_hold_one_message_each() {
    let site = Site::open().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = format!("udp://127.0.0.1:{}", socket.local_addr().unwrap().port());
    let to = site.collector(&to, "");
    site.ship(&to, NOW).await;
    site.note("one", AuditResult::Done).await;
    site.note("two", AuditResult::Done).await;
    assert_eq!(site.ship(&to, NOW).await, Delivery::Delivered);
    for detail in ["one", "two"] {
        let mut buffer = [0; 4096];
        let size = socket.recv(&mut buffer).await.unwrap();
        let text = std::str::from_utf8(&buffer[..size]).unwrap();
        assert!(text.contains(&format!("\"detail\":\"{detail}\"")), "{text}");
    }
}

fn pem(folder: &Path, name: &str, authority: &Pair) {
    std::fs::write(folder.join(name), &authority.certificates).unwrap();
}

#[tokio::test]
async fn only_a_collector_of_the_pinned_authority_gets_it() {
    let (site, today) = (Site::open().await, Timestamp::now());
    let (good, other) = (root(KeyKind::P256, today).unwrap(), root(KeyKind::P256, today).unwrap());
    pem(site.folder.path(), "good.pem", &good);
    pem(site.folder.path(), "other.pem", &other);
    let names = ["127.0.0.1".parse().unwrap()];
    let pair = server(&good, KeyKind::P256, &names, today).unwrap();
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(pair.certificates.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.unwrap(), key)
        .unwrap();
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let (listener, port) = listen().await;
    let taken = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = tls.accept(stream).await {
                return all_of(stream).await;
            }
        }
    });
    let to = |ca: &str| {
        site.collector(&format!("tls://127.0.0.1:{port}"), &format!("ca-file = \"{ca}\""))
    };
    site.ship(&to("good.pem"), NOW).await;
    site.note("secret of ours", AuditResult::Done).await;
    assert_eq!(site.ship(&to("other.pem"), NOW).await, Delivery::Failed);
    let later = NOW.after(Seconds::new(60));
    assert_eq!(site.ship(&to("good.pem"), later).await, Delivery::Delivered);
    let messages = taken.await.unwrap();
    assert!(messages.len() == 1 && messages[0].contains("secret of ours"), "{messages:?}");
}
