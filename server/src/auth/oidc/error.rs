//! Why somebody cannot sign in by the provider.

use crate::auth::ldap::Refusal;

/// The most characters of what others say that are shown.
const MAX_SAID: usize = 200;

/// Why somebody is not let in. The texts are for people; none holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider gave no answer.
    #[error(
        "the identity provider cannot be asked now ({0}): try again later, or use a local account"
    )]
    Unreachable(String),
    /// The provider, or how it is set up, does not fit.
    #[error("the identity provider cannot be used: {0}")]
    Unfit(String),
    /// The provider says no.
    #[error("the identity provider says: {0}")]
    Said(String),
    /// The provider takes what it gave for later no more.
    #[error("the identity provider vouches no longer: {0}")]
    Over(String),
    /// No such sign-in is under way in this browser.
    #[error(
        "this sign-in did not begin in this browser, ended already, or took too long: begin again"
    )]
    Stranger,
    /// What came back is not what was asked for.
    #[error("the identity provider's answer is refused: {0}")]
    Answer(String),
    /// The provider knows who it is, and they may not come in.
    #[error("you are known to the identity provider, but may not sign in here: {}", why(*.0))]
    Refused(Refusal),
    /// Too many sign-ins are under way.
    #[error("too many sign-ins are under way: try again in some minutes, or use a local account")]
    Busy,
}

impl OidcError {
    /// The short form, for the audit log.
    pub fn detail(&self) -> String {
        match self {
            Self::Refused(why) => why.name().to_owned(),
            Self::Stranger => "no such sign-in is under way".to_owned(),
            Self::Answer(what) => format!("answer refused: {what}"),
            Self::Said(what) | Self::Over(what) => format!("says: {what}"),
            other => other.to_string(),
        }
    }

    /// Whether the provider is the trouble, and not the person or their browser.
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Unfit(_) | Self::Busy)
    }
}

/// What a person is told, and whom to ask.
fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotAName => {
            "your name there cannot be one here; an administrator can choose another name-claim"
        }
        Refusal::TooManyGroups => {
            "you are in too many groups for it to list them; ask an administrator"
        }
        Refusal::NoName => "it does not say your name; an administrator can choose another claim",
        Refusal::Unverified => "your address is not verified there",
        Refusal::WeakSignIn => "the way you signed in there is not strong enough",
        other => other.advice(),
    }
}

/// What others say, so that it can stand in a page or a log: short, in one line.
pub(in crate::auth) fn said(text: &str) -> String {
    let hidden =
        |c: char| c.is_control() || ('\u{200b}'..='\u{206f}').contains(&c) || c == '\u{feff}';
    text.chars().take(MAX_SAID).map(|c| if hidden(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_short_and_in_one_line() {
        assert_eq!(said("a\nb\u{202e}c"), "a?b?c");
        assert_eq!(said(&"x".repeat(999)).len(), MAX_SAID);
        assert!(OidcError::Refused(Refusal::NoGroup).to_string().contains("none of your groups"));
        assert_eq!(OidcError::Refused(Refusal::NoGroup).detail(), "no-group");
    }
}
