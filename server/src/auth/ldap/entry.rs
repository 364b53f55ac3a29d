//! What an entry of the directory says of a person.

use super::{config::Kind, login::AccountName, refusal::Refusal};
use crate::{secret::Digest, time::Timestamp};
use ldap3::SearchEntry;

/// A flag of `userAccountControl`: the account is disabled.
const ACCOUNTDISABLE: i64 = 0x2;
/// Seconds from 1601, where `accountExpires` begins, to 1970.
const EPOCH: i64 = 11_644_473_600;
/// Seconds of a day, which `shadowExpire` counts from 1970.
const DAY: i64 = 86_400;
/// What an account that OpenLDAP's password policy locked for good has.
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// What stays the same when somebody is renamed or moved, and is never given to somebody else:
/// `objectGUID` or `entryUUID`, or the digest of an OpenID provider's name for them, as hexadecimal
/// digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonId(String);

impl PersonId {
    /// Reads one that was written down.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        ([32, 64].contains(&text.len()) && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// That of the person whom the provider `issuer` calls `subject`.
    pub fn of_subject(issuer: &str, subject: &str) -> Self {
        let digest = Digest::of(format!("openid\n{issuer}\n{subject}").as_bytes());
        Self(digest.as_str().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The filter that finds its entry.
    pub(super) fn filter(&self, kind: Kind) -> String {
        let digits = &self.0;
        match kind {
            Kind::ActiveDirectory => {
                let bytes = digits.as_bytes().chunks(2);
                let escaped = bytes.map(|pair| format!("\\{}", String::from_utf8_lossy(pair)));
                format!("(objectGUID={})", escaped.collect::<String>())
            }
            Kind::Openldap => {
                let parts =
                    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
                format!("(entryUUID={})", parts.join("-"))
            }
        }
    }
}

/// A person's entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    pub(super) id: PersonId,
    pub(super) account: AccountName,
    pub(super) shown: String,
    fault: Option<Refusal>,
    /// Too many wrong passwords locked it, for a time that may be over.
    locked: bool,
    /// Its password was given to it, and must be changed.
    reset: bool,
}

impl Entry {
    /// The attributes that are asked for.
    pub(super) const fn attributes(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::ActiveDirectory => &[
                "objectGUID",
                "sAMAccountName",
                "displayName",
                "userAccountControl",
                "accountExpires",
            ],
            Kind::Openldap => &[
                "entryUUID",
                "uid",
                "displayName",
                "cn",
                "pwdAccountLockedTime",
                "pwdReset",
                "shadowExpire",
            ],
        }
    }

    /// Nothing, if a name or id is missing or not of the kind that is let in.
    pub(super) fn read(found: SearchEntry, kind: Kind, now: Timestamp) -> Option<Self> {
        let first = |name: &str| {
            let mut all = found.attrs.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            all.next().and_then(|(_, values)| values.first()).map(String::as_str)
        };
        let locked = first("pwdAccountLockedTime");
        let number = |name| first(name).and_then(|text| text.parse::<i64>().ok());
        let (id, account, fault) = match kind {
            Kind::ActiveDirectory => {
                let mut bytes = found.bin_attrs.iter();
                let bytes = bytes.find(|(key, _)| key.eq_ignore_ascii_case("objectGUID"));
                let bytes = bytes.and_then(|(_, values)| values.first()).map(Vec::as_slice);
                // One that happens to be UTF-8 is among the texts.
                let bytes = bytes.or_else(|| first("objectGUID").map(str::as_bytes))?;
                let id = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                let flags = number("userAccountControl")?;
                let expires = number("accountExpires").unwrap_or(0);
                (id, first("sAMAccountName")?, active_directory_fault(flags, expires, now))
            }
            Kind::Openldap => {
                let id = first("entryUUID")?.replace('-', "").to_ascii_lowercase();
                let fault = openldap_fault(locked, number("shadowExpire"), now);
                (id, first("uid")?, fault)
            }
        };
        let (locked, reset) = (locked.is_some(), first("pwdReset") == Some("TRUE"));
        let account = AccountName::parse(account)?;
        let shown = first("displayName").or_else(|| first("cn")).unwrap_or(account.as_str());
        let shown = shown.chars().filter(|c| !c.is_control()).take(100).collect();
        let id = PersonId::parse(&id)?;
        Some(Self { id, account, shown, fault, locked, reset, dn: found.dn })
    }

    /// Why the account may not be used now, whatever its password is.
    pub(super) fn fault(&self) -> Option<Refusal> {
        self.fault
    }

    /// How a password was proved, with what the entry tells that the answer may not: OpenLDAP says
    /// of a lock only where it is told to.
    pub(super) fn explain(&self, proof: Result<(), Refusal>) -> Result<(), Refusal> {
        match proof {
            Err(Refusal::WrongPassword) if self.locked => Err(Refusal::LockedOut),
            Ok(()) if self.reset => Err(Refusal::MustChange),
            proof => proof,
        }
    }
}

fn active_directory_fault(flags: i64, expires: i64, now: Timestamp) -> Option<Refusal> {
    if flags & ACCOUNTDISABLE != 0 {
        return Some(Refusal::Disabled);
    }
    // Tenths of microseconds since 1601; 0 and the largest number mean never.
    let never = expires == 0 || expires == i64::MAX;
    let over = expires / 10_000_000 - EPOCH <= now.as_unix();
    (!never && over).then_some(Refusal::Expired)
}

/// `expires` is the day on which an account ends; one before 1970 is none.
fn openldap_fault(locked: Option<&str>, expires: Option<i64>, now: Timestamp) -> Option<Refusal> {
    if locked == Some(LOCKED_FOR_GOOD) {
        return Some(Refusal::Disabled);
    }
    let ends = expires.filter(|day| *day >= 0).map(|day| day.saturating_mul(DAY));
    ends.filter(|end| *end <= now.as_unix()).map(|_| Refusal::Expired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn entry(attrs: &[(&str, &str)]) -> SearchEntry {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), vec![(*value).to_owned()]);
        SearchEntry {
            dn: "CN=a,DC=b".to_owned(),
            attrs: attrs.iter().map(text).collect(),
            bin_attrs: HashMap::from([("objectGUID".to_owned(), vec![vec![0xab; 16]])]),
        }
    }

    #[test]
    fn an_account_ends_when_its_time_is_over() {
        let fault =
            |flags, expires, now| active_directory_fault(flags, expires, Timestamp::from_unix(now));
        let y2020 = (1_577_836_800 + EPOCH) * 10_000_000;
        assert_eq!(fault(0x200, y2020, 1_577_836_799), None);
        assert_eq!(fault(0x200, y2020, 1_577_836_800), Some(Refusal::Expired));
        assert_eq!(fault(0x202, 0, 0), Some(Refusal::Disabled));
        for never in [0, i64::MAX] {
            assert_eq!(fault(0x200, never, i64::MAX), None);
        }
        assert!(fault(0, i64::MIN, i64::MAX).is_some());
    }

    #[test]
    fn an_account_of_openldap_is_locked_for_good_or_ends_on_a_day() {
        let fault =
            |locked, expires| openldap_fault(locked, expires, Timestamp::from_unix(1_577_836_800));
        assert_eq!(fault(None, None), None);
        assert_eq!(fault(Some(LOCKED_FOR_GOOD), None), Some(Refusal::Disabled));
        assert_eq!(fault(Some("20200101000000Z"), None), None, "that time may be over");
        for (day, expected) in [
            (-1, None),
            (0, Some(Refusal::Expired)),
            (18_262, Some(Refusal::Expired)),
            (18_263, None),
            (i64::MAX, None),
        ] {
            assert_eq!(fault(None, Some(day)), expected, "{day}");
        }
    }

    #[test]
    fn an_entry_explains_what_the_answer_does_not() {
        let read = |attrs: &[(&str, &str)]| {
            let base = [("uid", "alice"), ("entryUUID", "01234567-89ab-cdef-0123-456789abcdef")];
            let attrs = [&base[..], attrs].concat();
            Entry::read(entry(&attrs), Kind::Openldap, Timestamp::default()).unwrap()
        };
        let (plain, wrong) = (read(&[]), Err(Refusal::WrongPassword));
        assert_eq!((plain.explain(Ok(())), plain.explain(wrong)), (Ok(()), wrong));
        let locked = read(&[("pwdAccountLockedTime", "20200101000000Z")]);
        assert_eq!(locked.explain(wrong), Err(Refusal::LockedOut));
        assert_eq!(locked.explain(Ok(())), Ok(()), "the time is over");
        let reset = read(&[("pwdReset", "TRUE")]);
        assert_eq!(reset.explain(Ok(())), Err(Refusal::MustChange));
        assert_eq!(reset.explain(wrong), wrong, "nothing is told before the right one");
    }

    #[test]
    fn an_entry_without_what_is_needed_is_none() {
        let all = [("SAMACCOUNTNAME", "Alice"), ("userAccountControl", "512")];
        let read = |attrs| Entry::read(entry(attrs), Kind::ActiveDirectory, Timestamp::default());
        let alice = read(&all).unwrap();
        assert_eq!((alice.account.as_str(), alice.shown.as_str()), ("alice", "alice"));
        assert_eq!(
            alice.id.filter(Kind::ActiveDirectory),
            format!("(objectGUID={})", "\\ab".repeat(16))
        );
        assert!(read(&all[..1]).is_none() && read(&all[1..]).is_none());
        assert!(read(&[("sAMAccountName", "a b"), all[1]]).is_none());
    }

    #[test]
    fn ids_are_written_as_the_directory_has_them() {
        let id = PersonId::parse("0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(id.filter(Kind::Openldap), "(entryUUID=01234567-89ab-cdef-0123-456789abcdef)");
        for bad in ["", "0123456789abcdef0123456789abcdeg", "*", "0123456789ABCDEF0123456789ABCDEF"]
        {
            assert!(PersonId::parse(bad).is_none(), "{bad}");
        }
    }
}
