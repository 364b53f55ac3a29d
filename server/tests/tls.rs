//! HTTPS as machines see it: what certificate is shown, who takes it, and what happens to those
//! who do not come to the point.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bootmint_server::{
    boot::{self, Limits, Transport},
    time::{Seconds, Timestamp},
    tls::{self, Certificates, KeyKind, Loaded, Pair, ServerName, TlsFiles},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
    version::TLS12,
};
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn names() -> Vec<ServerName> {
    ["127.0.0.1", "boot.example.net", "2001:db8::1"].map(|name| name.parse().unwrap()).to_vec()
}

/// Writes a pair as a server's files.
fn put(folder: &Path, pair: &Pair) -> TlsFiles {
    let files = TlsFiles { certificate: folder.join("server.pem"), key: folder.join("server.key") };
    fs::write(&files.certificate, &pair.certificates).unwrap();
    fs::write(&files.key, &pair.key).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// A server that answers every request with `ok`.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Server {
    async fn start(certificates: &Arc<Certificates>, head: u32) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let limits = Limits {
            clients: 2,
            head: Seconds::new(head),
            write: Seconds::new(head),
            head_bytes: boot::HEAD,
        };
        let router = axum::Router::new()
            .route("/", axum::routing::get(|| async { "ok\n" }))
            .route("/large", axum::routing::get(|| async { vec![b'x'; 64 << 20] }));
        let transport = Transport::Tls(certificates.config().unwrap());
        let ended = tokio::spawn(boot::serve(listener, transport, router, limits, async {
            let _ = stopped.await;
        }));
        Self { address, stop, ended }
    }

    /// Connects as iPXE does: TLS 1.2, and one root that is trusted.
    async fn connect(&self, root: &Pair, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.certificates.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = name.to_owned().try_into().unwrap();
        let stream = TcpStream::connect(self.address).await?;
        let connect = TlsConnector::from(Arc::new(config)).connect(name, stream);
        tokio::time::timeout(PATIENCE, connect).await.unwrap()
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

/// The certificates that a peer showed.
fn shown(stream: &TlsStream<TcpStream>) -> Vec<CertificateDer<'static>> {
    stream.get_ref().1.peer_certificates().unwrap().iter().map(|c| c.clone().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_the_root_is_answered_and_others_are_not() {
    for kind in [KeyKind::P256, KeyKind::P384] {
        let folder = tempfile::tempdir().unwrap();
        let root = tls::root(kind, Timestamp::now()).unwrap();
        let pair = tls::server(&root, kind, &names(), Timestamp::now()).unwrap();
        let certificates = Certificates::load(put(folder.path(), &pair)).unwrap();
        let server = Server::start(&certificates, 60).await;
        for name in ["127.0.0.1", "boot.example.net", "2001:db8::1"] {
            let mut stream = server.connect(&root, name).await.unwrap();
            let chain = shown(&stream);
            assert_eq!(chain.len(), 2, "iPXE knows only the root's fingerprint");
            assert_eq!(
                chain[1],
                CertificateDer::from_pem_slice(root.certificates.as_bytes()).unwrap()
            );
            assert!(ask(&mut stream).await.ends_with("\r\n\r\nok\n"));
        }
        assert!(server.connect(&root, "evil.example.net").await.is_err(), "{kind:?}");
        let other = tls::root(kind, Timestamp::now()).unwrap();
        assert!(server.connect(&other, "boot.example.net").await.is_err(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_are_taken_and_wrong_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = tls::root(KeyKind::P256, Timestamp::now()).unwrap();
    let make = || tls::server(&root, KeyKind::P256, &names(), Timestamp::now()).unwrap();
    let (old, new) = (make(), make());
    let files = put(folder.path(), &old);
    let certificates = Certificates::load(files.clone()).unwrap();
    let server = Server::start(&certificates, 60).await;
    let first = shown(&server.connect(&root, "127.0.0.1").await.unwrap());
    assert_eq!(certificates.refresh().unwrap(), Loaded::Same);

    // Half of the change: a certificate that the key is not of.
    fs::write(&files.certificate, &new.certificates).unwrap();
    assert!(certificates.refresh().is_err());
    assert_eq!(certificates.refresh().unwrap(), Loaded::Same, "it is said once");
    assert_eq!(shown(&server.connect(&root, "127.0.0.1").await.unwrap()), first);

    put(folder.path(), &new);
    assert!(matches!(certificates.refresh().unwrap(), Loaded::New(_)));
    assert_ne!(shown(&server.connect(&root, "127.0.0.1").await.unwrap()), first);
    let years = certificates.expires().as_unix() - Timestamp::now().as_unix();
    assert!(years > 2 * 365 * 86_400, "its end is read: {}", certificates.expires());

    fs::write(&files.key, "").unwrap();
    assert!(Certificates::load(files.clone()).is_err());
    fs::write(&files.key, &new.key).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Certificates::load(files).unwrap_err().to_string();
    assert!(error.contains("others can read it"), "{error}");
}

/// The server closes a connection that stays silent, before and after its handshake.
#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_lose_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let root = tls::root(KeyKind::P256, Timestamp::now()).unwrap();
    let pair = tls::server(&root, KeyKind::P256, &names(), Timestamp::now()).unwrap();
    let certificates = Certificates::load(put(folder.path(), &pair)).unwrap();
    let server = Server::start(&certificates, 1).await;
    // Both places are taken by clients that say nothing.
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut idle = server.connect(&root, "127.0.0.1").await.unwrap();
    let mut third = server.connect(&root, "127.0.0.1").await.unwrap();
    assert!(ask(&mut third).await.ends_with("ok\n"));
    let mut rest = Vec::new();
    let silence = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await.unwrap();
    assert!(silence.is_err() || rest.is_empty());
    let end = tokio::time::timeout(PATIENCE, idle.read_to_end(&mut rest)).await.unwrap();
    assert!(end.is_err() || !String::from_utf8_lossy(&rest).contains("200 OK"));
}

/// Likewise one that asks and then reads nothing, however much there is to read.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_lose_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let root = tls::root(KeyKind::P256, Timestamp::now()).unwrap();
    let pair = tls::server(&root, KeyKind::P256, &names(), Timestamp::now()).unwrap();
    let certificates = Certificates::load(put(folder.path(), &pair)).unwrap();
    let server = Server::start(&certificates, 1).await;
    let mut lazy = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect(&root, "127.0.0.1").await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        lazy.push(stream);
    }
    let mut third = server.connect(&root, "127.0.0.1").await.unwrap();
    assert!(ask(&mut third).await.ends_with("ok\n"));
    let mut whole = 0;
    for mut stream in lazy {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap();
        whole += usize::from(rest.len() >= 64 << 20);
    }
    assert!(whole < 2, "whoever made place was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_kept_connections() {
    let folder = tempfile::tempdir().unwrap();
    let root = tls::root(KeyKind::P256, Timestamp::now()).unwrap();
    let pair = tls::server(&root, KeyKind::P256, &names(), Timestamp::now()).unwrap();
    let certificates = Certificates::load(put(folder.path(), &pair)).unwrap();
    let server = Server::start(&certificates, 600).await;
    let mut kept = server.connect(&root, "127.0.0.1").await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.ended).await.unwrap().unwrap();
}
