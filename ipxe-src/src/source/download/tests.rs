use super::*;
use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// What the fixture does with one connection.
enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, then nothing until the client leaves.
    Stall(Vec<u8>),
}

/// Serves one connection per reply on 127.0.0.1; gives the URL and, later, each request's header.
fn serve(replies: Vec<Reply>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ipxe.tar.gz", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for reply in replies {
            let (stream, _) = listener.accept().unwrap();
            let _ = sender.send(read_header(&stream));
            answer(stream, reply);
        }
    });
    (url, requests)
}

fn read_header(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase() + "\n").collect()
}

fn answer(mut stream: TcpStream, reply: Reply) {
    let (Reply::Bytes(bytes) | Reply::Stall(bytes)) = &reply;
    stream.write_all(bytes).unwrap();
    if matches!(reply, Reply::Stall(_)) {
        let _ = stream.read(&mut [0]);
    }
}

fn response(status: &str, headers: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn download(url: &str, folder: &Path) -> Download {
    Download {
        stall: Duration::from_millis(300),
        attempts: 3,
        pause: Duration::from_millis(1),
        limit: 1000,
        ..Download::new(url, &folder.join("file"))
    }
}

#[test]
fn a_cut_download_continues_where_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(vec![
        Reply::Bytes(response("200 OK", "etag: \"1\"\r\n", 10, b"01234")),
        Reply::Bytes(response(
            "206 Partial Content",
            "etag: \"1\"\r\ncontent-range: bytes 5-9/10\r\n",
            5,
            b"56789",
        )),
    ]);
    download(&url, folder.path()).run(&mut ()).unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"0123456789");
    assert!(!requests.recv().unwrap().contains("range:"));
    let second = requests.recv().unwrap();
    assert!(
        second.contains("\nrange: bytes=5-\n") && second.contains("\nif-range: \"1\"\n"),
        "{second}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "parts are left");
}

#[test]
fn a_file_that_changed_meanwhile_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _requests) = serve(vec![
        Reply::Bytes(response("200 OK", "etag: \"1\"\r\n", 10, b"01234")),
        Reply::Bytes(response("200 OK", "etag: \"2\"\r\n", 4, b"abcd")),
    ]);
    download(&url, folder.path()).run(&mut ()).unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"abcd");
}

#[test]
fn bytes_of_an_unknown_version_are_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(vec![
        Reply::Bytes(response("200 OK", "etag: W/\"1\"\r\n", 10, b"01234")),
        Reply::Bytes(response("200 OK", "", 3, b"new")),
    ]);
    download(&url, folder.path()).run(&mut ()).unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"new");
    assert!(requests.iter().all(|request| !request.contains("range:")));
}

#[test]
fn another_place_than_asked_is_not_appended() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(vec![
        Reply::Bytes(response("200 OK", "etag: \"1\"\r\n", 10, b"01234")),
        Reply::Bytes(response("206 Partial Content", "content-range: bytes 0-9/10\r\n", 2, b"01")),
        Reply::Bytes(response("200 OK", "", 10, b"0123456789")),
    ]);
    download(&url, folder.path()).run(&mut ()).unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"0123456789");
    assert!(!requests.iter().last().unwrap().contains("range:"));
}

#[test]
fn a_stalled_server_is_given_up_and_what_came_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let stalled = || Reply::Stall(response("200 OK", "etag: \"1\"\r\n", 10, b"01"));
    let (url, _requests) = serve(vec![stalled(), stalled(), stalled()]);
    let error = download(&url, folder.path()).run(&mut ()).unwrap_err();
    assert!(matches!(error, DownloadError::BrokeOff { done: 2, .. }), "{error:?}");
    assert_eq!(fs::read(folder.path().join("file.part")).unwrap(), b"01");
    assert!(!folder.path().join("file").exists());
}

#[test]
fn a_missing_file_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = serve(vec![Reply::Bytes(response("404 Not Found", "", 0, b""))]);
    let error = download(&url, folder.path()).run(&mut ()).unwrap_err().to_string();
    assert!(error.ends_with("the server answered 404 Not Found"), "{error}");
    assert_eq!(requests.iter().count(), 1);
}

#[test]
fn a_busy_server_is_asked_again_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let busy = || Reply::Bytes(response("503 Service Unavailable", "", 0, b""));
    let (url, requests) = serve(vec![busy(), busy(), busy()]);
    let error = download(&url, folder.path()).run(&mut ()).unwrap_err();
    assert!(matches!(error, DownloadError::Status { .. }), "{error:?}");
    assert_eq!(requests.iter().count(), 3);
}

#[test]
fn the_limit_holds_whether_the_length_is_told_or_not() {
    let told = response("200 OK", "", 1001, &[0; 1001]);
    let untold = [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".as_slice(), &[0; 1001]].concat();
    for bytes in [told, untold] {
        let folder = tempfile::tempdir().unwrap();
        let (url, _requests) = serve(vec![Reply::Bytes(bytes)]);
        let error = download(&url, folder.path()).run(&mut ()).unwrap_err();
        assert!(matches!(error, DownloadError::TooLarge { limit: 1000, .. }), "{error:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "parts are left");
    }
}

#[test]
fn a_whole_file_needs_no_network() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    download("http://127.0.0.1:1/", folder.path()).run(&mut ()).unwrap();
}
