//! Where a feed's bytes come from: a file, standard input, an HTTP server, or NetBox. They go to a
//! temporary file first, so that a feed of any size takes no memory, and what was checked is what
//! is minted.

mod netbox;

use crate::{
    fault::Faults,
    feed::{Defaults, Feed, FeedFormat, MAX_BYTES},
    host::Host,
};
use reqwest::{
    Certificate, Url,
    blocking::{Client, Response},
    header::CONTENT_TYPE,
    redirect::{Attempt, Policy},
};
use std::{
    error::Error,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

/// The environment variable that holds the bearer token for feeds over HTTP.
pub const TOKEN_VARIABLE: &str = "BOOTMINT_FEED_TOKEN";
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a whole download may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Why a feed was not got.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct FetchError {
    what: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl FetchError {
    /// A refusal for that reason alone.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }
}

/// Says what was being done when something failed.
trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, FetchError>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, FetchError> {
        self.map_err(|error| FetchError { what: what(), source: Some(error.into()) })
    }
}

/// Refuses, unless that holds.
macro_rules! demand {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::fetch::FetchError::new(format!($($text)+)));
        }
    };
}
use demand;

/// What is needed to get a feed.
#[derive(Clone, Debug)]
pub struct Request {
    /// A file, `-` for standard input, an `http://` or `https://` address, or `netbox:` before such
    /// an address.
    pub feed: String,
    /// The format, where the user said it; otherwise the content type or extension tells.
    pub format: Option<FeedFormat>,
    /// The certificates to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// The bearer token; goes to the feed's own server only.
    pub token: Option<String>,
}

impl Request {
    /// Gets the feed.
    pub fn load(&self) -> Result<Input, FetchError> {
        let lower = self.feed.to_ascii_lowercase();
        let (name, file, told) = if self.feed == "-" {
            ("stdin".to_owned(), limited(io::stdin().lock(), "standard input")?, None)
        } else if lower.starts_with("http://") || lower.starts_with("https://") {
            self.download()?
        } else if let Some(url) = self.feed.strip_prefix("netbox:") {
            self.netbox(url)?
        } else {
            let path = Path::new(&self.feed);
            let file = fs::File::open(path).doing(|| format!("opening {}", self.feed))?;
            (self.feed.clone(), limited(file, &self.feed)?, FeedFormat::of_path(path))
        };
        let Some(format) = self.format.or(told) else {
            return Err(FetchError::new(format!(
                "{name} does not tell its format; name it: csv, json, ndjson or toml"
            )));
        };
        Ok(Input { file, format, name })
    }

    fn download(&self) -> Result<(String, File, Option<FeedFormat>), FetchError> {
        let mut url = address(&self.feed)?;
        let client = self.client(&url)?;
        let mut request = client.get(url.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        url.set_query(None); // it may hold a secret, and what follows is shown
        url.set_fragment(None);
        let getting = || match (url.scheme(), &self.ca) {
            ("https", None) => {
                format!("getting {url} (--feed-ca FILE names a certificate authority of your own)")
            }
            _ => format!("getting {url}"),
        };
        let answer = request.send().map_err(reqwest::Error::without_url).doing(getting)?;
        let status = answer.status();
        if !status.is_success() {
            let hint = match status.as_u16() {
                401 | 403 => format!("; is the token in {TOKEN_VARIABLE} right?"),
                _ => String::new(),
            };
            return Err(FetchError::new(format!("{url} answered {status}{hint}")));
        }
        let told = told(&answer).or_else(|| FeedFormat::of_path(Path::new(url.path())));
        let file = limited(answer, url.as_str())?;
        Ok((url.to_string(), file, told))
    }

    fn netbox(&self, url: &str) -> Result<(String, File, Option<FeedFormat>), FetchError> {
        let url = address(url)?;
        let feed = netbox::feed(&self.client(&url)?, &url, self.token.as_deref())?;
        let name = "netbox".to_owned();
        let file = limited(feed.as_bytes(), &name)?;
        Ok((name, file, Some(FeedFormat::Ndjson)))
    }

    fn client(&self, url: &Url) -> Result<Client, FetchError> {
        // An error means that the process has a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
                .user_agent(concat!("bootmint/", env!("CARGO_PKG_VERSION")))
                .redirect(redirects(url.clone(), self.token.is_some()))
        };
        let Some(path) = &self.ca else {
            return match builder().build() {
                // A machine without certificates can still get feeds over HTTP.
                Err(_) if url.scheme() == "http" => builder().tls_certs_only([]).build(),
                built => built,
            }
            .doing(|| "setting up HTTPS; --feed-ca FILE names certificates to trust".to_owned());
        };
        let reading = || format!("reading the certificates in {}", path.display());
        let pem = fs::read(path).doing(reading)?;
        let certificates = Certificate::from_pem_bundle(&pem).doing(reading)?;
        demand!(!certificates.is_empty(), "{} holds no certificate", path.display());
        builder().tls_certs_only(certificates).build().doing(reading)
    }
}

fn address(text: &str) -> Result<Url, FetchError> {
    let url = Url::parse(text).doing(|| "reading the feed's address".to_owned())?;
    let no_user = url.username().is_empty() && url.password().is_none();
    demand!(no_user, "a feed's address holds no password; put a token into {TOKEN_VARIABLE}");
    Ok(url)
}

/// Redirects never lead from HTTPS to HTTP, and with a token never to another server.
fn redirects(start: Url, with_token: bool) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error("too many redirects");
        }
        if start.scheme() == "https" && attempt.url().scheme() != "https" {
            return attempt.error("a redirect from https to http");
        }
        if with_token && attempt.url().origin() != start.origin() {
            return attempt.error("a redirect to another server, which must not see the token");
        }
        attempt.follow()
    })
}

fn told(answer: &Response) -> Option<FeedFormat> {
    FeedFormat::of_content_type(answer.headers().get(CONTENT_TYPE)?.to_str().ok()?)
}

/// What `from` gives, in a file without a name, which vanishes with its handle.
fn limited(from: impl Read, name: &str) -> Result<File, FetchError> {
    let mut file =
        tempfile::tempfile().doing(|| "making a temporary file for the feed".to_owned())?;
    let bytes = io::copy(&mut from.take(MAX_BYTES as u64 + 1), &mut file)
        .doing(|| format!("reading {name} into a temporary file"))?;
    demand!(bytes <= MAX_BYTES as u64, "{name} has more than {} MiB; split it", MAX_BYTES >> 20);
    Ok(file)
}

/// A feed as it came.
#[derive(Debug)]
pub struct Input {
    /// Its bytes.
    pub file: File,
    /// Their format.
    pub format: FeedFormat,
    /// What faults call the feed.
    pub name: String,
}

impl Input {
    /// A feed that somebody else got.
    pub fn of(bytes: impl Read, format: FeedFormat, name: &str) -> Result<Self, FetchError> {
        Ok(Self { file: limited(bytes, name)?, format, name: name.to_owned() })
    }

    /// Checks all hosts and shows each to `visit`.
    pub fn check(
        self,
        defaults: &Defaults,
        visit: &mut dyn FnMut(&Host),
    ) -> Result<Feed<'static>, Faults> {
        Feed::check(self.file, self.format, &self.name, defaults, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        os::unix::fs::FileExt,
        thread::{self, JoinHandle},
    };

    /// Answers one request with `answer` and gives back the request's head.
    fn serve(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hosts", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> =
                lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            head.join("\n").to_ascii_lowercase()
        });
        (address, server)
    }

    fn request(feed: &str) -> Request {
        Request { feed: feed.to_owned(), format: None, ca: None, token: Some("secret".to_owned()) }
    }

    #[test]
    fn the_content_type_tells_the_format_and_the_token_is_sent() {
        let (address, server) = serve(
            "HTTP/1.1 200 OK\r\ncontent-type: text/csv; charset=utf-8\r\ncontent-length: 5\r\n\
             connection: close\r\n\r\nname\n",
        );
        let feed = request(&format!("{address}?key=private")).load().unwrap();
        let mut text = [0; 6];
        assert_eq!(feed.file.read_at(&mut text, 0).unwrap(), 5);
        assert_eq!((feed.format, &text), (FeedFormat::Csv, b"name\n\0"));
        assert_eq!(feed.name, address);
        assert!(server.join().unwrap().contains("authorization: bearer secret"));
    }

    #[test]
    fn the_token_does_not_follow_a_redirect_to_another_server() {
        let (address, server) = serve(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/hosts\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n",
        );
        let error = request(&address).load().unwrap_err();
        server.join().unwrap();
        let why = format!("{error:?}");
        assert!(why.contains("must not see the token"), "{why}");
    }

    #[test]
    fn a_refusal_names_the_tokens_variable() {
        let (address, server) =
            serve("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let error = request(&address).load().unwrap_err().to_string();
        server.join().unwrap();
        assert!(error.contains("401") && error.contains(TOKEN_VARIABLE), "{error}");
    }

    #[test]
    fn a_file_tells_its_format_by_its_extension_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["hosts.jsonl", "hosts"] {
            fs::write(path(name), "{}").unwrap();
        }
        assert_eq!(request(&path("hosts.jsonl")).load().unwrap().format, FeedFormat::Ndjson);
        assert!(request(&path("hosts")).load().unwrap_err().to_string().contains("csv, json"));
        assert!(request(&path("none.csv")).load().unwrap_err().to_string().contains("none.csv"));
        assert!(request("http://user:pw@127.0.0.1/").load().is_err());
    }
}
