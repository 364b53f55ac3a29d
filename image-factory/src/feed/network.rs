//! A host's network: its interfaces, how they are told apart, and whether the server is in reach.

use super::{
    address::{
        Problem, check_gateway_v4, check_gateway_v6, check_v4, check_v6, parse_v4, parse_v6,
        plain_v4, plain_v6,
    },
    raw::{NicField, RawNic},
    source::Spot,
    values::Values,
};
use crate::host::{Addressing, Invalid, Nic, ServerUrl, V4, V6};
use std::net::IpAddr;

/// Checks one interface.
pub(super) fn nic(values: &mut Values<'_>, raw: &RawNic<'_>) -> Option<Nic> {
    let before = values.count();
    let mac = raw.get(NicField::Mac).and_then(|cell| values.take(cell, str::parse));
    let bus = raw.get(NicField::Bus).and_then(|cell| values.take(cell, str::parse));
    let vlan = raw.get(NicField::Vlan).and_then(|cell| values.take(cell, str::parse));
    let dhcp = raw.get(NicField::Dhcp).and_then(|cell| values.take(cell, yes_or_no));
    let (v4, v6) = (self::v4(values, raw), self::v6(values, raw));
    let given = [NicField::Address, NicField::Address6];
    let given = given.into_iter().find_map(|field| raw.get(field));
    let addressing = match (dhcp, given) {
        (Some(true), Some(cell)) => {
            let help = "take one of the two away";
            values.fault(cell.spot, "the interface has dhcp and an address", help);
            return None;
        }
        (Some(true), None) => Addressing::Dhcp,
        (_, Some(_)) => Addressing::Static { v4, v6 },
        (_, None) => {
            if values.count() == before {
                let help = "give it an address or address6, or set dhcp to true";
                values.missing(raw.spot, "the interface has neither an address nor dhcp", help);
            }
            return None;
        }
    };
    (values.count() == before).then_some(Nic { mac, bus, vlan, addressing })
}

fn yes_or_no(value: &str) -> Result<bool, Invalid> {
    match value {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err(Invalid::new("dhcp", value, "is neither true nor false", "write true or false")),
    }
}

fn v4(values: &mut Values<'_>, raw: &RawNic<'_>) -> Option<V4> {
    let gateway = raw.get(NicField::Gateway);
    let parsed = gateway.and_then(|cell| values.take(cell, |text| plain_v4("gateway", text)));
    let Some(cell) = raw.get(NicField::Address) else {
        if let Some(cell) = gateway {
            let help = "give the interface an address, or take the gateway away";
            values.fault(cell.spot, format!("gateway {} has no address", cell.text), help);
        }
        return None;
    };
    let (address, prefix) = values.take(cell, parse_v4)?;
    let v4 = V4 { address, prefix, gateway: parsed };
    report(values, cell.spot, check_v4(&v4));
    if let (Some(cell), Some(gateway)) = (gateway, parsed) {
        report(values, cell.spot, check_gateway_v4(&v4, gateway));
    }
    Some(v4)
}

fn v6(values: &mut Values<'_>, raw: &RawNic<'_>) -> Option<V6> {
    let gateway = raw.get(NicField::Gateway6);
    let parsed = gateway.and_then(|cell| values.take(cell, |text| plain_v6("gateway6", text)));
    let Some(cell) = raw.get(NicField::Address6) else {
        if let Some(cell) = gateway {
            let help = "give the interface an address6, or take the gateway away";
            values.fault(cell.spot, format!("gateway6 {} has no address6", cell.text), help);
        }
        return None;
    };
    let (address, prefix) = values.take(cell, parse_v6)?;
    let v6 = V6 { address, prefix, gateway: parsed };
    report(values, cell.spot, check_v6(&v6));
    if let (Some(cell), Some(gateway)) = (gateway, parsed) {
        report(values, cell.spot, check_gateway_v6(&v6, gateway));
    }
    Some(v6)
}

fn report(values: &mut Values<'_>, spot: Spot, checked: Result<(), Problem>) {
    if let Err((message, help)) = checked {
        values.fault(spot, message, help);
    }
}

/// Checks that every interface can be found: by its own MAC address or PCI location where there
/// are several, no two in the same way with the same VLAN, and no card in two places.
pub(super) fn distinct(values: &mut Values<'_>, nics: &[(Spot, Nic)]) {
    for (index, (spot, nic)) in nics.iter().enumerate() {
        if nics.len() > 1 && nic.mac.is_none() && nic.bus.is_none() {
            let message = "the interface has neither mac nor bus, and the host has several";
            values.fault(*spot, message, "say by mac or bus which one is meant");
        }
        let same = |other: &Nic| {
            other.vlan == nic.vlan
                && (nic.mac.is_some() && other.mac == nic.mac
                    || nic.bus.is_some() && other.bus == nic.bus)
        };
        let before = || nics.iter().take(index).map(|(_, other)| other);
        let elsewhere = before().find_map(|other| {
            let bus = other.bus.filter(|_| nic.mac.is_some() && other.mac == nic.mac)?;
            nic.bus.filter(|own| *own != bus).map(|own| (bus, own))
        });
        if let (Some((bus, own)), Some(mac)) = (elsewhere, nic.mac) {
            let message = format!("the card {mac} stands at the bus {bus} and at {own}");
            values.fault(*spot, message, "a card has one place: correct the bus or the mac");
        } else if before().any(same) {
            let message = "the same interface stands twice in the host";
            values.fault(*spot, message, "give each its own mac or bus, or another vlan");
        }
    }
}

/// Where the values stand that [`reach`] judges.
pub(super) struct Places {
    /// The server's address.
    pub(super) server: Spot,
    /// The first DNS server.
    pub(super) dns: Spot,
}

/// Checks that a host with only static addresses can reach its DNS servers and its server.
pub(super) fn reach(
    values: &mut Values<'_>,
    nics: &[(Spot, Nic)],
    dns: &[IpAddr],
    server: &ServerUrl,
    places: &Places,
) {
    let statics = || {
        nics.iter().filter_map(|(_, nic)| match nic.addressing {
            Addressing::Dhcp => None,
            Addressing::Static { v4, v6 } => Some((v4, v6)),
        })
    };
    if statics().count() != nics.len() {
        return; // DHCP may bring whatever is missing
    }
    let v4: Vec<V4> = statics().filter_map(|(v4, _)| v4).collect();
    let family = |address: &IpAddr| {
        if address.is_ipv4() { !v4.is_empty() } else { statics().any(|(_, v6)| v6.is_some()) }
    };
    let only = if v4.is_empty() { "IPv6" } else { "IPv4" };
    if !dns.is_empty() && !dns.iter().any(family) {
        let message = format!("no DNS server is in reach: the host has {only} addresses only");
        values.fault(places.dns, message, format!("add an {only} DNS server"));
    }
    let host = server.host();
    match server.ip() {
        None if dns.is_empty() => {
            let message = format!("server {host} is a name and the host has no DNS server");
            values.fault(places.server, message, "add dns, or write the server's address");
        }
        Some(ip) if !family(&ip) => {
            let message =
                format!("server {host} is not in reach: the host has {only} addresses only");
            values.fault(places.server, message, format!("add an {only} server, or a name"));
        }
        Some(IpAddr::V4(ip)) if !v4.iter().any(|v4| v4.gateway.is_some() || v4.contains(ip)) => {
            let message = format!("server {host} is outside the host's subnets, without a gateway");
            values.fault(places.server, message, "give the host a gateway");
        }
        _ => {}
    }
}
