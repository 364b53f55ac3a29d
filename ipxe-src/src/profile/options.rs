//! The closed table of options: what a profile may switch on or off in iPXE.

use super::nearest;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A header of iPXE's configuration that Bootmint overrides, by its file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// `general.h`: protocols, commands, image types.
    General,
    /// `console.h`: where text goes.
    Console,
    /// `crypto.h`: where certificates come from.
    Crypto,
    /// `serial.h`: port and speed.
    Serial,
    /// `settings.h`: where settings come from.
    Settings,
}

impl Header {
    /// The file's name in `config/local/`.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::General => "general.h",
            Self::Console => "console.h",
            Self::Crypto => "crypto.h",
            Self::Serial => "serial.h",
            Self::Settings => "settings.h",
        }
    }
}

/// How the built binary shows that an option is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// This object is linked in.
    Object(&'static str),
    /// The first object is linked in, wherever the second is: the option extends that subsystem,
    /// and is without meaning in a binary that has none.
    ObjectWith(&'static str, &'static str),
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// The name in profiles.
    pub name: &'static str,
    /// What it does, a few words.
    pub about: &'static str,
    /// The header that its macros stand in.
    pub header: Header,
    /// The macros that are defined or undefined.
    pub macros: &'static [&'static str],
    /// How to see it in a binary.
    pub proof: Proof,
}

macro_rules! options {
    ($($name:literal $header:ident $($define:ident)+ => $object:ident $(in $parent:ident)? : $about:literal;)+) => {
        &[$(OptionSpec {
            name: $name,
            about: $about,
            header: Header::$header,
            macros: &[$(stringify!($define)),+],
            proof: options!(@proof $object $($parent)?),
        }),+]
    };
    (@proof $object:ident) => { Proof::Object(stringify!($object)) };
    (@proof $object:ident $parent:ident) => {
        Proof::ObjectWith(stringify!($object), stringify!($parent))
    };
}

/// All options, sorted by name.
pub const OPTIONS: &[OptionSpec] = options! {
    "aoe" General SANBOOT_PROTO_AOE => aoe in ethernet: "ATA over Ethernet";
    "certs" General CERT_CMD => cert_cmd: "certstat, certstore, certfree";
    "console" General CONSOLE_CMD => console_cmd: "console command: resolution, picture";
    "digest" General DIGEST_CMD => digest_cmd: "sha256sum and its kin";
    "fcp" General SANBOOT_PROTO_FCP => fcp in fc: "Fibre Channel disks";
    "framebuffer" Console CONSOLE_FRAMEBUFFER => fbcon: "graphical console";
    "ftp" General DOWNLOAD_PROTO_FTP => ftp: "FTP downloads";
    "guestinfo" Settings VMWARE_SETTINGS => guestinfo: "settings of VMware's GuestInfo; x86 only";
    "gzip" General IMAGE_GZIP => gzip: "gzip-compressed images";
    "http" General DOWNLOAD_PROTO_HTTP => http: "HTTP downloads";
    "http-ntlm" General HTTP_AUTH_NTLM => httpntlm in httpcore: "NTLM authentication";
    "http-san" General SANBOOT_PROTO_HTTP => httpblock: "booting from an ISO by HTTP";
    "https" General DOWNLOAD_PROTO_HTTPS => https: "HTTPS downloads";
    "image-crypt" General IMAGE_CRYPT_CMD => image_crypt_cmd: "imgdecrypt";
    "image-trust" General IMAGE_TRUST_CMD => image_trust_cmd: "imgtrust, imgverify";
    "infiniband-srp" General SANBOOT_PROTO_IB_SRP => ib_srp in infiniband: "Infiniband disks";
    "ipstat" General IPSTAT_CMD => ipstat_cmd: "ipstat";
    "ipv6" General NET_PROTO_IPV6 => ipv6: "IPv6";
    "iscsi" General SANBOOT_PROTO_ISCSI => iscsi: "iSCSI disks";
    "lacp" General NET_PROTO_LACP => eth_slow in ethernet: "link aggregation";
    "lldp" General NET_PROTO_LLDP => lldp in ethernet: "reads switch and port names";
    "login" General LOGIN_CMD => login_cmd: "asks for user and password";
    "menu" General MENU_CMD FORM_CMD => dynui_cmd: "menus and forms";
    "neighbour" General NEIGHBOUR_CMD => neighbour_cmd: "nstat";
    "nfs" General DOWNLOAD_PROTO_NFS => nfs_open: "NFS downloads";
    "nslookup" General NSLOOKUP_CMD => nslookup_cmd: "nslookup";
    "ntp" General NTP_CMD => ntp_cmd: "sets the clock";
    "params" General PARAM_CMD => param_cmd: "form parameters by POST";
    "pci-commands" General PCI_CMD => pci_cmd in pci: "pciscan";
    "ping" General PING_CMD => ping_cmd: "ping";
    "png" General IMAGE_PNG => png in pixbuf: "PNG pictures";
    "poweroff" General POWEROFF_CMD => poweroff_cmd: "poweroff";
    "profstat" General PROFSTAT_CMD => profstat_cmd: "profiling figures";
    "reboot" General REBOOT_CMD => reboot_cmd: "reboot";
    "sanboot" General SANBOOT_CMD => sanboot_cmd: "boots from disks, local and remote";
    "shell" General SHELL_CMD => shell: "the command line";
    "syslog" Console CONSOLE_SYSLOG => syslog: "console to a log server";
    "syslog-tls" Console CONSOLE_SYSLOGS => syslogs: "console to a log server, encrypted";
    "tftp" General DOWNLOAD_PROTO_TFTP => tftp: "TFTP downloads";
    "time" General TIME_CMD => time_cmd: "measures commands";
    "usb-commands" General USB_CMD => usb_cmd in usb: "usbscan";
    "vlan" General VLAN_CMD => vlan_cmd: "vcreate, vdestroy";
};

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Switch {
    /// Compiled in, and found in the binary or the build fails.
    On,
    /// Left out.
    Off,
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl From<Switch> for bool {
    fn from(switch: Switch) -> Self {
        switch == Switch::On
    }
}

/// The options that a profile names; those it does not name stay as iPXE has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<&'static str, (&'static OptionSpec, Switch)>);

impl Options {
    /// Checks names against the table; an unknown one is refused with the nearest.
    pub fn check(raw: &BTreeMap<String, Switch>) -> Result<Self, String> {
        let mut options = BTreeMap::new();
        for (name, &switch) in raw {
            let spec = OPTIONS.iter().find(|spec| spec.name == name).ok_or_else(|| {
                let known = || OPTIONS.iter().map(|spec| spec.name);
                let hint = nearest(name, known())
                    .map(|near| format!(" (did you mean \"{near}\"?)"))
                    .unwrap_or_default();
                format!(
                    "unknown option \"{name}\"{hint}: use some of {}",
                    known().collect::<Vec<_>>().join(", ")
                )
            })?;
            options.insert(spec.name, (spec, switch));
        }
        Ok(Self(options))
    }

    /// The named options with their switches, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static OptionSpec, Switch)> {
        self.0.values().copied()
    }
}

/// The serial ports that a console may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// I/O port 0x3f8.
    Com1,
    /// I/O port 0x2f8.
    Com2,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Com1 => "COM1",
            Self::Com2 => "COM2",
        })
    }
}

/// A serial console: iPXE's own driver, beside the firmware's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial {
    /// The port.
    pub port: Port,
    /// Its speed in baud.
    pub speed: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_are_unique() {
        assert!(OPTIONS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn an_unknown_option_suggests_the_nearest() {
        let raw = [("http".to_owned(), Switch::On), ("htps".to_owned(), Switch::On)].into();
        let error = Options::check(&raw).unwrap_err();
        assert!(error.contains("\"htps\" (did you mean \"https\"?)"), "{error}");
    }
}
