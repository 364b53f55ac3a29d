//! What installed systems are told of a host's network: all its interfaces, in the format of the
//! system. Pure functions of the host.
//!
//! Cards are called `nic0`, `nic1`, ... on all of them, whatever the kernel would call them, and a
//! VLAN on one `nic0.100`. An installer may see other names than the system that it leaves behind,
//! so none of these formats relies on the kernel's.

mod ifupdown;
mod netplan;

pub use ifupdown::{Link, interfaces, links};
pub use netplan::netplan;

use bootmint_image_factory::host::{Addressing, BusId, Host, Mac, Nic};
use std::net::IpAddr;

/// What a further default route costs: more than the first one does on any system.
const FURTHER: u16 = 2001;

/// A card, with what it carries.
struct Port<'h> {
    name: String,
    mac: Option<Mac>,
    bus: Option<BusId>,
    /// The card itself first, if it has addresses, then its VLANs: of a VLAN that comes up first,
    /// the card is up before anybody has said how.
    nics: Vec<Tagged<'h>>,
}

impl Port<'_> {
    /// Whether `nic` is on this card: of the same MAC address or, where one of them has none, at
    /// the same place. Cards with several sockets may share a place.
    fn has(&self, nic: &Nic) -> bool {
        match (self.mac, nic.mac) {
            (Some(own), Some(other)) => own == other,
            _ => nic.bus.is_some() && self.bus == nic.bus,
        }
    }
}

/// An interface of a card: the card itself, or a VLAN on it.
struct Tagged<'h> {
    name: String,
    nic: &'h Nic,
    routes: Vec<Route>,
}

/// A default route.
#[derive(Clone, Copy)]
struct Route {
    via: IpAddr,
    /// None for the first one of its family.
    metric: Option<u16>,
    /// Whether the router is outside of the interface's subnets.
    on_link: bool,
}

/// The cards of `host`, in the order of its record.
fn ports(host: &Host) -> Vec<Port<'_>> {
    let mut ports: Vec<Port<'_>> = Vec::new();
    let (mut further4, mut further6) = (0_u16, 0_u16);
    for nic in &host.nics {
        let at = ports.iter().position(|port| port.has(nic)).unwrap_or(ports.len());
        if at == ports.len() {
            let name = format!("nic{at}");
            ports.push(Port { name, mac: nic.mac, bus: nic.bus, nics: Vec::new() });
        }
        let Some(port) = ports.get_mut(at) else { continue };
        port.mac = port.mac.or(nic.mac);
        port.bus = port.bus.or(nic.bus);
        let name = match nic.vlan {
            None => port.name.clone(),
            Some(vlan) => format!("{}.{}", port.name, vlan.get()),
        };
        let routes = routes(nic, &mut further4, &mut further6);
        port.nics.push(Tagged { name, nic, routes });
    }
    for port in &mut ports {
        port.nics.sort_by_key(|tagged| tagged.nic.vlan.is_some());
    }
    ports
}

fn routes(nic: &Nic, further4: &mut u16, further6: &mut u16) -> Vec<Route> {
    let Addressing::Static { v4, v6 } = nic.addressing else { return Vec::new() };
    let counted = |before: &mut u16, via: IpAddr, on_link| {
        let metric = (*before > 0).then(|| FURTHER.saturating_add(*before));
        *before = before.saturating_add(1);
        Route { via, metric, on_link }
    };
    let v4 = v4.and_then(|v| v.gateway.map(|via| (via, !v.contains(via))));
    let v6 = v6.and_then(|v| v.gateway.map(|via| (via, !v.contains(via))));
    let v4 = v4.map(|(via, on_link)| counted(further4, via.into(), on_link));
    let v6 = v6.map(|(via, on_link)| counted(further6, via.into(), on_link));
    v4.into_iter().chain(v6).collect()
}

#[cfg(test)]
pub(crate) mod tests;
