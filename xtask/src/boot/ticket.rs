//! What an image's ticket says of the network its host expects, so that QEMU can give it that.

use crate::qemu::UserNet;
use bootmint_image_factory::host::Mac;
use std::net::Ipv4Addr;

/// The network that the first host of a ticket finds itself in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The MAC addresses of its cards.
    pub(super) macs: Vec<Mac>,
    /// Its first IPv4 network, with the server as the address that leads to this computer, or the
    /// gateway where the server is elsewhere.
    pub(super) net: Option<UserNet>,
}

/// Reads a ticket's commands; what is not understood is passed over.
pub(super) fn expected(script: &str) -> Expected {
    let mut found = Expected::default();
    let (mut hosts, mut ip, mut mask, mut gateway, mut server) = (0, None, None, None, None);
    for line in script.lines() {
        let Some((setting, value)) = line.strip_prefix("set ").and_then(|s| s.split_once(' '))
        else {
            continue;
        };
        match setting {
            "hostname" => hosts += 1,
            _ if hosts != 1 => {}
            "want" => found.macs.extend(value.parse::<Mac>()),
            "bootmint-url" => server = host_of(value),
            "${nic}/ip" => ip = ip.or(value.parse::<Ipv4Addr>().ok()),
            "${nic}/netmask" => mask = mask.or(value.parse::<Ipv4Addr>().ok()),
            "${nic}/gateway" => gateway = gateway.or(value.parse::<Ipv4Addr>().ok()),
            _ => {}
        }
    }
    if let (Some(ip), Some(mask)) = (ip, mask) {
        let network = ip & mask;
        let inside = |address: &Ipv4Addr| *address & mask == network && *address != ip;
        let here = server.filter(inside).or(gateway.filter(inside));
        let prefix = u8::try_from(mask.to_bits().leading_ones()).unwrap_or(32);
        found.net = here.map(|gateway| UserNet { network, prefix, gateway, ipv6: None });
    }
    found
}

/// The IPv4 address in a URL's authority, where it is one.
fn host_of(url: &str) -> Option<Ipv4Addr> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    authority.split(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootmint_image_factory::{
        feed::{self, Defaults, FeedFormat},
        ticket::{Facts, Patience, Ticket},
    };

    fn read(rows: &str) -> Expected {
        let csv = format!("name,mac,address,gateway,server\n{rows}\n");
        let hosts =
            feed::parse(csv.as_bytes(), FeedFormat::Csv, "t.csv", &Defaults::default()).unwrap();
        let patience = Patience::default();
        let ticket = match &hosts[..] {
            [host] => Ticket::for_host(host, Facts::Post, &patience),
            hosts => Ticket::for_site(hosts, Facts::Post, &patience),
        };
        expected(ticket.as_str())
    }

    fn net(network: [u8; 4], prefix: u8, gateway: [u8; 4]) -> Option<UserNet> {
        Some(UserNet { network: network.into(), prefix, gateway: gateway.into(), ipv6: None })
    }

    #[test]
    fn a_server_in_the_network_is_this_computer() {
        let found = read("a,52:54:00:00:00:01,192.0.2.130/25,192.0.2.129,http://192.0.2.200:8080");
        assert_eq!(found.macs, ["52:54:00:00:00:01".parse().unwrap()]);
        assert_eq!(found.net, net([192, 0, 2, 128], 25, [192, 0, 2, 200]));
    }

    #[test]
    fn a_server_elsewhere_is_reached_through_the_gateway() {
        let found = read("a,52:54:00:00:00:01,192.0.2.10/24,192.0.2.1,http://203.0.113.9:8080");
        assert_eq!(found.net, net([192, 0, 2, 0], 24, [192, 0, 2, 1]));
    }

    #[test]
    fn of_a_site_the_first_host_counts() {
        let found = read(
            "a,52:54:00:00:00:01,192.0.2.10/24,192.0.2.1,http://192.0.2.2\n\
             b,52:54:00:00:00:02,198.51.100.10/24,198.51.100.1,http://192.0.2.2",
        );
        assert_eq!(found.macs, ["52:54:00:00:00:01".parse().unwrap()]);
        assert_eq!(found.net, net([192, 0, 2, 0], 24, [192, 0, 2, 2]));
    }

    #[test]
    fn what_is_no_ticket_expects_nothing() {
        assert_eq!(expected("#!ipxe\nset\nset want\nset hostname\nshell\n"), Expected::default());
    }
}
