//! Servers that die under the store and come back, and connections that must be encrypted.

use super::{
    NOW, boot, change, import, name,
    servers::{Pem, Server},
};
use crate::{
    db::{Address, Committed, DbError, Store},
    machine::State,
    testing,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How many hosts change at the same time.
const HOSTS: u8 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_may_be_killed_under_the_store() {
    if let Some(server) = tokio::task::spawn_blocking(|| Server::postgres(None)).await.unwrap() {
        survives(server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_may_be_killed_under_the_store() {
    if let Some(server) = tokio::task::spawn_blocking(|| Server::mariadb(None)).await.unwrap() {
        survives(server).await;
    }
}

/// What a writer knows of its host.
#[derive(Default)]
struct Tally {
    done: AtomicU64,
    unsure: AtomicU64,
}

async fn survives(server: Server) {
    let server = Arc::new(server);
    let say = |what: fn(&Server)| {
        let server = Arc::clone(&server);
        async move { tokio::task::spawn_blocking(move || what(&server)).await.unwrap() }
    };
    let creating = Arc::clone(&server);
    let url = tokio::task::spawn_blocking(move || creating.create("live")).await.unwrap();
    let address = Address::parse(&url, Path::new("")).unwrap();
    let store = Arc::new(Store::open(&address, 8).await.unwrap());
    let hosts: Vec<_> = (1..=HOSTS).map(|n| testing::host(&format!("web-0{n}"), n)).collect();
    import(&store, &hosts).await.unwrap();
    let tally = Arc::new(Tally::default());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut writers = tokio::task::JoinSet::new();
    for number in 1..=HOSTS {
        let (store, tally, stopped) = (Arc::clone(&store), Arc::clone(&tally), stopped.clone());
        writers.spawn(async move { toggle(&store, number, &tally, &stopped).await });
    }
    for _ in 0..3 {
        progress(&tally).await;
        say(Server::kill).await;
        say(Server::start_again).await;
    }
    progress(&tally).await;
    stop.send_replace(true);
    writers.join_all().await;
    let rows = store.verify_audit().await.unwrap().expect("the chain holds");
    let rows = u64::try_from(rows).unwrap() - u64::from(HOSTS);
    let (done, unsure) = (tally.done.load(Ordering::SeqCst), tally.unsure.load(Ordering::SeqCst));
    assert!((done..=done + unsure).contains(&rows), "{done} done, {unsure} unsure, {rows} rows");
    store.record_boot(boot(NOW));
    store.close().await;
    assert_eq!(store.lost_boots(), 0);
}

/// Changes one host again and again; nobody else changes it, so none of that may be stale.
async fn toggle(
    store: &Store,
    number: u8,
    tally: &Tally,
    stopped: &tokio::sync::watch::Receiver<bool>,
) {
    let name = name(&format!("web-0{number}"));
    while !*stopped.borrow() {
        let Ok(Some(host)) = store.host(&name).await else { continue };
        let next = if host.state == State::Held { State::Installed } else { State::Held };
        match store.commit(&change(&host, next)).await {
            Ok(Committed::Done) => tally.done.fetch_add(1, Ordering::SeqCst),
            Ok(Committed::Stale | Committed::Guarded(_)) => panic!("{name} was changed by nobody"),
            Err(DbError::Unavailable(_) | DbError::Broken(_)) => {
                tally.unsure.fetch_add(1, Ordering::SeqCst)
            }
            Err(error) => panic!("{error}"),
        };
    }
}

/// Waits until some changes more are done.
async fn progress(tally: &Tally) {
    let goal = tally.done.load(Ordering::SeqCst) + 40;
    for _ in 0..3000 {
        if tally.done.load(Ordering::SeqCst) >= goal {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no change was made any more");
}

/// A certificate authority, and a certificate of it for 127.0.0.1.
pub(super) fn certificates() -> (String, String, String) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let pem = server.signed_by(&key, &issuer).unwrap().pem();
    (ca_pem, pem, key.serialize_pem())
}

type Start = fn(Option<&Pem<'_>>) -> Option<Server>;

async fn encrypted(start: Start, verify: &str, root: &str, cipher: &'static str) {
    let (ca, certificate, key) = certificates();
    let (other, ..) = certificates();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ca, other) = (file("ca.pem", &ca), file("other.pem", &other));
    let url = tokio::task::spawn_blocking(move || {
        let server = start(Some(&Pem { certificate: &certificate, key: &key }))?;
        let url = server.create("tls");
        Some((server, url))
    });
    let Some((_server, url)) = url.await.unwrap() else { return };
    let address = |ca: &str| Address::parse(&format!("{url}?{verify}&{root}={ca}"), Path::new(""));
    let store = Store::open(&address(&ca).unwrap(), 2).await.unwrap();
    let rows = store.engine.query(cipher, []).await.unwrap();
    assert_eq!(rows.len(), 1, "the connection is encrypted");
    let refused = Store::open(&address(&other).unwrap(), 2).await.unwrap_err();
    assert!(matches!(refused, DbError::Unavailable(_) | DbError::Broken(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_spoken_to_over_tls() {
    let sql = "SELECT 'yes'::text FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    encrypted(Server::postgres, "sslmode=verify-full", "sslrootcert", sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_is_spoken_to_over_tls() {
    let sql = "SHOW SESSION STATUS WHERE Variable_name = 'Ssl_cipher' AND Value <> ''";
    encrypted(Server::mariadb, "ssl-mode=VERIFY_IDENTITY", "ssl-ca", sql).await;
}
