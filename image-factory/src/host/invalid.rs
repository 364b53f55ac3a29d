//! Why a value is refused, and what all checked text types share.
//!
//! Values end up in iPXE scripts, whose parser splits at white space, expands `${...}`, ends a
//! command at the words `&&`, `||` and `;`, starts a comment at `#`, joins lines at a final `\`
//! and knows no quotes. No value of any type here can hold one of those characters.

use std::borrow::Cow;

/// The most characters of a refused value that a message repeats.
const SHOWN: usize = 48;

/// A value that was refused: what is wrong with it and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; {help}", self.message())]
pub struct Invalid {
    kind: Cow<'static, str>,
    value: Option<String>,
    problem: String,
    help: String,
}

impl Invalid {
    /// Says that the `kind` of value that reads `value` has a `problem`.
    ///
    /// The value is shortened and its control characters are escaped.
    pub(crate) fn new(
        kind: &'static str,
        value: &str,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let value = Some(quoted(value));
        Self { kind: kind.into(), value, problem: problem.into(), help: help.into() }
    }

    /// Says that a `kind` of value has a `problem`, without repeating the value: for secrets.
    pub(crate) fn secret(
        kind: &'static str,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { kind: kind.into(), value: None, problem: problem.into(), help: help.into() }
    }

    /// The same refusal under the name of the field that holds the value.
    #[must_use]
    pub(crate) fn of_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.kind = field.into();
        self
    }

    /// What is wrong, such as `vlan "5000" is not in 1 to 4094`.
    pub fn message(&self) -> String {
        match &self.value {
            Some(value) => format!("{} {value} {}", self.kind, self.problem),
            None => format!("{} {}", self.kind, self.problem),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// `value` in quotes, shortened, with everything unprintable escaped.
pub(crate) fn quoted(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if value.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

/// A character as messages show it.
pub(crate) fn shown(character: char) -> String {
    match character {
        '\n' | '\r' => "a line break".to_owned(),
        '\t' => "a tab".to_owned(),
        ' ' => "a space".to_owned(),
        c if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
        c => format!("'{c}'"),
    }
}

/// Refuses the first character of `value` that `allowed` does not know.
pub(crate) fn only(
    kind: &'static str,
    value: &str,
    allowed: impl Fn(char) -> bool,
    help: &str,
) -> Result<(), Invalid> {
    match value.chars().find(|&character| !allowed(character)) {
        None => Ok(()),
        Some(bad) => Err(Invalid::new(kind, value, format!("contains {}", shown(bad)), help)),
    }
}

/// Refuses a `value` that is empty or has more than `most` bytes.
pub(crate) fn length(
    kind: &'static str,
    value: &str,
    most: usize,
    help: &str,
) -> Result<(), Invalid> {
    match value.len() {
        0 => Err(Invalid::new(kind, value, "is empty", help)),
        n if n > most => {
            Err(Invalid::new(kind, value, format!("has {n} characters, more than {most}"), help))
        }
        _ => Ok(()),
    }
}

/// Defines a text type whose content `$check: fn(&str) -> Result<Cow<str>, Invalid>` has accepted
/// (and perhaps brought to its one spelling). Clones share the text.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::host::Invalid;

            fn from_str(value: &str) -> Result<Self, $crate::host::Invalid> {
                Ok(Self($check(value)?.into()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        $crate::host::invalid::serialize_as_text!($name);
    };
}

/// Serialises a type as the text that its `Display` writes.
macro_rules! serialize_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    };
}

pub(crate) use {serialize_as_text, text_type};
