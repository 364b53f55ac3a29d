//! Where a feed's bytes come from: a file, standard input, an HTTP server, NetBox, or a database.
//! They go to a temporary file first, so that a feed of any size takes no memory, and what was checked is what is minted.

use crate::{deps, netbox};
use anyhow::{Context, bail, ensure};
use bootmint_image_factory::{
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
    env,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};
use xshell::{Shell, cmd};

/// The environment variable that holds the bearer token for feeds over HTTP.
pub const TOKEN_VARIABLE: &str = "BOOTMINT_FEED_TOKEN";
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a whole download may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Which certificates feeds over HTTPS are trusted by.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Args {
    /// Trust this PEM file instead of the system's certificates for a feed over HTTPS
    #[arg(long, value_name = "FILE", env = "BOOTMINT_FEED_CA")]
    feed_ca: Option<PathBuf>,
}

/// What is needed to get a feed.
#[derive(Clone, Debug)]
pub struct Request {
    /// A file, `-` for standard input, an `http://` or `https://` address, `netbox:` before such
    /// an address, or `sql:` before the name of a file with a query.
    pub feed: String,
    /// The format, where the user said it; otherwise the content type or extension tells.
    pub format: Option<FeedFormat>,
    /// The certificates to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// The bearer token; goes to the feed's own server only.
    pub token: Option<String>,
}

impl Request {
    /// A request as the command line and the environment tell it.
    pub fn new(feed: &str, format: Option<FeedFormat>, args: &Args) -> Self {
        let token = env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
        Self { feed: feed.to_owned(), format, ca: args.feed_ca.clone(), token }
    }

    /// Gets the feed.
    pub fn load(&self) -> anyhow::Result<Input> {
        let lower = self.feed.to_ascii_lowercase();
        let (name, file, told) = if self.feed == "-" {
            ("stdin".to_owned(), limited(io::stdin().lock(), "standard input")?, None)
        } else if lower.starts_with("http://") || lower.starts_with("https://") {
            self.download()?
        } else if let Some(url) = self.feed.strip_prefix("netbox:") {
            self.netbox(url)?
        } else if let Some(query) = self.feed.strip_prefix("sql:") {
            ask_database(query)?
        } else {
            let path = Path::new(&self.feed);
            let file = fs::File::open(path).with_context(|| format!("opening {}", self.feed))?;
            (self.feed.clone(), limited(file, &self.feed)?, FeedFormat::of_path(path))
        };
        let Some(format) = self.format.or(told) else {
            bail!("{name} does not tell its format; name it: csv, json, ndjson or toml");
        };
        Ok(Input { file, format, name })
    }

    fn download(&self) -> anyhow::Result<(String, File, Option<FeedFormat>)> {
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
        let answer = request.send().map_err(reqwest::Error::without_url).with_context(getting)?;
        let status = answer.status();
        if !status.is_success() {
            let hint = match status.as_u16() {
                401 | 403 => format!("; is the token in {TOKEN_VARIABLE} right?"),
                _ => String::new(),
            };
            bail!("{url} answered {status}{hint}");
        }
        let told = told(&answer).or_else(|| FeedFormat::of_path(Path::new(url.path())));
        let file = limited(answer, url.as_str())?;
        Ok((url.to_string(), file, told))
    }

    fn netbox(&self, url: &str) -> anyhow::Result<(String, File, Option<FeedFormat>)> {
        let url = address(url)?;
        let feed = netbox::feed(&self.client(&url)?, &url, self.token.as_deref())?;
        let name = "netbox".to_owned();
        let file = limited(feed.as_bytes(), &name)?;
        Ok((name, file, Some(FeedFormat::Ndjson)))
    }

    fn client(&self, url: &Url) -> anyhow::Result<Client> {
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
            .context("setting up HTTPS; --feed-ca FILE names certificates to trust");
        };
        let reading = || format!("reading the certificates in {}", path.display());
        let pem = fs::read(path).with_context(reading)?;
        let certificates = Certificate::from_pem_bundle(&pem).with_context(reading)?;
        ensure!(!certificates.is_empty(), "{} holds no certificate", path.display());
        builder().tls_certs_only(certificates).build().with_context(reading)
    }
}

fn address(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).context("reading the feed's address")?;
    let no_user = url.username().is_empty() && url.password().is_none();
    ensure!(no_user, "a feed's address holds no password; put a token into {TOKEN_VARIABLE}");
    Ok(url)
}

/// What a query finds. The server's program asks: nothing here speaks to databases.
fn ask_database(query: &str) -> anyhow::Result<(String, File, Option<FeedFormat>)> {
    let beside = env::current_exe().ok().map(|path| path.with_file_name("bootmint"));
    let program = beside.filter(|path| path.is_file()).or_else(|| deps::on_path("bootmint"));
    let Some(program) = program else {
        bail!(
            "a feed out of a database needs the program bootmint: \
             build it with `cargo build --package bootmint-server`"
        );
    };
    let shell = Shell::new()?;
    let feed = cmd!(shell, "{program} feed {query}").quiet().read()?;
    Ok((query.to_owned(), limited(feed.as_bytes(), query)?, Some(FeedFormat::Csv)))
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
fn limited(from: impl Read, name: &str) -> anyhow::Result<File> {
    let mut file = tempfile::tempfile().context("making a temporary file for the feed")?;
    let bytes = io::copy(&mut from.take(MAX_BYTES as u64 + 1), &mut file)
        .with_context(|| format!("reading {name} into a temporary file"))?;
    ensure!(bytes <= MAX_BYTES as u64, "{name} has more than {} MiB; split it", MAX_BYTES >> 20);
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
        let error = format!("{:#}", request(&address).load().unwrap_err());
        server.join().unwrap();
        assert!(error.contains("must not see the token"), "{error}");
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
