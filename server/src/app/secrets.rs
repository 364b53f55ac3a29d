//! Secrets that answers may hold: those of the configuration, and those that people set, which the
//! database holds sealed. What is set for a host comes before its site's, that before what counts
//! everywhere, and that before the configuration's.

use super::{App, AppError};
use crate::{
    config::Secrets,
    db::{Actor, Removed, SealedSecret},
    mark::Seen,
    seal::{Place, SecretName},
    time::Timestamp,
};
use bootmint_image_factory::host::Host;

/// How many got another seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// Secrets.
    pub secrets: usize,
    /// Tokens of hosts.
    pub tokens: usize,
}

impl App {
    /// The secrets that answers of `host` may hold.
    pub async fn secrets_of(&self, host: &Host) -> Result<Secrets, AppError> {
        self.gather(host, |sealed| {
            let SealedSecret { place, name, sealed, .. } = sealed;
            Ok(self.config.seal_keys.open(place, name, sealed)?)
        })
        .await
    }

    /// The same names, with a word in place of every value: nothing is opened.
    pub async fn hidden_secrets_of(&self, host: &Host) -> Result<Secrets, AppError> {
        Ok(self.gather(host, |_| Ok(String::new())).await?.hidden())
    }

    async fn gather(
        &self,
        host: &Host,
        value: impl Fn(&SealedSecret) -> Result<String, AppError>,
    ) -> Result<Secrets, AppError> {
        let mut found = self.store.secrets_for(&host.name, host.site.as_ref()).await?;
        // Narrower ones are put in later, in place of wider ones.
        found.sort_by_key(|one| rank(&one.place));
        let put = |secrets: Secrets, one: &SealedSecret| {
            Ok::<_, AppError>(secrets.with(one.name.as_str(), value(one)?))
        };
        found.iter().try_fold(self.config.secrets.clone(), put)
    }

    /// Seals a value and keeps it, in place of the one of that name, if that is as it was seen.
    pub async fn set_secret(
        &self,
        (place, name): (&Place, &SecretName),
        value: &str,
        seen: &Seen,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let sealed = SealedSecret {
            place: place.clone(),
            name: name.clone(),
            sealed: self.config.seal_keys.seal(place, name, value)?,
            changed: now,
            changed_by: actor.as_str().to_owned(),
        };
        match place {
            Place::Host(host) => drop(self.stored(host).await?),
            Place::Everywhere | Place::Site(_) => {}
        }
        match self.store.set_secret(&sealed, seen, actor).await? {
            true => Ok(()),
            false => Err(AppError::SecretChanged(name.clone())),
        }
    }

    /// Removes a secret, if it is as it was seen.
    pub async fn remove_secret(
        &self,
        (place, name): (&Place, &SecretName),
        seen: &Seen,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), AppError> {
        match self.store.remove_secret((place, name), seen, actor, now).await? {
            Removed::Done => Ok(()),
            Removed::Missing => Err(AppError::NoSecret(name.clone())),
            Removed::Changed => Err(AppError::SecretChanged(name.clone())),
        }
    }

    /// Seals all secrets, and tokens of hosts, with the first key; returns how many had another
    /// seal.
    pub async fn reseal(&self, actor: &Actor, now: Timestamp) -> Result<Resealed, AppError> {
        let keys = &self.config.seal_keys;
        let (mut again, mut tokens) = (Vec::new(), Vec::new());
        for old in self.store.sealed_tokens().await? {
            if !keys.is_current(&old.sealed) {
                let token = keys.open_token(&old.host, &old.sealed)?;
                let sealed = keys.seal_token(&old.host, &token)?;
                tokens.push((old, sealed));
            }
        }
        for old in self.store.all_secrets().await? {
            if !keys.is_current(&old.sealed) {
                let value = keys.open(&old.place, &old.name, &old.sealed)?;
                let sealed = keys.seal(&old.place, &old.name, &value)?;
                again.push((old, sealed));
            }
        }
        let done = Resealed { secrets: again.len(), tokens: tokens.len() };
        let some = !again.is_empty() || !tokens.is_empty();
        if some && !self.store.reseal(&again, &tokens, actor, now).await? {
            return Err(AppError::SecretsChanged);
        }
        Ok(done)
    }
}

fn rank(place: &Place) -> u8 {
    match place {
        Place::Everywhere => 0,
        Place::Site(_) => 1,
        Place::Host(_) => 2,
    }
}
