//! The state machine: what a host is in, what may happen to it, and what it is told to do.
//!
//! [`step`] is a pure function: it reads no clock and makes no secrets, so the time and the name
//! of the attempt that a boot might begin come from its caller. Whoever applies its result must
//! do so only if the host is still in the state that was given.

mod policy;

#[cfg(test)]
mod tests;

pub use policy::{CompleteOn, FirstBoot, MenuInstall, OnFailure, Policy};

use crate::time::Timestamp;
use std::{fmt, str::FromStr};

/// The name of one attempt to install a host: 128 random bits. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(u128);

impl AttemptId {
    /// The attempt that these bits name.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for AttemptId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that names no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an attempt is named by 32 hexadecimal digits in lower case")]
pub struct NoAttempt;

impl FromStr for AttemptId {
    type Err = NoAttempt;

    fn from_str(text: &str) -> Result<Self, NoAttempt> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() != 32 || !digits {
            return Err(NoAttempt);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NoAttempt)
    }
}

/// Where a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It never booted: its first boot decides.
    New,
    /// Its next boot installs it, if that comes before `until`.
    Armed {
        /// When the permission ends.
        until: Timestamp,
    },
    /// An installer is at work.
    Installing {
        /// Which one.
        attempt: AttemptId,
        /// Its number within this arming, from 1.
        tries: u8,
        /// When it counts as stalled unless it reports before.
        deadline: Timestamp,
    },
    /// Its disk holds what must stay: it was installed, or left alone by a person's or the
    /// policy's decision.
    Installed,
    /// The installer reported that it failed.
    Failed {
        /// Which one.
        attempt: AttemptId,
        /// Its number within this arming, from 1.
        tries: u8,
    },
    /// The installer did not report in time.
    Stalled {
        /// Which one.
        attempt: AttemptId,
        /// Its number within this arming, from 1.
        tries: u8,
    },
    /// It waits for a person, at every boot.
    Held,
}

impl State {
    /// Its name, as the database and people see it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Armed { .. } => "armed",
            Self::Installing { .. } => "installing",
            Self::Installed => "installed",
            Self::Failed { .. } => "failed",
            Self::Stalled { .. } => "stalled",
            Self::Held => "held",
        }
    }

    /// The attempt that it speaks of.
    pub fn attempt(&self) -> Option<AttemptId> {
        match *self {
            Self::Installing { attempt, .. }
            | Self::Failed { attempt, .. }
            | Self::Stalled { attempt, .. } => Some(attempt),
            Self::New | Self::Armed { .. } | Self::Installed | Self::Held => None,
        }
    }

    /// When it ends by itself, by [`Event::Deadline`].
    pub fn due(&self) -> Option<Timestamp> {
        match *self {
            Self::Armed { until } => Some(until),
            Self::Installing { deadline, .. } => Some(deadline),
            _ => None,
        }
    }
}

/// What happens to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its ticket asks what to do.
    Boot {
        /// The attempt that this boot begins, if it may begin one: never used before.
        attempt: AttemptId,
    },
    /// A person at its menu chose something. It installs only where the policy's `menu_install`
    /// says so.
    Choose {
        /// The attempt that this begins, if it may begin one: never used before.
        attempt: AttemptId,
    },
    /// A person allows one install.
    Arm,
    /// A person takes that back.
    Disarm,
    /// The installer of an attempt is at work.
    Heartbeat {
        /// Which one.
        attempt: AttemptId,
    },
    /// The installer of an attempt has finished.
    Done {
        /// Which one.
        attempt: AttemptId,
    },
    /// The installer of an attempt has failed.
    Fail {
        /// Which one.
        attempt: AttemptId,
    },
    /// The time that the state allows may be over.
    Deadline,
    /// A person stops everything.
    Hold,
    /// A person lets the host go on.
    Release,
    /// Its record was changed.
    Edit,
}

impl Event {
    /// Its name, as the audit log has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boot { .. } => "boot",
            Self::Choose { .. } => "choose",
            Self::Arm => "arm",
            Self::Disarm => "disarm",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Done { .. } => "done",
            Self::Fail { .. } => "fail",
            Self::Deadline => "deadline",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Edit => "update",
        }
    }
}

/// What the machine that asked is told, or that nobody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Boot the local disk.
    Local,
    /// Install, as this attempt.
    Install {
        /// Which one.
        attempt: AttemptId,
        /// Until when it may go without a report.
        deadline: Timestamp,
    },
    /// Wait, and ask again.
    Hold,
    /// The event did not come from a boot: there is nothing to tell.
    Nothing,
}

/// Why an event changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// An installer is at work.
    #[error(
        "the host is being installed: wait until that ends, or hold the host if it must not go on"
    )]
    Installing,
    /// The host is held.
    #[error("the host is held: release it first")]
    Held,
    /// The host is not armed.
    #[error("the host is not armed, so there is nothing to take back")]
    NotArmed,
    /// The host is not held.
    #[error("the host is not held, so there is nothing to release")]
    NotHeld,
    /// The report belongs to no attempt that is still open.
    #[error("this attempt is over: its reports no longer count")]
    Over,
    /// The time is not over.
    #[error("the state's time is not over yet")]
    NotDue,
}

/// The state that follows `state` when `event` happens at `now`, and what the machine is told.
///
/// The rows are grouped by event. What a boot may begin is only an attempt that it brings.
pub fn step(
    state: State,
    event: Event,
    policy: &Policy,
    now: Timestamp,
) -> Result<(State, Action), Refused> {
    use {Event as E, State as S};
    let begin = |attempt, tries| begin(attempt, tries, policy, now);
    let quietly = |state| Ok((state, Action::Nothing));
    match (state, event) {
        (S::New, E::Boot { attempt }) => Ok(match policy.first_boot {
            FirstBoot::Install => begin(attempt, 1),
            FirstBoot::Hold => (S::Held, Action::Hold),
            // Decided once: a later change of the policy must not wipe a machine that is in use.
            FirstBoot::Local => (S::Installed, Action::Local),
        }),
        (S::Armed { until }, E::Boot { attempt }) if now < until => Ok(begin(attempt, 1)),
        (S::Armed { .. }, E::Boot { .. }) => Ok((S::Installed, Action::Local)),
        (S::Failed { tries, .. } | S::Stalled { tries, .. }, E::Boot { attempt }) => {
            Ok(match allowed_retry(tries, policy) {
                Some(next) => begin(attempt, next),
                None => (state, Action::Local),
            })
        }
        (S::Installing { .. } | S::Installed, E::Boot { .. }) => Ok((state, Action::Local)),
        (S::Held, E::Boot { .. }) => Ok((state, Action::Hold)),

        (S::New | S::Installed | S::Failed { .. } | S::Stalled { .. }, E::Choose { attempt })
            if policy.menu_install == MenuInstall::Allowed =>
        {
            // Never retried: a retry would install what the host is armed for, not what was chosen.
            Ok(begin(attempt, u8::MAX))
        }
        // Nobody gave leave to install this: what the policy begins by itself, it begins at a boot.
        (S::New, E::Choose { .. }) if policy.first_boot == FirstBoot::Install => {
            Ok((state, Action::Local))
        }
        (S::Failed { .. } | S::Stalled { .. }, E::Choose { .. }) => Ok((state, Action::Local)),
        (_, E::Choose { attempt }) => step(state, E::Boot { attempt }, policy, now),

        (S::Installing { .. }, E::Arm) => Err(Refused::Installing),
        (S::Held, E::Arm) => Err(Refused::Held),
        (_, E::Arm) => quietly(S::Armed { until: now.after(policy.window) }),

        // Not back to what was before: a disarmed host must boot its disk, whatever the policy.
        (S::Armed { .. }, E::Disarm) => quietly(S::Installed),
        (_, E::Disarm) => Err(Refused::NotArmed),

        (_, E::Hold) => quietly(S::Held),
        (S::Held, E::Release) => quietly(S::Installed),
        (_, E::Release) => Err(Refused::NotHeld),

        // What was allowed was allowed for the record that somebody saw: no install begins by
        // another one. One that is at work goes on.
        (S::Armed { .. }, E::Edit) => quietly(S::Installed),
        (S::Installing { attempt, deadline, .. }, E::Edit) => {
            quietly(S::Installing { attempt, tries: u8::MAX, deadline })
        }
        (S::Failed { attempt, .. }, E::Edit) => quietly(S::Failed { attempt, tries: u8::MAX }),
        (S::Stalled { attempt, .. }, E::Edit) => quietly(S::Stalled { attempt, tries: u8::MAX }),
        (S::New | S::Installed | S::Held, E::Edit) => quietly(state),

        // A report after the deadline still tells the truth, as long as nothing else has begun.
        (
            S::Installing { attempt, tries, .. } | S::Stalled { attempt, tries },
            E::Heartbeat { attempt: by },
        ) if attempt == by => {
            quietly(S::Installing { attempt, tries, deadline: now.after(policy.deadline) })
        }
        (S::Installing { attempt, .. } | S::Stalled { attempt, .. }, E::Done { attempt: by })
            if attempt == by =>
        {
            quietly(S::Installed)
        }
        (
            S::Installing { attempt, tries, .. } | S::Stalled { attempt, tries },
            E::Fail { attempt: by },
        ) if attempt == by => quietly(S::Failed { attempt, tries }),
        (_, E::Heartbeat { .. } | E::Done { .. } | E::Fail { .. }) => Err(Refused::Over),

        (S::Armed { until }, E::Deadline) if until <= now => quietly(S::Installed),
        (S::Installing { attempt, tries, deadline }, E::Deadline) if deadline <= now => {
            quietly(S::Stalled { attempt, tries })
        }
        (_, E::Deadline) => Err(Refused::NotDue),
    }
}

/// Begins an attempt.
fn begin(attempt: AttemptId, tries: u8, policy: &Policy, now: Timestamp) -> (State, Action) {
    let deadline = now.after(policy.deadline);
    let state = match policy.complete_on {
        CompleteOn::Callback => State::Installing { attempt, tries, deadline },
        CompleteOn::Serve => State::Installed,
    };
    (state, Action::Install { attempt, deadline })
}

/// The number of the next attempt after `tries`, if the policy allows one.
fn allowed_retry(tries: u8, policy: &Policy) -> Option<u8> {
    let next = tries.checked_add(1)?;
    (policy.on_failure == OnFailure::Retry && next <= policy.attempts.get()).then_some(next)
}
