//! The wire below a browser: the W3C's WebDriver protocol, JSON over HTTP on loopback.

use anyhow::{Context, bail};
use reqwest::{Method, blocking::Client};
use serde_json::Value;
use std::{fmt, time::Duration};

/// How long an answer may take: longer than anything that a page does.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the driver answered instead of doing what it was told.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The kind, a word of the protocol.
    pub(super) kind: String,
    pub(super) message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.message.lines().next().unwrap_or_default();
        write!(f, "the browser says \"{}\": {first}", self.kind)
    }
}

impl std::error::Error for Refusal {}

/// A connection to a driver, or to one session of it.
#[derive(Debug)]
pub(super) struct Wire {
    client: Client,
    base: String,
}

impl Wire {
    /// The driver that listens on `port` of this computer's loopback.
    pub(super) fn new(port: u16) -> anyhow::Result<Self> {
        // Fails when a provider was installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { client, base: format!("http://127.0.0.1:{port}") })
    }

    /// The same connection, for what stands below `path`.
    pub(super) fn below(self, path: &str) -> Self {
        Self { base: format!("{}{path}", self.base), ..self }
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, None)
    }

    fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            let json = "application/json; charset=utf-8";
            request = request.header("content-type", json).body(body.to_string());
        }
        let answer = request.send().with_context(|| format!("telling the driver: {path}"))?;
        let bytes = answer.bytes().with_context(|| format!("the driver's answer to {path}"))?;
        let mut answer: Value = serde_json::from_slice(&bytes)
            .with_context(|| format!("the driver's answer to {path} is no JSON"))?;
        let value = answer["value"].take();
        match (value["error"].as_str(), value["message"].as_str()) {
            (Some(kind), Some(message)) => {
                bail!(Refusal { kind: kind.to_owned(), message: message.to_owned() })
            }
            _ => Ok(value),
        }
    }
}
