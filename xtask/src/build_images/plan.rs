//! What is to be minted, checked as a whole before the first image is written.

use super::{
    lot::{Lot, Lots},
    subjects::{Subjects, Want},
};
use anyhow::{anyhow, bail};
use bootmint_image_factory::{
    fault::{Fault, Faults},
    format::Format,
    host::Host,
    manifest::{FirmwareEntry, Head, SCHEMA, TemplateEntry},
    mint::{Job, NameTemplate, Named, Shard, Subject, Writer},
    slot,
    template::Template,
    ticket::{self, Common, Patience},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

/// A run that was found possible.
pub(super) struct Plan<'a> {
    subjects: &'a Subjects,
    lots: &'a Lots,
    names: NameTemplate,
}

/// What the check of some subjects found.
#[derive(Default)]
struct Found {
    faults: Vec<Fault>,
    /// Digests of the images' names: eight bytes an image, where the names would take ten times
    /// that.
    names: Vec<u64>,
}

impl Found {
    fn join(mut self, other: Self) -> Self {
        self.faults.extend(other.faults);
        self.names.extend(other.names);
        self
    }
}

impl<'a> Plan<'a> {
    /// Checks every host against the firmware and the slots of its images, and all names against
    /// each other; reports all faults at once.
    pub(super) fn check(
        subjects: &'a Subjects,
        lots: &'a Lots,
        names: NameTemplate,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        let plan = Self { subjects, lots, names };
        let hasher = RandomState::new();
        let found = (0..subjects.count())
            .into_par_iter()
            .try_fold(Found::default, |mut found, index| {
                let (want, subject) = (subjects.want(index)?, subjects.get(index)?);
                found.faults.extend(faults_of(want, &subject, lots.of(&want.profile)?, patience)?);
                for &format in &want.formats {
                    let name = plan.name(want, &subject, format)?.to_ascii_lowercase();
                    found.names.push(hasher.hash_one(name));
                }
                anyhow::Ok(found)
            })
            .try_reduce(Found::default, |one, other| Ok(one.join(other)))?;
        let faults = Faults::new(found.faults);
        if !faults.is_empty() {
            bail!("{faults}\nnothing was written");
        }
        plan.check_names(found.names, &hasher)?;
        Ok(plan)
    }

    /// Refuses two images of one name. Where digests are equal, the names behind them are compared.
    fn check_names(&self, mut digests: Vec<u64>, hasher: &RandomState) -> anyhow::Result<()> {
        digests.sort_unstable();
        let twice = digests.windows(2).filter(|pair| pair.first() == pair.last());
        let suspects: HashSet<u64> = twice.flatten().copied().collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let mut seen: HashMap<String, String> = HashMap::new();
        for index in 0..self.subjects.count() {
            let (want, subject) = (self.subjects.want(index)?, self.subjects.get(index)?);
            for &format in &want.formats {
                // Folded, since the images may be copied to a file system that ignores case.
                let name = self.name(want, &subject, format)?.to_ascii_lowercase();
                if !suspects.contains(&hasher.hash_one(&name)) {
                    continue;
                }
                if let Some(other) = seen.insert(name.clone(), call(&subject)) {
                    bail!(
                        "the name template \"{}\" gives \"{name}\" to {other} and to {}: \
                         add {{host}}, {{profile}} or {{ext}}",
                        self.names,
                        call(&subject)
                    );
                }
            }
        }
        Ok(())
    }

    fn name(&self, want: &Want, subject: &Subject, format: Format) -> anyhow::Result<String> {
        let first = subject.hosts().first();
        let site = first.and_then(|host| host.site.as_ref());
        let host = match subject {
            Subject::Host(host) => Some(&host.name),
            Subject::Site(_) | Subject::Own(_) => None,
        };
        let profile = self.lots.of(&want.profile)?.profile_name();
        Ok(self.names.expand(&Named { host, site, profile, format })?)
    }

    /// The templates, in the order of the writers that `Plan::jobs` wants.
    pub(super) fn templates(&self) -> impl Iterator<Item = &'a Template> {
        self.lots.iter().flat_map(Lot::templates)
    }

    /// The head of the run's manifest.
    pub(super) fn head(&self) -> Head {
        let templates = self.lots.iter().flat_map(|lot| {
            lot.templates().map(|template| TemplateEntry::new(template, lot.profile_name()))
        });
        Head {
            schema: SCHEMA,
            tool: concat!("bootmint ", env!("CARGO_PKG_VERSION")).to_owned(),
            firmware: self
                .lots
                .iter()
                .map(|lot| FirmwareEntry::new(lot.firmware(), lot.profile_name()))
                .collect(),
            templates: templates.collect(),
        }
    }

    /// How many images `shard` has.
    pub(super) fn count(&self, shard: Shard) -> usize {
        self.images(shard).count()
    }

    /// The images of `shard`: the index of the subject, and the format.
    pub(super) fn images(&self, shard: Shard) -> impl Iterator<Item = (usize, Format)> {
        (0..self.subjects.count())
            .flat_map(move |index| {
                let want = self.subjects.want(index).ok();
                want.into_iter().flat_map(move |want| want.formats.iter().map(move |f| (index, *f)))
            })
            .enumerate()
            .filter(move |(position, _)| shard.has(*position))
            .map(|(_, image)| image)
    }

    /// The job of one of these images, with one writer per template.
    pub(super) fn job<'w, 't: 'w>(
        &self,
        writers: &'w [Writer<'t>],
        (index, format): (usize, Format),
    ) -> anyhow::Result<Job<'w, 't>> {
        let (want, subject) = (self.subjects.want(index)?, self.subjects.get(index)?);
        let lot = self.lots.of(&want.profile)?;
        let key = lot.template(format)?.key();
        let writer = writers.iter().find(|writer| writer.template().key() == key);
        Ok(Job {
            writer: writer.ok_or_else(|| anyhow!("no writer for format \"{format}\""))?,
            file: self.name(want, &subject, format)?,
            facts: lot.facts(format),
            subject,
        })
    }
}

fn call(subject: &Subject) -> String {
    match subject {
        Subject::Host(host) => format!("host \"{}\"", host.name),
        Subject::Site(hosts) => match hosts.first().and_then(|host| host.site.as_ref()) {
            Some(site) => format!("site \"{site}\""),
            None => "the hosts without a site".to_owned(),
        },
        Subject::Own(common) => format!("all machines by {}", common.source),
    }
}

/// What a firmware and its templates cannot do for a subject.
fn faults_of(
    want: &Want,
    subject: &Subject,
    lot: &Lot,
    patience: &Patience,
) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    if let Subject::Own(common) = subject {
        check_own(common, want, subject, lot, patience)?;
        return Ok(faults);
    }
    let (hosts, site) = (subject.hosts(), matches!(subject, Subject::Site(_)));
    let fault =
        |host: &Host, message: String| Fault::new(host.at.clone(), message).of(Some(&host.name));
    for host in hosts {
        if site && !ticket::can_be_picked(host) {
            let message = "a site image cannot tell this host from others".to_owned();
            faults.push(fault(host, message).help("give it a MAC, a UUID or a serial"));
        }
        for format in &want.formats {
            let missing = ticket::check(host, &lot.binaries(*format));
            faults.extend(missing.iter().map(|missing| fault(host, missing.to_string())));
        }
    }
    for format in &want.formats {
        let (template, Some(host)) = (lot.template(*format)?, hosts.first()) else { continue };
        let ticket = subject.ticket(lot.facts(*format), patience);
        if let Err(error) = slot::pad(ticket.as_str(), template.slots().capacity()) {
            faults.push(fault(host, format!("{format} image: {error}")));
        }
    }
    Ok(faults)
}

/// Refuses what a firmware and its templates cannot do for machines that find out who they are.
fn check_own(
    common: &Common,
    want: &Want,
    subject: &Subject,
    lot: &Lot,
    patience: &Patience,
) -> anyhow::Result<()> {
    let mut faults = BTreeSet::new();
    for &format in &want.formats {
        let missing = ticket::check_own(common, &lot.binaries(format));
        faults.extend(missing.iter().map(ToString::to_string));
        let ticket = subject.ticket(lot.facts(format), patience);
        if let Err(error) = slot::pad(ticket.as_str(), lot.template(format)?.slots().capacity()) {
            faults.insert(format!("{format} image: {error}"));
        }
    }
    if !faults.is_empty() {
        let list = faults.into_iter().collect::<Vec<_>>().join("\n");
        bail!("--identity {}: {list}\nnothing was written", common.source);
    }
    Ok(())
}
