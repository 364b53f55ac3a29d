//! What a site wants of the state machine.

use crate::time::Seconds;
use serde::Deserialize;
use std::num::NonZeroU8;

/// What the first boot of a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstBoot {
    /// It installs, without anybody arming it.
    Install,
    /// The machine waits for a person.
    Hold,
    /// It boots the local disk, which from then on holds what must stay.
    Local,
}

/// When an install counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompleteOn {
    /// When the installer says so.
    Callback,
    /// As soon as the script was answered: for installers that cannot report.
    Serve,
}

/// What a boot does after an attempt that failed or stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It boots the local disk until a person arms the host again.
    Local,
    /// It installs again, as long as [`Policy::attempts`] allows.
    Retry,
}

/// Whether a person at a machine's menu may install it without anybody having armed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MenuInstall {
    /// No: the entry says that the host must be armed.
    Refused,
    /// Yes.
    Allowed,
}

/// What a site, or a profile, wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What the first boot does.
    pub first_boot: FirstBoot,
    /// When an install counts as done.
    pub complete_on: CompleteOn,
    /// What follows a failed or stalled attempt.
    pub on_failure: OnFailure,
    /// How many attempts one arming allows, the first included.
    pub attempts: NonZeroU8,
    /// How long an installer may be silent before its attempt counts as stalled.
    pub deadline: Seconds,
    /// How long a host stays armed.
    pub window: Seconds,
    /// Whether a menu may install.
    pub menu_install: MenuInstall,
}

impl Default for Policy {
    /// Nothing is installed unless a person arms the host, once, for a day; two hours of silence
    /// are too much.
    fn default() -> Self {
        Self {
            first_boot: FirstBoot::Local,
            complete_on: CompleteOn::Callback,
            on_failure: OnFailure::Local,
            attempts: NonZeroU8::MIN,
            deadline: Seconds::new(2 * 3600),
            window: Seconds::new(24 * 3600),
            menu_install: MenuInstall::Refused,
        }
    }
}
