//! The configuration as it stands in the file.

use super::{
    AssetLookup, Guard, LogFormat, RawPolicy, Tokenless,
    console::{Scheme, SecondFactor},
    rules::RawRule,
    secrets::RawSecrets,
};
use crate::{
    auth::{ldap::RawDirectory, oidc::RawOidc},
    syslog::RawSyslog,
    time::Seconds,
    webhook::RawWebhook,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) boot: RawBoot,
    #[serde(default)]
    pub(super) console: RawConsole,
    pub(super) database: RawDatabase,
    pub(super) paths: RawPaths,
    #[serde(default)]
    pub(super) secrets: RawSecrets,
    #[serde(default)]
    pub(super) images: RawImages,
    #[serde(default)]
    pub(super) tls: RawTls,
    #[serde(default)]
    pub(super) install: RawInstall,
    #[serde(default)]
    pub(super) policy: RawPolicy,
    #[serde(default)]
    pub(super) sites: BTreeMap<String, RawSite>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<RawRule>,
    #[serde(default, rename = "webhook")]
    pub(super) webhooks: Vec<RawWebhook>,
    pub(super) syslog: Option<RawSyslog>,
    #[serde(default)]
    pub(super) audit: RawAudit,
    #[serde(default)]
    pub(super) guard: Guard,
    pub(super) directory: Option<RawDirectory>,
    pub(super) oidc: Option<RawOidc>,
    #[serde(default)]
    pub(super) limits: RawLimits,
    #[serde(default)]
    pub(super) log: RawLog,
}

/// What the configuration says of a site.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSite {
    pub(super) policy: RawPolicy,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawBoot {
    pub(super) listen: Option<SocketAddr>,
    pub(super) listen_tls: Option<SocketAddr>,
    pub(super) listen_tftp: Option<SocketAddr>,
    #[serde(default = "discover")]
    pub(super) tokenless: Tokenless,
    #[serde(default)]
    pub(super) asset_lookup: AssetLookup,
    #[serde(default = "half_a_minute")]
    pub(super) hold_seconds: Seconds,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawConsole {
    pub(super) listen: SocketAddr,
    pub(super) scheme: Scheme,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
    pub(super) url: Option<String>,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) idle_minutes: NonZeroU16,
    pub(super) session_hours: NonZeroU8,
    pub(super) second_factor: SecondFactor,
}

impl Default for RawConsole {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            scheme: Scheme::Http,
            certificate: None,
            key: None,
            url: None,
            trusted_proxies: Vec::new(),
            idle_minutes: NonZeroU16::MIN.saturating_add(29),
            session_hours: NonZeroU8::MIN.saturating_add(7),
            second_factor: SecondFactor::default(),
        }
    }
}

fn discover() -> Tokenless {
    Tokenless::Discover
}

fn half_a_minute() -> Seconds {
    Seconds::new(30)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawDatabase {
    pub(super) url: String,
    #[serde(default = "eight")]
    pub(super) connections: u32,
}

fn eight() -> u32 {
    8
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawPaths {
    pub(super) files: String,
    pub(super) profiles: String,
    pub(super) secrets: String,
    #[serde(default = "secrets_key")]
    pub(super) secrets_key: String,
    pub(super) token_key: String,
    #[serde(default = "templates")]
    pub(super) templates: String,
}

fn secrets_key() -> String {
    "secrets.key".to_owned()
}

fn templates() -> String {
    "templates".to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawImages {
    pub(super) profile: String,
}

impl Default for RawImages {
    fn default() -> Self {
        Self { profile: "default".to_owned() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawTls {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Default for RawTls {
    fn default() -> Self {
        Self { certificate: "tls/server.pem".to_owned(), key: "tls/server.key".to_owned() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawInstall {
    pub(super) profile: Option<String>,
    pub(super) answer_reads: NonZeroU8,
}

impl Default for RawInstall {
    fn default() -> Self {
        Self { profile: None, answer_reads: NonZeroU8::MIN }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawLimits {
    pub(super) clients: usize,
    pub(super) requests_per_minute: NonZeroU32,
    pub(super) unknown_per_minute: NonZeroU32,
    pub(super) heavy_per_minute: NonZeroU32,
    pub(super) heavy_at_once: NonZeroU32,
    pub(super) request_seconds: Seconds,
    pub(super) write_seconds: Seconds,
    pub(super) keep_boots_days: NonZeroU16,
    pub(super) keep_profile_versions: u16,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            clients: 2048,
            requests_per_minute: NonZeroU32::MIN.saturating_add(59_999),
            unknown_per_minute: NonZeroU32::MIN.saturating_add(59_999),
            heavy_per_minute: NonZeroU32::MIN.saturating_add(299),
            heavy_at_once: NonZeroU32::MIN.saturating_add(3),
            request_seconds: Seconds::new(15),
            write_seconds: Seconds::new(60),
            keep_boots_days: NonZeroU16::MIN.saturating_add(89),
            keep_profile_versions: 100,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawAudit {
    pub(super) archive_folder: Option<String>,
    pub(super) archive_after_days: u16,
}

impl Default for RawAudit {
    fn default() -> Self {
        Self { archive_folder: None, archive_after_days: 400 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) format: LogFormat,
    pub(super) level: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}
