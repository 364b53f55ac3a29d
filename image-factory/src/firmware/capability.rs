//! What a firmware can do, by the names that profiles and manifests use.

use crate::format::named;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Something that a firmware can do, and that a script may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Runs the medium's ticket: `autoexec.ipxe` on UEFI, the initial ramdisk on BIOS.
    Ticket,
    /// Downloads by HTTP.
    Http,
    /// Downloads by HTTPS.
    Https,
    /// Speaks IPv6.
    Ipv6,
    /// Makes VLAN interfaces (`vcreate`).
    Vlan,
    /// Sends form parameters by POST (`params`, `param`).
    Params,
    /// Sets the clock from the network (`ntp`).
    Ntp,
    /// Sends ICMP echo (`ping`).
    Ping,
    /// Looks names up (`nslookup`).
    Nslookup,
    /// Switches the machine off (`poweroff`).
    Poweroff,
    /// Restarts the machine (`reboot`).
    Reboot,
    /// Talks on a serial line of its own.
    SerialConsole,
    /// Manages certificates (`certstat`).
    Certs,
    /// Checks signatures of images (`imgtrust`, `imgverify`).
    ImageTrust,
    /// Shows menus (`menu`, `item`, `choose`).
    Menu,
    /// Boots from a SAN or a local drive (`sanboot`).
    Sanboot,
    /// Attaches iSCSI targets.
    Iscsi,
    /// Reads settings from QEMU's firmware configuration device (`${fw_cfg/...}`).
    FwCfg,
    /// Reads settings from SMBIOS (`${smbios/...}`).
    Smbios,
    /// Reads settings from VMware's GuestInfo (`${vmware/...}`).
    Guestinfo,
    /// Is built to be signed for Secure Boot.
    SecureBoot,
}

impl Capability {
    /// All capabilities, in the order in which they are listed.
    pub const ALL: [Self; 21] = [
        Self::Ticket,
        Self::Http,
        Self::Https,
        Self::Ipv6,
        Self::Vlan,
        Self::Params,
        Self::Ntp,
        Self::Ping,
        Self::Nslookup,
        Self::Poweroff,
        Self::Reboot,
        Self::SerialConsole,
        Self::Certs,
        Self::ImageTrust,
        Self::Menu,
        Self::Sanboot,
        Self::Iscsi,
        Self::FwCfg,
        Self::Smbios,
        Self::Guestinfo,
        Self::SecureBoot,
    ];

    /// The name used in profiles and manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ipv6 => "ipv6",
            Self::Vlan => "vlan",
            Self::Params => "params",
            Self::Ntp => "ntp",
            Self::Ping => "ping",
            Self::Nslookup => "nslookup",
            Self::Poweroff => "poweroff",
            Self::Reboot => "reboot",
            Self::SerialConsole => "serial-console",
            Self::Certs => "certs",
            Self::ImageTrust => "image-trust",
            Self::Menu => "menu",
            Self::Sanboot => "sanboot",
            Self::Iscsi => "iscsi",
            Self::FwCfg => "fw-cfg",
            Self::Smbios => "smbios",
            Self::Guestinfo => "guestinfo",
            Self::SecureBoot => "secure-boot",
        }
    }
}

named!(Capability, "capability");

/// A set of capabilities.
pub type Capabilities = BTreeSet<Capability>;
