//! The provider: what it says of itself, and its keys, are kept for a while.

use super::{
    config::OidcConfig,
    error::OidcError,
    http::{Http, NoAnswer},
    metadata::Metadata,
};
use crate::tls::TrustError;
use openidconnect::core::CoreJsonWebKeySet;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long it is believed what the provider said of itself.
const KEPT: Duration = Duration::from_secs(3600);
/// How long nobody asks again after it gave no answer.
const REST: Duration = Duration::from_secs(3);
/// How often its keys are fetched because one is not known.
const KEYS: Duration = Duration::from_secs(30);

/// What the provider said of itself.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) metadata: Arc<Metadata>,
    pub(super) keys: Arc<CoreJsonWebKeySet>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Memory {
    known: Option<Known>,
    /// When it gave no answer, and why.
    failed: Option<(Instant, OidcError)>,
    /// When its keys were fetched since one was not known.
    keys: Option<Instant>,
}

/// An OpenID provider. Its clones are the same one.
#[derive(Clone, Debug)]
pub struct Provider {
    config: Arc<OidcConfig>,
    http: Http,
    memory: Arc<Mutex<Memory>>,
}

impl Provider {
    /// Reads the authorities that are trusted. The provider is not asked yet.
    pub fn new(config: OidcConfig) -> Result<Self, TrustError> {
        let http = Http::new(&config)?;
        Ok(Self { config: Arc::new(config), http, memory: Arc::default() })
    }

    /// Its configuration.
    pub fn config(&self) -> &OidcConfig {
        &self.config
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// What it says of itself. One asks at a time, and the others wait for what it hears.
    pub(super) async fn known(&self) -> Result<Known, OidcError> {
        let mut memory = self.memory.lock().await;
        if let Some(known) = memory.known.as_ref().filter(|known| known.since.elapsed() < KEPT) {
            return Ok(known.clone());
        }
        if let Some((at, error)) = &memory.failed
            && at.elapsed() < REST
        {
            return Err(error.clone());
        }
        match self.discover().await {
            Ok(known) => {
                memory.known = Some(known.clone());
                memory.failed = None;
                Ok(known)
            }
            Err(error) => {
                tracing::warn!(%error, "nobody can sign in by the identity provider");
                memory.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Known, OidcError> {
        let down = |NoAnswer(what)| OidcError::Unreachable(what);
        let metadata = Metadata::fetch(&self.http, &self.config).await.map_err(down)?;
        if let Some(fault) = metadata.faults(&self.http, &self.config).into_iter().next() {
            return Err(OidcError::Unfit(fault));
        }
        let keys = metadata.keys(&self.http).await.map_err(down)?;
        Ok(Known { metadata: Arc::new(metadata), keys: Arc::new(keys), since: Instant::now() })
    }

    /// Its keys, fetched again since one is not known; nothing if they were just now.
    pub(super) async fn newer_keys(&self, known: &Known) -> Result<Option<Known>, OidcError> {
        let mut memory = self.memory.lock().await;
        // Somebody else fetched them meanwhile.
        if let Some(newer) =
            memory.known.as_ref().filter(|one| !Arc::ptr_eq(&one.keys, &known.keys))
        {
            return Ok(Some(newer.clone()));
        }
        if memory.keys.is_some_and(|at| at.elapsed() < KEYS) {
            return Ok(None);
        }
        memory.keys = Some(Instant::now());
        let keys = known.metadata.keys(&self.http).await;
        let keys = keys.map_err(|NoAnswer(what)| OidcError::Unreachable(what))?;
        let newer = Known { keys: Arc::new(keys), ..known.clone() };
        memory.known = Some(newer.clone());
        Ok(Some(newer))
    }
}
