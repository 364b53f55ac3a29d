//! A peer that speaks SQL Server's protocol and answers each request as a test wants it: with the
//! error numbers of Microsoft's documentation, or not at all.

use super::broken::certificates;
use crate::db::{
    Address, DbError, ForeignError,
    engine::{Engine, Tx},
    foreign_feed,
};
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What the peer answers to a request.
#[derive(Clone, Copy)]
enum Answer {
    Done,
    /// A row of two numbers.
    Row(i64, i64),
    /// An error of that number and class.
    Error(u32, u8),
    /// Nothing: the connection ends.
    End,
    /// Nothing, ever.
    Silence,
}

type Script = fn(&str) -> Answer;

/// What was asked, by connections in the order in which they came.
type Heard = Arc<Mutex<Vec<(usize, String)>>>;

/// Starts a peer; it ends with the test.
async fn peer(script: Script) -> (Address, Heard) {
    let (port, heard) = start(script, None).await;
    let url = format!("mssql://bootmint:secret@127.0.0.1:{port}/site?encrypt=no");
    (Address::parse(&url, Path::new("")).unwrap(), heard)
}

/// Starts a peer, and says at which port; with TLS around everything, or without.
async fn start(script: Script, tls: Option<TlsAcceptor>) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let all = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, heard) = (tls.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                match tls {
                    Some(tls) => talk(tls.accept(stream).await?, number, script, heard).await,
                    None => talk(stream, number, script, heard).await,
                }
            });
            number += 1;
        }
    });
    (port, heard)
}

/// MS-TDS: packets of a head (type, last or not, length) and tokens.
async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    number: usize,
    script: Script,
    heard: Heard,
) -> io::Result<()> {
    loop {
        let (kind, body) = message(&mut stream).await?;
        let answer = match kind {
            PRELOGIN => Answer::Done,
            LOGIN => script("LOGIN"),
            _ => {
                let text = utf16(&body);
                heard.lock().unwrap().push((number, text.clone()));
                answer(&text, script)
            }
        };
        let tokens = match (kind, answer) {
            (_, Answer::End) => return Ok(()),
            (_, Answer::Silence) => std::future::pending().await,
            (_, Answer::Error(code, class)) => error(code, class),
            (PRELOGIN, _) => prelogin(),
            (LOGIN, _) => [&login_ack()[..], &done(0)].concat(),
            (CALL, Answer::Done) => called(),
            (_, Answer::Done) => done(1),
            (_, Answer::Row(one, two)) => row(one, two),
        };
        let len = u16::try_from(tokens.len() + 8).unwrap().to_be_bytes();
        stream.write_all(&[&[4, 1, len[0], len[1], 0, 0, 1, 0], &tokens[..]].concat()).await?;
        stream.flush().await?;
    }
}

const PRELOGIN: u8 = 0x12;
const LOGIN: u8 = 0x10;
/// A statement with parameters is a call of `sp_executesql`.
const CALL: u8 = 3;

/// What every session begins with is answered here.
fn answer(text: &str, script: Script) -> Answer {
    if text.contains("SET XACT_ABORT ON") || text.contains("SELECT 1") {
        return Answer::Done;
    }
    script(text)
}

/// A message without its packets' heads, and its type.
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut body = Vec::new();
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).await?;
        let mut part = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) - 8];
        stream.read_exact(&mut part).await?;
        body.extend(part);
        if head[1] & 1 == 1 {
            return Ok((head[0], body));
        }
    }
}

/// The statement in a request: what is UTF-16 in it.
fn utf16(body: &[u8]) -> String {
    let even = body.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(even).map(|c| c.unwrap_or('?')).collect();
    let kept = |c: char| c.is_ascii_graphic() || c == ' ';
    text.split(|c| !kept(c)).max_by_key(|part| part.len()).unwrap_or_default().to_owned()
}

/// Version, and that there is no encryption.
fn prelogin() -> Vec<u8> {
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, 2]
}

fn login_ack() -> Vec<u8> {
    // Interface, TDS 7.4, the name's length and the name, version.
    let body = [1, 0x74, 0, 0, 4, 1, b'p', 0, 16, 0, 0, 0];
    [&[0xad, 12, 0], &body[..]].concat()
}

fn done(rows: u64) -> Vec<u8> {
    [&[0xfd, 0x10, 0, 0, 0], &rows.to_le_bytes()[..]].concat()
}

/// A row was changed inside of a call; the call's own status and end count nothing.
fn called() -> Vec<u8> {
    let inside = [&[0xff, 0x11, 0, 0xc5, 0], &1_u64.to_le_bytes()[..]].concat();
    let end = [&[0xfe, 0, 0, 0xe0, 0], &[0; 8][..]].concat();
    [&inside[..], &[0x79, 0, 0, 0, 0], &end].concat()
}

fn row(one: i64, two: i64) -> Vec<u8> {
    // Two columns without names: no user type, no flags, bigint.
    let column = [0, 0, 0, 0, 0, 0, 0x7f, 0];
    let head = [&[0x81, 2, 0], &column[..], &column[..]].concat();
    [&head, &[0xd1][..], &one.to_le_bytes(), &two.to_le_bytes(), &done(1)].concat()
}

fn error(code: u32, class: u8) -> Vec<u8> {
    let text: Vec<u8> = "no".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let body = [&code.to_le_bytes()[..], &[1, class, 2, 0], &text, &[0, 0, 1, 0, 0, 0]].concat();
    let len = u16::try_from(body.len()).unwrap().to_le_bytes();
    [&[0xaa, len[0], len[1]], &body[..], &[0xfd, 2, 0, 0, 0], &[0; 8]].concat()
}

/// A database that is set up as it must be.
fn settings(text: &str) -> Option<Answer> {
    text.contains("is_read_committed_snapshot_on").then_some(Answer::Row(1, 1))
}

fn heard_of(heard: &Heard, part: &str) -> Vec<usize> {
    let heard = heard.lock().unwrap();
    heard.iter().filter(|(_, text)| text.contains(part)).map(|(number, _)| *number).collect()
}

async fn changes(engine: &Engine, sql: &'static str) -> Result<(), DbError> {
    let mut tx = engine.begin().await?;
    tx.execute(sql, []).await?;
    tx.commit().await
}

#[tokio::test]
async fn error_numbers_mean_what_microsoft_says() {
    let (address, _) = peer(|text| {
        let number = text.split("a = ").nth(1).and_then(|n| n.split(' ').next()?.parse().ok());
        settings(text).or(number.map(|n| Answer::Error(n, 16))).unwrap_or(Answer::Done)
    })
    .await;
    let engine = Engine::open(&address, 2).await.unwrap();
    // Deadlock, lock time-out, conflict of snapshots.
    for sql in ["UPDATE t SET a = 1205", "UPDATE t SET a = 1222", "UPDATE t SET a = 3960"] {
        let error = changes(&engine, sql).await.unwrap_err();
        assert!(matches!(error, DbError::Busy(_)), "{sql}: {error:?}");
    }
    // Killed, shutting down.
    for sql in ["UPDATE t SET a = 596", "UPDATE t SET a = 6005"] {
        let error = changes(&engine, sql).await.unwrap_err();
        assert!(matches!(error, DbError::Broken(_)), "{sql}: {error:?}");
    }
    // Recovering, disk full, Azure is busy.
    for sql in ["UPDATE t SET a = 922", "UPDATE t SET a = 1105", "UPDATE t SET a = 40501"] {
        let error = changes(&engine, sql).await.unwrap_err();
        assert!(matches!(error, DbError::Unavailable(_)), "{sql}: {error:?}");
    }
    // The same key twice, in a constraint and in an index; a foreign key; a syntax error.
    for sql in [
        "UPDATE t SET a = 2627",
        "UPDATE t SET a = 2601",
        "UPDATE t SET a = 547",
        "UPDATE t SET a = 102",
    ] {
        let error = changes(&engine, sql).await.unwrap_err();
        assert!(matches!(error, DbError::Refused(_)), "{sql}: {error:?}");
    }
    changes(&engine, "UPDATE t SET b = 1").await.unwrap();
}

#[tokio::test]
async fn a_database_without_snapshots_is_told_what_to_do() {
    let (address, _) = peer(|_| Answer::Row(0, 1)).await;
    let error = Engine::open(&address, 2).await.unwrap_err();
    assert!(error.to_string().contains("READ_COMMITTED_SNAPSHOT ON"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_repeated() {
    let (address, heard) = peer(|_| Answer::Error(18456, 14)).await;
    let error = Engine::open(&address, 2).await.unwrap_err();
    assert!(matches!(error, DbError::Refused(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"));
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_read_whose_connection_ends_is_asked_again_on_another() {
    static ENDS: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(2);
    let (address, heard) = peer(|text| {
        let left = || {
            use std::sync::atomic::Ordering::SeqCst;
            ENDS.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok()
        };
        let ends = (text.contains("SELECT a") || text.contains("UPDATE")) && left();
        settings(text).unwrap_or(if ends { Answer::End } else { Answer::Row(7, 8) })
    })
    .await;
    let engine = Engine::open(&address, 2).await.unwrap();
    let mut rows = engine.query("SELECT a, b FROM t", []).await.unwrap();
    assert_eq!((rows[0].int().unwrap(), rows.len()), (7, 1));
    assert_eq!(heard_of(&heard, "SELECT a").len(), 3);
    // A transaction is not repeated here: whether it may be, its caller knows.
    ENDS.store(1, std::sync::atomic::Ordering::SeqCst);
    let error = changes(&engine, "UPDATE t SET a = 1").await.unwrap_err();
    assert!(matches!(error, DbError::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back_before_its_connection_is_used_again() {
    let (address, heard) = peer(|text| settings(text).unwrap_or(Answer::Done)).await;
    let engine = Engine::open(&address, 1).await.unwrap();
    let mut tx = engine.begin().await.unwrap();
    assert_eq!(tx.execute("UPDATE t SET a = 1", []).await.unwrap(), 1);
    drop(tx);
    changes(&engine, "UPDATE t SET a = 2").await.unwrap();
    let all: Vec<_> = heard.lock().unwrap().iter().skip(2).cloned().collect();
    let place = |part: &str| all.iter().position(|(_, text)| text.contains(part)).unwrap();
    assert!(place("ROLLBACK") < place("a = 2"), "{all:?}");
    assert!(all.iter().all(|(number, _)| *number == 0), "one connection is enough: {all:?}");
    // One that reads in another way is not used again.
    let snapshot = engine.begin_snapshot().await.unwrap();
    assert!(matches!(&snapshot, Tx::SqlServer(_)));
    drop(snapshot);
    changes(&engine, "UPDATE t SET a = 3").await.unwrap();
    assert_eq!(heard_of(&heard, "ISOLATION LEVEL SNAPSHOT"), [0]);
    assert_eq!(heard_of(&heard, "a = 3"), [1]);
    // Nor is it once it was committed.
    engine.begin_snapshot().await.unwrap().commit().await.unwrap();
    changes(&engine, "UPDATE t SET a = 4").await.unwrap();
    assert_eq!(heard_of(&heard, "a = 4"), [2]);
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_ends_its_connection() {
    let (address, heard) = peer(|text| {
        let silent = text.contains("slow").then_some(Answer::Silence);
        settings(text).or(silent).unwrap_or(Answer::Done)
    })
    .await;
    let engine = Engine::open(&address, 1).await.unwrap();
    let mut tx = engine.begin().await.unwrap();
    tokio::select! {
        biased;
        _ = tx.execute("UPDATE slow SET a = 1", []) => panic!("it was answered"),
        () = until(&heard, "slow") => {}
    }
    let error = tx.execute("UPDATE t SET a = 2", []).await.unwrap_err();
    assert!(matches!(error, DbError::Broken(_)), "{error:?}");
    drop(tx);
    changes(&engine, "UPDATE t SET a = 3").await.unwrap();
    assert_eq!(heard_of(&heard, "a = 3"), [1]);
}

async fn until(heard: &Heard, part: &str) {
    while heard_of(heard, part).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_closed_database_is_closed() {
    let (address, _) = peer(|text| settings(text).unwrap_or(Answer::Done)).await;
    let engine = Engine::open(&address, 3).await.unwrap();
    engine.close().await;
    let error = engine.query("SELECT a FROM t", []).await.unwrap_err();
    assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"tds/8.0".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_hears_no_password() {
    let (ca, certificate, key) = certificates();
    let (other, ..) = certificates();
    let folder = tempfile::tempdir().unwrap();
    let tls = acceptor(&certificate, &key);
    let (port, heard) = start(|text| settings(text).unwrap_or(Answer::Done), Some(tls)).await;
    let open = async |name: &str, host: &str, authority: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, authority).unwrap();
        let url = format!(
            "mssql://bootmint:secret@{host}:{port}/site?encrypt=strict&ca={}",
            file.display()
        );
        Engine::open(&Address::parse(&url, Path::new("")).unwrap(), 1).await
    };
    for (name, host, authority) in
        [("other.pem", "127.0.0.1", &other), ("name.pem", "localhost", &ca)]
    {
        let error = open(name, host, authority).await.unwrap_err();
        assert!(matches!(error, DbError::Unavailable(_)), "{name}: {error:?}");
    }
    assert!(heard.lock().unwrap().is_empty());
    let engine = open("ca.pem", "127.0.0.1", &ca).await.unwrap();
    changes(&engine, "UPDATE t SET a = 1").await.unwrap();
}

#[tokio::test]
async fn any_query_that_reads_is_a_feed() {
    let (address, heard) =
        peer(|text| if text.starts_with("SELECT n") { Answer::Row(7, 8) } else { Answer::Done })
            .await;
    let feed = foreign_feed(&address, "SELECT n, m FROM machines;").await.unwrap();
    assert!(feed.ends_with("\"7\",\"8\"\n"), "{feed}");
    let all: Vec<_> = heard.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
    assert!(all.iter().any(|text| text.contains("SET ROWCOUNT 1000001")), "{all:?}");
    assert_eq!(all.last().unwrap(), "ROLLBACK TRANSACTION");
    heard.lock().unwrap().clear();
    let refused = foreign_feed(&address, "SELECT n FROM machines DELETE FROM machines").await;
    assert!(matches!(refused, Err(ForeignError::Writes)), "{refused:?}");
    assert!(heard.lock().unwrap().is_empty());
}
