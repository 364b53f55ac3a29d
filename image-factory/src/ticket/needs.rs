//! What a host's ticket needs of its firmware, and which binary lacks it.

use crate::{
    firmware::{BinaryManifest, Capabilities, Capability},
    format::Platform,
    host::{Addressing, Host},
};

/// A capability that a host needs and a binary lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, but the {platform} firmware lacks \"{capability}\": take a profile that has it")]
pub struct Missing {
    /// What is lacking.
    pub capability: Capability,
    /// Which binary lacks it.
    pub platform: Platform,
    reason: &'static str,
}

/// The capabilities that a host's ticket uses.
pub fn needs(host: &Host) -> Capabilities {
    reasons(host).map(|(capability, _)| capability).collect()
}

/// All that `binaries` lack for `host`.
pub fn check(host: &Host, binaries: &[&BinaryManifest]) -> Vec<Missing> {
    reasons(host)
        .flat_map(|(capability, reason)| {
            binaries
                .iter()
                .filter(move |binary| !binary.capabilities.contains(&capability))
                .map(move |binary| Missing { capability, platform: binary.platform, reason })
        })
        .collect()
}

fn reasons(host: &Host) -> impl Iterator<Item = (Capability, &'static str)> {
    let https = host.server.is_https();
    let vlan = host.nics.iter().any(|nic| nic.vlan.is_some());
    let ipv6 = host
        .nics
        .iter()
        .any(|nic| matches!(nic.addressing, Addressing::Static { v6: Some(_), .. }));
    [
        Some((Capability::Ticket, "an image runs its ticket")),
        Some(if https {
            (Capability::Https, "the server is asked by HTTPS")
        } else {
            (Capability::Http, "the server is asked by HTTP")
        }),
        vlan.then_some((Capability::Vlan, "a NIC is in a VLAN")),
        ipv6.then_some((Capability::Ipv6, "a NIC has an IPv6 address")),
        host.server
            .ip()
            .is_some_and(|ip| ip.is_ipv6())
            .then_some((Capability::Ipv6, "the server has an IPv6 address")),
    ]
    .into_iter()
    .flatten()
}
