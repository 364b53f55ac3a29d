//! What hosts of one feed must not share.
//!
//! A feed is read once with no more than a digest kept of each value. Only where two digests are
//! equal is it read a second time, with the values behind these digests kept and compared.

use super::{source::Spot, values::Values};
use crate::host::HostName;
use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    hash::{BuildHasher, Hash, RandomState},
};

/// A kind of value that belongs to one host only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Name,
    Mac,
    Address,
    Address6,
    Uuid,
    Serial,
    Token,
}

impl Kind {
    /// What messages call the value.
    fn call(self, value: &str) -> String {
        match self {
            Self::Name => format!("name \"{value}\""),
            Self::Mac => format!("mac {value}"),
            Self::Address => format!("address {value}"),
            Self::Address6 => format!("address6 {value}"),
            Self::Uuid => format!("uuid {value}"),
            Self::Serial => format!("serial \"{value}\""),
            Self::Token => "the token".to_owned(),
        }
    }
}

/// Who had a value first.
struct Owner {
    /// The host, where its name is usable.
    host: Option<HostName>,
    /// Where the value stands.
    spot: Spot,
}

/// The values that belong to one host only.
pub(super) struct Seen {
    hasher: RandomState,
    mode: Mode,
}

enum Mode {
    /// Keeps the digest of each value.
    Gather(Vec<u64>),
    /// Compares the values that have these digests.
    Compare { suspects: HashSet<u64>, first: HashMap<(Kind, String), Owner> },
    /// Compares nothing: the host is known not to share anything.
    Trust,
}

impl Seen {
    /// Keeps digests.
    pub(super) fn gather() -> Self {
        Self { hasher: RandomState::new(), mode: Mode::Gather(Vec::new()) }
    }

    /// Compares nothing.
    pub(super) fn trust() -> Self {
        Self { hasher: RandomState::new(), mode: Mode::Trust }
    }

    /// What compares the values whose digests were equal; none where all digests differ.
    pub(super) fn suspects(self) -> Option<Self> {
        let Mode::Gather(mut digests) = self.mode else { return None };
        digests.sort_unstable();
        let twice = digests.windows(2).filter_map(|pair| match pair {
            [a, b] if a == b => Some(*a),
            _ => None,
        });
        let suspects: HashSet<u64> = twice.collect();
        let some = !suspects.is_empty();
        let mode = Mode::Compare { suspects, first: HashMap::new() };
        some.then_some(Self { hasher: self.hasher, mode })
    }

    /// Notes `value` of `host` at `spot`; a fault if another has it already.
    pub(super) fn note(
        &mut self,
        values: &mut Values<'_>,
        (kind, value): (Kind, impl Hash + Display),
        host: Option<&HostName>,
        spot: Spot,
    ) {
        let digest = self.hasher.hash_one((kind, &value));
        let (suspects, first) = match &mut self.mode {
            Mode::Gather(digests) => return digests.push(digest),
            Mode::Compare { suspects, first } => (suspects, first),
            Mode::Trust => return,
        };
        if !suspects.contains(&digest) {
            return;
        }
        let text = value.to_string();
        let label = kind.call(&text);
        match first.entry((kind, text)) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Owner { host: host.cloned(), spot });
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                let owner = entry.get();
                let place = values.locate(owner.spot);
                let whose = match &owner.host {
                    Some(host) => format!("host \"{host}\" at {place}"),
                    None => format!("the host at {place}"),
                };
                let message = format!("{label} is also that of {whose}");
                values.fault(spot, message, "every host needs its own");
            }
        }
    }
}
