//! What a host's ticket needs of its firmware, and which binary lacks it.

use crate::{
    firmware::{BinaryManifest, Capabilities, Capability},
    format::Platform,
    host::{Addressing, Host, ServerUrl},
    ticket::own::{Common, Source},
};

/// A capability that a host needs and a binary lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, but the {platform} firmware lacks \"{capability}\": {remedy}")]
pub struct Missing {
    /// What is lacking.
    pub capability: Capability,
    /// Which binary lacks it.
    pub platform: Platform,
    reason: &'static str,
    remedy: &'static str,
}

/// How to come by a capability that `binary` lacks.
fn remedy(capability: Capability, binary: &BinaryManifest) -> &'static str {
    let signed = binary.capabilities.contains(&Capability::SecureBoot);
    match (capability, binary.platform) {
        (Capability::FwCfg | Capability::Guestinfo, Platform::EfiArm64) => {
            "it is for x86 alone; take the identity from smbios"
        }
        (Capability::FwCfg, _) if signed => {
            "its driver is not permitted under Secure Boot; take the identity from smbios"
        }
        (Capability::Guestinfo, _) if signed => {
            "it is not permitted under Secure Boot; take the identity from smbios"
        }
        (Capability::FwCfg, _) => "compile a profile with overlays = [\"fw-cfg\"]",
        (Capability::Smbios, _) => "compile it, or take ready binaries of iPXE 2.0",
        (Capability::Ticket, _) => {
            "take a profile whose script hands over to the ticket, or that has no script of its own"
        }
        _ => "compile a profile that switches this option on",
    }
}

/// The capabilities that a host's ticket uses.
pub fn needs(host: &Host) -> Capabilities {
    reasons(host).map(|(capability, _)| capability).collect()
}

/// All that `binaries` lack for `host`.
pub fn check(host: &Host, binaries: &[&BinaryManifest]) -> Vec<Missing> {
    missing(reasons(host), binaries)
}

/// All that `binaries` lack of what is needed, each with its reason: "the server is asked by HTTPS".
pub fn missing(
    reasons: impl Iterator<Item = (Capability, &'static str)>,
    binaries: &[&BinaryManifest],
) -> Vec<Missing> {
    reasons
        .flat_map(|(capability, reason)| {
            binaries.iter().filter(move |binary| !binary.capabilities.contains(&capability)).map(
                move |binary| {
                    let remedy = remedy(capability, binary);
                    Missing { capability, platform: binary.platform, reason, remedy }
                },
            )
        })
        .collect()
}

/// All that `binaries` lack for machines that find out who they are. Whether a machine's own
/// definition names an HTTPS server is not known here.
pub fn check_own(common: &Common, binaries: &[&BinaryManifest]) -> Vec<Missing> {
    let reason = match common.source {
        Source::FwCfg => "the identity is read from fw_cfg",
        Source::Smbios => "the identity is read from SMBIOS",
        Source::Guestinfo => "the identity is read from GuestInfo",
    };
    let ipv6 = common.server.as_ref().and_then(ServerUrl::ip).is_some_and(|ip| ip.is_ipv6());
    let reasons = [
        Some((Capability::Ticket, "an image runs its ticket")),
        Some((common.source.capability(), reason)),
        Some(match &common.server {
            Some(server) if server.is_https() => {
                (Capability::Https, "the server is asked by HTTPS")
            }
            _ => (Capability::Http, "the server is asked by HTTP"),
        }),
        ipv6.then_some((Capability::Ipv6, "the server has an IPv6 address")),
    ];
    missing(reasons.into_iter().flatten(), binaries)
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
