//! Static addresses: how they are written, and which make sense in their subnets.

use crate::host::{Invalid, V4, V6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads `10.0.0.5/24` or `10.0.0.5/255.255.255.0`.
pub(super) fn parse_v4(value: &str) -> Result<(Ipv4Addr, u8), Invalid> {
    let (address, prefix) = split("address", value, "10.0.0.5/24")?;
    let address = address.parse().map_err(|_| {
        let help = match address.parse::<Ipv6Addr>() {
            Ok(_) => "IPv6 addresses go into address6",
            Err(_) => "write it like 10.0.0.5/24",
        };
        Invalid::new("address", value, "is no IPv4 address", help)
    })?;
    let prefix = match prefix.parse::<Ipv4Addr>() {
        Ok(mask) if mask.to_bits().leading_ones() + mask.to_bits().trailing_zeros() == 32 => {
            u8::try_from(mask.to_bits().leading_ones()).ok()
        }
        Ok(_) => None,
        Err(_) => number(prefix),
    };
    match prefix {
        Some(prefix @ 1..=32) => Ok((address, prefix)),
        _ => {
            let help = "write the prefix length after the slash, such as 24";
            Err(Invalid::new("address", value, "has a prefix that is not in 1 to 32", help))
        }
    }
}

/// Reads `2001:db8::5/64`.
pub(super) fn parse_v6(value: &str) -> Result<(Ipv6Addr, u8), Invalid> {
    let (address, prefix) = split("address6", value, "2001:db8::5/64")?;
    let address = address.parse().map_err(|_| {
        let help = match address.parse::<Ipv4Addr>() {
            Ok(_) => "IPv4 addresses go into address",
            Err(_) => "write it like 2001:db8::5/64",
        };
        Invalid::new("address6", value, "is no IPv6 address", help)
    })?;
    match number(prefix) {
        Some(prefix @ 1..=128) => Ok((address, prefix)),
        _ => {
            let help = "write the prefix length after the slash, such as 64";
            Err(Invalid::new("address6", value, "has a prefix that is not in 1 to 128", help))
        }
    }
}

/// Reads an IPv4 address without a prefix.
pub(super) fn plain_v4(kind: &'static str, value: &str) -> Result<Ipv4Addr, Invalid> {
    let help = "write an address like 10.0.0.1, without a prefix";
    value.parse().map_err(|_| Invalid::new(kind, value, "is no IPv4 address", help))
}

/// Reads an IPv6 address without a prefix.
pub(super) fn plain_v6(kind: &'static str, value: &str) -> Result<Ipv6Addr, Invalid> {
    let help = "write an address like 2001:db8::1, without a prefix";
    value.parse().map_err(|_| Invalid::new(kind, value, "is no IPv6 address", help))
}

/// Reads a DNS server's address.
pub(super) fn parse_dns(value: &str) -> Result<IpAddr, Invalid> {
    let help = "write an address like 10.0.0.1 or 2001:db8::1";
    let address =
        value.parse().map_err(|_| Invalid::new("dns", value, "is no IP address", help))?;
    let special = match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    };
    match special {
        Some(special) => {
            let help = "use the server's own unicast address";
            Err(Invalid::new("dns", value, format!("is {special}"), help))
        }
        None => Ok(address),
    }
}

fn split<'a>(
    kind: &'static str,
    value: &'a str,
    like: &str,
) -> Result<(&'a str, &'a str), Invalid> {
    value.split_once('/').ok_or_else(|| {
        let help = format!("write it like {like}");
        Invalid::new(kind, value, "has no prefix length", help)
    })
}

fn number(digits: &str) -> Option<u8> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// What is wrong, and what to do.
pub(super) type Problem = (String, String);

/// Whether a host can have the address in its subnet.
pub(super) fn check_v4(v4: &V4) -> Result<(), Problem> {
    let unicast = || "use a unicast address of the host's network".to_owned();
    if let Some(special) = special_v4(v4.address) {
        return Err((format!("address {v4} is {special}"), unicast()));
    }
    match end_of_subnet(v4, v4.address) {
        Some(end) => Err((format!("address {v4} is its subnet's {end} address"), range(v4))),
        None => Ok(()),
    }
}

/// Whether the gateway can be that of the address.
pub(super) fn check_gateway_v4(v4: &V4, gateway: Ipv4Addr) -> Result<(), Problem> {
    let router = || "use the router's address".to_owned();
    if let Some(special) = special_v4(gateway) {
        return Err((format!("gateway {gateway} is {special}"), router()));
    }
    if gateway == v4.address {
        return Err((format!("gateway {gateway} is the host's own address"), router()));
    }
    // A /32 has no neighbours: its gateway is on the link all the same.
    if v4.prefix < 32 && !v4.contains(gateway) {
        let help = format!("use an address of {}/{}", v4.network(), v4.prefix);
        return Err((format!("gateway {gateway} is outside {v4}"), help));
    }
    match end_of_subnet(v4, gateway) {
        Some(end) => {
            Err((format!("gateway {gateway} is the {end} address of its subnet"), range(v4)))
        }
        None => Ok(()),
    }
}

/// Whether a host can have the address in its subnet.
pub(super) fn check_v6(v6: &V6) -> Result<(), Problem> {
    let help = || "use a global or unique local address of the host's network".to_owned();
    if let Some(special) = special_v6(v6.address) {
        return Err((format!("address6 {v6} is {special}"), help()));
    }
    if v6.address.is_unicast_link_local() {
        return Err((format!("address6 {v6} is a link-local address"), help()));
    }
    if v6.prefix < 127 && v6.address == v6.network() {
        let message = format!("address6 {v6} is its subnet's router anycast address");
        return Err((message, help()));
    }
    Ok(())
}

/// Whether the gateway can be that of the address.
pub(super) fn check_gateway_v6(v6: &V6, gateway: Ipv6Addr) -> Result<(), Problem> {
    let router = || "use the router's address".to_owned();
    if let Some(special) = special_v6(gateway) {
        return Err((format!("gateway6 {gateway} is {special}"), router()));
    }
    if gateway == v6.address {
        return Err((format!("gateway6 {gateway} is the host's own address"), router()));
    }
    if v6.prefix < 128 && !gateway.is_unicast_link_local() && !v6.contains(gateway) {
        let help = format!("use an address of {}/{} or fe80::/10", v6.network(), v6.prefix);
        return Err((format!("gateway6 {gateway} is outside {v6}"), help));
    }
    Ok(())
}

/// The name of the subnet's end that `address` is; a /31 and a /32 have none (RFC 3021).
fn end_of_subnet(v4: &V4, address: Ipv4Addr) -> Option<&'static str> {
    match address {
        _ if v4.prefix > 30 => None,
        a if a == v4.network() => Some("network"),
        a if a == v4.broadcast() => Some("broadcast"),
        _ => None,
    }
}

/// The addresses that hosts of the subnet can have.
fn range(v4: &V4) -> String {
    let first = v4.network().to_bits().saturating_add(1);
    let last = v4.broadcast().to_bits().saturating_sub(1);
    format!("use {} to {}", Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last))
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets()[0] {
        0 => Some("an unspecified address"),
        127 => Some("a loopback address"),
        224..=239 => Some("a multicast address"),
        240.. => Some("a reserved address"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address {
        a if a.is_unspecified() => Some("the unspecified address"),
        a if a.is_loopback() => Some("the loopback address"),
        a if a.is_multicast() => Some("a multicast address"),
        a if a.to_ipv4_mapped().is_some() => Some("an IPv4 address in disguise"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v4(text: &str) -> V4 {
        let (address, prefix) = parse_v4(text).unwrap();
        V4 { address, prefix, gateway: None }
    }

    #[test]
    fn small_subnets_follow_rfc_3021() {
        for good in ["10.0.0.0/31", "10.0.0.1/31", "10.0.0.0/32", "10.0.0.1/30"] {
            assert_eq!(check_v4(&v4(good)), Ok(()), "{good}");
        }
        assert!(check_v4(&v4("10.0.0.0/30")).is_err() && check_v4(&v4("10.0.0.3/30")).is_err());
        assert!(check_gateway_v4(&v4("10.0.0.1/31"), Ipv4Addr::new(10, 0, 0, 0)).is_ok());
        assert!(check_gateway_v4(&v4("10.0.0.1/32"), Ipv4Addr::new(192, 168, 0, 1)).is_ok());
    }

    #[test]
    fn a_mask_is_as_good_as_a_prefix() {
        assert_eq!(v4("10.0.0.5/255.255.252.0").prefix, 22);
        for bad in
            ["10.0.0.5/255.0.255.0", "10.0.0.5/0.0.0.0", "10.0.0.5/+8", "10.0.0.5/", "10.0.0.5"]
        {
            assert!(parse_v4(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_subnet_is_checked_without_panic(bits: u32, prefix in 1u8..=32, gateway: u32) {
            let v4 = V4 { address: Ipv4Addr::from_bits(bits), prefix, gateway: None };
            let _ = (check_v4(&v4), check_gateway_v4(&v4, Ipv4Addr::from_bits(gateway)));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "[0-9a-f:./]{0,24}") {
            let _ = (parse_v4(&text), parse_v6(&text), parse_dns(&text));
        }
    }
}
