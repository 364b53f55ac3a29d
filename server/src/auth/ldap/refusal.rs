//! Why a directory or provider lets somebody not in: told apart for the audit log, one sentence for people.

use std::fmt;

/// Why somebody may not sign in, or not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No password was given. It is never sent: a directory takes it for an anonymous bind.
    NoPassword,
    /// It is no name of this directory.
    NotAName,
    /// Nobody has that name.
    Unknown,
    /// More than one entry has that name.
    Ambiguous,
    /// The password is wrong (data code 52e, or no code).
    WrongPassword,
    /// Not at this hour (530).
    Hours,
    /// Not from this machine (531).
    Workstation,
    /// The password's time is over (532).
    PasswordExpired,
    /// The account is disabled (533).
    Disabled,
    /// The account's time is over (701).
    Expired,
    /// The password must be changed first (773).
    MustChange,
    /// Too many wrong passwords (775).
    LockedOut,
    /// Too many were tried here of late, by one name of theirs or another.
    Held,
    /// The account is locked here, whatever the directory says.
    LockedHere,
    /// A local account has the name.
    NameTaken,
    /// In none of the groups that may do something here.
    NoGroup,
    /// In so many groups that the provider does not list them.
    TooManyGroups,
    /// The provider says no name.
    NoName,
    /// The provider says that the address is not proved.
    Unverified,
    /// The way of signing in at the provider is not one that is asked for.
    WeakSignIn,
}

impl Refusal {
    /// Its name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPassword => "no-password",
            Self::NotAName => "not-a-name",
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::WrongPassword => "wrong-password",
            Self::Hours => "logon-hours",
            Self::Workstation => "workstation",
            Self::PasswordExpired => "password-expired",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::MustChange => "must-change-password",
            Self::LockedOut => "locked-out",
            Self::Held => "too-many-tries",
            Self::LockedHere => "locked-here",
            Self::NameTaken => "name-taken",
            Self::NoGroup => "no-group",
            Self::TooManyGroups => "too-many-groups",
            Self::NoName => "no-name",
            Self::Unverified => "unverified",
            Self::WeakSignIn => "weak-sign-in",
        }
    }

    /// What a person is told who proved who they are, and whom to ask.
    pub(in crate::auth) const fn advice(self) -> &'static str {
        match self {
            Self::NameTaken => "another account here has your name; ask an administrator",
            Self::LockedHere => "your account is locked here; ask an administrator",
            Self::NoGroup => "none of your groups may do anything here; ask an administrator",
            _ => "ask an administrator",
        }
    }

    /// What the answer to a bind with the wrong credentials means. Active Directory writes
    /// `... AcceptSecurityContext error, data 52e, v1db1`; others say nothing more.
    pub(super) fn of_bind(text: &str) -> Self {
        let code = text.split("data ").nth(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
            &rest[..end]
        });
        match code {
            Some("525") => Self::Unknown,
            Some("530") => Self::Hours,
            Some("531") => Self::Workstation,
            Some("532") => Self::PasswordExpired,
            Some("533") => Self::Disabled,
            Some("701") => Self::Expired,
            Some("773") => Self::MustChange,
            Some("775") => Self::LockedOut,
            _ => Self::WrongPassword,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_codes_are_told_apart() {
        for (code, refusal) in [
            ("52e", Refusal::WrongPassword),
            ("525", Refusal::Unknown),
            ("530", Refusal::Hours),
            ("532", Refusal::PasswordExpired),
            ("533", Refusal::Disabled),
            ("701", Refusal::Expired),
            ("773", Refusal::MustChange),
            ("775", Refusal::LockedOut),
            ("7751", Refusal::WrongPassword),
        ] {
            let text = format!(
                "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {code}, v4563"
            );
            assert_eq!(Refusal::of_bind(&text), refusal, "{code}");
        }
        for text in ["", "data", "data ", "data é", "Invalid credentials"] {
            assert_eq!(Refusal::of_bind(text), Refusal::WrongPassword);
        }
    }
}
