//! An HTTP server for tests: answers by path, remembers every request.
//!
//! It listens on this machine's loopback only, on the same port by IPv4 and IPv6. A machine in QEMU
//! reaches it through its gateway.

use anyhow::{Context, bail};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How many connections are served at a time; more are closed at once.
const MAX_CONNECTIONS: usize = 64;
/// The longest request head, in bytes.
const MAX_HEAD: u64 = 64 << 10;
/// The longest request body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// How long a client may take to send or receive anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many ports are tried until one is free by IPv4 and IPv6.
const PORT_TRIES: usize = 16;

/// A request, as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What stands behind the question mark.
    pub query: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A field of the query or of a form in the body, decoded.
    pub fn field(&self, name: &str) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body);
        self.query.split('&').chain(body.split('&')).find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (decode(key) == name).then(|| decode(value))
        })
    }

    /// A header's value, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Undoes percent-encoding and `+` for a space; what is no encoding stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let digits = if byte == b'%' { text.get(at + 1..at + 3) } else { None };
        let (decoded, length) = match digits.map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(value)) => (value, 3),
            _ if byte == b'+' => (b' ', 1),
            _ => (byte, 1),
        };
        bytes.push(decoded);
        at += length;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status, such as 200.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A script, or anything else, with status 200.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into() }
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, body: Vec::new() }
    }
}

#[derive(Debug, Default)]
struct State {
    replies: BTreeMap<String, Reply>,
    requests: Vec<Request>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    stopped: AtomicBool,
    connections: AtomicUsize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server; it stops when dropped.
#[derive(Debug)]
pub struct BootServer {
    port: u16,
    shared: Arc<Shared>,
    listeners: Vec<JoinHandle<()>>,
}

impl BootServer {
    /// Starts a server that answers 404 to everything.
    pub fn start() -> anyhow::Result<Self> {
        let (ipv4, ipv6) = bind_both()?;
        let port = ipv4.local_addr()?.port();
        let shared = Arc::<Shared>::default();
        let listeners = [ipv4, ipv6]
            .map(|listener| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || accept(&listener, &shared))
            })
            .into();
        Ok(Self { port, shared, listeners })
    }

    /// The port on 127.0.0.1 and ::1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on, answers requests whose path starts with `prefix`; the longest prefix wins.
    pub fn answer(&self, prefix: &str, reply: Reply) {
        self.shared.lock().replies.insert(prefix.to_owned(), reply);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits for the first request whose path starts with `prefix`.
    pub fn wait_for(&self, prefix: &str, limit: Duration) -> anyhow::Result<Request> {
        self.wait_until(|request| request.path.starts_with(prefix), limit)
            .with_context(|| format!("waiting for a request for {prefix}"))
    }

    /// Waits for the first request that is `wanted`.
    pub fn wait_until(
        &self,
        wanted: impl Fn(&Request) -> bool,
        limit: Duration,
    ) -> anyhow::Result<Request> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        loop {
            if let Some(request) = state.requests.iter().find(|request| wanted(request)) {
                return Ok(request.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen = state.requests.iter();
                let seen: Vec<_> =
                    seen.map(|r| format!("{} {}?{}", r.method, r.path, r.query)).collect();
                bail!("no such request reached the boot server, which saw {seen:?}");
            }
            let wait = self.shared.arrived.wait_timeout(state, left);
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for BootServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // A connection wakes each listener, which then sees that it has to stop.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let _ = TcpStream::connect((Ipv6Addr::LOCALHOST, self.port));
        for listener in self.listeners.drain(..) {
            let _ = listener.join(); // a listener that panicked has stopped, too
        }
    }
}

/// One port on both loopback addresses.
fn bind_both() -> anyhow::Result<(TcpListener, TcpListener)> {
    for _ in 0..PORT_TRIES {
        let ipv4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening on 127.0.0.1")?;
        let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, ipv4.local_addr()?.port()));
        if let Ok(ipv6) = TcpListener::bind(ipv6) {
            return Ok((ipv4, ipv6));
        }
    }
    bail!("found no port that is free on 127.0.0.1 and ::1: does this machine have IPv6 loopback?")
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        if shared.connections.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that breaks off is the test's business: its request is then missing.
            let _ = serve(&stream, &shared);
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// One request and its answer; the connection is closed after it.
fn serve(stream: &TcpStream, shared: &Shared) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read_request(&mut BufReader::new(stream))?;
    let head_only = request.method == "HEAD";
    let reply = {
        let mut state = shared.lock();
        let matching = state.replies.iter().filter(|(prefix, _)| request.path.starts_with(*prefix));
        let longest = matching.max_by_key(|(prefix, _)| prefix.len());
        let reply = longest.map_or_else(|| Reply::status(404), |(_, reply)| reply.clone());
        state.requests.push(request);
        shared.arrived.notify_all();
        reply
    };
    let mut writer = stream;
    write!(
        writer,
        "HTTP/1.1 {} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reply.status,
        reply.body.len()
    )?;
    if !head_only {
        writer.write_all(&reply.body)?;
    }
    Ok(writer.flush()?)
}

fn read_request(reader: &mut impl BufRead) -> anyhow::Result<Request> {
    let mut head = reader.take(MAX_HEAD);
    let mut line = || -> anyhow::Result<String> {
        let mut line = String::new();
        head.read_line(&mut line)?;
        line.ends_with('\n').then(|| line.trim_end().to_owned()).context("a cut request head")
    };
    let first = line()?;
    let mut words = first.split(' ');
    let method = words.next().context("no method")?.to_owned();
    let target = words.next().context("no path")?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request =
        Request { method, path: path.to_owned(), query: query.to_owned(), headers, body: vec![] };
    let length: usize = request.header("content-length").map_or(Ok(0), str::parse)?;
    anyhow::ensure!(length <= MAX_BODY, "a body of {length} bytes");
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &BootServer, address: impl Into<std::net::IpAddr>, request: &str) -> String {
        let mut stream = TcpStream::connect((address.into(), server.port())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_longest_prefix_answers_and_everything_is_remembered() {
        let server = BootServer::start().unwrap();
        server.answer("/boot/", Reply::ok("#!ipxe\n"));
        server.answer("/boot/deep", Reply::status(503));
        let answer =
            ask(&server, Ipv4Addr::LOCALHOST, "GET /boot/a?mac=52%3A54&x=a+b HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n#!ipxe\n"));
        assert!(
            ask(&server, Ipv6Addr::LOCALHOST, "GET /boot/deep/1 HTTP/1.1\r\n\r\n").contains("503")
        );
        assert!(ask(&server, Ipv4Addr::LOCALHOST, "GET / HTTP/1.1\r\n\r\n").contains(" 404 "));
        let seen = server.wait_for("/boot/", Duration::ZERO).unwrap();
        assert_eq!(
            (seen.field("mac").as_deref(), seen.field("x").as_deref()),
            (Some("52:54"), Some("a b"))
        );
        assert_eq!(server.requests().len(), 3);
    }

    #[test]
    fn a_form_is_read_to_its_end() {
        let server = BootServer::start().unwrap();
        let form = "POST /boot/t HTTP/1.1\r\nContent-LENGTH: 13\r\n\r\nserial=S%2F1&x";
        assert!(ask(&server, Ipv4Addr::LOCALHOST, form).contains(" 404 "));
        let seen = server.wait_for("/boot/t", Duration::ZERO).unwrap();
        assert_eq!((seen.method.as_str(), seen.body.len()), ("POST", 13));
        assert_eq!(seen.field("serial").as_deref(), Some("S/1"));
        assert_eq!(seen.field("x"), None);
    }

    #[test]
    fn what_never_came_is_told_with_what_came() {
        let server = BootServer::start().unwrap();
        ask(&server, Ipv4Addr::LOCALHOST, "GET /other HTTP/1.1\r\n\r\n");
        let error = server.wait_for("/boot/", Duration::from_millis(20)).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("/boot/") && error.contains("/other"), "{error}");
    }

    #[test]
    fn nonsense_neither_answers_nor_stops_the_server() {
        let server = BootServer::start().unwrap();
        assert_eq!(ask(&server, Ipv4Addr::LOCALHOST, "\r\n\r\n"), "");
        assert_eq!(
            ask(&server, Ipv4Addr::LOCALHOST, "POST / X\r\nContent-Length: 99999999\r\n\r\n"),
            ""
        );
        assert!(ask(&server, Ipv4Addr::LOCALHOST, "GET / HTTP/1.1\r\n\r\n").contains(" 404 "));
    }

    #[test]
    fn dropping_frees_the_port() {
        let server = BootServer::start().unwrap();
        let port = server.port();
        drop(server);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_err());
    }

    #[test]
    fn decoding_leaves_alone_what_is_no_encoding() {
        for (text, decoded) in
            [("a%2", "a%2"), ("%zz", "%zz"), ("%41+%e4%bd%a0", "A 你"), ("%é", "%é")]
        {
            assert_eq!(decode(text), decoded);
        }
    }
}
