//! What is to be minted, checked as a whole before the first image is written.

use super::lot::{Lot, Lots};
use anyhow::{anyhow, bail};
use bootmint_image_factory::{
    fault::{Fault, Faults},
    format::Format,
    host::Host,
    manifest::{FirmwareEntry, Head, SCHEMA, TemplateEntry},
    mint::{Job, NameTemplate, Named, Shard, Subject, Writer},
    slot,
    template::Template,
    ticket::{self, Patience},
};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// The hosts of a run as the subjects of images, with the profile and formats of each.
pub(super) struct Subjects<'a> {
    list: Vec<Wanted<'a>>,
}

/// One subject and what is wanted of it.
pub(super) struct Wanted<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) profile: &'a str,
    pub(super) formats: Vec<Format>,
}

impl<'a> Subjects<'a> {
    /// One subject per host, or per site and profile. `hosts` is sorted for the latter by
    /// [`sort_by_site`].
    pub(super) fn new(
        hosts: &'a [Host],
        sites: bool,
        formats: &[Format],
        profile: &'a str,
    ) -> Self {
        let profile_of =
            |host: &'a Host| host.profile.as_ref().map_or(profile, |name| name.as_str());
        let formats_of = |hosts: &[Host]| -> Vec<Format> {
            let all = hosts
                .iter()
                .flat_map(|host| if host.formats.is_empty() { formats } else { &host.formats });
            all.copied().collect::<BTreeSet<_>>().into_iter().collect()
        };
        let wanted = |group: &'a [Host], subject| Wanted {
            subject,
            profile: group.first().map_or(profile, profile_of),
            formats: formats_of(group),
        };
        let list = if sites {
            hosts
                .chunk_by(|a, b| (&a.site, &a.profile) == (&b.site, &b.profile))
                .map(|group| wanted(group, Subject::Site(group)))
                .collect()
        } else {
            hosts
                .iter()
                .map(|host| wanted(std::slice::from_ref(host), Subject::Host(host)))
                .collect()
        };
        Self { list }
    }

    /// The subjects, in the order of the feed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Wanted<'a>> {
        self.list.iter()
    }
}

/// Brings the hosts of a site together, in the feed's order within it.
pub(super) fn sort_by_site(hosts: &mut [Host]) {
    hosts.sort_by(|a, b| (&a.site, &a.profile).cmp(&(&b.site, &b.profile)));
}

/// A run that was found possible.
pub(super) struct Plan<'a> {
    subjects: &'a Subjects<'a>,
    lots: &'a Lots,
    names: NameTemplate,
}

impl<'a> Plan<'a> {
    /// Checks every host against the firmware and the slots of its images, and all names against
    /// each other; reports all faults at once.
    pub(super) fn check(
        subjects: &'a Subjects<'a>,
        lots: &'a Lots,
        names: NameTemplate,
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        let faults: Vec<Vec<Fault>> = subjects
            .list
            .par_iter()
            .map(|wanted| faults_of(wanted, lots.of(wanted.profile)?, patience))
            .collect::<anyhow::Result<_>>()?;
        let faults = Faults::new(faults.into_iter().flatten().collect());
        if !faults.is_empty() {
            bail!("{faults}\nnothing was written");
        }
        let plan = Self { subjects, lots, names };
        plan.check_names()?;
        Ok(plan)
    }

    fn check_names(&self) -> anyhow::Result<()> {
        let mut seen: HashMap<String, &Subject<'_>> = HashMap::new();
        for wanted in self.subjects.iter() {
            for &format in &wanted.formats {
                // Folded, since the images may be copied to a file system that ignores case.
                let name = self.name(wanted, format)?.to_ascii_lowercase();
                if let Some(other) = seen.insert(name.clone(), &wanted.subject) {
                    bail!(
                        "the name template \"{}\" gives \"{name}\" to {} and to {}: \
                         add {{host}}, {{profile}} or {{ext}}",
                        self.names,
                        call(other),
                        call(&wanted.subject)
                    );
                }
            }
        }
        Ok(())
    }

    fn name(&self, wanted: &Wanted<'_>, format: Format) -> anyhow::Result<String> {
        let (host, site) = match &wanted.subject {
            Subject::Host(host) => (Some(&host.name), host.site.as_ref()),
            Subject::Site(hosts) => (None, hosts.first().and_then(|host| host.site.as_ref())),
        };
        let profile = self.lots.of(wanted.profile)?.profile_name();
        Ok(self.names.expand(&Named { host, site, profile, format })?)
    }

    /// The templates, in the order of the writers that [`Plan::jobs`] wants.
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
        let all: usize = self.subjects.iter().map(|wanted| wanted.formats.len()).sum();
        (0..all).filter(|position| shard.has(*position)).count()
    }

    /// The images of `shard`, with one writer per template.
    pub(super) fn jobs<'w, 't: 'w>(
        &'w self,
        writers: &'w [Writer<'t>],
        shard: Shard,
    ) -> impl Iterator<Item = anyhow::Result<Job<'w, 't>>> {
        self.subjects
            .iter()
            .flat_map(|wanted| wanted.formats.iter().map(move |format| (wanted, *format)))
            .enumerate()
            .filter(move |(position, _)| shard.has(*position))
            .map(move |(_, (wanted, format))| self.job(writers, wanted, format))
    }

    fn job<'w, 't: 'w>(
        &'w self,
        writers: &'w [Writer<'t>],
        wanted: &'w Wanted<'a>,
        format: Format,
    ) -> anyhow::Result<Job<'w, 't>> {
        let lot = self.lots.of(wanted.profile)?;
        let key = lot.template(format)?.key();
        let writer = writers.iter().find(|writer| writer.template().key() == key);
        Ok(Job {
            writer: writer.ok_or_else(|| anyhow!("no writer for format \"{format}\""))?,
            file: self.name(wanted, format)?,
            subject: wanted.subject.clone(),
            facts: lot.facts(format),
        })
    }
}

fn call(subject: &Subject<'_>) -> String {
    match subject {
        Subject::Host(host) => format!("host \"{}\"", host.name),
        Subject::Site(hosts) => match hosts.first().and_then(|host| host.site.as_ref()) {
            Some(site) => format!("site \"{site}\""),
            None => "the hosts without a site".to_owned(),
        },
    }
}

/// What a firmware and its templates cannot do for a subject.
fn faults_of(wanted: &Wanted<'_>, lot: &Lot, patience: &Patience) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let (hosts, site) = match &wanted.subject {
        Subject::Host(host) => (std::slice::from_ref(*host), false),
        Subject::Site(hosts) => (*hosts, true),
    };
    let fault =
        |host: &Host, message: String| Fault::new(host.at.clone(), message).of(Some(&host.name));
    for host in hosts {
        if site && !ticket::can_be_picked(host) {
            let message = "a site image cannot tell this host from others".to_owned();
            faults.push(fault(host, message).help("give it a MAC, a UUID or a serial"));
        }
        for format in &wanted.formats {
            let missing = ticket::check(host, &lot.binaries(*format));
            faults.extend(missing.iter().map(|missing| fault(host, missing.to_string())));
        }
    }
    for format in &wanted.formats {
        let (template, Some(host)) = (lot.template(*format)?, hosts.first()) else { continue };
        let ticket = wanted.subject.ticket(lot.facts(*format), patience);
        if let Err(error) = slot::pad(ticket.as_str(), template.slots().capacity()) {
            faults.push(fault(host, format!("{format} image: {error}")));
        }
    }
    Ok(faults)
}
