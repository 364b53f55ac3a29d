//! What a client may take of the server's time.

use crate::{client, replica};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
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
