//! Policies in layers. That of a host counts over its profile's, that over its site's, that over
//! the configuration's: each value by itself.

use crate::{
    machine::{CompleteOn, FirstBoot, MenuInstall, OnFailure, Policy},
    time::Seconds,
};
use bootmint_image_factory::host::{Host, HostName};
use serde::Deserialize;
use std::num::NonZeroU8;

/// What the variables of a host begin with that are its policy.
const PREFIX: &str = "policy-";

/// A policy of which some values may be left to another one.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RawPolicy {
    first_boot: Option<FirstBoot>,
    complete_on: Option<CompleteOn>,
    on_failure: Option<OnFailure>,
    attempts: Option<NonZeroU8>,
    deadline_seconds: Option<Seconds>,
    window_seconds: Option<Seconds>,
    menu_install: Option<MenuInstall>,
}

/// A variable of a host that is no policy.
#[derive(Debug, thiserror::Error)]
#[error("host \"{host}\": its variable \"{variable}\" is no policy: {why}")]
pub struct WrongPolicy {
    host: HostName,
    variable: String,
    why: String,
}

impl RawPolicy {
    /// `below`, with the values that are given here in their place.
    pub(crate) fn over(&self, below: &Policy) -> Policy {
        Policy {
            first_boot: self.first_boot.unwrap_or(below.first_boot),
            complete_on: self.complete_on.unwrap_or(below.complete_on),
            on_failure: self.on_failure.unwrap_or(below.on_failure),
            attempts: self.attempts.unwrap_or(below.attempts),
            deadline: self.deadline_seconds.unwrap_or(below.deadline),
            window: self.window_seconds.unwrap_or(below.window),
            menu_install: self.menu_install.unwrap_or(below.menu_install),
        }
    }

    /// Whether it says what the first boot does.
    pub(crate) fn has_first_boot(&self) -> bool {
        self.first_boot.is_some()
    }

    /// The policy in the host's own variables.
    pub(crate) fn of_host(host: &Host) -> Result<Self, WrongPolicy> {
        let mut whole = toml::Table::new();
        for (name, value) in variables(host) {
            let key = name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
            let value = value.parse().map_or_else(|_| value.into(), toml::Value::Integer);
            whole.insert(key, value);
            // One after the other, to say which is wrong.
            if let Err(error) = whole.clone().try_into::<Self>() {
                let (host, variable) = (host.name.clone(), name.to_owned());
                return Err(WrongPolicy { host, variable, why: error.message().to_owned() });
            }
        }
        Ok(whole.try_into().unwrap_or_default())
    }
}

/// Whether the two records of a host (none: it is not there) say different things of its policy.
pub(crate) fn differs(before: Option<&Host>, after: &Host) -> bool {
    let before = before.into_iter().flat_map(variables);
    !before.eq(variables(after))
}

fn variables(host: &Host) -> impl Iterator<Item = (&str, &str)> {
    let all = host.vars.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    all.filter(|(name, _)| name.starts_with(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn host(variables: &[(&str, &str)]) -> Host {
        let mut host = testing::host("web-01", 1);
        for (name, value) in variables {
            host.vars.insert(name.parse().unwrap(), value.parse().unwrap());
        }
        host
    }

    #[test]
    fn each_value_of_a_host_counts_by_itself() {
        let below = Policy { first_boot: FirstBoot::Hold, ..Policy::default() };
        let own = host(&[("policy-attempts", "3"), ("policy-on-failure", "retry"), ("rack", "x")]);
        let policy = RawPolicy::of_host(&own).unwrap().over(&below);
        let expected =
            Policy { attempts: NonZeroU8::new(3).unwrap(), on_failure: OnFailure::Retry, ..below };
        assert_eq!(policy, expected);
        assert_eq!(RawPolicy::of_host(&host(&[])).unwrap().over(&below), below);
    }

    #[test]
    fn what_is_no_policy_is_refused_by_name() {
        for (name, value, why) in [
            ("policy-colour", "red", "unknown field `colour`, expected one of `first-boot`"),
            ("policy-first-boot", "wipe", "unknown variant `wipe`"),
            ("policy-attempts", "0", "nonzero"),
            ("policy-attempts", "many", "invalid type"),
        ] {
            let error = RawPolicy::of_host(&host(&[(name, value)])).unwrap_err().to_string();
            let begin = format!("host \"web-01\": its variable \"{name}\" is no policy: ");
            assert!(error.starts_with(&begin) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn only_variables_of_the_policy_make_a_difference() {
        let (plain, own) = (host(&[("rack", "x")]), host(&[("policy-first-boot", "install")]));
        assert!(!differs(None, &plain) && !differs(Some(&own), &own));
        assert!(differs(None, &own) && differs(Some(&plain), &own) && differs(Some(&own), &plain));
    }
}
