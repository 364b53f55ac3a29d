//! Reads out of a ticket whose it is: the check that an image carries the right identity.
//!
//! This knows the commands of a script, not the renderer: it reads what iPXE would act on.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What a ticket says of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The host's name.
    pub name: String,
    /// Its static IPv4 addresses, in the order of its NICs.
    pub v4: Vec<Ipv4Addr>,
    /// Its static IPv6 addresses, in the order of its NICs.
    pub v6: Vec<Ipv6Addr>,
}

/// The identities in a script, in its order. A host begins where its name is set; lines that are
/// not understood say nothing of an identity and are passed over.
pub fn identities(script: &str) -> Vec<Identity> {
    let mut found: Vec<Identity> = Vec::new();
    for line in script.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("set") {
            continue;
        }
        let (Some(setting), Some(value)) = (words.next(), words.next()) else { continue };
        match setting {
            // What a machine finds out by itself is nobody's identity.
            "hostname" if value.starts_with('$') => {}
            "hostname" => found.push(Identity { name: value.to_owned(), ..Identity::default() }),
            "${nic}/ip" => {
                if let (Some(host), Ok(ip)) = (found.last_mut(), value.parse()) {
                    host.v4.push(ip);
                }
            }
            "${nic}/ip6" => {
                if let (Some(host), Ok(ip)) = (found.last_mut(), value.parse()) {
                    host.v6.push(ip);
                }
            }
            _ => {}
        }
    }
    found
}
