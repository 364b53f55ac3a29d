//! The section `[directory.kerberos]` of the configuration.

use super::{
    gss,
    keytab::{self, Principal},
};
use serde::Deserialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What browsers ask tickets for.
const CLASS: &str = "HTTP";
/// The longest label, in characters.
const MAX_LABEL: usize = 60;

/// Whom tickets are for: `HTTP/NAME@REALM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    name: String,
    pub(super) realm: String,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CLASS}/{}@{}", self.name, self.realm)
    }
}

impl Service {
    /// Whether that principal is this service. A domain controller takes names in any case.
    pub(super) fn is(&self, principal: &str) -> bool {
        principal.eq_ignore_ascii_case(&self.to_string())
    }

    fn has_key(&self, of: &[Principal]) -> bool {
        of.iter().any(|principal| self.is(&principal.to_string()))
    }
}

/// The checked section.
#[derive(Clone, Debug)]
pub struct KerberosConfig {
    pub(super) keytab: PathBuf,
    pub(super) replay: PathBuf,
    pub(super) service: Service,
    /// What the button says.
    pub label: String,
}

impl fmt::Display for KerberosConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.fmt(f)
    }
}

/// The section as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawKerberos {
    keytab_file: String,
    #[serde(default = "replay_file")]
    replay_file: String,
    service: Option<String>,
    #[serde(default = "label")]
    label: String,
}

fn replay_file() -> String {
    "kerberos.replay".to_owned()
}

fn label() -> String {
    "Sign in with Kerberos".to_owned()
}

/// What the console is to browsers.
#[derive(Clone, Copy, Debug)]
pub struct Entrance<'a> {
    /// What they call it, without a path.
    pub origin: Option<&'a str>,
    /// Whether nobody can listen: it is HTTPS, or this computer alone.
    pub private: bool,
}

/// A section that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoKerberos {
    /// A value is wrong.
    #[error("directory.kerberos.{key}: {what}")]
    Value {
        /// Which.
        key: &'static str,
        /// How.
        what: String,
    },
    /// This program does not know Kerberos.
    #[error(
        "[directory.kerberos] asks for Kerberos, and this program was built without it: build it \
         with `cargo build --package bootmint-server --features kerberos`"
    )]
    NotBuilt,
}

fn wrong(key: &'static str, what: impl Into<String>) -> NoKerberos {
    NoKerberos::Value { key, what: what.into() }
}

impl NoKerberos {
    pub(super) fn unusable(keytab: &Path, why: &str) -> Self {
        wrong("keytab-file", format!("{} cannot be used: {why}", keytab.display()))
    }
}

impl RawKerberos {
    /// The file of the service's keys, if this program can use it.
    pub fn keytab_file(&self) -> Result<&str, NoKerberos> {
        if gss::BUILT { Ok(&self.keytab_file) } else { Err(NoKerberos::NotBuilt) }
    }

    /// Checks the section. `folder` is that of the configuration file, `keytab` what the file of
    /// the keys holds, `domain` the directory's.
    pub fn check(
        self,
        folder: &Path,
        keytab: &[u8],
        domain: &str,
        console: Entrance<'_>,
    ) -> Result<KerberosConfig, NoKerberos> {
        if !console.private {
            let what = "would be shown to who listens: let the console speak HTTPS (scheme or url \
                        in [console]), or listen on this computer alone";
            return Err(wrong("tickets", what));
        }
        let service = Service {
            name: service_name(self.service.as_deref(), console.origin)?,
            realm: domain.to_ascii_uppercase(),
        };
        let keys = Some(keytab).filter(|bytes| bytes.len() <= keytab::MAX);
        let keys = keys
            .and_then(keytab::principals)
            .ok_or_else(|| wrong("keytab-file", format!("{} is no keytab", self.keytab_file)))?;
        if !service.has_key(&keys) {
            let others: Vec<_> = keys.iter().take(8).map(ToString::to_string).collect();
            let others = if others.is_empty() { "nobody".to_owned() } else { others.join(", ") };
            let what = format!("holds no key of {service}, but of {others}");
            return Err(wrong("keytab-file", what));
        }
        let label = self.label.trim();
        if !(1..=MAX_LABEL).contains(&label.chars().count()) || label.chars().any(char::is_control)
        {
            return Err(wrong("label", format!("has 1 to {MAX_LABEL} printable characters")));
        }
        Ok(KerberosConfig {
            keytab: folder.join(self.keytab_file),
            replay: folder.join(self.replay_file),
            service,
            label: label.to_owned(),
        })
    }
}

/// The name of the service: as it is configured, or that of the console.
fn service_name(configured: Option<&str>, origin: Option<&str>) -> Result<String, NoKerberos> {
    let name = match configured {
        Some(text) => text
            .strip_prefix(CLASS)
            .and_then(|rest| rest.strip_prefix(['@', '/']))
            .ok_or_else(|| wrong("service", format!("\"{text}\" is not HTTP@NAME")))?,
        None => origin.and_then(host_of).ok_or_else(|| {
            let what = "is missing: write what browsers call the console, HTTP@NAME, or set url \
                        in [console]";
            wrong("service", what)
        })?,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    if name.is_empty() || name.len() > 253 || !name.bytes().all(plain) || is_address {
        let what = format!("\"{name}\" is no name of a computer: there are no tickets for others");
        return Err(wrong("service", what));
    }
    Ok(name.to_ascii_lowercase())
}

/// The host of `https://NAME:PORT`.
fn host_of(origin: &str) -> Option<&str> {
    let (_, host) = origin.split_once("://")?;
    if host.starts_with('[') { Some(host) } else { host.split(':').next() }
}

#[cfg(test)]
mod tests;
