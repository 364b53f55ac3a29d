//! What can be told, by name: what happens to hosts, and what happens to accounts and secrets.

use crate::{
    auth::{BREAK_GLASS, REUSED},
    db::AuditRow,
};

/// Events of hosts, as the audit log names them.
const HOSTS: [&str; 16] = [
    "import",
    "update",
    "remove",
    "boot",
    "choose",
    "arm-request",
    "arm-withdraw",
    "arm",
    "disarm",
    "heartbeat",
    "done",
    "fail",
    "deadline",
    "hold",
    "release",
    ANSWER,
];
/// An answer file, with its secrets, was released to an installer.
const ANSWER: &str = "answer";
/// Events of hosts that are told only where they are asked for: they come again and again.
const QUIET: [&str; 2] = ["heartbeat", ANSWER];

/// Events of accounts, tokens and secrets, told only where they are asked for. All but those of
/// sign-ins are named as in the audit log.
const ACCOUNTS: [&str; 19] = [
    SIGN_IN,
    REFUSED,
    BROKEN_GLASS,
    "lock-out",
    REUSED,
    "denied",
    "add-account",
    "change-account",
    "remove-account",
    "directory-account",
    "openid-account",
    "reset-password",
    "change-password",
    "second-factor",
    "make-token",
    "revoke-token",
    "secret-set",
    "secret-remove",
    "secrets-reseal",
];
const SIGN_IN: &str = "sign-in";
const REFUSED: &str = "sign-in-refused";
const BROKEN_GLASS: &str = "break-glass";

/// What a row of the audit log tells; equal names are of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(&'static str);

impl Kind {
    /// The kind of that name.
    pub(super) fn find(name: &str) -> Option<Self> {
        HOSTS.into_iter().chain(ACCOUNTS).find(|known| *known == name).map(Self)
    }

    /// The kind of a row, if it is one that is told.
    pub fn of(row: &AuditRow) -> Option<Self> {
        let name = match row.event.as_str() {
            SIGN_IN if ["denied", "failed"].contains(&row.result.as_str()) => REFUSED,
            SIGN_IN if BREAK_GLASS.contains(&row.detail.as_str()) => BROKEN_GLASS,
            event => event,
        };
        let kind = Self::find(name)?;
        // An event of a host is one only where it happened to the host.
        (!kind.is_of_host() || row.is_of_host() || name == ANSWER).then_some(kind)
    }

    /// All that are told where nobody says which.
    pub(super) fn usual() -> impl Iterator<Item = Self> {
        HOSTS.into_iter().filter(|name| !QUIET.contains(name)).map(Self)
    }

    /// The names of all.
    pub(super) fn names() -> String {
        HOSTS.into_iter().chain(ACCOUNTS).collect::<Vec<_>>().join(", ")
    }

    /// Whether it tells of a host.
    pub fn is_of_host(self) -> bool {
        HOSTS.contains(&self.0)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(event: &str, detail: &str, result: &str) -> AuditRow {
        serde_json::from_value(serde_json::json!({
            "seq": 1, "at": 0, "actor": "user:alice", "host": "", "event": event, "was": "",
            "became": "", "detail": detail, "role": "", "token": "", "source": "192.0.2.9",
            "request": "r", "reason": "", "result": result, "previous": "", "hash": "",
        }))
        .unwrap()
    }

    #[test]
    fn a_row_is_of_one_kind() {
        let of = |event, detail, result| Kind::of(&row(event, detail, result)).map(Kind::name);
        assert_eq!(of("sign-in", "", "done"), Some("sign-in"));
        assert_eq!(of("sign-in", "wrong", "denied"), Some("sign-in-refused"));
        assert_eq!(of("sign-in", "no controller answers", "failed"), Some("sign-in-refused"));
        for way in BREAK_GLASS {
            assert_eq!(of("sign-in", way, "done"), Some("break-glass"));
            assert_eq!(of("sign-in", way, "denied"), Some("sign-in-refused"));
        }
        assert_eq!(of("make-token", "", "done"), Some("make-token"));
        assert_eq!(of("answer", "preseed.cfg for attempt 1", "done"), Some("answer"));
        assert_eq!(of("arm", "", "failed"), None, "nothing happened to a host");
        assert_eq!(of("publish-profile", "", "done"), None);
        let all: Vec<_> = HOSTS.into_iter().chain(ACCOUNTS).collect();
        let once: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), once.len(), "each name stands once");
    }
}
