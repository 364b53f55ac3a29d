//! Whether the provider can be used, for who sets it up: everything that is wrong, at once.

use super::{Provider, http::NoAnswer, metadata::Metadata};
use openidconnect::JsonWebKey;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is as it should be, and what to register at the provider.
    pub good: Vec<String>,
    /// What may surprise.
    pub notes: Vec<String>,
    /// For what it cannot be used.
    pub faults: Vec<String>,
}

impl Provider {
    /// Looks at the provider's documents. Nobody signs in.
    pub async fn probe(&self) -> Findings {
        let (config, mut found) = (self.config(), Findings::default());
        found.good.push(format!("redirect URI to register there: {}", config.redirect));
        found.good.push(format!("where it leads people who signed out: {}", config.signed_out));
        let metadata = match Metadata::fetch(self.http(), config).await {
            Ok(metadata) => metadata,
            Err(NoAnswer(what)) => {
                found.faults.push(what);
                return found;
            }
        };
        found.faults.extend(metadata.faults(self.http(), config));
        found.notes.extend(metadata.notes(config));
        found.good.push(format!("people sign in at {}", metadata.authorization_endpoint));
        match metadata.keys(self.http()).await {
            Ok(keys) if keys.keys().is_empty() => {
                found.faults.push(format!("{} holds no key that can be used", metadata.jwks_uri));
            }
            Ok(keys) => {
                let named = keys.keys().iter().filter(|key| key.key_id().is_some()).count();
                found.good.push(format!("{} keys, {named} with a name", keys.keys().len()));
            }
            Err(NoAnswer(what)) => found.faults.push(what),
        }
        found
    }
}
