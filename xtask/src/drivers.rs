//! `cargo xtask drivers`: which network drivers iPXE's source has, and where they work.

use crate::{firmware::CacheArgs, ui::Ui};
use anyhow::bail;
use bootmint_drivers::{
    Catalogue, Choice, Class, Driver, DriverName, DriverSet, PciId, SecureBoot, Selection,
};
use bootmint_ipxe_src::{
    pin::Pins,
    source::{self, SourceTree},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Arguments of `cargo xtask drivers`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Lists the drivers of iPXE's source: devices, bus, platforms, Secure Boot permission
    List(ListArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    /// Only the drivers for this PCI device, as `lspci -nn` shows it
    #[arg(long, value_name = "VID:DID")]
    pci: Option<PciId>,
    /// Only the drivers of this set, and the platforms it takes them for
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
    /// The source pin, by its name in the pin file [default: the file's default]
    #[arg(long, value_name = "NAME")]
    pin: Option<String>,
    #[command(flatten)]
    cache: CacheArgs,
}

/// Runs `cargo xtask drivers`.
pub fn run(args: Args, ui: &Ui) -> anyhow::Result<()> {
    match args.command {
        Command::List(args) => list(&args, ui),
    }
}

/// A driver, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    driver: DriverName,
    bus: Vec<String>,
    platforms: Vec<String>,
    secure_boot: bool,
    devices: Vec<DeviceEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DeviceEntry {
    bus: String,
    id: Option<String>,
    name: String,
    about: String,
}

fn list(args: &ListArgs, ui: &Ui) -> anyhow::Result<()> {
    let tree = source_tree(args)?;
    let catalogue = Catalogue::scan(&tree.path.join("src"))?;
    let wanted = args.set.as_deref().map(|name| of_set(&catalogue, name)).transpose()?;
    let mut drivers: Vec<&Driver> = match args.pci {
        Some(id) => catalogue.for_device(id)?,
        None => catalogue.drivers().collect(),
    };
    if let Some(wanted) = &wanted {
        drivers.retain(|driver| wanted.contains_key(&driver.name));
    }
    if let (Some(id), Some(set), true) = (args.pci, &args.set, drivers.is_empty()) {
        bail!("driver set \"{set}\" has no driver for PCI device {id}: try it without --set");
    }
    let entries: Vec<_> = drivers
        .iter()
        .map(|driver| {
            let classes = wanted.as_ref().and_then(|wanted| wanted.get(&driver.name));
            entry(driver, classes.unwrap_or(&driver.classes))
        })
        .collect();
    for entry in &entries {
        show(entry, args, ui);
    }
    ui.json(&entries)
}

fn source_tree(args: &ListArgs) -> anyhow::Result<SourceTree> {
    let pins = Pins::load(None)?;
    let pin = pins.get(args.pin.as_deref())?;
    match source::locate(&args.cache.open()?, pin) {
        Some(tree) => Ok(tree),
        None => bail!(
            "drivers are read from iPXE's source {}, which is not in the cache: `cargo xtask \
             source fetch` gets it from upstream, `cargo xtask source import \
             DIR-OR-TARBALL-OR-URL` from elsewhere",
            pin.name
        ),
    }
}

/// The drivers of the set `name`, each with the platforms that the set takes it for.
fn of_set(
    catalogue: &Catalogue,
    name: &str,
) -> anyhow::Result<BTreeMap<DriverName, BTreeSet<Class>>> {
    let set = DriverSet::load(name)?;
    let mut found = BTreeMap::<DriverName, BTreeSet<Class>>::new();
    for class in [Class::Bios, Class::EfiX64, Class::EfiArm64] {
        let takes = |driver: &&Driver| match set.drivers(class) {
            None => false,
            Some(Selection::All) => driver.classes.contains(&class),
            Some(Selection::Named(names)) => names.contains(&Choice::Driver(driver.name.clone())),
        };
        for driver in catalogue.drivers().filter(takes) {
            found.entry(driver.name.clone()).or_default().insert(class);
        }
    }
    Ok(found)
}

fn entry(driver: &Driver, classes: &BTreeSet<Class>) -> Entry {
    Entry {
        driver: driver.name.clone(),
        bus: driver.buses.iter().map(ToString::to_string).collect(),
        platforms: classes.iter().map(ToString::to_string).collect(),
        secure_boot: driver.secure_boot == SecureBoot::Permitted,
        devices: driver
            .devices
            .iter()
            .map(|device| DeviceEntry {
                bus: device.bus.to_string(),
                id: device.id.map(|id| id.to_string()),
                name: device.name.clone(),
                about: device.about.clone(),
            })
            .collect(),
    }
}

/// One line for the driver; its devices too where only some drivers were asked for.
fn show(entry: &Entry, args: &ListArgs, ui: &Ui) {
    let platforms = match entry.platforms.as_slice() {
        [] => "none that Bootmint builds for".to_owned(),
        platforms => platforms.join(" "),
    };
    let secure_boot = if entry.secure_boot { "secure-boot" } else { "-" };
    let (driver, bus, count) = (&entry.driver, entry.bus.join(" "), entry.devices.len());
    ui.result(format_args!("{driver:<16} {bus:<6} {platforms:<28} {secure_boot:<11} {count:>4}"));
    let asked = args.pci.map(|id| id.to_string());
    for device in entry.devices.iter().filter(|_| asked.is_some() || args.set.is_some()) {
        if asked.is_none() || asked == device.id {
            let id = device.id.as_deref().unwrap_or("any");
            ui.result(format_args!("    {id:<9}  {}", device.about));
        }
    }
}
