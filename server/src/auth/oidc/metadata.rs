//! What the provider says of itself (OpenID Connect Discovery), and whether that will do.

use super::{
    config::OidcConfig,
    http::{Http, NoAnswer},
};
use openidconnect::core::CoreJsonWebKeySet;
use reqwest::Url;
use serde::Deserialize;

/// Where a provider's document is, below its name.
const DOCUMENT: &str = "/.well-known/openid-configuration";
/// The algorithms of signatures that are taken: those of which only the provider has the key.
const TAKEN: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// The part of the document that is used.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) end_session_endpoint: Option<Url>,
    #[serde(default)]
    response_types_supported: Vec<String>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    /// Some providers that take PKCE do not say so.
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    /// Whether answers name the provider (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// How the client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// By a header, or without a secret by its name alone.
    Header,
    /// In the form.
    Form,
}

impl Metadata {
    /// Asks the provider for it.
    pub(super) async fn fetch(http: &Http, config: &OidcConfig) -> Result<Self, NoAnswer> {
        let url = format!("{}{DOCUMENT}", config.issuer.trim_end_matches('/'));
        let url = url.parse().map_err(|_| NoAnswer(format!("{url} is no address")))?;
        http.json(&url, None).await
    }

    /// The keys that the provider signs with.
    pub(super) async fn keys(&self, http: &Http) -> Result<CoreJsonWebKeySet, NoAnswer> {
        http.json(&self.jwks_uri, None).await
    }

    /// Everything for which it cannot be used.
    pub(super) fn faults(&self, http: &Http, config: &OidcConfig) -> Vec<String> {
        let mut faults = Vec::new();
        if self.issuer != config.issuer {
            faults.push(format!(
                "it calls itself \"{}\", not \"{}\": write that in oidc.issuer, if it is the one \
                 that is meant",
                super::error::said(&self.issuer),
                config.issuer
            ));
        }
        let asked = [Some(&self.token_endpoint), Some(&self.jwks_uri)];
        let gone = [Some(&self.authorization_endpoint), self.end_session_endpoint.as_ref()];
        let all = asked.into_iter().chain(gone).chain([self.userinfo_endpoint.as_ref()]);
        for url in all.flatten().filter(|url| !http.takes(url)) {
            faults.push(format!("its address {url} is not HTTPS"));
        }
        if !self.response_types_supported.iter().any(|one| one == "code") {
            faults.push(
                "it does not offer the authorization code flow (response type \"code\"): allow it \
                 for this client"
                    .to_owned(),
            );
        }
        if self.code_challenge_methods_supported.as_ref().is_some_and(|all| !has(all, "S256")) {
            faults.push(
                "it does not offer PKCE with S256, without which nobody is let in".to_owned(),
            );
        }
        let algorithms = self.id_token_signing_alg_values_supported.as_ref();
        if algorithms.is_some_and(|all| !TAKEN.iter().any(|one| has(all, one))) {
            let taken = TAKEN.join(", ");
            faults.push(format!("it signs ID tokens by none of {taken}"));
        }
        faults
    }

    /// What may surprise who sets it up.
    pub(super) fn notes(&self, config: &OidcConfig) -> Vec<String> {
        let mut notes = Vec::new();
        if self.code_challenge_methods_supported.is_none() {
            notes.push("it does not say whether it takes PKCE; it is used anyway".to_owned());
        }
        if let Some(scopes) = &self.scopes_supported {
            for scope in config.scopes.iter().filter(|scope| !has(scopes, scope)) {
                notes.push(format!("it does not list the scope \"{scope}\""));
            }
        }
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        let (wanted, what) = match config.secret {
            Some(_) => (&["client_secret_basic", "client_secret_post"][..], "a client secret"),
            None => (&["none"][..], "a client without a secret (set oidc.client-secret-file)"),
        };
        if methods.is_some_and(|all| !wanted.iter().any(|one| has(all, one))) {
            notes.push(format!("it does not say that it takes {what}"));
        }
        if self.end_session_endpoint.is_none() {
            notes
                .push("it offers no sign-out: who signs out here stays signed in there".to_owned());
        }
        notes
    }

    /// How the client proves itself: by the way that all must know, unless it is not offered.
    pub(super) fn proof(&self) -> Proof {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let form = has(methods, "client_secret_post") && !has(methods, "client_secret_basic");
        if form { Proof::Form } else { Proof::Header }
    }
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|one| one == word)
}
