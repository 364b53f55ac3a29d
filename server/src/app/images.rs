//! Images on demand: which template, which token.

use super::{App, AppError};
use crate::{
    images::{Image, ImageError, Set, Shelf},
    record,
    secret::Digest,
};
use bootmint_image_factory::{
    format::Format,
    host::{Host, Name, Token},
    ticket::Ticket,
};
use std::sync::Arc;

impl App {
    /// What was published.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The firmware profile of `host`: its own, or the site's.
    pub fn firmware_of<'h>(&'h self, host: &'h Host) -> &'h Name {
        host.profile.as_ref().unwrap_or(&self.config.image_profile)
    }

    /// The image of `host`, as `build-images` would write it with the site's token key: on the
    /// firmware profile `firmware`, or else on the host's.
    pub async fn mint(
        &self,
        host: &Host,
        firmware: Option<&Name>,
        format: Format,
    ) -> Result<Image, AppError> {
        let (mut host, token) = (host.clone(), self.known_token(host).await?);
        let profile = firmware.unwrap_or_else(|| self.firmware_of(&host)).clone();
        let made_of = [record_digest(&host)?.as_str(), token.as_str(), profile.as_str()].join("\n");
        let key = Digest::of(format!("{made_of}\n{format}").as_bytes());
        host.token = Some(token);
        let shelf = Arc::clone(&self.shelf);
        let minted = beside(move || {
            let set = shelf.set(&profile)?;
            shelf.minted(key, &set, || {
                let die = set.die(format).ok_or(ImageError::NoFormat { profile, format })?;
                Image::mint(die, &host, &set.patience)
            })
        });
        Ok(minted.await?)
    }

    /// The token by which the database knows `host`: the one that is kept sealed, or else the one
    /// that follows from the token key.
    pub(super) async fn known_token(&self, host: &Host) -> Result<Token, AppError> {
        let name = &host.name;
        let kept = self.store.kept_token(name).await?;
        let token = match kept.as_ref().and_then(|kept| kept.sealed.as_ref()) {
            Some(sealed) => self.config.seal_keys.open_token(name, sealed)?,
            None => self.config.token_key.token(name)?,
        };
        match kept.is_some_and(|kept| kept.digest == Digest::of_token(&token)) {
            true => Ok(token),
            false if self.config.seal_keys.current().is_none() => {
                Err(ImageError::NoSealKey(name.clone()).into())
            }
            false => Err(ImageError::Token(name.clone()).into()),
        }
    }

    /// An image that is nobody's: `script` on the firmware `profile`.
    pub async fn mint_script(
        &self,
        profile: &Name,
        format: Format,
        script: &str,
    ) -> Result<Image, AppError> {
        let script = Ticket::of_script(script).map_err(ImageError::from)?;
        let (shelf, profile) = (Arc::clone(&self.shelf), profile.clone());
        let minted = beside(move || {
            let set = shelf.set(&profile)?;
            let die = set.die(format).ok_or(ImageError::NoFormat { profile, format })?;
            Image::of_script(die, &script)
        });
        Ok(minted.await?)
    }

    /// What was published for a firmware profile.
    pub(super) async fn set(&self, profile: &Name) -> Result<Arc<Set>, AppError> {
        let (shelf, profile) = (Arc::clone(&self.shelf), profile.clone());
        Ok(beside(move || shelf.set(&profile)).await?)
    }

    /// All that was published, by firmware profile.
    pub async fn published(&self) -> Result<Vec<(Name, Arc<Set>)>, AppError> {
        let shelf = Arc::clone(&self.shelf);
        let all = beside(move || {
            let names = shelf.profiles()?.into_iter();
            names
                .map(|name| Ok((name.clone(), shelf.set(&name)?)))
                .collect::<Result<Vec<_>, ImageError>>()
        });
        Ok(all.await?)
    }
}

pub(super) fn record_digest(host: &Host) -> Result<Digest, AppError> {
    let record = record::write(host).map_err(crate::db::DbError::from)?;
    Ok(Digest::of(record.as_bytes()))
}

/// Runs it on a thread where it may take its time.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ImageError::Broken)?
}
