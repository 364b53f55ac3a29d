//! What the provider is asked about people: who it sent back, and how they stand later.

use super::{
    claims::{self, Claims},
    error::{OidcError, said},
    flow::FlowKey,
    http::NoAnswer,
    metadata::Proof,
    provider::{Known, Provider},
    token::{Expected, Fault},
};
use crate::{
    auth::ldap::{Person, PersonId, Refusal},
    time::Timestamp,
};
use openidconnect::{
    AuthType, AuthUrl, AuthenticationContextClass, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardErrorResponse, TokenResponse, TokenUrl,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreIdToken, CoreTokenResponse,
    },
};
use reqwest::Url;

/// The longest text that it may give for later, in bytes.
const MAX_REFRESH: usize = 16 << 10;

/// What it says to what it gave for later and takes no more (RFC 6749, section 5.2).
const OVER: &str = "invalid_grant";

/// A client that knows where to send people and where to ask.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;
type TokenError = RequestTokenError<NoAnswer, StandardErrorResponse<CoreErrorResponseType>>;

/// Somebody whom the provider vouches for.
#[derive(Debug)]
pub struct Vouched {
    /// Who.
    pub person: Person,
    /// What it gave to be asked with later, if anything.
    pub refresh: Option<String>,
}

/// What the provider says when it is asked again about somebody.
#[derive(Debug)]
pub struct Renewed {
    /// How they stand.
    pub standing: Result<Person, OidcError>,
    /// What it gave to be asked with next; nothing if that stays the same.
    pub refresh: Option<String>,
}

/// What the provider sent back with a person.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// Which sign-in it is.
    pub state: String,
    /// What stands for the person; for one use.
    pub code: String,
    /// Who sends them (RFC 9207).
    pub iss: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// The same in words.
    pub description: String,
}

impl Provider {
    fn client(&self, known: &Known) -> Result<Client, OidcError> {
        let no = |what: &str| OidcError::Unfit(format!("its {what} is no address"));
        let config = self.config();
        let issuer = IssuerUrl::new(config.issuer.clone()).map_err(|_| no("name"))?;
        let keys = known.keys.as_ref().clone();
        let client = CoreClient::new(ClientId::new(config.client.clone()), issuer, keys)
            .set_auth_uri(AuthUrl::from_url(known.metadata.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(known.metadata.token_endpoint.clone()))
            .set_redirect_uri(
                RedirectUrl::new(config.redirect.clone()).map_err(|_| no("redirect URI"))?,
            )
            .set_auth_type(match known.metadata.proof() {
                Proof::Header => AuthType::BasicAuth,
                Proof::Form => AuthType::RequestBody,
            });
        Ok(match &config.secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.0.clone())),
            None => client,
        })
    }

    /// Where a person is sent to sign in.
    pub async fn entrance(&self, key: &FlowKey) -> Result<Url, OidcError> {
        let client = self.client(&self.known().await?)?;
        let verifier = PkceCodeVerifier::new(key.verifier().as_str().to_owned());
        let state = CsrfToken::new(key.state().as_str().to_owned());
        let nonce = Nonce::new(key.nonce().as_str().to_owned());
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in self.config().scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for class in &self.config().acr {
            request =
                request.add_auth_context_value(AuthenticationContextClass::new(class.clone()));
        }
        Ok(request.url().0)
    }

    /// Where a person is sent to sign out there, if the provider offers that.
    pub async fn exit(&self) -> Option<Url> {
        let known = self.known().await.ok()?;
        let mut url = known.metadata.end_session_endpoint.clone()?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.config().client)
            .append_pair("post_logout_redirect_uri", &self.config().signed_out);
        Some(url)
    }

    /// Who it is that the provider sent back for this sign-in.
    pub async fn redeem(
        &self,
        key: &FlowKey,
        returned: &Returned,
        now: Timestamp,
    ) -> Result<Vouched, OidcError> {
        let known = self.known().await?;
        let named = known.metadata.authorization_response_iss_parameter_supported;
        match &returned.iss {
            Some(iss) if *iss != self.config().issuer => {
                return Err(OidcError::Answer("another issuer sent it".to_owned()));
            }
            None if named => {
                return Err(OidcError::Answer("it does not say which issuer sent it".to_owned()));
            }
            _ => {}
        }
        if let Some(error) = &returned.error {
            let text = format!("{error} {}", returned.description);
            return Err(OidcError::Said(said(text.trim_end())));
        }
        let ask = self.http().sender();
        let answer = self
            .client(&known)?
            .exchange_code(AuthorizationCode::new(returned.code.clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(key.verifier().as_str().to_owned()))
            .request_async(&ask)
            .await
            .map_err(|error| trouble(&error))?;
        let token = answer.id_token();
        let token = token.ok_or_else(|| OidcError::Answer("it holds no ID token".to_owned()))?;
        let claims = self.checked(token, &known, Some(key.nonce().as_str()), now).await?;
        if !claims::is_strong(&claims, self.config()) {
            return Err(OidcError::Refused(Refusal::WeakSignIn));
        }
        self.vouched(claims, &answer, &known).await
    }

    /// Asks again about somebody, with what the provider gave for that.
    pub async fn renew(
        &self,
        refresh: &str,
        before: &PersonId,
        now: Timestamp,
    ) -> Result<Renewed, OidcError> {
        let known = self.known().await?;
        let ask = self.http().sender();
        let answer = self
            .client(&known)?
            .exchange_refresh_token(&RefreshToken::new(refresh.to_owned()))
            .request_async(&ask)
            .await
            .map_err(|error| match trouble(&error) {
                // All else, such as another secret, is not about this person.
                OidcError::Said(what) if what.starts_with(OVER) => OidcError::Over(what),
                other => other,
            })?;
        let standing = self.standing(&answer, &known, before, now).await;
        Ok(Renewed { standing, refresh: next(&answer) })
    }

    async fn standing(
        &self,
        answer: &CoreTokenResponse,
        known: &Known,
        before: &PersonId,
        now: Timestamp,
    ) -> Result<Person, OidcError> {
        let mut claims = match answer.id_token() {
            Some(token) => self.checked(token, known, None, now).await?,
            None => Claims::new(),
        };
        if !claims::are_whole(&claims, self.config()) {
            claims = self.asked(claims, answer, known).await?;
        }
        let subject = claims.get("sub").and_then(serde_json::Value::as_str).unwrap_or_default();
        if PersonId::of_subject(&self.config().issuer, subject) != *before {
            return Err(OidcError::Over("it speaks of somebody else".to_owned()));
        }
        claims::person(&claims, self.config())
    }

    async fn checked(
        &self,
        token: &CoreIdToken,
        known: &Known,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, OidcError> {
        let check = |known: &Known| {
            Expected { config: self.config(), keys: &known.keys, now, nonce }.claims(token)
        };
        match check(known) {
            Err(Fault::Key) => match self.newer_keys(known).await? {
                Some(newer) => Ok(check(&newer)?),
                None => Err(Fault::Key.into()),
            },
            result => Ok(result?),
        }
    }

    async fn vouched(
        &self,
        mut claims: Claims,
        answer: &CoreTokenResponse,
        known: &Known,
    ) -> Result<Vouched, OidcError> {
        if !claims::are_whole(&claims, self.config()) {
            claims = self.asked(claims, answer, known).await?;
        }
        let person = claims::person(&claims, self.config())?;
        Ok(Vouched { person, refresh: next(answer) })
    }

    /// The claims with those of the userinfo endpoint, if there is one.
    async fn asked(
        &self,
        claims: Claims,
        answer: &CoreTokenResponse,
        known: &Known,
    ) -> Result<Claims, OidcError> {
        let Some(url) = &known.metadata.userinfo_endpoint else { return Ok(claims) };
        let token = answer.access_token().secret();
        let more: Claims = self
            .http()
            .json(url, Some(token))
            .await
            .map_err(|NoAnswer(what)| OidcError::Unreachable(what))?;
        if claims.is_empty() { Ok(more) } else { claims::joined(claims, more) }
    }
}

/// What the provider gave for later.
fn next(answer: &CoreTokenResponse) -> Option<String> {
    let token = answer.refresh_token().map(|token| token.secret().clone());
    token.filter(|text| text.len() <= MAX_REFRESH)
}

fn trouble(error: &TokenError) -> OidcError {
    match error {
        TokenError::ServerResponse(response) => {
            let description = response.error_description().map_or("", String::as_str);
            let text = format!("{} {description}", response.error().as_ref());
            OidcError::Said(said(text.trim_end()))
        }
        TokenError::Request(NoAnswer(what)) => OidcError::Unreachable(what.clone()),
        // The body may hold tokens: it is not shown.
        TokenError::Parse(..) => {
            OidcError::Answer("its token endpoint's answer cannot be read".to_owned())
        }
        TokenError::Other(what) => OidcError::Answer(said(what)),
    }
}
