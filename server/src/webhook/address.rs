//! Which addresses a webhook may reach.
//!
//! Its URL comes from the configuration alone, so whoever can name an address is the one who runs
//! the server. What is guarded against is a name whose owner lets it lead into the site's own
//! network: names are looked up here, and lead only where they may.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the clouds tell machines their own secrets, beside the link-local addresses.
const METADATA: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Who can be at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anybody in the Internet.
    Public,
    /// Machines of the site, or this one.
    Private,
    /// No receiver: link-local addresses, those of the clouds' metadata, and what is no address of
    /// one machine.
    Never,
}

/// Where a webhook's name may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Networks {
    /// Into the Internet.
    Public,
    /// Into private networks too.
    Private,
}

impl Networks {
    pub(super) fn allow(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self == Self::Private,
            Reach::Never => false,
        }
    }
}

/// Who can be at `address`.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address.to_canonical() {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    let never = a == 0 || a >= 224 || address.is_link_local() || METADATA.contains(&address);
    let shared = a == 100 && (64..128).contains(&b);
    let special = (a, b, c) == (192, 0, 0) || (a == 198 && (18..20).contains(&b));
    if never {
        Reach::Never
    } else if address.is_loopback()
        || address.is_private()
        || address.is_documentation()
        || shared
        || special
    {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    if address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address == METADATA_V6
    {
        return Reach::Never;
    }
    match (a, b) {
        // Gateways lead from these to the IPv4 address inside.
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => inner(g, h),
        (0x2002, _) => inner(b, c),
        // Teredo, and examples.
        (0x2001, 0 | 0xdb8) => Reach::Private,
        (0x2000..=0x3fff, _) => Reach::Public,
        _ => Reach::Private,
    }
}

/// A name leads nowhere where it may.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} leads to no address that this webhook may reach: for one in a private network set \
     allow-private = true in its section; link-local and metadata addresses are never reached"
)]
struct NotAllowed(String);

/// Looks names up, and lets them lead only where they may. What is looked up is what is connected
/// to, so that a name can't change its mind between the two.
pub(super) struct Lookup(pub(super) Networks);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| networks.allow(address.ip())).collect();
            match allowed.is_empty() {
                true => Err(NotAllowed(name.as_str().to_owned()).into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_be_at_an_address() {
        for (reach_of, addresses) in [
            (Reach::Public, &["9.9.9.9", "172.32.0.1", "2620:fe::fe", "64:ff9b::909:909"][..]),
            (
                Reach::Private,
                &[
                    "127.0.0.1",
                    "10.0.0.1",
                    "172.16.0.1",
                    "192.168.1.1",
                    "100.64.0.1",
                    "::1",
                    "fd12::1",
                    "192.0.2.1",
                    "198.18.0.1",
                    "::ffff:10.0.0.1",
                    "64:ff9b::a00:1",
                    "2002:a00:1::1",
                    "2001:db8::1",
                    "2001::1",
                    "64:ff9b:1::909:909",
                ],
            ),
            (
                Reach::Never,
                &[
                    "0.0.0.0",
                    "0.1.2.3",
                    "169.254.169.254",
                    "224.0.0.1",
                    "255.255.255.255",
                    "240.0.0.1",
                    "::",
                    "fe80::1",
                    "ff02::1",
                    "fd00:ec2::254",
                    "100.100.100.200",
                    "192.0.0.192",
                    "::ffff:169.254.169.254",
                    "64:ff9b::a9fe:a9fe",
                    "2002:a9fe:a9fe::1",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(reach(address.parse().unwrap()), reach_of, "{address}");
            }
        }
    }

    #[tokio::test]
    async fn a_name_leads_only_where_it_may() {
        let look = async |networks| {
            let name = "localhost".parse().unwrap();
            Lookup(networks).resolve(name).await.map(Iterator::count)
        };
        assert!(look(Networks::Private).await.unwrap() > 0);
        let error = look(Networks::Public).await.unwrap_err().to_string();
        assert!(error.contains("allow-private"), "{error}");
    }
}
