//! What the readers hand to the checks: a host's cells as they stand in the feed.

use super::source::Spot;
use std::borrow::Cow;

/// A value or key as it stands in the feed, with its place.
#[derive(Clone, Debug)]
pub(super) struct Cell<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) spot: Spot,
}

/// Defines an enum of fields with the names that feeds use.
macro_rules! fields {
    ($(#[$doc:meta])* $type:ident: $($variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $type { $($variant),+ }

        impl $type {
            /// All fields.
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];
            /// How many there are.
            const COUNT: usize = Self::ALL.len();

            /// The field's name in feeds.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The field of that name.
            pub(super) fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|field| field.name() == name)
            }
        }
    };
}

fields! {
    /// A host's fields with one value.
    HostField:
    Name = "name", Domain = "domain", Server = "server", Token = "token", Profile = "profile",
    Site = "site", Asset = "asset", Serial = "serial", Uuid = "uuid", Console = "console",
}

fields! {
    /// A host's fields with a list of values.
    ListField: Dns = "dns", Formats = "formats",
}

fields! {
    /// An interface's fields.
    NicField:
    Mac = "mac", Bus = "bus", Vlan = "vlan", Address = "address", Gateway = "gateway",
    Address6 = "address6", Gateway6 = "gateway6", Dhcp = "dhcp",
}

/// A host before the checks.
#[derive(Debug)]
pub(super) struct RawHost<'a> {
    /// Where it begins.
    pub(super) spot: Spot,
    /// Its interfaces.
    pub(super) nics: Vec<RawNic<'a>>,
    /// Its variables.
    pub(super) vars: Vec<(Cell<'a>, Cell<'a>)>,
    fields: [Option<Cell<'a>>; HostField::COUNT],
    lists: [Vec<Cell<'a>>; ListField::COUNT],
}

impl<'a> RawHost<'a> {
    /// A host without any field.
    pub(super) fn new(spot: Spot) -> Self {
        let (fields, lists) = Default::default();
        Self { spot, nics: Vec::new(), vars: Vec::new(), fields, lists }
    }

    /// The value of `field`.
    pub(super) fn get(&self, field: HostField) -> Option<&Cell<'a>> {
        self.fields[field as usize].as_ref()
    }

    /// Sets the value of `field`.
    pub(super) fn set(&mut self, field: HostField, cell: Cell<'a>) {
        self.fields[field as usize] = Some(cell);
    }

    /// The values of `field`.
    pub(super) fn list(&self, field: ListField) -> &[Cell<'a>] {
        &self.lists[field as usize]
    }

    /// Sets the values of `field`.
    pub(super) fn set_list(&mut self, field: ListField, cells: Vec<Cell<'a>>) {
        self.lists[field as usize] = cells;
    }
}

/// A network interface before the checks.
#[derive(Debug)]
pub(super) struct RawNic<'a> {
    /// Where it begins.
    pub(super) spot: Spot,
    fields: [Option<Cell<'a>>; NicField::COUNT],
}

impl<'a> RawNic<'a> {
    /// An interface without any field.
    pub(super) fn new(spot: Spot) -> Self {
        Self { spot, fields: Default::default() }
    }

    /// The value of `field`.
    pub(super) fn get(&self, field: NicField) -> Option<&Cell<'a>> {
        self.fields[field as usize].as_ref()
    }

    /// Sets the value of `field`.
    pub(super) fn set(&mut self, field: NicField, cell: Cell<'a>) {
        self.fields[field as usize] = Some(cell);
    }

    /// Whether it has no field at all.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.iter().all(Option::is_none)
    }
}

/// Names that other tools use for our fields.
const ELSEWHERE: &[(&str, &str)] = &[
    ("fqdn", "name"),
    ("gw", "gateway"),
    ("host", "name"),
    ("hostname", "name"),
    ("hwaddr", "mac"),
    ("ip", "address"),
    ("ip6", "address6"),
    ("ip_address", "address"),
    ("ipv4", "address"),
    ("ipv6", "address6"),
    ("mac_address", "mac"),
    ("macaddress", "mac"),
    ("nameserver", "dns"),
    ("nameservers", "dns"),
    ("nic", "nics"),
    ("url", "server"),
];

/// The one of `known` that somebody who wrote `name` may have meant.
pub(super) fn meant<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == plain).map(|(_, ours)| *ours);
    let limit = match plain.len() {
        0..4 => 0,
        4..7 => 1,
        _ => 2,
    };
    known
        .filter_map(|candidate| {
            let distance = if elsewhere == Some(candidate) {
                0
            } else {
                strsim::osa_distance(&plain, candidate)
            };
            (distance <= limit).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_and_those_of_other_tools_are_recognised() {
        let known = || NicField::ALL.iter().map(|field| field.name()).chain(["name", "nics"]);
        for (name, suggestion) in [
            ("adress", Some("address")),
            ("MAC", Some("mac")),
            ("gatway", Some("gateway")),
            ("ip-address", Some("address")),
            ("Hostname", Some("name")),
            ("max", None),
            ("rack", None),
            ("", None),
        ] {
            assert_eq!(meant(name, known()), suggestion, "{name}");
        }
    }
}
