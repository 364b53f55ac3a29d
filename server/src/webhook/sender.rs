//! Sends messages to one receiver.

use super::{Message, WebhookConfig, address::Lookup};
use crate::time::{Seconds, Timestamp};
use reqwest::{Certificate, Client, StatusCode, header::RETRY_AFTER, redirect::Policy};
use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of it may take. A lease is longer.
const LIMIT: Duration = Duration::from_secs(10);

/// A receiver that can't be sent to at all.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Its authority's certificate cannot be read.
    #[error("webhook \"{name}\": {} cannot be read", path.display())]
    Read {
        /// The webhook.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// HTTPS cannot be spoken.
    #[error(
        "webhook \"{name}\": HTTPS cannot be set up: is its ca-file one or more certificates in PEM, or does the system have any?"
    )]
    Tls {
        /// The webhook.
        name: String,
        /// Why.
        source: reqwest::Error,
    },
}

/// A message did not arrive, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The receiver answered something else than that it has it.
    #[error("the receiver answered {status}")]
    Refused {
        /// What.
        status: StatusCode,
        /// How long it asks to be left alone.
        pause: Option<Seconds>,
    },
    /// It was not reached, or not in time.
    #[error("the receiver was not reached")]
    Unreached(#[source] reqwest::Error),
}

/// What sends to one receiver.
#[derive(Clone, Debug)]
pub struct Sender {
    config: WebhookConfig,
    client: Client,
}

impl Sender {
    /// Reads what is needed. Nothing is sent yet.
    pub fn new(config: &WebhookConfig) -> Result<Self, WebhookError> {
        let name = || config.name.to_string();
        // Fails when a provider was installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("bootmint/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            // A proxy would look names up itself, past our check.
            .no_proxy()
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Lookup(config.networks)))
            .connect_timeout(CONNECT)
            .timeout(LIMIT);
        let tls = |source| WebhookError::Tls { name: name(), source };
        if let Some(path) = &config.ca {
            let pem = fs::read(path).map_err(|source| WebhookError::Read {
                name: name(),
                path: path.clone(),
                source,
            })?;
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(tls)?);
        } else if config.url.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        Ok(Self { config: config.clone(), client: builder.build().map_err(tls)? })
    }

    /// What it was made of.
    pub fn config(&self) -> &WebhookConfig {
        &self.config
    }

    /// Sends a message. Of the answer only the head is read.
    pub async fn send(&self, message: &Message, at: Timestamp) -> Result<(), SendError> {
        let signature = self.config.keys.sign(&message.id, at, &message.body);
        let request = self
            .client
            .post(self.config.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", at.as_unix().to_string())
            .header("webhook-signature", signature)
            .body(message.body.clone());
        // A URL may hold a secret.
        let answer =
            request.send().await.map_err(|error| SendError::Unreached(error.without_url()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let pause = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let pause = pause.and_then(|text| text.trim().parse().ok()).map(Seconds::new);
        Err(SendError::Refused { status, pause })
    }
}
