//! Requests to the provider: over HTTPS, in time, of bounded size, and never led elsewhere.

use super::config::OidcConfig;
use crate::tls::{Section, Trust, TrustError, client, explain};
use openidconnect::{HttpRequest, HttpResponse, http};
use reqwest::{Client, Url, redirect::Policy};
use std::{error::Error, pin::Pin, time::Duration};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 << 10;
/// Where the configuration speaks of the provider.
const SECTION: Section =
    Section { server: "provider", name: "oidc.issuer", ca: "oidc.ca-file (or of this system)" };

/// The provider gave no answer that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(pub(super) String);

/// An answer that is waited for.
type Sent = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send>>;

/// What asks the provider.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    plain: bool,
}

impl Http {
    /// Reads the authorities that are trusted. Nothing is asked yet.
    pub(super) fn new(config: &OidcConfig) -> Result<Self, TrustError> {
        // Fails when a provider was installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("bootmint/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(LIMIT)
            .https_only(!config.plain);
        let builder = match (&config.trust, config.plain) {
            (Trust::System, true) => builder.no_proxy().tls_certs_only([]),
            (trust, _) => builder.tls_backend_preconfigured(client(trust)?.as_ref().clone()),
        };
        let client = builder.build().map_err(|_| TrustError::System)?;
        Ok(Self { client, plain: config.plain })
    }

    /// Whether an address that the provider names may be asked or gone to.
    pub(super) fn takes(&self, url: &Url) -> bool {
        url.scheme() == "https" || (self.plain && super::config::is_loopback(url))
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let (parts, body) = request.into_parts();
        let url: Url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|_| NoAnswer(format!("{} is no address", parts.uri)))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if !self.takes(&url) {
            return Err(NoAnswer(format!("{host} would be asked without HTTPS")));
        }
        let trouble = |error: reqwest::Error| NoAnswer(words(&error, &host));
        let ask = self.client.request(parts.method, url).headers(parts.headers).body(body);
        let mut answer = ask.send().await.map_err(trouble)?;
        // What stands before the provider may answer so while it is away: that is no "no".
        let status = answer.status();
        if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(NoAnswer(format!("{host} answered {status}")));
        }
        let mut response = http::Response::builder().status(status);
        if let Some(kind) = answer.headers().get(http::header::CONTENT_TYPE) {
            response = response.header(http::header::CONTENT_TYPE, kind);
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(trouble)? {
            if bytes.len().saturating_add(piece.len()) > MAX_ANSWER {
                return Err(NoAnswer(format!(
                    "the answer of {host} is longer than {MAX_ANSWER} bytes"
                )));
            }
            bytes.extend_from_slice(&piece);
        }
        response.body(bytes).map_err(|error| NoAnswer(error.to_string()))
    }

    /// What asks for openidconnect. It owns all that it needs, so that any thread may wait for it.
    pub(super) fn sender(&self) -> impl Fn(HttpRequest) -> Sent + use<> {
        let http = self.clone();
        move |request| {
            let http = http.clone();
            Box::pin(async move { http.send(request).await })
        }
    }

    /// Asks for a JSON document, with an access token if there is one.
    pub(super) async fn json<T: serde::de::DeserializeOwned>(
        &self,
        url: &Url,
        token: Option<&str>,
    ) -> Result<T, NoAnswer> {
        let mut request = http::Request::get(url.as_str()).header("accept", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Vec::new()).map_err(|error| NoAnswer(error.to_string()))?;
        let answer = self.send(request).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(NoAnswer(format!("{url} answered {}", answer.status())));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| NoAnswer(format!("{url} is not what it should be: {error}")))
    }
}

/// What went wrong, and what to do. A URL may hold a secret, so that only the host is named.
fn words(error: &reqwest::Error, host: &str) -> String {
    if let Some(what) = explain(error, host, SECTION) {
        return format!("{host}: {what}");
    }
    if error.is_timeout() {
        return format!("{host} gave no answer in time");
    }
    let mut last: &dyn Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    if error.is_connect() {
        format!("{host} cannot be reached: {last}")
    } else {
        format!("{host} gave no whole answer: {last}")
    }
}
