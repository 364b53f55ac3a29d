//! What templates see of a host.

use crate::{config::Secrets, machine::AttemptId, network, secret::Secret};
use bootmint_image_factory::host::{Addressing, Host, Nic};
use minijinja::{Value, context, value::Serde};
use std::collections::BTreeMap;

/// An attempt, and what its installer may be given.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its secret.
    pub secret: &'a Secret,
    /// What answer files may hold.
    pub secrets: &'a Secrets,
}

/// Without secrets, for scripts: those are seen on consoles.
pub(super) fn open(host: &Host, release: &Release<'_>) -> Value {
    let server = host.server.as_str();
    context! {
        host => of_host(host),
        network => of_network(host),
        server => server,
        files => format!("{server}/files"),
        answers => answers(host, release),
    }
}

/// Where an attempt's answer files are.
pub(super) fn answers(host: &Host, release: &Release<'_>) -> String {
    format!("{}/answer/{}", host.server, release.secret.reveal())
}

/// With secrets, for answer files.
pub(super) fn with_secrets(host: &Host, release: &Release<'_>) -> Value {
    context! {
        report => format!("{}/attempt/{}", host.server, release.attempt),
        secret => release.secret.reveal(),
        secrets => release.secrets.reveal(),
        ..open(host, release)
    }
}

fn of_host(host: &Host) -> Value {
    let name = host.name.as_str();
    let fqdn = match &host.domain {
        Some(domain) if !name.contains('.') => format!("{name}.{domain}"),
        _ => name.to_owned(),
    };
    let vars: BTreeMap<String, String> =
        host.vars.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let nics: Vec<Value> = host.nics.iter().map(of_nic).collect();
    let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
    context! {
        name,
        short => name.split('.').next(),
        fqdn,
        domain => host.domain.as_ref().map(|v| v.as_str()),
        dns => host.dns.iter().map(ToString::to_string).collect::<Vec<_>>(),
        nic => main_nic(host).map(of_nic),
        nics,
        site => host.site.as_ref().map(|v| v.as_str()),
        asset => host.asset.as_ref().map(|v| v.as_str()),
        serial => host.serial.as_ref().map(|v| v.as_str()),
        uuid => text(host.uuid.as_ref().map(|v| v as _)),
        console => host.console.map(|console| context! {
            port => console.port(),
            baud => console.baud(),
        }),
        vars,
    }
}

/// The network of an installed system, in formats that are more than one template should have to
/// write. What cannot be written for the host is none.
fn of_network(host: &Host) -> Value {
    let links = network::links(host);
    context! {
        netplan => network::netplan(host).map(|network| Value::from(Serde(network))),
        interfaces => links.is_some().then(|| network::interfaces(host)),
        links => links.map(|links| links.into_iter().map(of_link).collect::<Vec<_>>()),
    }
}

fn of_link(link: network::Link) -> Value {
    context! { file => link.file, lines => link.lines }
}

/// The interface that an installer uses: the first that has a gateway, else the first.
fn main_nic(host: &Host) -> Option<&Nic> {
    let has_gateway = |nic: &&Nic| match &nic.addressing {
        Addressing::Dhcp => true,
        Addressing::Static { v4, v6 } => {
            v4.is_some_and(|v| v.gateway.is_some()) || v6.is_some_and(|v| v.gateway.is_some())
        }
    };
    host.nics.iter().find(has_gateway).or(host.nics.first())
}

fn of_nic(nic: &Nic) -> Value {
    let (v4, v6) = match nic.addressing {
        Addressing::Dhcp => (None, None),
        Addressing::Static { v4, v6 } => (v4, v6),
    };
    context! {
        mac => nic.mac.map(|v| v.to_string()),
        bus => nic.bus.as_ref().map(|v| v.to_string()),
        vlan => nic.vlan.map(|v| v.get()),
        dhcp => matches!(nic.addressing, Addressing::Dhcp),
        v4 => v4.map(|v| context! {
            address => v.address.to_string(),
            prefix => v.prefix,
            netmask => v.netmask().to_string(),
            network => v.network().to_string(),
            broadcast => v.broadcast().to_string(),
            gateway => v.gateway.map(|g| g.to_string()),
        }),
        v6 => v6.map(|v| context! {
            address => v.address.to_string(),
            prefix => v.prefix,
            network => v.network().to_string(),
            gateway => v.gateway.map(|g| g.to_string()),
        }),
    }
}
