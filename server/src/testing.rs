//! Hosts for tests.

use bootmint_image_factory::{
    fault::Location,
    host::{Addressing, Host, Nic, V4, V6},
};
use std::collections::BTreeMap;

/// A host with a token and one static address; `number` tells it from others.
pub(crate) fn host(name: &str, number: u8) -> Host {
    Host {
        name: name.parse().unwrap(),
        nics: vec![Nic {
            mac: Some(format!("52:54:00:00:00:{number:02x}").parse().unwrap()),
            bus: None,
            vlan: None,
            addressing: Addressing::Static {
                v4: Some(V4 {
                    address: [192, 0, 2, number].into(),
                    prefix: 24,
                    gateway: Some([192, 0, 2, 1].into()),
                }),
                v6: None,
            },
        }],
        dns: vec!["192.0.2.53".parse().unwrap()],
        domain: Some("example.net".parse().unwrap()),
        server: "http://192.0.2.2:8080".parse().unwrap(),
        token: Some(format!("token-of-{name}-0123456789").parse().unwrap()),
        profile: None,
        formats: vec![],
        site: None,
        asset: None,
        serial: None,
        uuid: None,
        console: None,
        vars: BTreeMap::new(),
        at: Location { file: "hosts.csv".into(), line: 2, column: 1 },
    }
}

/// A host with a value in every field.
pub(crate) fn full_host() -> Host {
    let mut host = host("web-01", 10);
    host.nics[0].vlan = Some("100".parse().unwrap());
    host.nics.push(Nic {
        mac: None,
        bus: Some("00:03.0".parse().unwrap()),
        vlan: None,
        addressing: Addressing::Static {
            v4: None,
            v6: Some(V6 {
                address: "2001:db8::10".parse().unwrap(),
                prefix: 64,
                gateway: Some("2001:db8::1".parse().unwrap()),
            }),
        },
    });
    host.nics.push(Nic {
        mac: Some("52:54:00:00:00:99".parse().unwrap()),
        bus: None,
        vlan: None,
        addressing: Addressing::Dhcp,
    });
    host.profile = Some("default".parse().unwrap());
    host.formats = vec![bootmint_image_factory::format::Format::Iso];
    host.site = Some("berlin".parse().unwrap());
    host.asset = Some("A-17".parse().unwrap());
    host.serial = Some("SN 4711".parse().unwrap());
    host.uuid = Some("4c4c4544-0050-3510-8043-b4c04f4d3132".parse().unwrap());
    host.console = Some("ttyS0,115200".parse().unwrap());
    host.vars.insert("role".parse().unwrap(), "web front".parse().unwrap());
    host
}
