//! Hosts of a feed: imported, or compared with those that are there.

use super::{App, AppError};
use crate::{
    db::{Actor, DbError, Imported},
    record,
    secret::Digest,
    time::Timestamp,
};
use bootmint_image_factory::host::Host;
use serde_json::{Map, Value};
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
    /// Adds and updates hosts. Those without a token of their own get the one that follows from
    /// the token key, as the factory gives it to their tickets.
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
            let old = fields(&self.stored(&host.name).await?.host)?;
            let changes = changes(&old, &fields(host)?);
            if changes.is_empty() {
                lines.push(format!("~ {}: its token", host.name));
            }
            lines.extend(changes.into_iter().map(|change| format!("~ {}: {change}", host.name)));
        }
        Ok(Differences { imported, lines })
    }

    fn entries(&self, hosts: &[Host]) -> Result<Vec<(Host, Option<Digest>)>, AppError> {
        let mut entries = Vec::with_capacity(hosts.len());
        for host in hosts {
            let token = self.token_of(host)?;
            entries.push((host.clone(), Some(Digest::of_token(&token))));
        }
        Ok(entries)
    }
}

/// The fields of a host's record.
fn fields(host: &Host) -> Result<Map<String, Value>, AppError> {
    let record = record::write(host).map_err(DbError::from)?;
    // A record is a JSON object; were it none, it would have no fields.
    Ok(serde_json::from_str(&record).unwrap_or_default())
}

/// Each field that differs, with both values.
fn changes(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| format!("{name}: {} -> {}", shown(old.get(name)), shown(new.get(name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn each_field_that_differs_is_shown_with_both_values() {
        let old = testing::full_host();
        let mut new = old.clone();
        assert_eq!(changes(&fields(&old).unwrap(), &fields(&new).unwrap()), [""; 0]);
        new.domain = None;
        new.serial = Some("other".parse().unwrap());
        let told = changes(&fields(&old).unwrap(), &fields(&new).unwrap());
        let expected = ["domain: \"example.net\" -> none", "serial: \"SN 4711\" -> \"other\""];
        assert_eq!(told, expected);
    }
}
