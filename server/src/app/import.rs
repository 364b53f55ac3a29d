//! Hosts of a feed: imported, or compared with those that are there.

use super::{App, AppError};
use crate::{
    db::{Actor, DbError, Imported},
    record,
    secret::Digest,
    time::Timestamp,
};
use bootmint_image_factory::host::Host;
use std::collections::BTreeSet;

/// What an import would do.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// What the import would report.
    pub imported: Imported,
    /// Each change, for people: `+ host` or `~ host: field: old -> new`.
    pub lines: Vec<String>,
}

impl App {
    /// Adds and updates hosts. Those that bring no token keep theirs; new ones get the one that
    /// follows from the token key, as the factory gives it to their tickets.
    pub async fn import(
        &self,
        hosts: &[Host],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Imported, AppError> {
        Ok(self.store.import(&self.entries(hosts)?, actor, now).await?)
    }

    /// Tells what [`App::import`] would do, or why it would fail, and changes nothing.
    pub async fn compare(
        &self,
        hosts: &[Host],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Differences, AppError> {
        let imported = self.store.try_import_only(&self.entries(hosts)?, actor, now).await?;
        let mut lines: Vec<_> = imported.added.iter().map(|name| format!("+ {name}")).collect();
        let updated: BTreeSet<_> = imported.updated.iter().collect();
        for host in hosts.iter().filter(|host| updated.contains(&host.name)) {
            let written = |host: &Host| record::write(host).map_err(DbError::from);
            let old = written(&self.stored(&host.name).await?.host)?;
            let mut changes = record::changes(&old, &written(host)?);
            if self.brings_token(host).await? {
                changes.push("its token".to_owned());
            }
            lines.extend(changes.into_iter().map(|change| format!("~ {}: {change}", host.name)));
        }
        Ok(Differences { imported, lines })
    }

    /// Whether a host brings another token than it has.
    pub(crate) async fn brings_token(&self, host: &Host) -> Result<bool, AppError> {
        let Some(token) = &host.token else { return Ok(false) };
        let known = self.store.token_digest(&host.name).await?;
        Ok(known != Some(Digest::of_token(token)))
    }

    fn entries(&self, hosts: &[Host]) -> Result<Vec<(Host, Option<Digest>)>, AppError> {
        let mut entries = Vec::with_capacity(hosts.len());
        for host in hosts {
            self.check_policy(host)?;
            let token = self.token_of(host)?;
            entries.push((host.clone(), Some(Digest::of_token(&token))));
        }
        Ok(entries)
    }
}
