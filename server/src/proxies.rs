//! Proxies before the console, and whose requests they pass on.
//!
//! A proxy appends the address that a request came from to `X-Forwarded-For`. What stands left of
//! that is what the sender wrote, true or not: so the header is read from the right, as far as it
//! was written by proxies that the site trusts, and not at all if the request came from elsewhere.

use axum::http::HeaderMap;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

const HEADER: &str = "x-forwarded-for";

/// Addresses, by the bits that they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What names no proxy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProxy {
    /// It is no address or network.
    #[error("\"{0}\" is no address such as 192.0.2.7, nor a network such as 10.0.0.0/8")]
    Shape(String),
    /// The address has bits behind the prefix.
    #[error("\"{0}\" has bits behind its prefix: write the network's first address, or /{1}")]
    Bits(String, u8),
    /// It is everybody.
    #[error("\"{0}\" trusts everybody, so that anybody could come from any address")]
    Everybody(String),
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, bits: u32| {
            let rest = bits.saturating_sub(self.prefix.into());
            one.checked_shr(rest) == other.checked_shr(rest)
        };
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                same(one.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NoProxy;

    fn from_str(text: &str) -> Result<Self, NoProxy> {
        let shape = || NoProxy::Shape(text.chars().take(80).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| shape())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| shape())?;
        let low = match address {
            IpAddr::V4(address) => address.to_bits().trailing_zeros(),
            IpAddr::V6(address) => address.to_bits().trailing_zeros(),
        };
        match prefix {
            0 => Err(NoProxy::Everybody(text.to_owned())),
            _ if prefix > bits || address != address.to_canonical() => Err(shape()),
            _ if low < u32::from(bits - prefix) => Err(NoProxy::Bits(text.to_owned(), bits)),
            _ => Ok(Self { address, prefix }),
        }
    }
}

/// The proxies that the site trusts; none unless it says so.
#[derive(Clone, Default)]
pub struct Proxies(Vec<Network>);

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl Proxies {
    /// Reads addresses and networks.
    pub fn parse(texts: &[String]) -> Result<Self, NoProxy> {
        texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self)
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Where a request comes from that `peer` sent.
    pub(crate) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let mut source = peer;
        for value in headers.get_all(HEADER).iter().rev() {
            let Ok(text) = value.to_str() else { return source };
            for entry in text.rsplit(',') {
                // Who passed this on is the last of whom anything is known.
                let Some(address) = address(entry.trim()) else { return source };
                source = address;
                if !self.trust(address) {
                    return source;
                }
            }
        }
        source
    }
}

/// An address as proxies write it: some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let plain = bare.parse::<IpAddr>().ok();
    let address = plain.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<_> = trusted.iter().map(|text| (*text).to_owned()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, line.parse().unwrap());
        }
        let proxies = Proxies::parse(&trusted).unwrap();
        proxies.source(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let both = ["192.0.2.7", "10.0.0.0/8", "2001:db8:1::/48"];
        let from = |peer, lines: &[&str]| source(&both, peer, lines);
        let client = "198.51.100.9";
        assert_eq!(source(&[], "192.0.2.7", &[client]), "192.0.2.7", "nobody is trusted");
        assert_eq!(from("203.0.113.5", &[client]), "203.0.113.5", "no proxy of ours");
        assert_eq!(from("192.0.2.7", &[]), "192.0.2.7");
        assert_eq!(from("192.0.2.7", &[client]), client);
        assert_eq!(from("::ffff:192.0.2.7", &[client]), client);
        // What the sender wrote stands left of what the proxy wrote.
        assert_eq!(from("192.0.2.7", &["1.2.3.4, 198.51.100.9"]), client);
        assert_eq!(from("192.0.2.7", &["10.0.0.1, 198.51.100.9"]), client);
        assert_eq!(from("192.0.2.7", &["1.2.3.4", "198.51.100.9"]), client);
        // Through two of ours, as addresses with ports.
        assert_eq!(from("192.0.2.7", &["1.2.3.4, 198.51.100.9:4711 ,10.1.2.3"]), client);
        let six = "[2001:db8:2::9]:4711, 2001:db8:1::1";
        assert_eq!(from("2001:db8:1::2", &[six]), "2001:db8:2::9");
        assert_eq!(from("192.0.2.7", &["[2001:db8:2::9]"]), "2001:db8:2::9");
        assert_eq!(from("192.0.2.7", &["::ffff:198.51.100.9"]), client);
        // What is no address ends it, whatever stands left of it.
        for strange in ["unknown", "", "1.2.3.4, _hidden", "1.2.3.4,", "1.2.3.4 5.6.7.8"] {
            assert_eq!(from("192.0.2.7", &[strange]), "192.0.2.7", "{strange}");
        }
        assert_eq!(from("192.0.2.7", &["1.2.3.4, x, 10.0.0.1"]), "10.0.0.1");
        assert_eq!(from("192.0.2.7", &["10.0.0.2, 10.0.0.1"]), "10.0.0.2", "one of ours itself");
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let parse = |text: &str| text.parse::<Network>();
        for good in ["192.0.2.7", "192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32", "::1"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "proxy", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "::ffff:10.0.0.1"] {
            assert_eq!(parse(bad), Err(NoProxy::Shape(bad.to_owned())), "{bad}");
        }
        assert_eq!(parse("10.1.0.0/8"), Err(NoProxy::Bits("10.1.0.0/8".to_owned(), 32)));
        for all in ["0.0.0.0/0", "::/0"] {
            assert_eq!(parse(all), Err(NoProxy::Everybody(all.to_owned())));
        }
    }
}
