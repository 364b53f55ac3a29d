//! Faults of a feed: all of them, each with the place of the value that is wrong.

use crate::host::{HostName, Invalid};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// The most faults that the text of [`Faults`] lists.
const LISTED: usize = 50;

/// A place in a feed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The feed, as the user named it.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

impl fmt::Display for Location {
    /// `file:line:column`, which editors jump to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something in a feed that must be corrected before anything is built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Where the wrong value stands.
    pub at: Location,
    /// The host it belongs to, where that has a usable name.
    pub host: Option<HostName>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault at `at`, of no host and without advice.
    pub fn new(at: Location, message: impl Into<String>) -> Self {
        Self { at, host: None, message: message.into(), help: None }
    }

    /// The refusal of a value that stands at `at`.
    pub fn invalid(at: Location, invalid: &Invalid) -> Self {
        Self::new(at, invalid.message()).help(invalid.help())
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the host.
    #[must_use]
    pub fn of(mut self, host: Option<&HostName>) -> Self {
        self.host = host.cloned();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.at)?;
        if let Some(host) = &self.host {
            write!(f, "host \"{host}\": ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// All faults of a feed in the order of their places; never empty as an error.
///
/// Its text lists the first 50, one a line, and counts the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Sorts `faults` by their places.
    pub fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self(faults)
    }

    /// The faults.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` if nothing is wrong, else the faults.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().take(LISTED).enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{fault}")?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            1 => write!(f, "\nand 1 more fault"),
            more => write!(f, "\nand {more} more faults"),
        }
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Location {
        Location { file: "hosts.csv".into(), line, column: 7 }
    }

    #[test]
    fn a_fault_says_where_what_and_what_to_do() {
        let fault = Fault::new(at(12), "gateway 10.0.1.1 is outside 10.0.0.5/24")
            .help("use an address of 10.0.0.0/24")
            .of("web-01".parse().ok().as_ref());
        assert_eq!(
            fault.to_string(),
            "hosts.csv:12:7: host \"web-01\": gateway 10.0.1.1 is outside 10.0.0.5/24; \
             use an address of 10.0.0.0/24"
        );
    }

    #[test]
    fn faults_are_sorted_and_the_list_is_capped() {
        let faults = Faults::new((1..=52).rev().map(|n| Fault::new(at(n), "bad")).collect());
        let text = faults.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), ("hosts.csv:1:7: bad", 51));
        assert_eq!(lines[50], "and 2 more faults");
        assert!(Faults::default().or(()).is_ok());
        assert_eq!(faults.clone().or(()), Err(faults));
    }
}
