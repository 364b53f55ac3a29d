//! Free text and secrets.

use super::invalid::{Invalid, length, only, text_type};
use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

/// The signs that free text may hold besides letters, digits and single spaces.
const SIGNS: &str = "._-:/@+,=()[]%!?*~^";

text_type! {
    /// A line of text, 1 to 255 characters: ASCII letters, digits, single inner spaces and
    /// `._-:/@+,=()[]%!?*~^`, not starting with `-`. Nothing in it means anything to iPXE's
    /// command line.
    Text, text
}

fn text(value: &str) -> Result<Cow<'_, str>, Invalid> {
    const HELP: &str = "use letters, digits, spaces and ._-:/@+,=()[]%!?*~^";
    length("text", value, 255, HELP)?;
    only("text", value, |c| c.is_ascii_alphanumeric() || c == ' ' || SIGNS.contains(c), HELP)?;
    let problem = if value.starts_with('-') {
        "starts with '-', which reads as an option"
    } else if value.starts_with(' ') || value.ends_with(' ') {
        "starts or ends with a space"
    } else if value.contains("  ") {
        "contains two spaces in a row"
    } else {
        return Ok(Cow::Borrowed(value));
    };
    Err(Invalid::new(
        "text",
        value,
        problem,
        "iPXE would not keep it as it is, so write it without",
    ))
}

/// A host's secret, by which the server knows it: `[A-Za-z0-9_-]{16,128}`.
///
/// It has no `Display` and no `Serialize`, and its `Debug` hides it, so that it goes only where
/// [`Token::as_str`] is written out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Arc<str>);

impl Token {
    /// The secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl FromStr for Token {
    type Err = Invalid;

    fn from_str(value: &str) -> Result<Self, Invalid> {
        const HELP: &str = "use 16 to 128 letters, digits, '_' and '-', best of all random ones";
        let refused = |problem: String| Err(Invalid::secret("token", problem, HELP));
        if let Some(bad) =
            value.chars().find(|&c| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        {
            return refused(format!("contains {}", super::invalid::shown(bad)));
        }
        match value.len() {
            16..=128 if value.starts_with('-') => {
                refused("starts with '-', which reads as an option".to_owned())
            }
            16..=128 => Ok(Self(value.into())),
            n => refused(format!("has {n} characters")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_keeps_signs_that_mean_nothing_to_ipxe() {
        let good = "https://mirror.example/debian?a=1 (rack 7, row 3) 100%";
        assert_eq!(good.parse::<Text>().unwrap().as_str(), good);
    }

    #[test]
    fn text_refuses_what_ipxe_reads_as_syntax() {
        for bad in [
            "${x}", "a;b", "a||b", "a&&b", "#a", "a\\", "a\nb", "a'b", "a\"b", "-x", " a", "a  b",
            "",
        ] {
            assert!(bad.parse::<Text>().is_err(), "{bad}");
        }
        assert!("x".repeat(255).parse::<Text>().is_ok());
        assert!("x".repeat(256).parse::<Text>().is_err());
    }

    #[test]
    fn a_token_stays_hidden() {
        let token: Token = "0123456789abcdef".parse().unwrap();
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        let error = "very$ecret-secret-secret".parse::<Token>().unwrap_err().to_string();
        assert!(!error.contains("ecret") && error.contains("'$'"), "{error}");
        assert!("x".repeat(15).parse::<Token>().is_err());
        assert!("x".repeat(129).parse::<Token>().is_err());
    }

    proptest! {
        #[test]
        fn accepted_text_is_harmless_and_unchanged(value in ".{0,40}") {
            if let Ok(text) = value.parse::<Text>() {
                prop_assert_eq!(text.as_str(), &value);
                let syntax = |c: char| c.is_control() || "${}\"'`\\#;|&<>".contains(c);
                prop_assert_eq!(value.find(syntax), None);
            }
        }
    }
}
