//! What the server does: handlers and commands call this, this calls the database.

mod answers;
mod archive;
mod boots;
mod error;
mod facts;
mod firmware;
mod foresee;
mod guard;
mod images;
mod import;
mod links;
mod orders;
mod outlook;
mod policy;
mod preview;
mod profile_check;
mod profiles;
mod publish;
mod secrets;
mod ship;
mod sweep;
mod webhooks;

pub use answers::Report;
pub use archive::{ArchiveError, Archived, Archives, verify_archives};
pub use boots::Proof;
pub use error::AppError;
pub use facts::{FIELDS as FACTS, Facts};
pub use firmware::FirmwareFault;
pub use foresee::Foreseen;
pub use import::{Differences, Incoming, TokenChange};
pub use orders::Order;
pub use outlook::Outlook;
pub use preview::Text;
pub use profile_check::{Checked, FaultOfHosts};
pub use publish::{Origin, PolicyChange, Publication, PublishError, Source};
pub use secrets::Resealed;
pub use webhooks::Delivery;

use crate::{
    auth::{ldap::Directory, oidc::Provider, spnego::Acceptor},
    config::Config,
    db::Store,
    images::Shelf,
    limits::Limits,
    metrics::Metrics,
    script::{Profile, Profiles},
};
use bootmint_image_factory::host::{Host, Token};
use std::sync::{Arc, RwLock};
use tokio::sync::{Mutex, watch};

/// How often a decision is made anew because the host changed meanwhile.
const RACES: usize = 64;
/// The variable by which a host names its OS profile.
const OS: &str = "os";
/// The variable by which a host names the serial number of the disk that may be wiped.
const DISK_SERIAL: &str = "disk-serial";
/// The variable by which a host names what it boots when it does not install.
const BOOT: &str = "boot";

/// The application: configuration, profiles, database.
#[derive(Debug)]
pub struct App {
    config: Config,
    /// The folder's profiles.
    base: Profiles,
    /// These, and over them those that were published.
    profiles: RwLock<Arc<Profiles>>,
    /// Rendering for every host is work for one person at a time.
    checks: Mutex<()>,
    store: Store,
    shelf: Arc<Shelf>,
    metrics: Metrics,
    limits: Limits,
    directory: Option<Directory>,
    kerberos: Option<Acceptor>,
    openid: Option<Provider>,
    closing: watch::Sender<bool>,
}

impl App {
    /// Reads the profiles and opens the database.
    pub async fn open(config: Config) -> Result<Self, AppError> {
        let base = Profiles::load(&config.profiles)?;
        let store = Store::open(&config.database, config.connections).await?;
        let shelf = Arc::new(Shelf::new(&config.templates));
        let directory = config.directory.clone().map(Directory::new).transpose()?;
        let kerberos = config.kerberos.clone().map(Acceptor::new).transpose()?;
        let openid = config.oidc.clone().map(Provider::new).transpose()?;
        let (metrics, closing) = (Metrics::default(), watch::Sender::new(false));
        let (profiles, checks) = (RwLock::new(Arc::new(base.clone())), Mutex::new(()));
        let limits = Limits::new(&config.request_limits);
        let app = Self {
            config,
            base,
            profiles,
            checks,
            store,
            shelf,
            metrics,
            limits,
            directory,
            kerberos,
            openid,
            closing,
        };
        app.refresh_profiles().await?;
        Ok(app)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How much one may ask for.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The directory by which people sign in, if there is one.
    pub fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// What takes Kerberos tickets of people of the directory, if anything does.
    pub fn kerberos(&self) -> Option<&Acceptor> {
        self.kerberos.as_ref()
    }

    /// The OpenID provider by which people sign in, if there is one.
    pub fn openid(&self) -> Option<&Provider> {
        self.openid.as_ref()
    }

    /// Ends the answers that never end by themselves, since the server stops.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Over when the server stops.
    pub async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // An error means that the application is gone, which is the end too.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// The OS profile that an install of `host` would use.
    fn os<'p>(&self, profiles: &'p Profiles, host: &Host) -> Result<&'p Profile, AppError> {
        let name = self.os_of(host).ok_or_else(|| AppError::NoProfile(host.name.clone()))?;
        Ok(profiles.get(name)?)
    }

    /// The name of that, whether or not there is such a profile.
    fn os_of<'h>(&'h self, host: &'h Host) -> Option<&'h str> {
        let own = variable(host, OS);
        own.or_else(|| self.config.os.as_ref().map(|name| name.as_str()))
    }

    /// The name of the OS profile that an install of `host` would use, if there is one.
    pub fn os_name(&self, host: &Host) -> Option<String> {
        self.os(&self.profiles(), host).ok().map(|profile| profile.name().to_string())
    }

    /// The token by which `host` is known: its own, or the one that follows from the token key.
    pub fn token_of(&self, host: &Host) -> Result<Token, AppError> {
        match &host.token {
            Some(token) => Ok(token.clone()),
            None => Ok(self.config.token_key.token(&host.name)?),
        }
    }
}

/// A variable of a host.
fn variable<'h>(host: &'h Host, wanted: &str) -> Option<&'h str> {
    host.vars.iter().find(|(name, _)| name.as_str() == wanted).map(|(_, value)| value.as_str())
}
