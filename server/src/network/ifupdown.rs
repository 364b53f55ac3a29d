//! `/etc/network/interfaces` of Debian and what descends from it, and the files by which udev
//! gives cards their names.

use super::{Port, Tagged, ports};
use bootmint_image_factory::host::{Addressing, Host};
use std::fmt::Display;

/// What the first default route from DHCP costs: more than the record's first gateway, less than
/// its further ones, as with netplan.
const DHCP: u16 = 100;

/// A file of `/etc/systemd/network`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub file: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// How udev finds the cards of `host` and what it calls them, a file each. None if a card can be
/// found by nothing.
pub fn links(host: &Host) -> Option<Vec<Link>> {
    let link = |port: Port<'_>| {
        let found = match (port.mac, port.bus) {
            (Some(mac), _) => format!("MACAddress={mac}"),
            // What hangs below a device, as with virtio, has a longer path.
            (None, Some(bus)) => format!("Path=pci-{bus} pci-{bus}-*"),
            (None, None) => return None,
        };
        let lines = [
            "[Match]".to_owned(),
            found,
            // A VLAN has the MAC address of its card, but is of another type.
            "Type=ether".to_owned(),
            "[Link]".to_owned(),
            format!("Name={}", port.name),
        ];
        Some(Link { file: format!("10-{}.link", port.name), lines: lines.into() })
    };
    ports(host).into_iter().map(link).collect()
}

/// The lines of `/etc/network/interfaces` for all interfaces of `host`, by the names of [`links`].
pub fn interfaces(host: &Host) -> Vec<String> {
    let mut lines = vec!["auto lo".to_owned(), "iface lo inet loopback".to_owned()];
    let mut dhcp = DHCP;
    for port in ports(host) {
        if port.nics.iter().all(|tagged| tagged.nic.vlan.is_some()) {
            lines.push(format!("auto {}", port.name));
            lines.push(format!("iface {} inet manual", port.name));
        }
        for tagged in &port.nics {
            stanzas(host, tagged, &mut dhcp, &mut lines);
        }
    }
    lines
}

fn stanzas(host: &Host, tagged: &Tagged<'_>, dhcp: &mut u16, lines: &mut Vec<String>) {
    let Tagged { name, nic, routes } = tagged;
    // Of a name with a dot, ifup makes the VLAN itself.
    lines.push(format!("auto {name}"));
    let Addressing::Static { v4, v6 } = nic.addressing else {
        lines.push(format!("iface {name} inet dhcp"));
        // Of two routes that cost the same, the second one is refused, and its interface fails.
        lines.push(format!("    metric {dhcp}"));
        *dhcp = dhcp.saturating_add(1);
        return;
    };
    let v4 = v4.map(|v| ("inet", format!("{}/{}", v.address, v.prefix)));
    let v6 = v6.map(|v| ("inet6", format!("{}/{}", v.address, v.prefix)));
    // IPv6 first: routers that announce themselves are turned off, which must be done before the
    // card is up.
    for (family, address) in v6.into_iter().chain(v4) {
        lines.push(format!("iface {name} {family} static"));
        let mut option = |key: &str, value: &dyn Display| lines.push(format!("    {key} {value}"));
        option("address", &address);
        if family == "inet6" {
            // Without a gateway, ifup would leave that to the kernel, which listens.
            option("accept_ra", &0);
            option("autoconf", &0);
        }
        for route in routes.iter().filter(|route| route.via.is_ipv4() == (family == "inet")) {
            option("gateway", &route.via);
            if let Some(metric) = route.metric {
                option("metric", &metric);
            }
        }
        let of_family = |server: &&std::net::IpAddr| server.is_ipv4() == (family == "inet");
        let servers: Vec<_> = host.dns.iter().filter(of_family).map(ToString::to_string).collect();
        if !servers.is_empty() {
            option("dns-nameservers", &servers.join(" "));
        }
        if let Some(domain) = &host.domain {
            option("dns-search", domain);
        }
    }
}
