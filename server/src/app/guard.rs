//! The wipe guard: what an arming must pass. Commands, console and interface all come through
//! here.

use super::{App, AppError, DISK_SERIAL};
use crate::{
    config::{ApprovalPolicy, DiskSerial},
    db::{Actor, Approval, ArmGuard, Guarded, Limit, StoredHost},
    script::Profile,
    time::{Seconds, Timestamp},
};
use bootmint_image_factory::host::Host;

const HOUR: Seconds = Seconds::new(3600);
const DAY: Seconds = Seconds::new(86_400);

impl App {
    /// What keeps armings apart at `now`.
    pub(super) fn arm_guard(&self, now: Timestamp) -> ArmGuard {
        let guard = self.config.guard;
        let limit = |most: Option<std::num::NonZeroU32>, back, span| {
            most.map(|most| Limit { most: most.get().into(), since: now.before(back), span })
        };
        let limits =
            [limit(guard.arms_per_hour, HOUR, "hour"), limit(guard.arms_per_day, DAY, "day")];
        ArmGuard {
            limits: limits.into_iter().flatten().collect(),
            approval: match guard.approval {
                ApprovalPolicy::None => Approval::NotNeeded,
                ApprovalPolicy::SecondPerson => Approval::Needed,
            },
        }
    }

    /// Writes down that `actor` wants the host armed. That is all that one person can do.
    pub(super) async fn request_arm(
        &self,
        stored: &StoredHost,
        actor: &Actor,
        now: Timestamp,
    ) -> AppError {
        let host = stored.host.name.clone();
        let until = now.after(self.policy(&self.profiles(), &stored.host).window);
        let limits = self.arm_guard(now).limits;
        match self.store.request_arm(&host, &stored.state, actor, (now, until), &limits).await {
            Ok(None) => AppError::AwaitsApproval { host, until },
            Ok(Some(source)) => AppError::Guarded { host, source },
            Err(error) => error.into(),
        }
    }

    /// Whether the installer will look for the disk that may be wiped, where it must.
    pub(super) fn check_disk(&self, host: &Host, profile: &Profile) -> Result<(), AppError> {
        let named = host.vars.keys().any(|name| name.as_str() == DISK_SERIAL);
        match (named, self.config.guard.disk_serial) {
            (false, DiskSerial::Required) => Err(AppError::NoDiskSerial(host.name.clone())),
            (true, _) if !profile.checks_disk_serial() => Err(AppError::DiskSerialUnchecked {
                host: host.name.clone(),
                profile: profile.name().to_string(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn guarded(host: &Host, source: Guarded) -> AppError {
        AppError::Guarded { host: host.name.clone(), source }
    }
}
