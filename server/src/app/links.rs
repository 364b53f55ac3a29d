//! Links: made for who may make them, and followed by who has nothing but one.

use super::{App, AppError, images::record_digest};
use crate::{
    link::{Link, Target},
    nocloud,
    time::Timestamp,
};
use bootmint_image_factory::{format::Format, host::Host};

impl App {
    /// The path of a link to an image of `host`.
    pub fn link_to(
        &self,
        host: &Host,
        format: Format,
        expires: Timestamp,
    ) -> Result<String, AppError> {
        let image = format!("{}.{}", host.name, format.extension());
        let signature = self.sign(host, Target::Image(&image), expires)?;
        Ok(format!("/images/{signature}/{}/{image}", expires.as_unix()))
    }

    /// Whether that is a link to an image of `host`, as the host is now.
    pub fn is_link(
        &self,
        host: &Host,
        image: &str,
        expires: Timestamp,
        signature: &str,
    ) -> Result<bool, AppError> {
        self.verify(host, Target::Image(image), expires, signature)
    }

    /// The URL below which a machine finds the NoCloud files of `host` until then, as cloud-init
    /// wants it: with a slash at its end. What cannot be made of the host is said now, not to the
    /// machine.
    pub fn nocloud_link(&self, host: &Host, expires: Timestamp) -> Result<String, AppError> {
        for file in nocloud::FILES {
            nocloud::file(host, file)?;
        }
        let signature = self.sign(host, Target::NoCloud(host.name.as_str()), expires)?;
        let (server, until) = (&host.server, expires.as_unix());
        Ok(format!("{server}/nocloud/{signature}/{until}/{}/", host.name))
    }

    /// A NoCloud file, for who has a link to those of the host.
    pub async fn nocloud(
        &self,
        (signature, expires, host, file): (&str, Timestamp, &str, &str),
        now: Timestamp,
    ) -> Result<String, AppError> {
        let name = host.parse().map_err(|_| AppError::NoLink)?;
        // A link to no host is told from a wrong one by nothing.
        let host = self.store.host(&name).await?.ok_or(AppError::NoLink)?.host;
        if !self.verify(&host, Target::NoCloud(name.as_str()), expires, signature)? {
            return Err(AppError::NoLink);
        }
        if expires <= now {
            return Err(AppError::LinkEnded);
        }
        let text = nocloud::file(&host, file)?;
        tracing::info!(host = %host.name, file, "NoCloud file sent");
        Ok(text)
    }

    fn sign(
        &self,
        host: &Host,
        target: Target<'_>,
        expires: Timestamp,
    ) -> Result<String, AppError> {
        let record = record_digest(host)?;
        Ok(self.config.link_key.sign(&Link { target, expires, record: record.as_str() }))
    }

    fn verify(
        &self,
        host: &Host,
        target: Target<'_>,
        expires: Timestamp,
        signature: &str,
    ) -> Result<bool, AppError> {
        let record = record_digest(host)?;
        let link = Link { target, expires, record: record.as_str() };
        Ok(self.config.link_key.verify(&link, signature))
    }
}
