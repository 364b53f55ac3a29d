//! From what a profile or a set asks for to the drivers that each platform gets.

use crate::{
    catalogue::{Catalogue, Driver},
    name::{Choice, DriverName, PciId, did_you_mean, nearest},
    set::{Class, Selection},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

/// The driver that takes over the PXE stack, and that works in no company.
const LONELY: &str = "undionly";
/// How many devices are suggested for an unknown one.
const SUGGESTED: usize = 3;

/// The drivers of one platform, found in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Every network driver of the tree.
    All,
    /// These, and nothing else; never empty.
    Named(BTreeSet<DriverName>),
}

/// Drivers that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The tree has no driver of this name.
    #[error(
        "the source has no driver \"{name}\"{}: `cargo xtask drivers list` shows the {count} it has",
        did_you_mean(.nearest)
    )]
    Unknown {
        /// The name.
        name: DriverName,
        /// The names that look most like it.
        nearest: Vec<String>,
        /// How many drivers there are.
        count: usize,
    },
    /// The tree has no driver for this device.
    #[error(
        "the source has no driver for PCI device {id}{}: on UEFI the driver \"snp\", on BIOS \
         \"undi\" use the machine's own driver for it", did_you_mean(.nearest)
    )]
    UnknownDevice {
        /// The device.
        id: PciId,
        /// The devices of the same vendor nearest to it, with their drivers.
        nearest: Vec<String>,
    },
    /// The driver works on none of the platforms.
    #[error("driver \"{choice}\" works on {works}, and not on {wanted}: take it off the list")]
    Nowhere {
        /// The entry of the list.
        choice: Choice,
        /// Where it works.
        works: String,
        /// The platforms that are wanted.
        wanted: String,
    },
    /// A platform would be left without a driver.
    #[error(
        "none of the drivers works on {0}: add one that does (on UEFI \"snp\" always does), or take \
         {0} off the targets"
    )]
    Without(Class),
    /// The driver cannot be combined.
    #[error(
        "driver \"{LONELY}\" takes over the PXE stack that loaded iPXE and works in no company: \
         make it the only one for bios, or take \"undi\" instead"
    )]
    Company,
}

impl Catalogue {
    /// The drivers that each platform of `wanted` gets. An entry of a list counts for the platforms
    /// that it works on, and must do so on one of them.
    pub fn resolve<'a>(
        &self,
        wanted: impl IntoIterator<Item = (Class, &'a Selection)>,
    ) -> Result<BTreeMap<Class, Resolved>, DriverError> {
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
        let choices: BTreeSet<_> =
            wanted.values().flat_map(|selection| selection.named()).collect();
        let mut found = BTreeMap::new();
        for choice in choices {
            let drivers = self.find(choice)?;
            let asks = |selection: &Selection| selection.named().any(|other| other == choice);
            let asking = wanted.iter().filter(|(_, selection)| asks(selection));
            let classes: Vec<_> = asking.map(|(class, _)| *class).collect();
            if !drivers.iter().any(|d| classes.iter().any(|class| d.classes.contains(class))) {
                return Err(nowhere(choice, &drivers, &classes));
            }
            found.insert(choice, drivers);
        }
        let pick = |class: Class, selection: &Selection| {
            let Selection::Named(choices) = selection else { return Ok(Resolved::All) };
            let drivers = choices.iter().filter_map(|choice| found.get(choice)).flatten();
            let fit = drivers.filter(|driver| driver.classes.contains(&class));
            let names: BTreeSet<_> = fit.map(|driver| driver.name.clone()).collect();
            match names.len() {
                0 => Err(DriverError::Without(class)),
                2.. if names.iter().any(|name| name.as_str() == LONELY) => {
                    Err(DriverError::Company)
                }
                _ => Ok(Resolved::Named(names)),
            }
        };
        wanted.iter().map(|(class, selection)| Ok((*class, pick(*class, selection)?))).collect()
    }

    /// The drivers for the PCI device `id`; the wildcards of generic drivers don't count.
    pub fn for_device(&self, id: PciId) -> Result<Vec<&Driver>, DriverError> {
        let drives = |driver: &&Driver| driver.pci_ids().any(|(known, _)| known == id);
        let found: Vec<_> = self.drivers().filter(drives).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let mut near: Vec<_> = self
            .drivers()
            .flat_map(|driver| driver.pci_ids().map(move |(known, _)| (known, driver)))
            .filter(|(known, _)| known.vendor == id.vendor)
            .collect();
        near.sort_by_key(|(known, _)| (known.device.abs_diff(id.device), known.device));
        let name = |(known, driver): (PciId, &Driver)| format!("{known} ({})", driver.name);
        Err(DriverError::UnknownDevice {
            id,
            nearest: near.into_iter().take(SUGGESTED).map(name).collect(),
        })
    }

    fn find(&self, choice: &Choice) -> Result<Vec<&Driver>, DriverError> {
        match choice {
            Choice::Device(id) => self.for_device(*id),
            Choice::Driver(name) => self.get(name).map(|driver| vec![driver]).ok_or_else(|| {
                let names = self.drivers().map(|driver| driver.name.as_str());
                DriverError::Unknown {
                    name: name.clone(),
                    nearest: nearest(name.as_str(), names),
                    count: self.drivers().count(),
                }
            }),
        }
    }
}

impl Driver {
    /// The PCI devices that it names, with what they are.
    pub fn pci_ids(&self) -> impl Iterator<Item = (PciId, &str)> {
        let pci = self.devices.iter().filter(|device| device.bus == crate::Bus::Pci);
        pci.filter_map(|device| Some((device.id?, device.about.as_str())))
    }
}

fn nowhere(choice: &Choice, drivers: &[&Driver], wanted: &[Class]) -> DriverError {
    let classes: BTreeSet<_> = drivers.iter().flat_map(|driver| &driver.classes).collect();
    let works = match classes.is_empty() {
        true => "no platform that Bootmint builds for".to_owned(),
        false => join(classes),
    };
    DriverError::Nowhere { choice: choice.clone(), works, wanted: join(wanted) }
}

fn join(names: impl IntoIterator<Item: Display>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        crate::catalogue::tests::catalogue(&[
            ("drivers/net/virtio-net.c", "PCI_ROM ( 0x1af4, 0x1000, \"v\", \"v\", 0 ),"),
            ("drivers/net/tg3.c", "PCI_ROM ( 0x14e4, 0x1600, \"t\", \"t\", 0 ),"),
            ("drivers/net/snp.c", "EFI_ROM ( \"snp\", \"s\" );"),
            ("drivers/net/netvsc.c", "VMBUS_ROM ( \"netvsc\", \"n\" );"),
            ("drivers/net/cgem.c", "DT_ROM ( \"cgem\", \"c\" );"),
            ("arch/x86/drivers/net/undi.c", "PCI_ROM ( 0xffff, 0xffff, \"u\", \"u\", 0 ),"),
            ("arch/x86/drivers/net/undionly.c", "__root_device"),
        ])
    }

    fn resolve(names: &[&str], classes: &[Class]) -> Result<Vec<String>, DriverError> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let selection = Selection::list(&names).unwrap();
        let found = catalogue().resolve(classes.iter().map(|class| (*class, &selection)))?;
        Ok(found.into_iter().map(|(class, drivers)| format!("{class}: {drivers:?}")).collect())
    }

    #[test]
    fn an_entry_counts_where_it_works() {
        let found = resolve(&["snp", "1af4:1000", "undi"], &[Class::Bios, Class::EfiX64]).unwrap();
        assert!(found[0].contains("undi") && found[0].contains("virtio-net"), "{found:?}");
        assert!(!found[0].contains("snp"), "{found:?}");
        assert!(found[1].contains("snp") && found[1].contains("virtio-net"), "{found:?}");
        assert!(!found[1].contains("undi"), "{found:?}");
    }

    #[test]
    fn what_cannot_be_had_is_refused_with_what_can() {
        for (names, class, expected) in [
            (&["virtio_net"][..], Class::Bios, "\"virtio_net\" (did you mean \"virtio-net\"?)"),
            (&["14e4:1601"], Class::Bios, "14e4:1601 (did you mean \"14e4:1600 (tg3)\"?)"),
            (&["abcd:1601"], Class::Bios, "no driver for PCI device abcd:1601: on UEFI"),
            (&["ffff:ffff"], Class::Bios, "no driver for PCI device ffff:ffff"),
            (
                &["netvsc", "snp"],
                Class::EfiArm64,
                "works on bios, efi-x86_64, and not on efi-arm64",
            ),
            (&["cgem"], Class::EfiArm64, "no platform that Bootmint builds for"),
            (&["undionly", "tg3"], Class::Bios, "no company"),
        ] {
            let error = resolve(names, &[class]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = resolve(&["snp"], &[Class::Bios, Class::EfiX64]).unwrap_err();
        assert_eq!(error, DriverError::Without(Class::Bios));
        assert!(resolve(&["undionly"], &[Class::Bios]).is_ok());
    }
}
