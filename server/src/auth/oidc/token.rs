//! Whether an ID token is one: signed by the provider, for this server, now, for this sign-in.

use super::{claims::Claims, config::OidcConfig, error::OidcError};
use crate::time::{Seconds, Timestamp};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{TimeZone, Utc};
use openidconnect::{
    ClaimsVerificationError as Wrong, ClientId, IssuerUrl, Nonce, NonceVerifier,
    SignatureVerificationError as Signature,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm as Alg},
};

/// How far the provider's clock may be from this server's.
const LEEWAY: Seconds = Seconds::new(60);
/// How old a token may be that was just asked for.
const OLDEST: Seconds = Seconds::new(600);
/// The algorithms that are taken. Neither `none` nor those whose key this server would share.
const TAKEN: [Alg; 9] = [
    Alg::RsaSsaPkcs1V15Sha256,
    Alg::RsaSsaPkcs1V15Sha384,
    Alg::RsaSsaPkcs1V15Sha512,
    Alg::RsaSsaPssSha256,
    Alg::RsaSsaPssSha384,
    Alg::RsaSsaPssSha512,
    Alg::EcdsaP256Sha256,
    Alg::EcdsaP384Sha384,
    Alg::EdDsa,
];

/// Why a token is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is signed with a key that is not known: the provider may have a new one.
    Key,
    /// All else.
    Other(String),
}

impl From<Fault> for OidcError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Key => {
                Self::Answer("its signature is of a key that it does not publish".to_owned())
            }
            Fault::Other(what) => Self::Answer(what),
        }
    }
}

/// What an ID token must be.
pub(super) struct Expected<'e> {
    pub(super) config: &'e OidcConfig,
    pub(super) keys: &'e CoreJsonWebKeySet,
    pub(super) now: Timestamp,
    /// The nonce of the sign-in; none when the provider is asked again later.
    pub(super) nonce: Option<&'e str>,
}

/// The nonce, where one is expected.
struct ThisNonce<'n>(Option<&'n str>);

impl NonceVerifier for ThisNonce<'_> {
    fn verify(self, nonce: Option<&Nonce>) -> Result<(), String> {
        match self.0 {
            Some(wanted) => NonceVerifier::verify(&Nonce::new(wanted.to_owned()), nonce),
            None => Ok(()),
        }
    }
}

impl Expected<'_> {
    /// The claims of a token that passes.
    pub(super) fn claims(&self, token: &CoreIdToken) -> Result<Claims, Fault> {
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(|_| Fault::Key)?;
        let client = ClientId::new(self.config.client.clone());
        let (now, earliest) = (self.now, self.now.before(OLDEST).as_unix());
        let latest = self.now.after(LEEWAY).as_unix();
        let clock = Utc.timestamp_opt(now.before(LEEWAY).as_unix(), 0).single();
        let clock = clock.ok_or_else(|| Fault::Other("this server has no clock".to_owned()))?;
        let verifier = CoreIdTokenVerifier::new_public_client(client, issuer, self.keys.clone())
            .set_allowed_algs(TAKEN)
            .set_time_fn(move || clock)
            .set_issue_time_verifier_fn(move |at| {
                if (earliest..=latest).contains(&at.timestamp()) {
                    Ok(())
                } else {
                    Err("it was not issued now: look at the clocks of both servers".to_owned())
                }
            });
        let nonce = ThisNonce(self.nonce);
        let claims = token.claims(&verifier, nonce).map_err(|error| fault(&error))?;
        // The crate leaves this to who uses it. Other audiences than this client it refuses.
        let party = claims.authorized_party();
        if party.is_some_and(|party| party.as_str() != self.config.client) {
            return Err(Fault::Other("it is for another client (azp)".to_owned()));
        }
        payload(&token.to_string())
            .ok_or_else(|| Fault::Other("its claims cannot be read".to_owned()))
    }
}

fn fault(error: &Wrong) -> Fault {
    Fault::Other(match error {
        Wrong::SignatureVerification(Signature::NoMatchingKey) => return Fault::Key,
        Wrong::SignatureVerification(Signature::DisallowedAlg(_)) => {
            "it is signed by an algorithm that is not taken".to_owned()
        }
        Wrong::SignatureVerification(_) => "its signature does not fit".to_owned(),
        Wrong::InvalidIssuer(_) => "it is of another issuer".to_owned(),
        Wrong::InvalidAudience(_) => "it is for another client (aud)".to_owned(),
        Wrong::InvalidNonce(_) => "it is of another sign-in (nonce)".to_owned(),
        Wrong::Expired(what) if what.starts_with("it ") => what.clone(),
        Wrong::Expired(_) => "its time is over".to_owned(),
        other => super::error::said(&other.to_string()),
    })
}

/// The claims in a token whose signature was checked.
fn payload(token: &str) -> Option<Claims> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}
