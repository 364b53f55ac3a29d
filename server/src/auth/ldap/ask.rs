//! Questions to one controller.

use super::{
    Refusal,
    config::{Controller, DirectoryConfig, Encryption, Kind},
    entry::Entry,
    login::Login,
    policy,
};
use crate::{
    auth::Grants,
    time::{Seconds, Timestamp},
    tls::{Section, explain},
};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, ldap_escape,
};
use rustls::ClientConfig;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Result codes of LDAP.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const NO_SUCH_OBJECT: u32 = 32;
    pub(super) const INVALID_CREDENTIALS: u32 = 49;
    pub(super) const BUSY: u32 = 51;
    pub(super) const UNAVAILABLE: u32 = 52;
    pub(super) const OTHER: u32 = 80;
}

/// Where the configuration speaks of controllers.
const SECTION: Section =
    Section { server: "controller", name: "directory.controllers", ca: "directory.ca-file" };
/// The matching rule that follows groups in groups.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Why a controller gave no answer that counts.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another controller may do better.
    Next(String),
    /// All would say the same.
    Final(String),
}

impl Trouble {
    fn of(error: &LdapError, controller: &Controller) -> Self {
        Self::Next(match error {
            LdapError::Timeout { .. } => "no answer in time".to_owned(),
            LdapError::LdapResult { result } => format!("StartTLS is refused: {}", words(result)),
            LdapError::ResultRecv { .. } | LdapError::OpSend { .. } | LdapError::EndOfStream => {
                "the connection broke".to_owned()
            }
            LdapError::Io { source } => {
                explain(source, &controller.host, SECTION).unwrap_or_else(|| source.to_string())
            }
            error => explain(error, &controller.host, SECTION).unwrap_or_else(|| error.to_string()),
        })
    }

    fn of_code(result: &LdapResult, what: &str) -> Self {
        let text = format!("{what}: {}", words(result));
        match result.rc {
            code::BUSY | code::UNAVAILABLE | code::OTHER => Self::Next(text),
            _ => Self::Final(text),
        }
    }
}

/// A result as one line.
fn words(result: &LdapResult) -> String {
    let text: String = result.text.chars().filter(|c| !c.is_control()).take(200).collect();
    format!("code {} {text}", result.rc).trim_end().to_owned()
}

/// A connection, whose first bind was the service account's.
pub(super) struct Session<'a> {
    config: &'a DirectoryConfig,
    controller: &'a Controller,
    ldap: Ldap,
    driver: JoinHandle<()>,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn duration(seconds: Seconds) -> Duration {
    Duration::from_secs(seconds.get().into())
}

impl<'a> Session<'a> {
    pub(super) async fn open(
        config: &'a DirectoryConfig,
        controller: &'a Controller,
        client: &Arc<ClientConfig>,
    ) -> Result<Self, Trouble> {
        let settings = LdapConnSettings::new()
            .set_conn_timeout(duration(config.connect))
            .set_config(Arc::clone(client));
        let (settings, scheme) = match config.encryption {
            Encryption::Ldaps => (settings, "ldaps"),
            Encryption::Starttls => (settings.set_starttls(true), "ldap"),
        };
        let url = format!("{scheme}://{controller}");
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &url)
            .await
            .map_err(|error| Trouble::of(&error, controller))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a directory connection ended");
            }
        });
        let mut session = Self { config, controller, ldap, driver };
        let service = &config.service;
        let result = session.bind(&service.user, &service.password).await?;
        match result.rc {
            code::SUCCESS => Ok(session),
            // Not tried elsewhere: each try counts, and the account would be locked.
            code::INVALID_CREDENTIALS => Err(Trouble::Final(format!(
                "directory.service-user \"{}\" is refused ({}): its password is in \
                 directory.service-password-file",
                service.user,
                Refusal::of_bind(&result.text)
            ))),
            _ => Err(Trouble::of_code(&result, "the bind of directory.service-user")),
        }
    }

    async fn bind(&mut self, user: &str, password: &str) -> Result<LdapResult, Trouble> {
        let ldap = self.ldap.with_timeout(duration(self.config.answer));
        ldap.simple_bind(user, password).await.map_err(|error| Trouble::of(&error, self.controller))
    }

    async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
    ) -> Result<(Vec<SearchEntry>, LdapResult), Trouble> {
        let ldap = self.ldap.with_timeout(duration(self.config.answer));
        let found = ldap
            .search(base, scope, filter, attributes)
            .await
            .map_err(|error| Trouble::of(&error, self.controller))?;
        let entries =
            found.0.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
        Ok((entries.map(SearchEntry::construct).collect(), found.1))
    }

    /// The entry that `filter` finds among the people.
    async fn person(
        &mut self,
        filter: &str,
        now: Timestamp,
    ) -> Result<Result<Entry, Refusal>, Trouble> {
        let (kind, base) = (self.config.kind, &self.config.base);
        let people = match kind {
            Kind::ActiveDirectory => "(objectCategory=person)(objectClass=user)",
            Kind::Openldap => "(objectClass=person)",
        };
        let filter = format!("(&{people}{filter})");
        let (mut found, result) =
            self.search(base, Scope::Subtree, &filter, Entry::attributes(kind)).await?;
        if result.rc != code::SUCCESS {
            return Err(Trouble::of_code(&result, &format!("looking below directory.base {base}")));
        }
        Ok(match (found.pop(), found.len()) {
            (None, _) => Err(Refusal::Unknown),
            (Some(one), 0) => Entry::read(one, kind, now).ok_or(Refusal::NotAName),
            _ => Err(Refusal::Ambiguous),
        })
    }

    /// The entry of who signs in by that name.
    pub(super) async fn by_login(
        &mut self,
        login: &Login,
        now: Timestamp,
    ) -> Result<Result<Entry, Refusal>, Trouble> {
        // The names are plain already; escaping them costs nothing.
        let account = |name: &str| match self.config.kind {
            Kind::ActiveDirectory => format!("(sAMAccountName={})", ldap_escape(name)),
            Kind::Openldap => format!("(uid={})", ldap_escape(name)),
        };
        let upn = |name: &str, domain: &str| {
            format!("(userPrincipalName={}@{})", ldap_escape(name), ldap_escape(domain))
        };
        let filter = match (login, self.config.kind) {
            (Login::Account(name), _) | (Login::Own(name), Kind::Openldap) => {
                account(name.as_str())
            }
            // A UPN can be anything: that of one may be another's account.
            (Login::Own(name), Kind::ActiveDirectory) => {
                let own = upn(name.as_str(), self.config.domains.own());
                format!("(|{}{own})", account(name.as_str()))
            }
            (Login::Suffix(name, domain), _) => upn(name.as_str(), domain),
        };
        self.person(&filter, now).await
    }

    /// The entry that has that id.
    pub(super) async fn by_id(
        &mut self,
        id: &super::PersonId,
        now: Timestamp,
    ) -> Result<Result<Entry, Refusal>, Trouble> {
        self.person(&id.filter(self.config.kind), now).await
    }

    /// What the groups of the person grant.
    pub(super) async fn grants(&mut self, person: &Entry) -> Result<Grants, Trouble> {
        let (dn, uid) = (ldap_escape(person.dn.as_str()), ldap_escape(person.account.as_str()));
        let filter = match self.config.kind {
            Kind::ActiveDirectory => format!("(member:{IN_CHAIN}:={dn})"),
            Kind::Openldap => format!("(|(member={dn})(uniqueMember={dn})(memberUid={uid}))"),
        };
        let mut grants = Vec::new();
        // One question a group: the directory compares the names, and no answer grows long.
        for group in &self.config.groups {
            let (found, result) = self.search(&group.group, Scope::Base, &filter, &["1.1"]).await?;
            match result.rc {
                code::SUCCESS if found.is_empty() => {}
                code::SUCCESS => grants.extend(group.grants.iter().cloned()),
                code::NO_SUCH_OBJECT => {
                    tracing::warn!(
                        group = group.group,
                        "directory.groups names a group that is not there"
                    );
                }
                _ => {
                    let what = format!("looking into the group {}", group.group);
                    return Err(Trouble::of_code(&result, &what));
                }
            }
        }
        Grants::new(grants).map_err(|error| Trouble::Final(format!("directory.groups: {error}")))
    }

    /// Whether the password is that of the entry. The connection is no longer the service
    /// account's then.
    pub(super) async fn prove(
        mut self,
        dn: &str,
        password: &str,
    ) -> Result<Result<(), Refusal>, Trouble> {
        if self.config.kind == Kind::Openldap {
            self.ldap.with_controls(policy::request());
        }
        let result = self.bind(dn, password).await?;
        let said = policy::refusal(&result.ctrls);
        match result.rc {
            code::SUCCESS => Ok(said.map_or(Ok(()), Err)),
            code::INVALID_CREDENTIALS => {
                Ok(Err(said.unwrap_or_else(|| Refusal::of_bind(&result.text))))
            }
            _ => Err(Trouble::of_code(&result, "the bind")),
        }
    }
}
