//! Sign-in by Kerberos tickets, as browsers show them over HTTP (SPNEGO, RFC 4559).
//!
//! A ticket proves which account of the domain somebody has, and nothing else is taken from it:
//! what they may do here, and whether they may come in at all, the directory is asked. Nothing is
//! ever sent to the domain from here; a keytab is enough to check a ticket.

mod config;
mod error;
mod keytab;
mod token;

#[cfg(feature = "kerberos")]
mod gss;
#[cfg(not(feature = "kerberos"))]
#[path = "gss_absent.rs"]
mod gss;

pub use config::{Entrance, KerberosConfig, NoKerberos, RawKerberos};
pub use error::KerberosError;
pub use token::LONGEST;

use crate::auth::oidc::said;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many tickets are checked at a time: it takes a processor, and a lock of a file.
const TURNS: usize = 8;

/// Whose ticket it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The account, without its domain, which is the one of the configuration.
    pub name: String,
    /// What the browser is answered, so that it knows the server too; as it stands in a header.
    pub answer: Option<String>,
}

/// Takes tickets for one service. Its clones are the same one.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<KerberosConfig>,
    keys: gss::Keys,
    turns: Arc<Semaphore>,
}

impl Acceptor {
    /// Opens the keytab. Nobody is asked anything.
    pub fn new(config: KerberosConfig) -> Result<Self, NoKerberos> {
        let keys = gss::Keys::open(&config.keytab, &config.replay)
            .map_err(|why| NoKerberos::unusable(&config.keytab, &why))?;
        Ok(Self { config: Arc::new(config), keys, turns: Arc::new(Semaphore::new(TURNS)) })
    }

    /// Its configuration.
    pub fn config(&self) -> &KerberosConfig {
        &self.config
    }

    /// Whose ticket stands in the header `Authorization: Negotiate TOKEN`.
    pub async fn accept(&self, token: &str) -> Result<Shown, KerberosError> {
        let token = token::read(token)?;
        // The semaphore is never closed.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let keys = self.keys.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            keys.check(&token)
        });
        let ticket =
            checked.await.map_err(|error| KerberosError::Unproved(error.to_string()))??;
        if !self.config.service.is(&ticket.service) {
            return Err(KerberosError::OtherService(said(&ticket.service)));
        }
        let other = || KerberosError::OtherDomain(said(&ticket.principal));
        let (name, realm) = ticket.principal.rsplit_once('@').ok_or_else(other)?;
        if realm != self.config.service.realm {
            return Err(other());
        }
        Ok(Shown { name: name.to_owned(), answer: token::write(&ticket.answer) })
    }
}

/// What a ticket says that was checked.
#[derive(Debug)]
#[cfg_attr(not(feature = "kerberos"), allow(dead_code, reason = "then there are none"))]
struct Ticket {
    /// Whose it is: `alice@AD.EXAMPLE.ORG`.
    principal: String,
    /// For whom it is: `HTTP/bootmint.example.net@AD.EXAMPLE.ORG`.
    service: String,
    /// What proves to the other side that it was read.
    answer: Vec<u8>,
}
