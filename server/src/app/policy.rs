//! Which policy holds for a host: its own over its profile's over its site's over that of all.

use super::{App, AppError};
use crate::{
    config::{RawPolicy, differs},
    machine::{FirstBoot, MenuInstall, OnFailure, Policy},
    script::{Profile, Profiles},
};
use bootmint_image_factory::host::Host;

impl App {
    /// The policy that holds for `host`.
    pub(super) fn policy(&self, profiles: &Profiles, host: &Host) -> Policy {
        self.policy_with(self.os(profiles, host).ok(), host)
    }

    /// The policy that holds for `host` if `profile` is what it installs.
    pub(super) fn policy_with(&self, profile: Option<&Profile>, host: &Host) -> Policy {
        let site =
            self.site_policy(host).map_or(self.config.policy, |p| p.over(&self.config.policy));
        let below = profile.map_or(site, |profile| profile.policy().over(&site));
        match RawPolicy::of_host(host) {
            Ok(own) => own.over(&below),
            Err(error) => {
                // Records are checked when they come in: this one is older than that. What it was
                // meant to allow is not known, so that nothing begins which nobody armed.
                tracing::error!(%error, "policy not understood");
                Policy {
                    first_boot: FirstBoot::Local,
                    on_failure: OnFailure::Local,
                    menu_install: MenuInstall::Refused,
                    ..below
                }
            }
        }
    }

    /// Refuses a host whose own policy is none.
    pub(crate) fn check_policy(&self, host: &Host) -> Result<(), AppError> {
        RawPolicy::of_host(host)?;
        Ok(())
    }

    /// Whether the two records of a host have different policies: by the host's own variables, and
    /// for one that is there also by another profile or site. A new one takes its site's as it is.
    pub(crate) fn records_differ(&self, before: Option<&Host>, after: &Host) -> bool {
        let profiles = self.profiles();
        let holds = |host: &Host| self.policy(&profiles, host);
        differs(before, after) || before.is_some_and(|before| holds(before) != holds(after))
    }

    /// Whose policy says what the first boot of `host` does, for people.
    pub(super) fn who_says_first_boot(&self, profiles: &Profiles, host: &Host) -> String {
        if RawPolicy::of_host(host).is_ok_and(|own| own.has_first_boot()) {
            return "the host's own".to_owned();
        }
        let profile = self.os(profiles, host).ok().filter(|one| one.policy().has_first_boot());
        if let Some(profile) = profile {
            return format!("that of profile {}", profile.name());
        }
        match (&host.site, self.site_policy(host)) {
            (Some(site), Some(own)) if own.has_first_boot() => format!("that of site {site}"),
            _ => "the configuration's".to_owned(),
        }
    }

    fn site_policy(&self, host: &Host) -> Option<&RawPolicy> {
        self.config.sites.get(host.site.as_ref()?)
    }

    /// Whether hosts of two versions of a profile (none: it is not there) could have different
    /// policies, wherever they stand.
    pub(super) fn changes_policy(&self, before: Option<&Profile>, after: Option<&Profile>) -> bool {
        let sites = self.config.sites.values().map(|site| site.over(&self.config.policy));
        let policy = |profile: Option<&Profile>, below: &Policy| {
            profile.map_or(*below, |profile| profile.policy().over(below))
        };
        std::iter::once(self.config.policy)
            .chain(sites)
            .any(|below| policy(before, &below) != policy(after, &below))
    }
}
