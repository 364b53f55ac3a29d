//! A client that writes requests as iPXE does.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Its head, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends one request. `headers` end their lines.
pub(crate) async fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    form: &str,
) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let text = text_of(to, method, path, headers, form);
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A server that refuses a body may close before it has read all of it.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn text_of(to: SocketAddr, method: &str, path: &str, headers: &str, form: &str) -> String {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nConnection: close\r\nUser-Agent: iPXE/2.0.0\r\nHost: {to}\r\n{headers}"
    );
    if method == "POST" {
        text.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        text.push_str(&format!("Content-Length: {}\r\n", form.len()));
    }
    text.push_str("\r\n");
    text.push_str(form);
    text
}

/// Sends one request; none if no whole answer came, as when the server was killed.
pub(crate) async fn try_request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    form: &str,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    let request = text_of(to, method, path, headers, form);
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.to_ascii_lowercase();
    lines.push('\r');
    let length = lines.split("content-length: ").nth(1)?.split('\r').next()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = lines.trim_end().to_owned();
    (length.parse() == Ok(body.len())).then(|| Answer { status, head, body: body.to_owned() })
}
