//! Who sent a request, and what they may.

use super::problem::Problem;
use crate::{
    auth::{Permission, Place, Principal},
    db::{Actor, Trace},
};
use bootmint_image_factory::host::Host;

/// Somebody whose request passed the gate.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) permission: Permission,
    pub(crate) trace: Trace,
}

impl Caller {
    /// Who it is, for the audit log, if they may do this to `host`.
    pub(crate) fn on(&self, host: &Host) -> Result<Actor, Problem> {
        let role = self.principal.role_for(self.permission, Place::Host(host));
        let role = role.ok_or_else(|| Problem::denied(self.permission))?;
        let trace = Trace { role: role.name().to_owned(), ..self.trace.clone() };
        Ok(Actor::by_request(&self.principal.name(), &trace))
    }

    /// Whether they may do this to `host`.
    pub(crate) fn may(&self, host: &Host) -> bool {
        self.principal.role_for(self.permission, Place::Host(host)).is_some()
    }

    /// Who it is, with the role by which the gate let them pass.
    pub(crate) fn actor(&self) -> Actor {
        Actor::by_request(&self.principal.name(), &self.trace)
    }
}

/// Where a request comes from, before it is known who sent it.
#[derive(Clone, Debug)]
pub(crate) struct Source(pub(crate) Trace);

impl Source {
    /// An actor who came by a link.
    pub(crate) fn link(&self) -> Actor {
        Actor::by_request("link", &self.0)
    }

    /// An actor who says that this is their name.
    pub(crate) fn claims(&self, name: &str) -> Actor {
        Actor::by_request(&format!("user:{name}"), &self.0)
    }
}
