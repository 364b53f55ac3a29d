//! The names that people sign in with.

use std::fmt;

/// The longest name of an account, and of a domain, in bytes.
const MAX_ACCOUNT: usize = 64;
const MAX_DOMAIN: usize = 253;

/// The domains that may stand in a name. All in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domains {
    dns: String,
    netbios: Option<String>,
    suffixes: Vec<String>,
}

impl Domains {
    /// `dns` is the directory's own domain, `netbios` its short name; `suffixes` are further
    /// domains that stand in names of this directory.
    pub(super) fn new(
        dns: &str,
        netbios: Option<&str>,
        suffixes: &[String],
    ) -> Result<Self, String> {
        let checked = |name: &str| {
            if is_dns_name(name) {
                Ok(name.to_ascii_lowercase())
            } else {
                Err(format!("\"{name}\" is no name of a domain"))
            }
        };
        Ok(Self {
            dns: checked(dns)?,
            netbios: netbios.map(checked).transpose()?,
            suffixes: suffixes.iter().map(|name| checked(name)).collect::<Result<_, _>>()?,
        })
    }

    /// The directory's own domain.
    pub(super) fn own(&self) -> &str {
        &self.dns
    }
}

/// Letters, digits, dots, hyphens and underscores.
pub(super) fn is_dns_name(text: &str) -> bool {
    (1..=MAX_DOMAIN).contains(&text.len())
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

/// The name of an account inside its domain: `[a-z0-9][a-z0-9._-]{0,63}`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountName(String);

impl AccountName {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        (starts && name.len() <= MAX_ACCOUNT && name.bytes().all(plain)).then_some(Self(name))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a Kerberos ticket of the directory's own domain calls so. A domain controller gives tickets
/// for accounts' names and for UPNs, so that one that could be two people's is nobody's.
pub(super) fn of_ticket(name: &str) -> Option<Login> {
    AccountName::parse(name).map(Login::Own)
}

/// What somebody typed as a name, without the ways in which one name can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// `name` or `DOMAIN\name`.
    Account(AccountName),
    /// `name@own.domain`: an account's name, or what the directory has as somebody's UPN.
    Own(AccountName),
    /// `name@other.suffix`.
    Suffix(AccountName, String),
}

impl Login {
    /// Nothing, if it is no name of this directory.
    pub(super) fn parse(text: &str, domains: &Domains) -> Option<Self> {
        if let Some((domain, name)) = text.split_once('\\') {
            let domain = domain.to_ascii_lowercase();
            let known = domain == domains.dns || Some(&domain) == domains.netbios.as_ref();
            return AccountName::parse(name).filter(|_| known).map(Self::Account);
        }
        let Some((name, domain)) = text.split_once('@') else {
            return AccountName::parse(text).map(Self::Account);
        };
        let (name, domain) = (AccountName::parse(name)?, domain.to_ascii_lowercase());
        if domain == domains.dns {
            Some(Self::Own(name))
        } else {
            domains.suffixes.contains(&domain).then_some(Self::Suffix(name, domain))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domains() -> Domains {
        Domains::new("AD.Test", Some("ADTEST"), &["corp.example".to_owned()]).unwrap()
    }

    #[test]
    fn one_name_can_be_written_in_several_ways() {
        let parse = |text| Login::parse(text, &domains());
        let alice = AccountName::parse("alice").unwrap();
        for text in ["alice", "ALICE", "ADTEST\\Alice", "adtest\\alice", "ad.test\\alice"] {
            assert_eq!(parse(text), Some(Login::Account(alice.clone())), "{text}");
        }
        assert_eq!(parse("Alice@AD.TEST"), Some(Login::Own(alice.clone())));
        assert_eq!(parse("alice@corp.example"), Some(Login::Suffix(alice, "corp.example".into())));
    }

    #[test]
    fn what_is_no_name_here_is_refused() {
        let long = "a".repeat(65);
        for text in [
            "",
            "@ad.test",
            "ADTEST\\",
            "OTHER\\alice",
            "alice@other.test",
            "alice@ad.test@ad.test",
            "a b",
            "*",
            "a*",
            "alice)(uid=*",
            "a\0",
            "a\n",
            "älice",
            "-a",
            "cn=a,dc=b",
            "a\\b\\c",
            &long,
        ] {
            assert_eq!(Login::parse(text, &domains()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn only_plain_characters_pass(text in "\\PC{0,80}") {
            if let Some(Login::Account(name) | Login::Own(name) | Login::Suffix(name, _)) =
                Login::parse(&text, &domains())
            {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            }
        }
    }
}
