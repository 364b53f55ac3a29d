//! What a client may take of the server's time, and what it still gets when the server ends.

use crate::{client, replica};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// More than the system's buffers hold, on both sides.
const LARGE: usize = 64 << 20;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn large() -> Vec<u8> {
    (0..LARGE).map(|n| (n / 7 % 251) as u8).collect()
}

/// Asks for the large file, and reads nothing.
fn ask(to: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /files/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_never_reads_is_let_go() {
    let limits = "[limits]\nclients = 2\nwrite-seconds = 1\n";
    let site = replica::Site::with("sqlite:test.db", &["web-01".to_owned()], limits).await;
    site.put("large", &large());
    let replica = site.replica();
    // They take all places.
    let lazy = [ask(replica.address), ask(replica.address)];
    let answer =
        tokio::time::timeout(PATIENCE, client::request(replica.address, "GET", "/healthz", "", ""));
    assert_eq!(answer.await.unwrap().status, 200);
    let mut whole = 0;
    for mut stream in lazy {
        let mut rest = Vec::new();
        let _ = tokio::task::block_in_place(|| stream.read_to_end(&mut rest));
        whole += usize::from(rest.len() >= LARGE);
    }
    assert!(whole < 2, "whoever made place was cut off");
    // Who reads slowly, but reads, gets all of it.
    let mut slow = ask(replica.address);
    let read = tokio::task::block_in_place(|| {
        let (mut read, mut part) = (0, vec![0; 8 << 20]);
        loop {
            std::thread::sleep(Duration::from_millis(400));
            match slow.read(&mut part).unwrap() {
                0 => return read,
                n => read += n,
            }
        }
    });
    assert!(read > LARGE, "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_runs_ends_whole_when_the_server_is_told_to_end() {
    let site = replica::Site::new("sqlite:test.db", &["web-01".to_owned()]).await;
    let expected = large();
    site.put("large", &expected);
    let mut replica = site.replica();
    let mut stream = ask(replica.address);
    let (mut got, mut part) = (Vec::new(), vec![0; 1 << 20]);
    tokio::task::block_in_place(|| {
        stream.read_exact(&mut part).unwrap();
        got.extend_from_slice(&part);
        replica.terminate();
        let start = Instant::now();
        while TcpStream::connect(replica.address).is_ok() {
            assert!(start.elapsed() < PATIENCE, "it still takes connections");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(replica.runs(), "it waits for the download");
        stream.read_to_end(&mut got).unwrap();
        assert!(replica.ended_well());
    });
    let body = got.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    assert!(got[body..] == expected, "{} bytes", got.len());
}
