//! Somebody whose sign-in or token was checked.

use super::{Grant, Grants, Permission, Place, Role, Scope, UserName, token::TokenId};

/// Who asks, and what they may.
#[derive(Clone, Debug)]
pub struct Principal {
    user: UserName,
    token: Option<TokenId>,
    grants: Grants,
    limit: Grants,
    enrols: bool,
}

impl Principal {
    /// The account `user` with its grants, by a token that allows no more than `limit`.
    pub fn by_token(user: UserName, token: TokenId, grants: Grants, limit: Grants) -> Self {
        Self { user, token: Some(token), grants, limit, enrols: false }
    }

    /// The account `user` itself.
    pub fn in_person(user: UserName, grants: Grants) -> Self {
        Self { user, token: None, limit: grants.clone(), grants, enrols: false }
    }

    /// The same, who may do nothing yet if they must set up a second factor first.
    #[must_use]
    pub(super) fn enrolling(self, enrols: bool) -> Self {
        Self { enrols, ..self }
    }

    /// Whether they must set up a second factor before they may do anything.
    pub fn must_enrol(&self) -> bool {
        self.enrols
    }

    /// The account.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// The grants of the account.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The name in the audit log: the account's, whatever token was shown.
    pub fn name(&self) -> String {
        format!("user:{}", self.user)
    }

    /// The token that was shown.
    pub fn token(&self) -> Option<&TokenId> {
        self.token.as_ref()
    }

    /// The role by which this may be done there: the account has it, and the token allows it.
    /// None means no.
    pub fn role_for(&self, permission: Permission, place: Place<'_>) -> Option<Role> {
        if self.enrols {
            return None;
        }
        let role = self.limit.role_for(permission, place)?;
        self.grants.role_for(permission, place).map(|_| role)
    }

    /// Whether they may pass `grant` on, to a token: only what the token that they hold allows
    /// itself. An administrator may pass on everything.
    pub fn may_pass_on(&self, grant: &Grant) -> bool {
        let within = |own: &Grant| {
            (own.role == grant.role || own.role == Role::Admin)
                && (own.scope == Scope::All || own.scope == grant.scope)
        };
        !self.enrols && self.limit.iter().any(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_what_its_owner_still_may() {
        let token = TokenId::parse("0123456789abcdef").unwrap();
        let may = |grants: &str, limit: &str, permission| {
            Principal::by_token(
                "alice".parse().unwrap(),
                token.clone(),
                grants.parse().unwrap(),
                limit.parse().unwrap(),
            )
            .role_for(permission, Place::Everywhere)
        };
        let arm = Permission::HostsReimage;
        assert_eq!(may("admin", "reimager", arm), Some(Role::Reimager));
        assert_eq!(may("admin", "viewer", arm), None, "the token is narrower");
        assert_eq!(may("viewer", "admin", arm), None, "the owner lost the role");
        assert_eq!(may("", "admin", arm), None);
        let admin = Principal::in_person("root".parse().unwrap(), "admin".parse().unwrap());
        assert!(admin.role_for(arm, Place::Everywhere).is_some());
        let enrolling = admin.enrolling(true);
        assert!(enrolling.must_enrol() && enrolling.role_for(arm, Place::Somewhere).is_none());
        assert!(!enrolling.may_pass_on(&"viewer".parse().unwrap()));
    }

    #[test]
    fn a_narrow_token_makes_no_wider_one() {
        let limited = |limit: &str, wanted: &str| {
            let (name, token) =
                ("root".parse().unwrap(), TokenId::parse("0123456789abcdef").unwrap());
            let grants = "admin".parse().unwrap();
            Principal::by_token(name, token, grants, limit.parse().unwrap())
                .may_pass_on(&wanted.parse().unwrap())
        };
        assert!(limited("admin", "reimager@site:berlin") && limited("viewer", "viewer@group:web"));
        assert!(!limited("viewer", "admin") && !limited("viewer@site:berlin", "viewer"));
        assert!(!limited("admin@site:berlin", "admin"));
    }
}
