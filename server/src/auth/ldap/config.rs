//! The section `[directory]` of the configuration.

use super::login::{Domains, is_dns_name};
use crate::{
    auth::{
        groups::{self, GroupGrants, RawGroup},
        spnego::RawKerberos,
    },
    time::Seconds,
    tls::Trust,
};
use serde::Deserialize;
use std::{fmt, path::Path};

/// The most controllers that are read.
const MAX_CONTROLLERS: usize = 16;
/// The longest distinguished name, in bytes.
const MAX_DN: usize = 1024;

/// What kind of directory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Active Directory, or Samba as a domain controller.
    ActiveDirectory,
    /// OpenLDAP, with `inetOrgPerson` entries and groups that list their members.
    Openldap,
}

/// How the connection is encrypted. There is no other way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// TLS from the first byte, port 636.
    #[default]
    Ldaps,
    /// TLS before anything is asked, port 389.
    Starttls,
}

/// A directory server: its name or IPv4 address, and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The account that looks people up. `Debug` hides its password.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({})", self.user)
    }
}

/// The checked section.
#[derive(Clone, Debug)]
pub struct DirectoryConfig {
    pub(super) kind: Kind,
    pub(super) controllers: Vec<Controller>,
    pub(super) encryption: Encryption,
    pub(super) trust: Trust,
    pub(super) base: String,
    pub(super) domains: Domains,
    pub(super) service: Service,
    pub(super) connect: Seconds,
    pub(super) answer: Seconds,
    pub(super) groups: Vec<GroupGrants>,
    /// After how long somebody who is signed in is looked up again.
    pub recheck: Seconds,
    /// How long somebody who is signed in stays so while no controller answers.
    pub offline: Seconds,
}

impl DirectoryConfig {
    /// Its groups, and what each grants, for people.
    pub fn groups(&self) -> impl Iterator<Item = (String, String)> {
        self.groups.iter().map(GroupGrants::told)
    }
}

impl fmt::Display for DirectoryConfig {
    /// For people who look at the settings: where it is, and what its groups grant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let controllers: Vec<_> = self.controllers.iter().map(ToString::to_string).collect();
        write!(f, "{} at {}", self.domains.own(), controllers.join(", "))?;
        self.groups.iter().try_for_each(|group| write!(f, "; {group}"))
    }
}

/// The section as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawDirectory {
    kind: Kind,
    controllers: Vec<String>,
    #[serde(default)]
    encryption: Encryption,
    ca_file: Option<String>,
    #[serde(default)]
    trust: RawTrust,
    base: String,
    domain: String,
    netbios_domain: Option<String>,
    #[serde(default)]
    upn_suffixes: Vec<String>,
    service_user: String,
    service_password_file: String,
    connect_seconds: Option<Seconds>,
    answer_seconds: Option<Seconds>,
    recheck_seconds: Option<Seconds>,
    offline_seconds: Option<Seconds>,
    groups: Vec<RawGroup>,
    kerberos: Option<RawKerberos>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawTrust {
    #[default]
    CaFile,
    System,
}

/// A value of the section that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("directory.{key}: {what}")]
pub struct NoDirectory {
    key: &'static str,
    what: String,
}

fn wrong(key: &'static str, what: impl Into<String>) -> NoDirectory {
    NoDirectory { key, what: what.into() }
}

impl RawDirectory {
    /// The file of the service account's password.
    pub fn service_password_file(&self) -> &str {
        &self.service_password_file
    }

    /// The section `[directory.kerberos]`, which is taken out, with the domain that it is about.
    pub fn take_kerberos(&mut self) -> Result<Option<(RawKerberos, String)>, NoDirectory> {
        match self.kerberos.take() {
            Some(_) if self.kind == Kind::Openldap => {
                Err(wrong("kerberos", "only Active Directory gives tickets to its people"))
            }
            raw => Ok(raw.map(|raw| (raw, self.domain.clone()))),
        }
    }

    /// Checks the section, but for `[directory.kerberos]`. `folder` is that of the configuration file; `password` is what the
    /// file of the service account's password holds.
    pub fn check(self, folder: &Path, password: &str) -> Result<DirectoryConfig, NoDirectory> {
        let trust = match (self.trust, self.ca_file) {
            (RawTrust::CaFile, Some(file)) => Trust::Pinned(folder.join(file)),
            (RawTrust::System, None) => Trust::System,
            (RawTrust::CaFile, None) => {
                let what = "is missing: name the PEM file of the authority that signs the \
                            controllers' certificates, or write trust = \"system\"";
                return Err(wrong("ca-file", what));
            }
            (RawTrust::System, Some(_)) => {
                return Err(wrong("trust", "\"system\" and a ca-file exclude each other"));
            }
        };
        if self.kind == Kind::Openldap && !self.upn_suffixes.is_empty() {
            return Err(wrong("upn-suffixes", "only Active Directory has them"));
        }
        let password = password.trim_end_matches(['\r', '\n']);
        // A directory takes a bind without a password for an anonymous one, and says it is fine.
        if password.is_empty() {
            return Err(wrong("service-password-file", "holds no password"));
        }
        if self.service_user.is_empty() {
            return Err(wrong("service-user", "is empty"));
        }
        let recheck = self.recheck_seconds.unwrap_or(Seconds::new(120));
        let offline = self.offline_seconds.unwrap_or(Seconds::new(900));
        if offline.get() <= recheck.get() {
            return Err(wrong("offline-seconds", "must be longer than recheck-seconds"));
        }
        Ok(DirectoryConfig {
            kind: self.kind,
            controllers: controllers(&self.controllers, self.encryption)?,
            encryption: self.encryption,
            trust,
            base: dn("base", self.base)?,
            domains: Domains::new(&self.domain, self.netbios_domain.as_deref(), &self.upn_suffixes)
                .map_err(|what| wrong("domain", what))?,
            service: Service { user: self.service_user, password: password.to_owned() },
            connect: self.connect_seconds.unwrap_or(Seconds::new(3)),
            answer: self.answer_seconds.unwrap_or(Seconds::new(5)),
            recheck,
            offline,
            groups: groups::check(self.groups, distinguished)
                .map_err(|(key, what)| wrong(key, what))?,
        })
    }
}

fn controllers(raw: &[String], encryption: Encryption) -> Result<Vec<Controller>, NoDirectory> {
    let wrong = |what: String| wrong("controllers", what);
    if !(1..=MAX_CONTROLLERS).contains(&raw.len()) {
        return Err(wrong(format!("name 1 to {MAX_CONTROLLERS}")));
    }
    let usual = match encryption {
        Encryption::Ldaps => 636,
        Encryption::Starttls => 389,
    };
    let one = |text: &String| {
        if text.contains("://") {
            return Err(wrong(format!(
                "\"{text}\": write NAME or NAME:PORT; the connection is always encrypted, \
                 encryption = \"ldaps\" or \"starttls\" says how"
            )));
        }
        let (host, port) = match text.split_once(':') {
            None => (text.as_str(), Some(usual)),
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        };
        match port {
            Some(port) if is_dns_name(host) => Ok(Controller { host: host.to_owned(), port }),
            _ => Err(wrong(format!("\"{text}\" is no name or IPv4 address, perhaps with a port"))),
        }
    };
    raw.iter().map(one).collect()
}

fn dn(key: &'static str, text: String) -> Result<String, NoDirectory> {
    distinguished(text).map_err(|what| wrong(key, what))
}

fn distinguished(text: String) -> Result<String, String> {
    let good = text.contains('=') && text.len() <= MAX_DN && !text.chars().any(char::is_control);
    if good {
        Ok(text)
    } else {
        Err(format!("\"{text}\" is no distinguished name, such as CN=x,DC=example,DC=org"))
    }
}

#[cfg(test)]
mod tests;
