//! Sign-in by an OpenID provider: authorization code flow with PKCE.
//!
//! A person is sent to the provider and comes back with a code, which this server exchanges for an
//! ID token. Nothing that the browser carries is believed before the token's signature, issuer,
//! audience, time and nonce are checked.

mod ask;
mod claims;
mod config;
mod error;
mod flow;
mod http;
mod metadata;
mod probe;
mod provider;
mod token;

pub use ask::{Renewed, Returned, Vouched};
pub use config::{CALLBACK, NoOidc, OidcConfig, RawOidc};
pub use error::OidcError;
pub(super) use error::said;
pub use flow::FlowKey;
pub use probe::Findings;
pub use provider::Provider;

#[cfg(test)]
pub(crate) mod tests;
