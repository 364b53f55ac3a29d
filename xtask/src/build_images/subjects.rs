//! Whom images are for: the hosts of a feed, or its sites. None of them is held; each is read from
//! the feed whenever it is needed.

use anyhow::Context;
use bootmint_image_factory::{
    fault::Faults,
    feed::{Defaults, Feed},
    fetch::Input,
    format::Format,
    host::{Host, Name, ServerUrl},
    mint::Subject,
    ticket::{Common, Source, TokenKey},
};
use std::collections::{BTreeMap, BTreeSet};

/// What one image or several are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Each host.
    Host,
    /// All hosts of a site that want the same profile.
    Site,
}

/// What is wanted of a subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Want {
    /// The firmware profile.
    pub(super) profile: String,
    /// The formats, in order.
    pub(super) formats: Vec<Format>,
}

/// What hosts get that do not say what they want.
pub(super) struct Usual<'a> {
    /// The firmware profile.
    pub(super) profile: &'a str,
    /// The formats.
    pub(super) formats: &'a [Format],
}

/// The subjects of a run, in the order of their images.
pub(super) struct Subjects {
    feed: Option<Feed<'static>>,
    key: Option<TokenKey>,
    wants: Vec<Want>,
    list: List,
    tokenless: bool,
    https: BTreeSet<String>,
}

enum List {
    /// One subject per host, with the index of what it wants.
    Hosts(Vec<u32>),
    /// One per site and profile, with the index of what it wants and those of its hosts.
    Sites(Vec<(u32, Vec<u32>)>),
    /// One for all machines, which find out who they are.
    Own(Common),
}

impl Subjects {
    /// Checks a feed. `key` gives tokens to hosts without one.
    pub(super) fn check(
        input: Input,
        defaults: &Defaults,
        unit: Unit,
        usual: &Usual<'_>,
        key: Option<TokenKey>,
    ) -> anyhow::Result<Self> {
        let mut gather = Gather::new(unit, usual);
        let feed = input.check(defaults, &mut |host| gather.add(host))?;
        let tokenless = gather.tokenless && key.is_none();
        let https = std::mem::take(&mut gather.https);
        let (wants, list) = gather.finish();
        Ok(Self { feed: Some(feed), key, wants, list, tokenless, https })
    }

    /// The one subject of machines that find out who they are, from no feed.
    pub(super) fn own(common: Common, usual: &Usual<'_>) -> Self {
        let formats: BTreeSet<_> = usual.formats.iter().copied().collect();
        let (profile, formats) = (usual.profile.to_owned(), formats.into_iter().collect());
        let secure = common.server.as_ref().is_some_and(ServerUrl::is_https);
        let https = secure.then(|| profile.clone()).into_iter().collect();
        let (wants, list) = (vec![Want { profile, formats }], List::Own(common));
        Self { feed: None, key: None, wants, list, tokenless: false, https }
    }

    /// Whether there are hosts without a token, which no key gives them either.
    pub(super) fn some_without_token(&self) -> bool {
        self.tokenless
    }

    /// Where machines find out who they are, where the images don't tell them.
    pub(super) fn source(&self) -> Option<Source> {
        match &self.list {
            List::Own(common) => Some(common.source),
            List::Hosts(_) | List::Sites(_) => None,
        }
    }

    /// Whether a host that wants `profile` asks its server by HTTPS.
    pub(super) fn ask_by_https(&self, profile: &str) -> bool {
        self.https.contains(profile)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match &self.list {
            List::Hosts(wants) => wants.len(),
            List::Sites(sites) => sites.len(),
            List::Own(_) => 1,
        }
    }

    /// All that is wanted, each once.
    pub(super) fn wants(&self) -> &[Want] {
        &self.wants
    }

    /// What the subject at `index` wants.
    pub(super) fn want(&self, index: usize) -> anyhow::Result<&Want> {
        let want = match &self.list {
            List::Hosts(wants) => wants.get(index).copied(),
            List::Sites(sites) => sites.get(index).map(|(want, _)| *want),
            List::Own(_) => (index == 0).then_some(0),
        };
        want.and_then(|want| self.wants.get(want as usize))
            .with_context(|| format!("there is no subject {index}"))
    }

    /// The subject at `index`, read from the feed.
    pub(super) fn get(&self, index: usize) -> anyhow::Result<Subject> {
        match &self.list {
            List::Hosts(_) => Ok(self.host(index)?.into()),
            List::Own(common) => Ok(Subject::Own(common.clone())),
            List::Sites(sites) => {
                let members = sites.get(index).map(|(_, members)| members);
                let members = members.with_context(|| format!("there is no site {index}"))?;
                let hosts = members.iter().map(|member| self.host(*member as usize));
                Ok(Subject::Site(hosts.collect::<anyhow::Result<_>>()?))
            }
        }
    }

    /// The sites that want `profile`; none where images are for hosts.
    pub(super) fn sites_of(&self, profile: &str) -> impl Iterator<Item = anyhow::Result<Subject>> {
        let sites = match &self.list {
            List::Hosts(_) | List::Own(_) => 0,
            List::Sites(sites) => sites.len(),
        };
        (0..sites)
            .filter(move |site| self.want(*site).is_ok_and(|want| want.profile == profile))
            .map(move |site| self.get(site))
    }

    fn host(&self, index: usize) -> anyhow::Result<Host> {
        let feed = self.feed.as_ref().context("there is no feed")?;
        let mut host = feed.host(index).map_err(Faults::from)?;
        if let (None, Some(key)) = (&host.token, &self.key) {
            host.token = Some(key.token(&host.name)?);
        }
        Ok(host)
    }
}

/// What is kept of the hosts while they are checked.
struct Gather<'a> {
    usual: &'a Usual<'a>,
    unit: Unit,
    wants: BTreeMap<Want, u32>,
    hosts: Vec<u32>,
    sites: BTreeMap<(Option<Name>, Option<Name>), Site>,
    count: u32,
    tokenless: bool,
    /// The profiles of hosts that ask by HTTPS.
    https: BTreeSet<String>,
}

/// A site while it is gathered.
#[derive(Default)]
struct Site {
    formats: BTreeSet<Format>,
    members: Vec<u32>,
}

impl<'a> Gather<'a> {
    fn new(unit: Unit, usual: &'a Usual<'a>) -> Self {
        let (wants, hosts, sites, https) = Default::default();
        Self { usual, unit, wants, hosts, sites, count: 0, tokenless: false, https }
    }

    fn add(&mut self, host: &Host) {
        let own = &host.formats;
        let formats = if own.is_empty() { self.usual.formats } else { own };
        match self.unit {
            Unit::Host => {
                let formats: BTreeSet<_> = formats.iter().copied().collect();
                let want = self.want(host.profile.as_ref(), formats);
                self.hosts.push(want);
            }
            Unit::Site => {
                let site = self.sites.entry((host.site.clone(), host.profile.clone())).or_default();
                site.formats.extend(formats);
                site.members.push(self.count);
            }
        }
        let profile = host.profile.as_ref().map_or(self.usual.profile, Name::as_str);
        if host.server.is_https() && !self.https.contains(profile) {
            self.https.insert(profile.to_owned());
        }
        self.count += 1;
        self.tokenless |= host.token.is_none();
    }

    /// The index of what is wanted, the same for equal wants.
    fn want(&mut self, profile: Option<&Name>, formats: BTreeSet<Format>) -> u32 {
        let profile = profile.map_or(self.usual.profile, Name::as_str).to_owned();
        let want = Want { profile, formats: formats.into_iter().collect() };
        let next = u32::try_from(self.wants.len()).unwrap_or(u32::MAX);
        *self.wants.entry(want).or_insert(next)
    }

    fn finish(mut self) -> (Vec<Want>, List) {
        let list = match self.unit {
            Unit::Host => List::Hosts(std::mem::take(&mut self.hosts)),
            Unit::Site => {
                let sites = std::mem::take(&mut self.sites).into_iter();
                let sites = sites.map(|((_, profile), site)| {
                    (self.want(profile.as_ref(), site.formats), site.members)
                });
                List::Sites(sites.collect())
            }
        };
        let mut wants: Vec<_> = self.wants.into_iter().collect();
        wants.sort_by_key(|(_, index)| *index);
        (wants.into_iter().map(|(want, _)| want).collect(), list)
    }
}
