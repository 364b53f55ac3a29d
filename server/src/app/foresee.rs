//! What a host would get if it booted now, and why: for people who look before they order.

use super::App;
use crate::{
    db::StoredHost,
    machine::{self, Action, AttemptId, Event, FirstBoot, State},
    time::Timestamp,
};

/// What a boot would bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// What the host would be told: `local`, `install` or `hold`.
    pub action: &'static str,
    /// The same for people.
    pub what: String,
    /// Why.
    pub why: String,
}

impl App {
    /// What `stored` would get if it booted at `now`. Nothing is changed.
    pub fn foresee(&self, stored: &StoredHost, now: Timestamp) -> Foreseen {
        let profiles = self.profiles();
        let policy = self.policy(&profiles, &stored.host);
        let event = Event::Boot { attempt: AttemptId::from_bits(0) };
        let action = machine::step(stored.state, event, &policy, now).map(|(_, action)| action);
        let os = self.os(&profiles, &stored.host).map(|profile| profile.title().to_owned());
        let (action, what) = match (action, os) {
            (Ok(Action::Install { .. }), Ok(os)) => {
                ("install", format!("It installs {os}. Its disk is wiped."))
            }
            (Ok(Action::Install { .. }), Err(error)) => {
                ("install", format!("Nothing can be installed: {error}"))
            }
            (Ok(Action::Hold), _) => ("hold", "It waits, and asks again.".to_owned()),
            _ => ("local", "It boots its local disk.".to_owned()),
        };
        let why = match stored.state {
            State::New => match policy.first_boot {
                FirstBoot::Install => format!(
                    "The policy lets the first boot install (first-boot): {}.",
                    self.who_says_first_boot(&profiles, &stored.host)
                ),
                FirstBoot::Hold => format!(
                    "The policy lets the first boot wait (first-boot): {}.",
                    self.who_says_first_boot(&profiles, &stored.host)
                ),
                FirstBoot::Local => {
                    "It never booted, and nothing is installed unless somebody arms it.".into()
                }
            },
            State::Armed { until } if now < until => format!("Somebody armed it, until {until}."),
            State::Armed { until } => format!("It was armed, but that ended at {until}."),
            State::Installing { deadline, .. } => format!(
                "An installer is at work: it has until {deadline} to report. A boot in between \
                 belongs to the installation."
            ),
            State::Installed => "It is installed, and nobody armed it.".into(),
            State::Failed { tries, .. } | State::Stalled { tries, .. } => {
                let ended = stored.state.name();
                match action {
                    "install" => format!("Attempt {tries} {ended}, and the policy tries again."),
                    _ => format!("Attempt {tries} {ended}. Arm it to try again."),
                }
            }
            State::Held => "Somebody, or the policy, holds it: release it to let it go on.".into(),
        };
        Foreseen { action, what, why }
    }
}
