//! Roles and permissions: the one table that says who may do what. What is not in it is denied.

use std::{fmt, str::FromStr};

/// Defines an enum whose values have names.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $kind:literal: $($(#[$each:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$each])* $variant),+ }

        impl $type {
            /// All of them, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                Self::ALL.iter().copied().find(|one| one.name() == name).ok_or_else(|| UnknownName {
                    kind: $kind,
                    name: name.chars().take(40).collect(),
                    known: Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

/// A name that is not in a closed list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} \"{name}\": use one of {known}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    known: String,
}

named! {
    /// What somebody is to the server.
    Role, "role":
    /// Looks at hosts.
    Viewer = "viewer",
    /// Reads the audit log, and nothing else.
    Auditor = "auditor",
    /// Arms hosts and fetches their images; changes no host.
    Reimager = "reimager",
    /// Enters and changes hosts; arms none.
    Editor = "editor",
    /// Makes images and links to them.
    ImageBuilder = "image-builder",
    /// Agrees to what a reimager asks for.
    Approver = "approver",
    /// Everything, accounts too.
    Admin = "admin",
    /// A program: inventories, images, measurements.
    ServiceAccount = "service-account",
}

named! {
    /// What a role may allow.
    Permission, "permission":
    /// See hosts, their states and boots.
    HostsRead = "hosts-read",
    /// Enter, change, import and delete hosts.
    HostsWrite = "hosts-write",
    /// Arm and disarm hosts.
    HostsReimage = "hosts-reimage",
    /// Hold and release hosts.
    HostsHold = "hosts-hold",
    /// Agree to an arming.
    HostsApprove = "hosts-approve",
    /// See what a host would be sent, without secrets.
    HostsRender = "hosts-render",
    /// See OS profiles, their texts and versions.
    ProfilesRead = "profiles-read",
    /// Publish and revert OS profiles: what every host that uses them runs.
    ProfilesWrite = "profiles-write",
    /// See machines that are no hosts.
    DiscoveredRead = "discovered-read",
    /// Fetch images of hosts.
    ImagesGet = "images-get",
    /// Make links to images and NoCloud files that need no sign-in.
    ImagesLink = "images-link",
    /// Make images of scripts of one's own.
    ImagesScript = "images-script",
    /// Read inventories: Ansible, Salt, cloud-init.
    InventoryRead = "inventory-read",
    /// Read and verify the audit log.
    AuditRead = "audit-read",
    /// Read measurements.
    MetricsRead = "metrics-read",
    /// Make and revoke tokens of one's own.
    TokensOwn = "tokens-own",
    /// Set and remove secrets; nobody sees them.
    SecretsWrite = "secrets-write",
    /// Manage accounts and everybody's tokens.
    AccountsManage = "accounts-manage",
}

use {Permission as P, Role as R};

/// Which roles each permission is given to.
pub const TABLE: &[(Permission, &[Role])] = &[
    (
        P::HostsRead,
        &[
            R::Viewer,
            R::Reimager,
            R::Editor,
            R::ImageBuilder,
            R::Approver,
            R::Admin,
            R::ServiceAccount,
        ],
    ),
    (P::HostsWrite, &[R::Editor, R::Admin]),
    (P::HostsReimage, &[R::Reimager, R::Admin]),
    (P::HostsHold, &[R::Reimager, R::Admin]),
    (P::HostsApprove, &[R::Approver, R::Admin]),
    (P::HostsRender, &[R::Viewer, R::Reimager, R::Editor, R::ImageBuilder, R::Approver, R::Admin]),
    (P::ProfilesRead, &[R::Viewer, R::Editor, R::Approver, R::Admin]),
    (P::ProfilesWrite, &[R::Editor, R::Admin]),
    (P::DiscoveredRead, &[R::Viewer, R::Reimager, R::Editor, R::Admin]),
    (P::ImagesGet, &[R::Reimager, R::ImageBuilder, R::Admin, R::ServiceAccount]),
    (P::ImagesLink, &[R::Reimager, R::ImageBuilder, R::Admin]),
    (P::ImagesScript, &[R::ImageBuilder, R::Admin]),
    (P::InventoryRead, &[R::Editor, R::Admin, R::ServiceAccount]),
    (P::AuditRead, &[R::Auditor, R::Admin]),
    (P::MetricsRead, &[R::Admin, R::ServiceAccount]),
    (
        P::TokensOwn,
        &[R::Viewer, R::Auditor, R::Reimager, R::Editor, R::ImageBuilder, R::Approver, R::Admin],
    ),
    (P::SecretsWrite, &[R::Editor, R::Admin]),
    (P::AccountsManage, &[R::Admin]),
];

impl Role {
    /// Whether the table gives `permission` to this role.
    pub fn may(self, permission: Permission) -> bool {
        TABLE.iter().any(|(listed, roles)| *listed == permission && roles.contains(&self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_stands_once() {
        let listed: Vec<_> = TABLE.iter().map(|(permission, _)| *permission).collect();
        assert_eq!(listed, Permission::ALL);
    }

    /// Written a second time, the other way round.
    #[test]
    fn roles_may_what_they_are_meant_to() {
        let expected = |role| match role {
            R::Viewer => "hosts-read hosts-render profiles-read discovered-read tokens-own",
            R::Auditor => "audit-read tokens-own",
            R::Reimager => {
                "hosts-read hosts-reimage hosts-hold hosts-render discovered-read images-get \
                 images-link tokens-own"
            }
            R::Editor => {
                "hosts-read hosts-write hosts-render profiles-read profiles-write discovered-read \
                 inventory-read tokens-own secrets-write"
            }
            R::ImageBuilder => {
                "hosts-read hosts-render images-get images-link images-script tokens-own"
            }
            R::Approver => "hosts-read hosts-approve hosts-render profiles-read tokens-own",
            R::Admin => {
                "hosts-read hosts-write hosts-reimage hosts-hold hosts-approve hosts-render \
                 profiles-read profiles-write discovered-read images-get images-link \
                 images-script inventory-read audit-read metrics-read tokens-own secrets-write \
                 accounts-manage"
            }
            R::ServiceAccount => "hosts-read images-get inventory-read metrics-read",
        };
        for &role in Role::ALL {
            let may: Vec<_> =
                Permission::ALL.iter().filter(|p| role.may(**p)).map(|p| p.name()).collect();
            assert_eq!(may.join(" "), expected(role), "{role}");
        }
    }

    #[test]
    fn names_read_back() {
        for &role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().unwrap_err().to_string().contains("viewer, auditor"));
    }
}
