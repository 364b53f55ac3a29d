//! NetBox as a feed: its devices and virtual machines with their interfaces and addresses, read by
//! its REST interface. What NetBox has no field for stands in the config context, below `bootmint`.

use super::{Doing, FetchError, TOKEN_VARIABLE, demand};
use reqwest::{Url, blocking::Client, header::AUTHORIZATION};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How many rows are asked for at a time; NetBox may give fewer.
const PAGE: usize = 500;
/// How many machines' interfaces are asked for at a time: their ids stand in the address.
const TOGETHER: usize = 100;

/// A kind of machine.
struct Kind {
    machines: &'static str,
    interfaces: &'static str,
    /// By what interfaces and addresses of a machine are found, and what interfaces call it.
    by: &'static str,
    machine: &'static str,
    /// What addresses call an interface.
    interface: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        machines: "dcim/devices",
        interfaces: "dcim/interfaces",
        by: "device_id",
        machine: "device",
        interface: "dcim.interface",
    },
    Kind {
        machines: "virtualization/virtual-machines",
        interfaces: "virtualization/interfaces",
        by: "virtual_machine_id",
        machine: "virtual_machine",
        interface: "virtualization.vminterface",
    },
];

/// A part of a list.
#[derive(Deserialize)]
struct Page {
    next: Option<String>,
    results: Vec<Value>,
}

/// NetBox's interface.
struct Api<'a> {
    client: &'a Client,
    base: Url,
    token: Option<&'a str>,
}

/// The NDJSON feed of the machines in the NetBox at `url`; its query filters them.
pub(super) fn feed(client: &Client, url: &Url, token: Option<&str>) -> Result<String, FetchError> {
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let api = Api { client, base: base.join("api/").doing(reading)?, token };
    let filter: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut feed = String::new();
    for kind in &KINDS {
        let machines = api.list(kind.machines, &filter)?;
        for machines in machines.chunks(TOGETHER) {
            let ids: Vec<_> = machines
                .iter()
                .filter_map(|machine| {
                    Some((kind.by.to_owned(), machine["id"].as_u64()?.to_string()))
                })
                .collect();
            let interfaces = api.list(kind.interfaces, &ids)?;
            let addresses = api.list("ipam/ip-addresses", &ids)?;
            for machine in machines {
                feed.push_str(&host(kind, machine, &interfaces, &addresses)?.to_string());
                feed.push('\n');
            }
        }
    }
    Ok(feed)
}

fn reading() -> String {
    "reading NetBox's address".to_owned()
}

impl Api<'_> {
    /// All rows of a list.
    fn list(&self, path: &str, query: &[(String, String)]) -> Result<Vec<Value>, FetchError> {
        let mut rows = Vec::new();
        loop {
            let mut url = self.base.join(&format!("{path}/")).doing(reading)?;
            url.query_pairs_mut()
                .extend_pairs(query)
                .append_pair("limit", &PAGE.to_string())
                .append_pair("offset", &rows.len().to_string());
            let asking = || format!("asking NetBox for {}{path}/", self.base);
            let mut request = self.client.get(url);
            if let Some(token) = self.token {
                // Tokens of version 2 say so themselves.
                let scheme = if token.starts_with("nbt_") { "Bearer" } else { "Token" };
                request = request.header(AUTHORIZATION, format!("{scheme} {token}"));
            }
            let answer = request.send().map_err(reqwest::Error::without_url).doing(asking)?;
            let status = answer.status();
            demand!(
                status.is_success(),
                "NetBox answered {status} to {}{path}/; does the token in {} allow it?",
                self.base,
                TOKEN_VARIABLE
            );
            let bytes = answer.bytes().map_err(reqwest::Error::without_url).doing(asking)?;
            let page: Page =
                serde_json::from_slice(&bytes).doing(|| format!("reading NetBox's list {path}"))?;
            let more = page.next.is_some() && !page.results.is_empty();
            rows.extend(page.results);
            if !more {
                return Ok(rows);
            }
        }
    }
}

/// A machine in the words of feeds.
fn host(
    kind: &Kind,
    machine: &Value,
    interfaces: &[Value],
    addresses: &[Value],
) -> Result<Value, FetchError> {
    let id = &machine["id"];
    let Some(name) = machine["name"].as_str() else {
        return Err(FetchError::new(format!(
            "NetBox's {} {id} has no name: add name__empty=false to the address",
            kind.machine
        )));
    };
    let mut host = match &machine["config_context"]["bootmint"] {
        Value::Null => Map::new(),
        Value::Object(own) => own.clone(),
        _ => {
            return Err(FetchError::new(format!(
                "{name}: \"bootmint\" in NetBox's config context is no object"
            )));
        }
    };
    let gateways = [host.remove("gateway"), host.remove("gateway6")];
    let mut set = |field: &str, value: &Value| {
        if value.as_str().is_some_and(|text| !text.is_empty()) {
            host.insert(field.to_owned(), value.clone());
        }
    };
    set("name", &machine["name"]);
    set("asset", &machine["asset_tag"]);
    set("serial", &machine["serial"]);
    set("site", &machine["site"]["slug"]);
    let own: Vec<_> =
        interfaces.iter().filter(|interface| interface[kind.machine]["id"] == *id).collect();
    let by_id: HashMap<_, _> = own.iter().filter_map(|i| Some((i["id"].as_u64()?, *i))).collect();
    let nics: Vec<Value> = own
        .iter()
        .filter(|interface| interface["enabled"] != false && interface["mgmt_only"] != true)
        .filter_map(|interface| nic(kind, machine, interface, &by_id, addresses, &gateways))
        .collect();
    host.insert("nics".to_owned(), nics.into());
    Ok(host.into())
}

/// An interface that has addresses or gets them by DHCP.
fn nic(
    kind: &Kind,
    machine: &Value,
    interface: &Value,
    by_id: &HashMap<u64, &Value>,
    addresses: &[Value],
    gateways: &[Option<Value>; 2],
) -> Option<Value> {
    let mut nic = Map::new();
    // The interface of a VLAN is that of its port, whose card it uses.
    let port = interface["parent"]["id"].as_u64().and_then(|id| by_id.get(&id));
    if port.is_some() {
        nic.insert("vlan".to_owned(), interface["untagged_vlan"]["vid"].clone());
    }
    let card = port.copied().unwrap_or(interface);
    let macs = [&card["primary_mac_address"]["mac_address"], &card["mac_address"]];
    if let Some(mac) = macs.into_iter().find(|mac| mac.is_string()) {
        nic.insert("mac".to_owned(), mac.clone());
    }
    let mut given = addresses
        .iter()
        .filter(|address| {
            address["assigned_object_type"] == kind.interface
                && address["assigned_object_id"] == interface["id"]
        })
        .peekable();
    given.peek()?;
    let given: Vec<_> = given.collect();
    if given.iter().any(|address| address["status"]["value"] == "dhcp") {
        nic.insert("dhcp".to_owned(), json!(true));
        return Some(nic.into());
    }
    for (family, primary, address_field, gateway_field, gateway) in [
        (4, "primary_ip4", "address", "gateway", &gateways[0]),
        (6, "primary_ip6", "address6", "gateway6", &gateways[1]),
    ] {
        let primary = &machine[primary]["id"];
        let of_family = || given.iter().filter(|address| address["family"]["value"] == family);
        let found = of_family().find(|address| address["id"] == *primary);
        if let Some(address) = found.or_else(|| of_family().next()) {
            nic.insert(address_field.to_owned(), address["address"].clone());
        }
        // The gateway is that of the machine's own address.
        if let (Some(gateway), Some(_)) = (gateway, found) {
            nic.insert(gateway_field.to_owned(), gateway.clone());
        }
    }
    Some(nic.into())
}

#[cfg(test)]
mod tests {
    use crate::fetch::{FetchError, Request};
    use crate::{
        feed::{Defaults, FeedFormat},
        host::Host,
    };
    use serde_json::{Value, json};
    use std::{
        io::{BufRead, BufReader, Write},
        net::{TcpListener, TcpStream},
        thread,
    };

    /// A list as NetBox 4 gives it.
    fn list(path: &str) -> Vec<Value> {
        match path {
            "/nb/api/dcim/devices/" => vec![
                json!({"id": 7, "name": "web-01", "serial": "SN1", "asset_tag": "A-1",
                    "site": {"id": 1, "name": "Berlin", "slug": "berlin"},
                    "primary_ip4": {"id": 70, "address": "192.0.2.10/24"}, "primary_ip6": null,
                    "config_context": {"ntp": ["192.0.2.1"], "bootmint": {"gateway": "192.0.2.1",
                        "server": "http://192.0.2.2", "dns": ["192.0.2.3"], "vars": {"os": "kali"}}}}),
                json!({"id": 8, "name": "web-02", "serial": "", "asset_tag": null,
                    "site": {"id": 1, "slug": "berlin"}, "primary_ip4": null, "primary_ip6": null,
                    "config_context": {"bootmint": {"server": "http://192.0.2.2"}}}),
            ],
            "/nb/api/dcim/interfaces/" => vec![
                json!({"id": 71, "device": {"id": 7}, "name": "eno1", "enabled": true, "mgmt_only": false,
                    "parent": null, "mac_address": "52:54:00:00:00:01", "untagged_vlan": {"vid": 9}}),
                json!({"id": 72, "device": {"id": 7}, "name": "eno1.30", "enabled": true, "mgmt_only": false,
                    "parent": {"id": 71}, "mac_address": null, "untagged_vlan": {"vid": 30}}),
                json!({"id": 73, "device": {"id": 7}, "name": "ipmi", "enabled": true, "mgmt_only": true,
                    "parent": null, "mac_address": "52:54:00:00:00:03"}),
                json!({"id": 74, "device": {"id": 7}, "name": "eno2", "enabled": true, "mgmt_only": false,
                    "parent": null, "mac_address": "52:54:00:00:00:04"}),
                json!({"id": 81, "device": {"id": 8}, "name": "eno1", "enabled": true, "mgmt_only": false,
                    "parent": null, "mac_address": "old", "primary_mac_address":
                    {"id": 1, "mac_address": "52:54:00:00:00:02"}}),
            ],
            "/nb/api/virtualization/virtual-machines/" => vec![json!({"id": 7, "name": "vm-01",
                "site": null, "primary_ip4": null, "primary_ip6": {"id": 91},
                "config_context": {"bootmint": {"server": "http://[2001:db8::1]", "gateway6": "fe80::1"}}})],
            "/nb/api/virtualization/interfaces/" => {
                vec![json!({"id": 71, "virtual_machine": {"id": 7},
                "name": "eth0", "enabled": true, "parent": null, "mac_address": "52:54:00:00:00:05"})]
            }
            "/nb/api/ipam/ip-addresses/" => {
                let address = |id: u64, family: u64, text: &str, status: &str, to: (&str, u64)| {
                    json!({"id": id, "family": {"value": family}, "address": text,
                        "status": {"value": status}, "assigned_object_type": to.0,
                        "assigned_object_id": to.1})
                };
                vec![
                    address(69, 4, "192.0.2.99/24", "active", ("dcim.interface", 71)),
                    address(70, 4, "192.0.2.10/24", "active", ("dcim.interface", 71)),
                    address(75, 4, "198.51.100.10/24", "active", ("dcim.interface", 72)),
                    address(76, 4, "203.0.113.10/24", "active", ("dcim.interface", 73)),
                    address(82, 4, "192.0.2.77/24", "dhcp", ("dcim.interface", 81)),
                    address(91, 6, "2001:db8::5/64", "active", ("virtualization.vminterface", 71)),
                ]
            }
            _ => vec![],
        }
    }

    /// Answers one request as NetBox does: a row at a time, and only to its token.
    fn answer(mut stream: TcpStream) -> String {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let target = head[0].split(' ').nth(1).unwrap().to_owned();
        let allowed =
            head.iter().any(|line| line.eq_ignore_ascii_case("authorization: token secret"));
        let (path, query) = target.split_once('?').unwrap();
        let number =
            |key: &str| query.split('&').find_map(|part| part.strip_prefix(key)?.parse().ok());
        let (rows, at): (_, usize) = (list(path), number("offset=").unwrap());
        let page: Vec<_> = rows.iter().skip(at).take(1).collect();
        let next = (at + 1 < rows.len()).then_some("http://elsewhere.example/");
        let body = json!({"count": rows.len(), "next": next, "previous": null, "results": page});
        let (status, body) = match allowed {
            true => ("200 OK", body.to_string()),
            false => ("403 Forbidden", "{}".to_owned()),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
        .unwrap();
        target
    }

    fn load(token: &str) -> (Result<Vec<Host>, FetchError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut seen = Vec::new();
            for stream in listener.incoming() {
                let target = answer(stream.unwrap());
                if target.starts_with("/end") {
                    return seen;
                }
                seen.push(target);
            }
            seen
        });
        let feed = format!("netbox:http://{address}/nb?tag=bootmint");
        let request = Request { feed, format: None, ca: None, token: Some(token.to_owned()) };
        let hosts = request.load().map(|input| {
            assert_eq!(input.format, FeedFormat::Ndjson);
            let mut hosts = Vec::new();
            input.check(&Defaults::default(), &mut |host| hosts.push(host.clone())).unwrap();
            hosts
        });
        let mut end = TcpStream::connect(address).unwrap();
        end.write_all(b"GET /end?offset=0 HTTP/1.1\r\n\r\n").unwrap();
        (hosts, server.join().unwrap())
    }

    #[test]
    fn machines_come_with_their_interfaces_page_by_page() {
        let (hosts, seen) = load("secret");
        let hosts = hosts.unwrap();
        assert!(seen[0].starts_with("/nb/api/dcim/devices/?tag=bootmint&limit="), "{}", seen[0]);
        assert!(seen.iter().any(|target| target.contains("interfaces/?device_id=7&device_id=8&")));
        let names: Vec<_> = hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["web-01", "web-02", "vm-01"]);
        let text = format!("{:?}", hosts[0]);
        for part in ["192.0.2.10", "192.0.2.1", "berlin", "SN1", "A-1", "kali", "192.0.2.3"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        for part in ["192.0.2.99", "203.0.113.10"] {
            assert!(!text.contains(part), "{part} is in {text}");
        }
        let nics = &hosts[0].nics;
        assert_eq!(
            nics.iter().map(|nic| nic.vlan.map(|v| v.get())).collect::<Vec<_>>(),
            [None, Some(30)]
        );
        assert!(nics.iter().all(|nic| nic.mac == nics[0].mac && nic.mac.is_some()));
        assert_eq!(hosts[1].nics[0].addressing, crate::host::Addressing::Dhcp);
        assert_eq!(hosts[1].nics[0].mac.unwrap().to_string(), "52:54:00:00:00:02");
        assert!(format!("{:?}", hosts[2]).contains("fe80::1"));
    }

    #[test]
    fn a_refusal_names_the_list_and_the_tokens_variable() {
        let (hosts, _) = load("wrong");
        let error = format!("{:#}", hosts.unwrap_err());
        assert!(error.contains("403") && error.contains("dcim/devices"), "{error}");
        assert!(error.contains("BOOTMINT_FEED_TOKEN") && !error.contains("wrong"), "{error}");
    }
}
