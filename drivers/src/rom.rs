//! ROM lines: what a driver's source says about the devices it drives.
//!
//! A ROM line is a macro at the start of a line that names a device, such as
//! `PCI_ROM ( 0x8086, 0x100e, "82540em", "82540EM", 0 )`. Secure Boot permission is another macro
//! of the same kind. Both are read the way iPXE's own `util/parserom.pl` reads them.

use crate::name::PciId;
use std::fmt;

/// How a driver finds its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bus {
    /// The PCI bus.
    Pci,
    /// The USB bus.
    Usb,
    /// ISA, ISAPnP, EISA or MCA.
    Isa,
    /// A protocol of the UEFI firmware.
    Efi,
    /// Hyper-V's VMBus.
    Vmbus,
    /// Xen's virtual bus.
    Xen,
    /// A device tree.
    Dt,
    /// The PXE stack that is in memory already.
    Pxe,
}

/// The macros, and the bus that each of them stands for.
const MACROS: [(&str, Bus); 7] = [
    ("PCI_ROM", Bus::Pci),
    ("USB_ROM", Bus::Usb),
    ("ISA_ROM", Bus::Isa),
    ("EFI_ROM", Bus::Efi),
    ("VMBUS_ROM", Bus::Vmbus),
    ("XEN_ROM", Bus::Xen),
    ("DT_ROM", Bus::Dt),
];

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pci => "pci",
            Self::Usb => "usb",
            Self::Isa => "isa",
            Self::Efi => "efi",
            Self::Vmbus => "vmbus",
            Self::Xen => "xen",
            Self::Dt => "dt",
            Self::Pxe => "pxe",
        })
    }
}

/// One device that a driver drives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The bus it is found on.
    pub bus: Bus,
    /// Vendor and device on PCI and USB; nothing where the driver takes any device of its class.
    pub id: Option<PciId>,
    /// The name of its boot ROM.
    pub name: String,
    /// What it is, in iPXE's words.
    pub about: String,
}

/// The devices that the source `text` of a driver names.
pub(crate) fn devices(text: &str) -> Vec<Device> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start();
        for (name, bus) in MACROS {
            if rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('(')) {
                // The arguments may go on in the next lines.
                let from = start + (line.len() - rest.len()) + name.len();
                found.extend(text.get(from..).and_then(|text| device(text, bus)));
            }
        }
        start += line.len();
    }
    found
}

/// The device of a macro for `bus` whose arguments `text` starts with.
fn device(text: &str, bus: Bus) -> Option<Device> {
    let mut rest = text.trim_start().strip_prefix('(')?;
    let mut number = || {
        let (digits, after) = rest.trim_start().strip_prefix("0x")?.split_at_checked(4)?;
        rest = after.trim_start().strip_prefix(',')?;
        u16::from_str_radix(digits, 16).ok()
    };
    let id = match bus {
        Bus::Pci | Bus::Usb => Some(PciId { vendor: number()?, device: number()? }),
        _ => None,
    };
    let mut string = || {
        let (value, after) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        rest = after.trim_start().trim_start_matches(',');
        Some(value.to_owned())
    };
    // iPXE writes "any" as all ones.
    let id = id.filter(|id| id.vendor != u16::MAX && id.device != u16::MAX);
    Some(Device { bus, id, name: string()?, about: string()? })
}

/// Whether the source `text` is marked as fit for binaries that are signed for Secure Boot.
pub(crate) fn permits_secure_boot(text: &str) -> bool {
    text.lines().any(|line| {
        let plain: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        plain == "FILE_SECBOOT(PERMITTED);"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_from_rom_lines() {
        let text = "static struct pci_device_id x[] = {\n\tPCI_ROM ( 0x8086, 0x100e, \"82540em\", \
                    \"82540EM (desktop)\", INTEL ),\n PCI_ROM(0xFFFF,0xffff,\n \"any\",\n\"Any\",0),\n\
                    // PCI_ROM ( 0x1, 0x2, \"no\", \"no\" )\n\tPCI_ROM ( BAD, 2, \"a\", \"b\" ),\n};\n\
                    VMBUS_ROM ( \"netvsc\", \"Hyper-V\" );\nint PCI_ROM_x;\n";
        let found = devices(text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0].id, "8086:100e".parse().ok());
        assert_eq!(found[0].about, "82540EM (desktop)");
        assert_eq!((found[1].bus, found[1].id), (Bus::Pci, None));
        assert_eq!((found[2].bus, found[2].name.as_str()), (Bus::Vmbus, "netvsc"));
    }

    #[test]
    fn broken_lines_yield_nothing() {
        for text in ["PCI_ROM", "PCI_ROM(", "PCI_ROM(0x1é86", "EFI_ROM(\"a", "ISA_ROM(\"a\","] {
            assert_eq!(devices(text), [], "{text}");
        }
    }

    #[test]
    fn permission_is_a_line_of_its_own() {
        assert!(permits_secure_boot("x\nFILE_SECBOOT ( PERMITTED );\n"));
        assert!(!permits_secure_boot("FILE_SECBOOT ( FORBIDDEN );\n"));
        assert!(!permits_secure_boot("// FILE_SECBOOT ( PERMITTED );\n"));
    }
}
