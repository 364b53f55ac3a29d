//! Hosts of a feed: imported, or compared with those that are there.

use super::{App, AppError};
use crate::{
    db::{Actor, DbError, Imported, KeptToken, StoredHost, Wanted},
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

/// A host of a feed, and what was there when it was looked at. Only as long as that is there is it
/// imported.
#[derive(Debug)]
pub struct Incoming<'h> {
    /// The host.
    pub host: &'h Host,
    /// The one of that name that is there.
    pub stored: Option<StoredHost>,
    /// What becomes of the token of that one.
    pub change: TokenChange,
    token: KeptToken,
}

/// What becomes of the token of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// Nothing.
    Stays,
    /// It stays, and is kept sealed from now on.
    Sealed,
    /// Another one takes its place.
    Another,
}

impl App {
    /// Looks at what is there of `hosts`. Those that bring no token keep theirs; new ones get the
    /// one that follows from the token key, as the factory gives it to their tickets.
    pub async fn look_at<'h>(&self, hosts: &'h [Host]) -> Result<Vec<Incoming<'h>>, AppError> {
        let mut found = Vec::with_capacity(hosts.len());
        for host in hosts {
            self.check_policy(host)?;
            let stored = self.store.host(&host.name).await?;
            // Read later: if it is newer than the host, that has changed since it was looked at.
            let kept = self.store.kept_token(&host.name).await?;
            let (token, change) = self.token_of_feed(host, kept.as_ref())?;
            found.push(Incoming { host, stored, change, token });
        }
        Ok(found)
    }

    /// Adds and updates hosts, all or none, if they are as they were looked at.
    pub async fn import_seen(
        &self,
        hosts: &[Incoming<'_>],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Imported, AppError> {
        Ok(self.store.import(&wanted(hosts), actor, now).await?)
    }

    /// Looks at hosts, and adds and updates them.
    pub async fn import(
        &self,
        hosts: &[Host],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Imported, AppError> {
        self.import_seen(&self.look_at(hosts).await?, actor, now).await
    }

    /// Tells what [`App::import`] would do, or why it would fail, and changes nothing.
    pub async fn compare(
        &self,
        hosts: &[Host],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Differences, AppError> {
        let found = self.look_at(hosts).await?;
        let imported = self.store.try_import_only(&wanted(&found), actor, now).await?;
        let mut lines: Vec<_> = imported.added.iter().map(|name| format!("+ {name}")).collect();
        let updated: BTreeSet<_> = imported.updated.iter().collect();
        for one in found.iter().filter(|one| updated.contains(&one.host.name)) {
            let written = |host: &Host| record::write(host).map_err(DbError::from);
            let old = one.stored.as_ref().map(|stored| written(&stored.host)).transpose()?;
            let mut changes = record::changes(&old.unwrap_or_default(), &written(one.host)?);
            changes.extend(match one.change {
                TokenChange::Stays => None,
                TokenChange::Sealed => Some("its token is kept sealed".to_owned()),
                TokenChange::Another => Some("its token".to_owned()),
            });
            lines
                .extend(changes.into_iter().map(|change| format!("~ {}: {change}", one.host.name)));
        }
        Ok(Differences { imported, lines })
    }

    /// What is kept of the token of a host that comes by itself, and what that changes of the
    /// token that is there.
    pub fn token_of_feed(
        &self,
        host: &Host,
        kept: Option<&KeptToken>,
    ) -> Result<(KeptToken, TokenChange), AppError> {
        let token = self.token_of(host)?;
        let digest = Digest::of_token(&token);
        let keys = &self.config.seal_keys;
        let follows = self.config.token_key.token(&host.name)?.as_str() == token.as_str();
        let same = kept.is_some_and(|kept| kept.digest == digest);
        let opens = |sealed: &String| keys.open_token(&host.name, sealed).is_ok();
        let open = same && kept.and_then(|kept| kept.sealed.as_ref()).is_some_and(opens);
        let seals = !follows && !open && keys.current().is_some();
        let sealed = seals.then(|| keys.seal_token(&host.name, &token)).transpose()?;
        let change = match (host.token.is_some(), same) {
            (false, _) => TokenChange::Stays,
            (true, false) => TokenChange::Another,
            (true, true) if sealed.is_some() => TokenChange::Sealed,
            (true, true) => TokenChange::Stays,
        };
        Ok((KeptToken { digest, sealed }, change))
    }
}

fn wanted<'h>(hosts: &[Incoming<'h>]) -> Vec<Wanted<'h>> {
    let of = |one: &Incoming<'h>| Wanted {
        host: one.host,
        token: Some(one.token.clone()),
        seen: one.stored.as_ref().map(|stored| stored.generation),
    };
    hosts.iter().map(of).collect()
}
