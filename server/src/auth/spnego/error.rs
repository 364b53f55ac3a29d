//! Why somebody cannot sign in by a ticket.

use crate::auth::ldap::Refusal;

/// Why somebody is not let in. The texts are for people; none holds a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KerberosError {
    /// What was sent is none.
    #[error("what your browser sent is no Kerberos ticket: {0}")]
    NoToken(&'static str),
    /// What was sent is NTLM, which proves too little.
    #[error(
        "your browser has no Kerberos ticket for this server and offered NTLM, which is not taken: \
         sign in by name and password"
    )]
    Ntlm,
    /// The ticket does not hold; why is for the audit log.
    #[error(
        "the Kerberos ticket that your browser showed does not count here: try again, or sign in \
         by name and password"
    )]
    Unproved(String),
    /// A good ticket for somebody else than this server.
    #[error("your browser showed a ticket for another service than this server")]
    OtherService(String),
    /// A good ticket of somebody of another domain.
    #[error("your ticket is of another domain than this server's")]
    OtherDomain(String),
    /// The ticket is good, and its owner may not come in.
    #[error("your ticket is good, but you may not sign in here: {}", told(*.why))]
    Refused {
        /// Whose it is.
        name: String,
        /// Why.
        why: Refusal,
    },
}

impl KerberosError {
    /// The short form, for the audit log.
    pub fn detail(&self) -> String {
        match self {
            Self::NoToken(why) => format!("no ticket: {why}"),
            Self::Ntlm => "NTLM is not taken".to_owned(),
            Self::Unproved(why) => format!("ticket refused: {why}"),
            Self::OtherService(service) => format!("a ticket for {service}"),
            Self::OtherDomain(principal) => format!("a ticket of {principal}"),
            Self::Refused { name, why } => format!("{why}, a ticket of {name}"),
        }
    }
}

fn told(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Disabled | Refusal::Expired => "your account may not be used any more",
        other => other.advice(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_what_to_do_and_the_audit_log_why() {
        let name = "bob".to_owned();
        let refused = KerberosError::Refused { name, why: Refusal::NoGroup };
        assert!(refused.to_string().contains("none of your groups"), "{refused}");
        assert_eq!(refused.detail(), "no-group, a ticket of bob");
        let unproved = KerberosError::Unproved("Request is a replay".to_owned());
        assert!(!unproved.to_string().contains("replay") && unproved.detail().contains("replay"));
    }
}
