//! Hosts: one machine each, with the identity that its ticket will carry.
//!
//! Every value is a checked type with a closed character set, so that a renderer can write it into
//! an iPXE script as it stands. `docs/feeds.md` tells the same to those who write feeds.

mod invalid;
mod machine;
mod name;
mod net;
mod server_url;
mod text;

pub(crate) use invalid::quoted;
pub use {
    invalid::Invalid,
    machine::{SerialConsole, Uuid},
    name::{DomainName, HostName, Name, VarName},
    net::{BusId, Mac, V4, V6, VlanId},
    server_url::ServerUrl,
    text::{Text, Token},
};

use crate::{fault::Location, format::Format};
use std::{collections::BTreeMap, net::IpAddr};

/// The most network interfaces that a host may have.
pub const MAX_NICS: usize = 16;
/// The most DNS servers that a host may have.
pub const MAX_DNS: usize = 3;
/// The most variables that a host may have.
pub const MAX_VARS: usize = 64;

/// One machine.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, unique in its feed.
    pub name: HostName,
    /// Its network interfaces in the feed's order, 1 to [`MAX_NICS`].
    pub nics: Vec<Nic>,
    /// Its DNS servers in order of preference, at most [`MAX_DNS`].
    pub dns: Vec<IpAddr>,
    /// The domain that completes short names.
    pub domain: Option<DomainName>,
    /// The server that it asks what to do.
    pub server: ServerUrl,
    /// The secret by which the server knows it, where the feed brings one.
    pub token: Option<Token>,
    /// The firmware profile it wants, where not the build's default.
    pub profile: Option<Name>,
    /// The image formats it wants, without repetition; none means the build's default.
    pub formats: Vec<Format>,
    /// The site it stands at: a folder of the output, and what site images gather.
    pub site: Option<Name>,
    /// Its SMBIOS asset tag.
    pub asset: Option<Text>,
    /// Its SMBIOS serial number.
    pub serial: Option<Text>,
    /// Its SMBIOS UUID.
    pub uuid: Option<Uuid>,
    /// Its serial console.
    pub console: Option<SerialConsole>,
    /// Free variables for scripts and answer files, at most [`MAX_VARS`].
    pub vars: BTreeMap<VarName, Text>,
    /// Where in the feed it begins.
    pub at: Location,
}

/// One network interface of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// The address it is found by.
    pub mac: Option<Mac>,
    /// The PCI location it is found by; with neither, the host has this one interface only and
    /// it is the first that has a link.
    pub bus: Option<BusId>,
    /// The VLAN whose frames it tags.
    pub vlan: Option<VlanId>,
    /// How it gets its addresses.
    pub addressing: Addressing,
}

/// How an interface gets its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// From the network.
    Dhcp,
    /// From the feed; at least one of the two.
    Static {
        /// The IPv4 address.
        v4: Option<V4>,
        /// The IPv6 address.
        v6: Option<V6>,
    },
}
