//! Netplan's format, version 2, which cloud-init and Ubuntu's installer read.

use super::{Port, Route, Tagged, ports};
use bootmint_image_factory::host::{Addressing, Host};
use serde_json::{Map, Value, json};

/// All interfaces of `host`; none if a card has no MAC address, since that is the only thing about
/// a card which it can be found by in this format and which the record may hold.
pub fn netplan(host: &Host) -> Option<Value> {
    let (mut ethernets, mut vlans) = (Map::new(), Map::new());
    for Port { name: port, mac, nics, .. } in ports(host) {
        let mac = mac?.to_string();
        let mut card = Map::new();
        // A VLAN has the MAC address of its card: with a name of its own, the card is found once.
        card.insert("match".to_owned(), json!({ "macaddress": mac }));
        card.insert("set-name".to_owned(), port.clone().into());
        card.insert("dhcp4".to_owned(), false.into());
        for tagged in nics {
            let addresses = addresses(host, &tagged);
            let Some(vlan) = tagged.nic.vlan else {
                card.extend(addresses);
                continue;
            };
            let mut own = Map::new();
            own.insert("id".to_owned(), vlan.get().into());
            own.insert("link".to_owned(), port.clone().into());
            own.extend(addresses);
            vlans.insert(tagged.name, own.into());
        }
        ethernets.insert(port, card.into());
    }
    let mut network = json!({ "version": 2, "ethernets": ethernets });
    if !vlans.is_empty() {
        network["vlans"] = vlans.into();
    }
    Some(network)
}

fn addresses(host: &Host, tagged: &Tagged<'_>) -> Map<String, Value> {
    let Addressing::Static { v4, v6 } = tagged.nic.addressing else {
        return Map::from_iter([("dhcp4".to_owned(), true.into())]);
    };
    let v4 = v4.map(|v| format!("{}/{}", v.address, v.prefix));
    let v6 = v6.map(|v| format!("{}/{}", v.address, v.prefix));
    let own: Vec<_> = v4.into_iter().chain(v6).collect();
    let mut map =
        Map::from_iter([("dhcp4".to_owned(), false.into()), ("addresses".to_owned(), json!(own))]);
    if !tagged.routes.is_empty() {
        map.insert("routes".to_owned(), tagged.routes.iter().map(route).collect());
    }
    if !host.dns.is_empty() {
        let search: Vec<_> = host.domain.iter().map(|domain| domain.as_str()).collect();
        map.insert("nameservers".to_owned(), json!({ "addresses": host.dns, "search": search }));
    }
    map
}

fn route(route: &Route) -> Value {
    // Older readers know no other word for "default".
    let to = if route.via.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    let mut text = json!({ "to": to, "via": route.via });
    if let Some(metric) = route.metric {
        text["metric"] = metric.into();
    }
    if route.on_link {
        text["on-link"] = true.into();
    }
    text
}
