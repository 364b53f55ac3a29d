//! The server's configuration: a TOML file, and environment variables over it.

mod console;
mod environment;
mod error;
mod init;
mod policy;
mod raw;
mod rules;
mod secrets;

pub use console::{Console, SecondFactor};
pub use error::ConfigError;
pub(crate) use init::write_private;
pub use init::{InitError, Made, TlsChoice, init, init_with};
pub use policy::WrongPolicy;
pub(crate) use policy::{RawPolicy, differs};
pub use rules::{Rule, propose};
pub use secrets::Secrets;

use crate::{
    auth::{
        factor::FactorKey,
        ldap::{DirectoryConfig, RawDirectory},
        oidc::{OidcConfig, RawOidc},
        refresh::RefreshKey,
        spnego::{Entrance, KerberosConfig},
    },
    db::{Address, NoAddress},
    limits::LimitConfig,
    link::LinkKey,
    machine::Policy,
    reply::ReplyKey,
    seal::{NoKeys, SealKeys},
    syslog::SyslogConfig,
    time::Seconds,
    tls::TlsFiles,
    webhook::{RawWebhook, WebhookConfig},
};
use bootmint_image_factory::{
    host::Name,
    ticket::{TokenKey, TokenKeyError},
};
use raw::{RawConfig, RawSite};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

/// What is done with a machine that comes without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenless {
    /// It boots its local disk, and is listed as discovered.
    Discover,
    /// Its MAC address or UUID is taken for its name. Anybody in the network can pretend these.
    Identify,
}

/// Whether a machine without a token is known by its asset tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetLookup {
    /// It is not.
    #[default]
    Refused,
    /// It is. Anybody in the network can pretend one, and guess it.
    Allowed,
}

/// What an arming must pass besides the host's name typed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Guard {
    /// How many hosts one person may arm in an hour; none is no limit.
    pub arms_per_hour: Option<NonZeroU32>,
    /// Likewise in a day.
    pub arms_per_day: Option<NonZeroU32>,
    /// Whether another person must agree.
    pub approval: ApprovalPolicy,
    /// Whether a host must name the serial number of the disk that may be wiped.
    pub disk_serial: DiskSerial,
}

/// Whether another person must agree to an arming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// One person is enough.
    #[default]
    None,
    /// One arms, another approves.
    SecondPerson,
}

/// Whether a host must name the serial number of the disk that may be wiped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskSerial {
    /// It may.
    #[default]
    Optional,
    /// It must.
    Required,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where old rows of the audit log go by themselves.
#[derive(Clone, Debug)]
pub struct ArchiveConfig {
    /// The folder.
    pub folder: PathBuf,
    /// How old they are then at least.
    pub after: Seconds,
}

/// The checked configuration. Paths are relative to the file's folder no more.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where machines are answered over plain HTTP.
    pub listen: Option<SocketAddr>,
    /// Where machines are answered over HTTPS.
    pub listen_tls: Option<SocketAddr>,
    /// Where the served files are given by TFTP.
    pub listen_tftp: Option<SocketAddr>,
    /// The certificate of HTTPS.
    pub tls: TlsFiles,
    /// Where people and programs are answered, and how long people stay signed in.
    pub console: Console,
    /// What is done with a machine that comes without a token.
    pub tokenless: Tokenless,
    /// Whether a machine without a token is known by its asset tag.
    pub asset_lookup: AssetLookup,
    /// How long a held machine waits before it asks again.
    pub hold: Seconds,
    /// Where the database is.
    pub database: Address,
    /// How many connections to it are used at most.
    pub connections: u32,
    /// The folder of kernels and initrds.
    pub files: PathBuf,
    /// The folder of OS profiles.
    pub profiles: PathBuf,
    /// The secrets that answer files may hold, by name.
    pub secrets: Secrets,
    /// The keys that seal secrets in the database.
    pub seal_keys: SealKeys,
    /// The file with these keys, unless a command gives them.
    pub secrets_key: PathBuf,
    /// The key that tokens are derived from, where the feed brings none.
    pub token_key: TokenKey,
    /// The folder of published templates.
    pub templates: PathBuf,
    /// The firmware profile of hosts that name none.
    pub image_profile: Name,
    /// The key that links are signed with.
    pub link_key: LinkKey,
    /// What the secrets of second factors follow from.
    pub factor_key: FactorKey,
    /// The OS profile of hosts that do not name one by their variable `os`.
    pub os: Option<Name>,
    /// What is proposed for machines that nobody knows.
    pub rules: Vec<Rule>,
    /// Programs that are told of changes.
    pub webhooks: Vec<WebhookConfig>,
    /// Where the audit log is sent as it grows.
    pub syslog: Option<SyslogConfig>,
    /// Where old rows of the audit log go by themselves, if anywhere.
    pub archive: Option<ArchiveConfig>,
    /// How often an attempt may read each of its answer files.
    pub answer_reads: i64,
    /// What hosts do unless they, their profile or their site say otherwise.
    pub policy: Policy,
    /// What sites say of that.
    pub(crate) sites: BTreeMap<Name, RawPolicy>,
    /// What an arming must pass.
    pub guard: Guard,
    /// The directory by which people sign in.
    pub directory: Option<DirectoryConfig>,
    /// The Kerberos tickets by which people of the directory sign in.
    pub kerberos: Option<KerberosConfig>,
    /// The OpenID provider by which people sign in.
    pub oidc: Option<OidcConfig>,
    /// What is encrypted with that it gives for later.
    pub refresh_key: RefreshKey,
    /// What answers are encrypted with that are kept for who repeats a change.
    pub reply_key: ReplyKey,
    /// How many machines may be connected at a time.
    pub max_clients: usize,
    /// How much one may ask of the console listener.
    pub request_limits: LimitConfig,
    /// How long a request may take until its answer begins.
    pub request_time: Seconds,
    /// How long a client may take nothing of what it is sent.
    pub write_time: Seconds,
    /// How long boots are remembered.
    pub keep_boots: Seconds,
    /// How many versions of a profile are kept.
    pub keep_profile_versions: i64,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The least level that is logged.
    pub log_level: tracing::level_filters::LevelFilter,
}

/// Reads the configuration `file`, with the variables of `environment` over it: for example
/// `BOOTMINT_DATABASE__URL` is `url` in the section `[database]`.
pub fn load(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let wrong = |source: toml::de::Error| ConfigError::Toml {
        path: file.to_owned(),
        source: Box::new(source),
    };
    let text = read(file)?;
    let mut table: toml::Table = toml::from_str(&text).map_err(wrong)?;
    let variables = environment::ours(environment)?;
    let raw: RawConfig = if variables.is_empty() {
        // Read from the text, so that an error can name line and column.
        toml::from_str(&text).map_err(wrong)?
    } else {
        for (key, value) in variables {
            environment::overlay(&mut table, &key, &value)
                .ok_or_else(|| ConfigError::Environment(key.clone()))?;
        }
        table.try_into().map_err(wrong)?
    };
    check(raw, file)
}

fn check(mut raw: RawConfig, file: &Path) -> Result<Config, ConfigError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let path = || file.to_owned();
    let value = |what: &str| ConfigError::Value { path: path(), what: what.to_owned() };
    let key_file = folder.join(raw.paths.token_key);
    let key = read_private(&key_file)?;
    let secrets = raw.secrets.values(folder, &folder.join(raw.paths.secrets))?;
    let secrets_key = folder.join(raw.paths.secrets_key);
    if !(1..=1000).contains(&raw.database.connections) {
        return Err(value("database.connections is not in 1 to 1000"));
    }
    if raw.limits.clients == 0 {
        return Err(value("limits.clients is 0, so that no machine could ask"));
    }
    if raw.boot.listen.is_none() && raw.boot.listen_tls.is_none() {
        return Err(value("boot has neither listen nor listen-tls, so that no machine could ask"));
    }
    // Fewer could go while another replica begins an installation with one of them.
    if raw.limits.keep_profile_versions < 10 {
        return Err(value("limits.keep-profile-versions is less than 10"));
    }
    if !(7..=36_500).contains(&raw.audit.archive_after_days) {
        return Err(value("audit.archive-after-days is not in 7 to 36500"));
    }
    let days = u32::from(raw.limits.keep_boots_days.get());
    let tls =
        TlsFiles { certificate: folder.join(raw.tls.certificate), key: folder.join(raw.tls.key) };
    let console = Console::check(raw.console, folder, &tls).map_err(|what| value(&what))?;
    let kerberos = kerberos(raw.directory.as_mut(), &console, folder, file)?;
    Ok(Config {
        kerberos,
        listen: raw.boot.listen,
        oidc: raw.oidc.map(|raw| oidc(raw, &console, folder, file)).transpose()?,
        console,
        listen_tls: raw.boot.listen_tls,
        listen_tftp: raw.boot.listen_tftp,
        tls,
        tokenless: raw.boot.tokenless,
        asset_lookup: raw.boot.asset_lookup,
        hold: raw.boot.hold_seconds,
        database: Address::parse(&raw.database.url, folder)
            .map_err(|source| ConfigError::Database { path: path(), source })?,
        connections: raw.database.connections,
        files: folder.join(raw.paths.files),
        profiles: folder.join(raw.paths.profiles),
        secrets,
        seal_keys: raw.secrets.keys(folder, &secrets_key)?,
        secrets_key,
        templates: folder.join(raw.paths.templates),
        image_profile: raw
            .images
            .profile
            .parse()
            .map_err(|error| value(&format!("images.profile: {error}")))?,
        link_key: LinkKey::derive(key.as_bytes())
            .ok_or_else(|| value("the token key makes no key for links"))?,
        factor_key: FactorKey::derive(key.as_bytes())
            .ok_or_else(|| value("the token key makes no key for second factors"))?,
        refresh_key: RefreshKey::derive(key.as_bytes())
            .ok_or_else(|| value("the token key makes no key for what is encrypted"))?,
        reply_key: ReplyKey::derive(key.as_bytes())
            .ok_or_else(|| value("the token key makes no key for answers that are kept"))?,
        token_key: TokenKey::new(key.as_bytes())
            .map_err(|source| ConfigError::TokenKey { path: key_file, source })?,
        os: raw
            .install
            .profile
            .map(|name| name.parse())
            .transpose()
            .map_err(|error| value(&format!("install.profile: {error}")))?,
        rules: raw
            .rules
            .into_iter()
            .map(|rule| rule.check().map_err(|what| value(&what)))
            .collect::<Result<_, _>>()?,
        webhooks: webhooks(raw.webhooks, file)?,
        syslog: raw.syslog.map(|raw| raw.check(folder).map_err(|what| value(&what))).transpose()?,
        archive: raw.audit.archive_folder.map(|name| ArchiveConfig {
            folder: folder.join(name),
            after: Seconds::new(u32::from(raw.audit.archive_after_days).saturating_mul(86_400)),
        }),
        answer_reads: i64::from(raw.install.answer_reads.get()),
        policy: raw.policy.over(&Policy::default()),
        sites: sites(raw.sites).map_err(|what| value(&what))?,
        guard: raw.guard,
        directory: raw.directory.map(|raw| directory(raw, folder, file)).transpose()?,
        max_clients: raw.limits.clients,
        request_limits: LimitConfig {
            requests: raw.limits.requests_per_minute,
            strangers: raw.limits.unknown_per_minute,
            heavy: raw.limits.heavy_per_minute,
            heavy_at_once: raw.limits.heavy_at_once,
        },
        request_time: raw.limits.request_seconds,
        write_time: raw.limits.write_seconds,
        keep_boots: Seconds::new(days.saturating_mul(86_400)),
        keep_profile_versions: raw.limits.keep_profile_versions.into(),
        log_format: raw.log.format,
        log_level: raw
            .log
            .level
            .parse()
            .map_err(|_| value("log.level is none of off, error, warn, info, debug, trace"))?,
    })
}

fn sites(raw: BTreeMap<String, RawSite>) -> Result<BTreeMap<Name, RawPolicy>, String> {
    let site = |(name, site): (String, RawSite)| match name.parse() {
        Ok(name) => Ok((name, site.policy)),
        Err(error) => Err(format!("sites: {error}")),
    };
    raw.into_iter().map(site).collect()
}

fn directory(
    raw: RawDirectory,
    folder: &Path,
    file: &Path,
) -> Result<DirectoryConfig, ConfigError> {
    let password = read_private(&folder.join(raw.service_password_file()))?;
    raw.check(folder, &password)
        .map_err(|error| ConfigError::Value { path: file.to_owned(), what: error.to_string() })
}

fn kerberos(
    directory: Option<&mut RawDirectory>,
    console: &Console,
    folder: &Path,
    file: &Path,
) -> Result<Option<KerberosConfig>, ConfigError> {
    let wrong = |what| ConfigError::Value { path: file.to_owned(), what };
    let raw = directory.map(RawDirectory::take_kerberos).transpose();
    let raw = raw.map_err(|error| wrong(error.to_string()))?.flatten();
    let Some((raw, domain)) = raw else { return Ok(None) };
    let keytab = raw.keytab_file().map_err(|error| wrong(error.to_string()))?;
    let keytab = read_private_bytes(&folder.join(keytab))?;
    let origin = console.origin.as_deref();
    let entrance =
        Entrance { origin, private: console.is_secure() || console.listen.ip().is_loopback() };
    raw.check(folder, &keytab, &domain, entrance)
        .map(Some)
        .map_err(|error| wrong(error.to_string()))
}

fn oidc(
    raw: RawOidc,
    console: &Console,
    folder: &Path,
    file: &Path,
) -> Result<OidcConfig, ConfigError> {
    let secret = raw.client_secret_file().map(|name| read_private(&folder.join(name)));
    raw.check(folder, secret.transpose()?.as_deref(), console.origin.as_deref())
        .map_err(|error| ConfigError::Value { path: file.to_owned(), what: error.to_string() })
}

/// Checks the webhooks, whose key files lie beside the configuration `file`.
fn webhooks(raws: Vec<RawWebhook>, file: &Path) -> Result<Vec<WebhookConfig>, ConfigError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let wrong = |what| ConfigError::Value { path: file.to_owned(), what };
    let mut all: Vec<WebhookConfig> = Vec::with_capacity(raws.len());
    for raw in raws {
        let secret = read_private(&folder.join(raw.secret_file()))?;
        let webhook = raw.check(&secret, folder).map_err(wrong)?;
        if all.iter().any(|other| other.name == webhook.name) {
            return Err(wrong(format!("two webhooks are called \"{}\"", webhook.name)));
        }
        all.push(webhook);
    }
    Ok(all)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

/// Reads a file that only its owner may read.
fn read_private(path: &Path) -> Result<String, ConfigError> {
    let text = read(path)?;
    owned(path)?;
    Ok(text)
}

/// Likewise, if it is no text.
fn read_private_bytes(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let bytes = std::fs::read(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    owned(path)?;
    Ok(bytes)
}

/// Whether only its owner may read a file.
fn owned(path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt;
    let meta = std::fs::metadata(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    if meta.permissions().mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(ConfigError::Exposed(path.to_owned()))
    }
}

#[cfg(test)]
mod tests;
