//! Who sent a request, and what they may.

use super::problem::Problem;
use crate::{
    auth::{Permission, Place, Principal},
    db::{Actor, Trace},
};
use bootmint_image_factory::host::Host;

/// Somebody whose request passed the gate.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) permission: Permission,
    pub(super) trace: Trace,
}

impl Caller {
    /// Who it is, for the audit log, if they may do this to `host`.
    pub(super) fn on(&self, host: &Host) -> Result<Actor, Problem> {
        let role = self.principal.role_for(self.permission, Place::Host(host));
        let role = role.ok_or_else(|| Problem::denied(self.permission))?;
        let trace = Trace { role: role.name().to_owned(), ..self.trace.clone() };
        Ok(Actor::by_request(&self.principal.name(), &trace))
    }

    /// Whether they may do this to `host`.
    pub(super) fn may(&self, host: &Host) -> bool {
        self.principal.role_for(self.permission, Place::Host(host)).is_some()
    }

    /// Who it is, with the role by which the gate let them pass.
    pub(super) fn actor(&self) -> Actor {
        Actor::by_request(&self.principal.name(), &self.trace)
    }
}

/// Where a request comes from, before it is known who sent it.
#[derive(Clone, Debug)]
pub(super) struct Source(pub(super) Trace);

impl Source {
    /// An actor who came by a link.
    pub(super) fn link(&self) -> Actor {
        Actor::by_request("link", &self.0)
    }

    /// An actor who says that this is their name.
    pub(super) fn claims(&self, name: &str) -> Actor {
        Actor::by_request(&format!("user:{name}"), &self.0)
    }
}
