//! A client of the interface below `/api/v1`: what `bootmint remote` asks through.

mod watch;

pub use watch::{Event, Hear};

use reqwest::{
    Certificate, Method, StatusCode,
    blocking::{Client, RequestBuilder, Response},
    header::{CONTENT_TYPE, HeaderValue, IF_MATCH},
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest answer that is kept in memory, in bytes.
const MAX_ANSWER: u64 = 64 << 20;

/// Where the server is, and who asks.
#[derive(Clone, Debug)]
pub struct Place {
    /// The console's URL, such as `https://boot.example.net`.
    pub server: String,
    /// The API token.
    pub token: String,
    /// The one certificate that the server's must lead to, in PEM; without it, those that the
    /// system trusts.
    pub ca: Option<PathBuf>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The server's URL is none.
    #[error("\"{0}\" is no server: write http://HOST:PORT or https://HOST")]
    Server(String),
    /// The token cannot stand in a request.
    #[error("the token holds characters that no token has: it starts with bmt_")]
    Token,
    /// The certificate is none.
    #[error("{} is no certificate in PEM", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// A file cannot be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("asking {server}")]
    Connection {
        /// The server.
        server: String,
        /// What went wrong, without the URL.
        source: reqwest::Error,
    },
    /// The answer broke off.
    #[error("reading the answer of {server}")]
    Answer {
        /// The server.
        server: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The server refused.
    #[error("{}", refusal(*.status, .detail, .faults))]
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// Why.
        detail: String,
        /// What is wrong with a feed, one line each.
        faults: Vec<String>,
    },
    /// The answer is not what this program understands.
    #[error("{server} does not answer as Bootmint does: is that its console?")]
    Foreign {
        /// The server.
        server: String,
    },
}

fn refusal(status: StatusCode, detail: &str, faults: &[String]) -> String {
    let faults: String = faults.iter().map(|fault| format!("\n{fault}")).collect();
    format!("the server says: {detail} ({}){faults}", status.as_u16())
}

/// What the server says when it refuses: RFC 9457.
#[derive(Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    file: Option<String>,
    row: u32,
    column: u32,
    host: Option<String>,
    message: String,
    help: Option<String>,
}

impl Fault {
    fn line(&self, feed: &str) -> String {
        let host = self.host.as_ref().map(|host| format!("host \"{host}\": ")).unwrap_or_default();
        let help = self.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let file = self.file.as_deref().unwrap_or(feed);
        format!("{file}:{}:{}: {host}{}{help}", self.row, self.column, self.message)
    }
}

/// A connection to one server as one user.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    server: String,
    authorization: HeaderValue,
}

impl Remote {
    /// A client of the server at `place`. Nothing is asked yet.
    pub fn new(place: &Place) -> Result<Self, RemoteError> {
        let server = place.server.trim_end_matches('/').to_owned();
        let rest = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['/', '@', '?', '#'])) {
            return Err(RemoteError::Server(place.server.clone()));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", place.token.trim()))
            .map_err(|_| RemoteError::Token)?;
        authorization.set_sensitive(true);
        // Fails when a provider was installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("bootmint/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none()) // a token goes nowhere else
            .connect_timeout(CONNECT)
            .timeout(SILENCE);
        if let Some(path) = &place.ca {
            let pem = fs::read(path).map_err(file("reading", path))?;
            let bad = |source| RemoteError::Certificate { path: path.clone(), source };
            // No other authority can then speak for the server.
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(bad)?);
        }
        let client = builder.build();
        let client =
            client.map_err(|source| RemoteError::Connection { server: server.clone(), source })?;
        Ok(Self { client, server, authorization })
    }

    /// Reads `path`, which starts behind `/api/v1`.
    pub fn get(&self, path: &str) -> Result<Value, RemoteError> {
        self.value(self.send(self.request(Method::GET, path), "")?)
    }

    /// Sends `body` to `path`.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, RemoteError> {
        self.call(Method::POST, path, Some(body))
    }

    /// Asks for `method` of `path`, with `body` if there is one; null where the answer is empty.
    pub fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, RemoteError> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.value(self.send(request, "")?)
    }

    /// The same, if what it changes still has the entity tag `tag`.
    pub fn post_if(&self, path: &str, tag: &str, body: &Value) -> Result<Value, RemoteError> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        let request = request.header(IF_MATCH, tag);
        self.value(self.send(request.body(body.to_string()), "")?)
    }

    /// Sends the feed `bytes`, called `name` in what is said of it, to `path`.
    pub fn feed(&self, path: &str, name: &str, bytes: Vec<u8>) -> Result<Value, RemoteError> {
        self.value(self.send(self.request(Method::POST, path).body(bytes), name)?)
    }

    /// Writes what `path` answers to `to`, which is there whole or not at all; its size.
    pub fn save(&self, path: &str, to: &Path) -> Result<u64, RemoteError> {
        let mut answer = self.send(self.request(Method::GET, path), "")?;
        let expected = answer.content_length();
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut fresh = tempfile::Builder::new()
            .prefix(".bootmint-")
            .tempfile_in(folder)
            .map_err(file("making a file in", folder))?;
        let broke = |source| RemoteError::Answer { server: self.server.clone(), source };
        let size = io::copy(&mut answer, &mut fresh).map_err(broke)?;
        if expected.is_some_and(|expected| expected != size) {
            return Err(broke(io::ErrorKind::UnexpectedEof.into()));
        }
        fresh.flush().and_then(|()| fresh.as_file().sync_all()).map_err(file("writing", to))?;
        let kept = fresh.persist(to).map_err(|error| file("writing", to)(error.error))?;
        // A temporary file is its owner's alone; this one holds a host's token, so it stays so.
        drop(kept);
        Ok(size)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.server);
        self.client.request(method, url).header("authorization", self.authorization.clone())
    }

    /// Sends a request, of the feed `feed` if it carries one, and makes a refusal an error.
    fn send(&self, request: RequestBuilder, feed: &str) -> Result<Response, RemoteError> {
        let answer = request.send().map_err(|source| self.broken(source))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Problem =
            serde_json::from_value(self.value(answer)?).map_err(|_| self.foreign())?;
        let faults = problem.faults.iter().map(|fault| fault.line(feed)).collect();
        Err(RemoteError::Refused { status, detail: problem.detail, faults })
    }

    fn value(&self, answer: Response) -> Result<Value, RemoteError> {
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let mut bytes = Vec::new();
        let read = io::Read::read_to_end(&mut io::Read::take(answer, MAX_ANSWER), &mut bytes);
        read.map_err(|source| RemoteError::Answer { server: self.server.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|_| self.foreign())
    }

    fn broken(&self, source: reqwest::Error) -> RemoteError {
        RemoteError::Connection { server: self.server.clone(), source: source.without_url() }
    }

    fn foreign(&self) -> RemoteError {
        RemoteError::Foreign { server: self.server.clone() }
    }
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RemoteError + use<> {
    let path = path.to_owned();
    move |source| RemoteError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(server: &str, token: &str) -> Place {
        Place { server: server.to_owned(), token: token.to_owned(), ca: None }
    }

    #[test]
    fn a_server_is_a_scheme_and_a_name_and_nothing_else() {
        for good in ["http://127.0.0.1:8081", "https://boot.example.net/"] {
            assert!(Remote::new(&place(good, "bmt_x")).is_ok(), "{good}");
        }
        for bad in ["boot", "ftp://x", "http://", "http://a@b", "http://b/api", "https://b?x"] {
            let error = Remote::new(&place(bad, "bmt_x")).unwrap_err();
            assert!(matches!(error, RemoteError::Server(_)), "{bad}");
        }
        let error = Remote::new(&place("http://b", "bmt\n")).map(drop);
        assert!(error.is_ok(), "a line's end behind the token is no part of it");
        assert!(matches!(Remote::new(&place("http://b", "a\nb")), Err(RemoteError::Token)));
    }

    #[test]
    fn a_token_is_never_shown() {
        let remote = Remote::new(&place("http://127.0.0.1:1", "bmt_secret")).unwrap();
        assert!(!format!("{remote:?}").contains("bmt_secret"));
        let error = remote.get("/hosts").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("bmt_secret"));
    }
}
