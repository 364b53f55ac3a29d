//! What people order.

use super::{App, AppError, RACES};
use crate::{
    config::ApprovalPolicy,
    db::{Actor, Change, Committed, Outcome, StoredHost},
    machine::{self, Event, State},
    time::Timestamp,
};
use bootmint_image_factory::host::HostName;

/// An order of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Allows one install. Its disk will be wiped, so the host's name must be typed again.
    Arm {
        /// What was typed.
        confirm: String,
    },
    /// Agrees to an arming that another person has asked for, where one is not enough.
    Approve {
        /// The host's name, typed again.
        confirm: String,
    },
    /// Takes that back.
    Disarm,
    /// Stops everything.
    Hold,
    /// Lets the host go on: it boots its disk.
    Release,
}

impl App {
    /// The host of that name.
    pub async fn stored(&self, name: &HostName) -> Result<StoredHost, AppError> {
        let found = self.store.host(name).await?;
        found.ok_or_else(|| AppError::UnknownHost(name.clone()))
    }

    /// Carries out an order of somebody who saw the host at the generation `seen`, if they say so;
    /// returns the host's new state.
    pub async fn order(
        &self,
        name: &HostName,
        order: &Order,
        seen: Option<i64>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<State, AppError> {
        for _ in 0..RACES {
            let stored = self.stored(name).await?;
            if seen.is_some_and(|seen| seen != stored.generation) {
                return Err(AppError::Moved(name.clone()));
            }
            let event = match order {
                Order::Arm { confirm } | Order::Approve { confirm } => {
                    if confirm != name.as_str() {
                        let typed = confirm.clone();
                        return Err(AppError::Unconfirmed { host: name.clone(), typed });
                    }
                    // What cannot be rendered is said now, not when the machine asks.
                    self.try_install(&stored.host).await?;
                    Event::Arm
                }
                Order::Disarm => {
                    let withdrawn =
                        self.store.withdraw_arm(name, &stored.state, actor, now).await?;
                    if withdrawn && !matches!(stored.state, State::Armed { .. }) {
                        return Ok(stored.state);
                    }
                    Event::Disarm
                }
                Order::Hold => Event::Hold,
                Order::Release => Event::Release,
            };
            let policy = self.policy(&self.profiles(), &stored.host);
            let (next, _) = machine::step(stored.state, event, &policy, now)
                .map_err(|source| AppError::Refused { host: name.clone(), source })?;
            let guard = match (order, self.config.guard.approval) {
                (Order::Arm { .. }, ApprovalPolicy::SecondPerson) => {
                    return Err(self.request_arm(&stored, actor, now).await);
                }
                (Order::Arm { .. } | Order::Approve { .. }, _) => Some(self.arm_guard(now)),
                (Order::Disarm | Order::Hold | Order::Release, _) => None,
            };
            let change = Change {
                host: name,
                generation: stored.generation,
                was: stored.state,
                becomes: next,
                event: event.name(),
                actor: actor.clone(),
                at: now,
                begins: None,
                ends: Some(Outcome::Superseded),
                note: String::new(),
                boot: None,
            };
            match self.store.commit_guarded(&change, guard.as_ref()).await? {
                Committed::Done => return Ok(next),
                Committed::Stale => {}
                Committed::Guarded(why) => return Err(Self::guarded(&stored.host, why)),
            }
        }
        Err(AppError::Contended(name.clone()))
    }
}
