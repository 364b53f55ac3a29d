//! What would be wrong with a profile: it is tried for every host that gets it, beside what it is
//! now, before anybody can publish it.

use super::{App, AppError, BOOT, Text, variable};
use crate::{
    config::Secrets,
    script::{Files, Profile, ProfileFault, Profiles, fault},
};
use bootmint_image_factory::host::{Host, HostName, Name};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How many hosts are read at a time.
const PAGE: i64 = 500;
/// The most faults that are told at once.
const MAX_FAULTS: usize = 50;
/// How many hosts a fault names.
const NAMED: usize = 5;
/// How long profiles are rendered for hosts.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many hosts it must be possible to render for in that time.
const AT_LEAST: usize = 200;

/// A fault, and the hosts that it was found with; none if it needs none to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOfHosts {
    /// What is wrong.
    pub fault: ProfileFault,
    /// The first of the hosts.
    pub hosts: Vec<HostName>,
    /// How many they are.
    pub count: usize,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What must be mended first.
    pub faults: Vec<FaultOfHosts>,
    /// What is wrong with hosts that cannot be rendered as it is now either.
    pub known: Vec<FaultOfHosts>,
    /// How many hosts use the profile.
    pub users: usize,
    /// For how many of them it was rendered.
    pub rendered: usize,
}

impl Checked {
    fn add(list: &mut Vec<FaultOfHosts>, fault: ProfileFault, host: Option<&HostName>) {
        let index = list.iter().position(|found| found.fault == fault).unwrap_or(list.len());
        if index == list.len() {
            list.push(FaultOfHosts { fault, hosts: Vec::new(), count: 0 });
        }
        let Some(found) = list.get_mut(index) else { return };
        if let Some(host) = host {
            found.count = found.count.saturating_add(1);
            if found.hosts.len() < NAMED {
                found.hosts.push(host.clone());
            }
        }
    }
}

/// What is checked: all profiles as they would be, beside those that are.
pub(super) struct Trial {
    name: Name,
    /// None if the profile would be none any more.
    pub(super) files: Option<Files>,
    pub(super) current: Arc<Profiles>,
    pub(super) next: Profiles,
}

/// How a host gets a profile.
#[derive(Clone, Copy)]
enum How {
    /// It installs or boots it.
    Itself,
    /// Its menu leads to it.
    ByMenu,
}

impl App {
    /// The hosts that use a profile: to install, at their ordinary boots, or by a menu.
    pub async fn users_of(&self, profile: &Name) -> Result<Vec<Host>, AppError> {
        let profiles = self.profiles();
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.hosts(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(users) };
            after = Some(last.host.name.clone());
            let hosts = page.into_iter().map(|stored| stored.host);
            users.extend(
                hosts.filter(|host| self.uses(host, profile) || shows(&profiles, host, profile)),
            );
        }
    }

    /// Whether a host installs or boots a profile.
    fn uses(&self, host: &Host, profile: &Name) -> bool {
        let wanted = Some(profile.as_str());
        self.os_of(host) == wanted || variable(host, BOOT) == wanted
    }

    /// Everything that is wrong with a profile, should it get these texts. Secrets have no part
    /// in it.
    pub async fn check_profile(
        self: &Arc<Self>,
        profile: &Name,
        files: &Files,
    ) -> Result<Checked, AppError> {
        let _one = self.checks.lock().await;
        match self.trial(profile, Some(files.clone())) {
            Ok(trial) => self.check(trial).await,
            Err(checked) => Ok(checked),
        }
    }

    /// `files` are none for the folder's.
    pub(super) fn trial(&self, name: &Name, files: Option<Files>) -> Result<Trial, Checked> {
        let current = self.profiles();
        let (files, next) = match files {
            Some(files) => {
                let profile = fault::check(name, &files).map_err(|faults| {
                    let mut checked = Checked::default();
                    for fault in faults {
                        Checked::add(&mut checked.faults, fault, None);
                    }
                    checked
                })?;
                (Some(files), current.with(profile))
            }
            None => {
                let files = self.base.get(name.as_str()).ok().map(Profile::files);
                (files, current.with_that_of(&self.base, name))
            }
        };
        Ok(Trial { name: name.clone(), files, current, next })
    }

    pub(super) async fn check(self: &Arc<Self>, trial: Trial) -> Result<Checked, AppError> {
        let mut checked = Checked::default();
        for (menu, entry) in trial.next.lost_entries() {
            let what = match menu.name() == &trial.name {
                true => format!("menu: there is no profile {entry:?}"),
                false => format!("the menu {:?} shows the profile {entry:?}", menu.name().as_str()),
            };
            Checked::add(&mut checked.faults, ProfileFault::of_profile(what), None);
        }
        let begun = Instant::now();
        let (trial, mut after) = (Arc::new(trial), None);
        loop {
            let page = self.store.hosts(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.host.name.clone());
            let mut hosts = Vec::new();
            for stored in page {
                let Some(how) = self.gets(&trial, &stored.host) else { continue };
                checked.users = checked.users.saturating_add(1);
                if begun.elapsed() < PATIENCE {
                    let secrets = self.hidden_secrets_of(&stored.host).await?;
                    hosts.push((stored.host, how, secrets));
                }
            }
            let (app, trial) = (Arc::clone(self), Arc::clone(&trial));
            // Rendering takes a thread's time, which other requests need.
            let work = move || app.check_hosts(&trial, &hosts, begun, checked);
            checked = tokio::task::spawn_blocking(work).await.map_err(|_| AppError::BrokenOff)?;
            if checked.faults.len() >= MAX_FAULTS {
                break;
            }
        }
        let Checked { rendered, users, .. } = checked;
        if rendered < users && rendered < AT_LEAST && checked.faults.is_empty() {
            let what = format!(
                "it takes too long: in {} seconds it could be rendered for {rendered} of {users} \
                 hosts. Make the templates simpler",
                PATIENCE.as_secs()
            );
            Checked::add(&mut checked.faults, ProfileFault::of_profile(what), None);
        }
        Ok(checked)
    }

    /// How a host gets the profile, if it does.
    fn gets(&self, trial: &Trial, host: &Host) -> Option<How> {
        let shown = |all: &Profiles| shows(all, host, &trial.name);
        match self.uses(host, &trial.name) {
            true => Some(How::Itself),
            false => (shown(&trial.current) || shown(&trial.next)).then_some(How::ByMenu),
        }
    }

    fn check_hosts(
        &self,
        trial: &Trial,
        hosts: &[(Host, How, Secrets)],
        begun: Instant,
        mut checked: Checked,
    ) -> Checked {
        for (host, how, secrets) in hosts {
            if begun.elapsed() >= PATIENCE || checked.faults.len() >= MAX_FAULTS {
                break;
            }
            let tried = |all: &Profiles| {
                let texts = match how {
                    How::Itself => self.preview_with(all, host, secrets),
                    How::ByMenu => self.preview_chosen(all, trial.name.as_str(), host, secrets),
                };
                let fault = |error| fault_of(&error, &trial.name, trial.files.as_ref());
                texts.map(drop).map_err(fault)
            };
            checked.rendered = checked.rendered.saturating_add(1);
            let Err(fault) = tried(&trial.next) else { continue };
            // It is no worse than it was: whoever enters hosts can mend that.
            let list = match tried(&trial.current) {
                Err(before) if before.message == fault.message => &mut checked.known,
                _ => &mut checked.faults,
            };
            Checked::add(list, fault, Some(&host.name));
        }
        checked
    }

    /// Every text that `host` would be sent of a profile that has these texts, secrets hidden.
    /// What is not an installer is shown as its ordinary boot.
    pub async fn preview_profile(
        self: &Arc<Self>,
        profile: &Name,
        files: &Files,
        host: &Host,
    ) -> Result<Result<Vec<Text>, Checked>, AppError> {
        let _one = self.checks.lock().await;
        let trial = match self.trial(profile, Some(files.clone())) {
            Ok(trial) => trial,
            Err(checked) => return Ok(Err(checked)),
        };
        let secrets = self.hidden_secrets_of(host).await?;
        let (app, host) = (Arc::clone(self), host.clone());
        let work = move || {
            let texts = app.preview_chosen(&trial.next, trial.name.as_str(), &host, &secrets);
            texts.map_err(|error| {
                let mut checked = Checked::default();
                let fault = fault_of(&error, &trial.name, trial.files.as_ref());
                Checked::add(&mut checked.faults, fault, Some(&host.name));
                checked
            })
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AppError::BrokenOff)
    }
}

/// Whether a host's menu leads to a profile.
fn shows(profiles: &Profiles, host: &Host, wanted: &Name) -> bool {
    let menu = variable(host, BOOT).and_then(|menu| profiles.get(menu).ok());
    let wanted = profiles.get(wanted.as_str()).ok();
    menu.zip(wanted).is_some_and(|(menu, wanted)| profiles.leads_to(menu, wanted))
}

/// An error as the fault of a profile.
fn fault_of(error: &AppError, name: &Name, files: Option<&Files>) -> ProfileFault {
    match (error, files) {
        (AppError::Script(error), Some(files)) if error.profile() == name.as_str() => {
            ProfileFault::of_script(error, files)
        }
        _ => ProfileFault::of_profile(crate::boot::chain(error)),
    }
}
