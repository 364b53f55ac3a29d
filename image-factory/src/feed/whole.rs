//! What hosts of one feed must not share.

use super::{source::Spot, values::Values};
use crate::host::{HostName, Mac, Text, Token, Uuid};
use std::{collections::HashMap, hash::Hash, net::IpAddr};

/// Who had a value first.
#[derive(Clone)]
pub(super) struct Owner {
    /// The host, where its name is usable.
    pub(super) host: Option<HostName>,
    /// Where the value stands.
    pub(super) spot: Spot,
}

/// All values seen so far that belong to one host only.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) names: Unique<HostName>,
    pub(super) macs: Unique<Mac>,
    pub(super) addresses: Unique<IpAddr>,
    pub(super) uuids: Unique<Uuid>,
    pub(super) serials: Unique<Text>,
    pub(super) tokens: Unique<Token>,
}

/// The values of one kind with their first owners.
pub(super) struct Unique<T>(HashMap<T, Owner>);

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Unique<T> {
    /// Notes `value`, which messages call `label`; a fault if another has it already.
    pub(super) fn note(&mut self, values: &mut Values<'_>, label: &str, value: T, owner: Owner) {
        let spot = owner.spot;
        if let Some(first) = self.0.get(&value) {
            let place = values.locate(first.spot);
            let whose = match &first.host {
                Some(host) => format!("host \"{host}\" at {place}"),
                None => format!("the host at {place}"),
            };
            let message = format!("{label} is also that of {whose}");
            values.fault(spot, message, "every host needs its own");
        } else {
            self.0.insert(value, owner);
        }
    }
}
