//! Images that are nobody's: a machine reads its identity from its own definition.

use crate::{firmware::Capability, format::named, host::ServerUrl};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where a machine finds its own identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// QEMU's firmware configuration device: `-fw_cfg name=opt/org.bootmint/KEY,string=VALUE`.
    FwCfg,
    /// SMBIOS OEM strings: `-smbios type=11,value=org.bootmint.KEY,value=VALUE`.
    Smbios,
    /// VMware's GuestInfo: `guestinfo.ipxe.bootmint.KEY = "VALUE"`.
    Guestinfo,
}

impl Source {
    /// All sources, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::FwCfg, Self::Smbios, Self::Guestinfo];

    /// The name used in manifests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FwCfg => "fw-cfg",
            Self::Smbios => "smbios",
            Self::Guestinfo => "guestinfo",
        }
    }

    /// What a firmware needs to read it.
    pub const fn capability(self) -> Capability {
        match self {
            Self::FwCfg => Capability::FwCfg,
            Self::Smbios => Capability::Smbios,
            Self::Guestinfo => Capability::Guestinfo,
        }
    }
}

named!(Source, "identity source");

/// What is the same for all machines that an image without hosts is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Where each machine finds who it is.
    pub source: Source,
    /// The server of machines whose definition names none.
    pub server: Option<ServerUrl>,
}

/// The comment by which a ticket that reads its identity is known.
pub(super) const MARK: &str = "# identity: ";

/// Where the machine that runs `script` finds its identity, where the script does not say itself.
pub fn own_source(script: &str) -> Option<Source> {
    script.lines().find_map(|line| line.strip_prefix(MARK)?.parse().ok())
}
