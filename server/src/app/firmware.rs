//! Whether the firmware that was published for a host can do what the host is sent.

use super::{App, AppError, Text};
use crate::{
    images::{ImageError, Set},
    script::needs,
};
use bootmint_image_factory::{
    firmware::BinaryManifest,
    host::{Host, HostName, Name},
    ticket::{self, Facts, Missing},
};

/// Something that a host's firmware cannot do.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareFault {
    /// A capability is missing.
    #[error("host \"{host}\", {what}, with the firmware profile \"{profile}\": {missing}{others}")]
    Lacks {
        /// The host.
        host: HostName,
        /// What it is sent.
        what: String,
        /// Its firmware profile.
        profile: Name,
        /// What is missing there.
        missing: Missing,
        /// Which published profiles have it, as the end of a sentence.
        others: String,
    },
    /// It wants signatures that nobody gives.
    #[error(
        "host \"{host}\": its firmware profile \"{profile}\" has payloads = \"signed\", and runs only \
         answers that were signed beforehand, which this server does not serve: take a profile with \
         `trust` and an https:// server, or let another web server give the signed answers"
    )]
    Signed {
        /// The host.
        host: HostName,
        /// Its firmware profile.
        profile: Name,
    },
}

impl App {
    /// The first thing that the firmware of `host` lacks for its ticket and these texts. Nothing is
    /// known of a firmware that was not published here.
    pub(super) async fn firmware_fault(
        &self,
        host: &Host,
        texts: &[Text],
    ) -> Result<Option<FirmwareFault>, AppError> {
        let profile = self.firmware_of(host).clone();
        let set = match self.set(&profile).await {
            Ok(set) => set,
            Err(AppError::Image(ImageError::NotPublished(_))) => return Ok(None),
            Err(error) => return Err(error),
        };
        if set.facts() == Some(Facts::Unsent) {
            return Ok(Some(FirmwareFault::Signed { host: host.name.clone(), profile }));
        }
        let binaries = set.binaries();
        let ticket =
            ticket::check(host, &binaries).into_iter().map(|missing| ("its ticket", missing));
        let scripts = lacking(texts, &binaries);
        let Some((what, missing)) = ticket.chain(scripts).next() else { return Ok(None) };
        let others = self.who_has(missing).await?;
        let (host, what) = (host.name.clone(), what.to_owned());
        Ok(Some(FirmwareFault::Lacks { host, what, profile, missing, others }))
    }

    /// Which published profiles have what is missing.
    async fn who_has(&self, missing: Missing) -> Result<String, AppError> {
        let has = |set: &Set| {
            let binaries = set.binaries();
            binaries.iter().all(|binary| binary.capabilities.contains(&missing.capability))
        };
        let published = self.published().await?;
        let names = published.iter().filter(|(_, set)| has(set));
        let names: Vec<_> = names.map(|(name, _)| format!("\"{name}\"")).collect();
        Ok(match names.as_slice() {
            [] => "; no published profile has it".to_owned(),
            names => format!("; of those that are published, {} has it", names.join(", ")),
        })
    }
}

/// What `binaries` lack for the scripts among these texts, each with the script's title.
pub(super) fn lacking<'t>(
    texts: &'t [Text],
    binaries: &[&BinaryManifest],
) -> Vec<(&'t str, Missing)> {
    let scripts = texts.iter().filter(|text| text.text.starts_with("#!ipxe\n"));
    let lacks = |text: &'t Text| {
        let missing = ticket::missing(needs(&text.text).into_iter(), binaries);
        missing.into_iter().map(|missing| (text.title.as_str(), missing))
    };
    scripts.flat_map(lacks).collect()
}
