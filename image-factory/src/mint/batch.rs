//! A batch: many images, minted in parallel, recorded in order.

use super::{Outcome, WriteError, Writer};
use crate::{
    firmware::hex,
    host::Host,
    manifest::{HostEntry, ImageEntry},
    mint::{ManifestDraft, Output, OutputError},
    slot::PadError,
    ticket::{Common, Facts, Identity, Patience, Source, Ticket},
};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many images are under way before their manifest lines are written.
const WINDOW: usize = 512;

/// One image to mint.
#[derive(Clone, Debug)]
pub struct Job<'a, 't> {
    /// Where it is written.
    pub writer: &'a Writer<'t>,
    /// Its path below the output folder.
    pub file: String,
    /// Whom it is for.
    pub subject: Subject,
    /// How facts travel.
    pub facts: Facts,
}

/// Whom an image is for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// One host.
    Host(Box<Host>),
    /// The hosts of a site; the image picks the right one.
    Site(Vec<Host>),
    /// Nobody in advance: the machine finds out by itself.
    Own(Common),
}

impl From<Host> for Subject {
    fn from(host: Host) -> Self {
        Self::Host(Box::new(host))
    }
}

impl Subject {
    /// Its hosts: one, or those of a site.
    pub fn hosts(&self) -> &[Host] {
        match self {
            Self::Host(host) => std::slice::from_ref(host),
            Self::Site(hosts) => hosts,
            Self::Own(_) => &[],
        }
    }

    /// Where the machine finds its identity, where the image does not bring it.
    fn source(&self) -> Option<Source> {
        match self {
            Self::Host(_) | Self::Site(_) => None,
            Self::Own(common) => Some(common.source),
        }
    }

    /// The ticket of this host or site.
    pub fn ticket(&self, facts: Facts, patience: &Patience) -> Ticket {
        match self {
            Self::Host(host) => Ticket::for_host(host, facts, patience),
            Self::Site(hosts) => Ticket::for_site(hosts, facts, patience),
            Self::Own(common) => Ticket::for_own(common, facts, patience),
        }
    }
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Images that were written.
    pub written: u64,
    /// Images that stood already.
    pub unchanged: u64,
    /// Bytes of all images.
    pub bytes: u64,
}

/// Why a batch ended early. What was minted until then stands.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// A ticket does not fit.
    #[error("minting {file}")]
    Ticket {
        /// The image.
        file: String,
        /// Why not.
        source: PadError,
    },
    /// An image could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The output folder failed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The user asked for it.
    #[error("interrupted after {0} images, which are whole: run the same command to go on")]
    Interrupted(u64),
}

/// Mints an image into `output` for each of `items`, of which `job` makes one image's job, and
/// records each in `draft`. Takes memory for 512 images at a time. `minted` is told of each;
/// `stop` ends the batch between two images. The first that fails ends it too, after those before
/// it.
pub fn mint<'a, 't: 'a, I: Send + Sync, E: From<MintError> + Send>(
    output: &Output,
    items: impl IntoIterator<Item = I>,
    job: &(dyn Fn(&I) -> Result<Job<'a, 't>, E> + Sync),
    patience: &Patience,
    draft: &mut ManifestDraft<'_>,
    minted: &(dyn Fn(&ImageEntry, Outcome) + Sync),
    stop: &AtomicBool,
) -> Result<Tally, E> {
    let mut tally = Tally::default();
    let mut items = items.into_iter();
    loop {
        let window: Vec<_> = items.by_ref().take(WINDOW).collect();
        if window.is_empty() {
            return Ok(tally);
        }
        let results: Vec<_> = window
            .par_iter()
            .map(|item| {
                if stop.load(Ordering::Relaxed) {
                    return Err(Ended::Interrupted);
                }
                let (entry, outcome) = mint_one(output, &job(item)?, patience).map_err(E::from)?;
                minted(&entry, outcome);
                Ok((entry, outcome))
            })
            .collect();
        record(results, draft, &mut tally)?;
    }
}

/// Why an image was not minted.
enum Ended<E> {
    Interrupted,
    Failed(E),
}

impl<E> From<E> for Ended<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

fn record<E: From<MintError>>(
    results: Vec<Result<(ImageEntry, Outcome), Ended<E>>>,
    draft: &mut ManifestDraft<'_>,
    tally: &mut Tally,
) -> Result<(), E> {
    let mut ended = None;
    for result in results {
        match result {
            Ok((entry, outcome)) => {
                tally.bytes += entry.size;
                match outcome {
                    Outcome::Written => tally.written += 1,
                    Outcome::Unchanged => tally.unchanged += 1,
                }
                draft.image(&entry).map_err(MintError::from)?;
            }
            // A real error says more than the interruption of the others.
            Err(error) if !matches!(ended, Some(Ended::Failed(_))) => ended = Some(error),
            Err(_) => {}
        }
    }
    match ended {
        None => Ok(()),
        Some(Ended::Interrupted) => {
            Err(MintError::Interrupted(tally.written + tally.unchanged).into())
        }
        Some(Ended::Failed(error)) => Err(error),
    }
}

fn mint_one(
    output: &Output,
    job: &Job<'_, '_>,
    patience: &Patience,
) -> Result<(ImageEntry, Outcome), MintError> {
    let hosts: Vec<HostEntry> = job.subject.hosts().iter().map(HostEntry::new).collect();
    let expected: Vec<Identity> = hosts.iter().map(HostEntry::identity).collect();
    let template = job.writer.template();
    let stamp = template
        .stamp(&job.subject.ticket(job.facts, patience))
        .map_err(|source| MintError::Ticket { file: job.file.clone(), source })?;
    let path = output.place(&job.file)?;
    let outcome = job.writer.write(&stamp, &expected, &path)?;
    let site = job.subject.hosts().first().and_then(|host| host.site.as_ref());
    let entry = ImageEntry {
        file: job.file.clone(),
        format: template.format(),
        template: template.key().to_owned(),
        site: site.map(ToString::to_string),
        identity: job.subject.source(),
        hosts,
        size: stamp.size(),
        sha256: hex(&stamp.sha256()),
    };
    Ok((entry, outcome))
}
