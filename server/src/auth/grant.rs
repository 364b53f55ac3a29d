//! Grants: a role, and where it holds.

use super::roles::{Permission, Role, UnknownName};
use bootmint_image_factory::host::{Host, Invalid, Name};
use std::{fmt, str::FromStr};

/// The variable by which a host names its group.
const GROUP: &str = "group";
/// The most grants that one account or token has.
const MAX_GRANTS: usize = 64;

/// Where a role holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere.
    All,
    /// For the hosts of a site.
    Site(Name),
    /// For the hosts whose variable `group` says so.
    Group(Name),
}

/// What somebody wants to touch.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Something: which hosts are among it is looked at later.
    Somewhere,
    /// What belongs to no host, or to all of them.
    Everywhere,
    /// A host.
    Host(&'a Host),
}

impl Scope {
    fn covers(&self, place: Place<'_>) -> bool {
        match (self, place) {
            (Self::All, _) | (_, Place::Somewhere) => true,
            (_, Place::Everywhere) => false,
            (Self::Site(site), Place::Host(host)) => host.site.as_ref() == Some(site),
            (Self::Group(group), Place::Host(host)) => host
                .vars
                .iter()
                .any(|(name, value)| name.as_str() == GROUP && value.as_str() == group.as_str()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Site(name) => write!(f, "site:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// A role, and where it holds: `reimager@site:berlin`; without `@`, everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Where.
    pub scope: Scope,
}

/// Why a text is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGrant {
    /// There is no such role.
    #[error(transparent)]
    Role(#[from] UnknownName),
    /// The scope's name is wrong.
    #[error(transparent)]
    Name(#[from] Invalid),
    /// The scope is none.
    #[error("\"{0}\" is no scope: write site:NAME, group:NAME or *")]
    Scope(String),
    /// Too many.
    #[error("more than {MAX_GRANTS} roles")]
    TooMany,
}

impl FromStr for Grant {
    type Err = NoGrant;

    fn from_str(text: &str) -> Result<Self, NoGrant> {
        let (role, scope) = text.split_once('@').unwrap_or((text, "*"));
        let scope = match scope.split_once(':') {
            None if scope == "*" => Scope::All,
            Some(("site", name)) => Scope::Site(name.parse()?),
            Some(("group", name)) => Scope::Group(name.parse()?),
            _ => return Err(NoGrant::Scope(scope.chars().take(40).collect())),
        };
        Ok(Self { role: role.parse()?, scope })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::All => self.role.fmt(f),
            _ => write!(f, "{}@{}", self.role, self.scope),
        }
    }
}

/// The grants of an account or token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// These grants, each once.
    pub fn new(mut grants: Vec<Grant>) -> Result<Self, NoGrant> {
        grants.sort();
        grants.dedup();
        if grants.len() > MAX_GRANTS { Err(NoGrant::TooMany) } else { Ok(Self(grants)) }
    }

    /// The first role among them that may do it there.
    pub fn role_for(&self, permission: Permission, place: Place<'_>) -> Option<Role> {
        let fits = |grant: &&Grant| grant.role.may(permission) && grant.scope.covers(place);
        self.0.iter().find(fits).map(|grant| grant.role)
    }

    /// The grants.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Grants {
    /// Separated by commas, as the database holds them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, grant) in self.0.iter().enumerate() {
            write!(f, "{}{grant}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Grants {
    type Err = NoGrant;

    fn from_str(text: &str) -> Result<Self, NoGrant> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Self::new(parts.map(str::parse).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    #[test]
    fn a_scope_covers_its_hosts_only() {
        let mut berlin = testing::host("web-01", 1);
        berlin.site = Some("berlin".parse().unwrap());
        let mut web = testing::host("web-02", 2);
        web.vars.insert("group".parse().unwrap(), "web".parse().unwrap());
        let grants: Grants = "reimager@site:berlin,viewer@group:web".parse().unwrap();
        let at = |permission, host| grants.role_for(permission, Place::Host(host));
        assert_eq!(at(Permission::HostsReimage, &berlin), Some(Role::Reimager));
        assert_eq!(at(Permission::HostsReimage, &web), None);
        assert_eq!(at(Permission::HostsRead, &web), Some(Role::Viewer));
        assert_eq!(at(Permission::HostsRead, &testing::host("db", 3)), None);
        assert!(grants.role_for(Permission::HostsRead, Place::Somewhere).is_some());
        assert_eq!(grants.role_for(Permission::DiscoveredRead, Place::Everywhere), None);
        assert!(Grants::default().role_for(Permission::HostsRead, Place::Somewhere).is_none());
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        for bad in ["root", "viewer@", "viewer@site:", "viewer@rack:1", "viewer@site:a b", "@*"] {
            assert!(bad.parse::<Grant>().is_err(), "{bad}");
        }
        assert_eq!("admin,admin@*".parse::<Grants>().unwrap().to_string(), "admin");
    }

    proptest! {
        #[test]
        fn grants_read_back(text in "(viewer|admin|editor)(@(site|group):[a-z0-9-]{1,9})?(,auditor)?") {
            if let Ok(grants) = text.parse::<Grants>() {
                prop_assert_eq!(grants.to_string().parse::<Grants>(), Ok(grants));
            }
        }

        #[test]
        fn no_text_makes_a_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Grants>();
        }
    }
}
