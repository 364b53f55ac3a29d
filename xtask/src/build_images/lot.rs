//! A lot: the firmware of one profile, and its templates for the formats that are wanted.

use super::plan::{Subjects, Wanted};
use crate::{
    firmware::{self, FirmwareArgs},
    ui::Ui,
};
use anyhow::{Context, anyhow, bail};
use bootmint_image_factory::{
    firmware::{BinaryManifest, Firmware, FirmwareManifest},
    format::{Format, Platform},
    layout::{BiosLoader, CAPACITY_STEP, IsolinuxFiles},
    mint::Subject,
    slot::MAX_CAPACITY,
    template::{self, Recipe, Template},
    ticket::{Facts, Patience},
};
use bootmint_ipxe_src::{
    cache::Cache,
    profile::{self, Profile},
};
use std::{collections::BTreeMap, path::Path};

/// Where distributions put isolinux: Debian, then Fedora.
const ISOLINUX: [[&str; 3]; 2] = [
    [
        "/usr/lib/ISOLINUX/isolinux.bin",
        "/usr/lib/syslinux/modules/bios/ldlinux.c32",
        "/usr/lib/ISOLINUX/isohdpfx.bin",
    ],
    [
        "/usr/share/syslinux/isolinux.bin",
        "/usr/share/syslinux/ldlinux.c32",
        "/usr/share/syslinux/isohdpfx.bin",
    ],
];

/// The firmware of one profile with its templates.
pub(super) struct Lot {
    profile: String,
    targets: Vec<Platform>,
    firmware: Firmware,
    templates: BTreeMap<Format, Template>,
}

/// The lots of a run, by the names under which hosts ask for them.
pub(super) struct Lots(BTreeMap<String, Lot>);

impl Lots {
    /// Gets the firmware of every profile that is wanted, and lays its templates out.
    pub(super) fn obtain(
        subjects: &Subjects<'_>,
        cache: &Cache,
        args: &FirmwareArgs,
        patience: &Patience,
        ui: &Ui,
    ) -> anyhow::Result<Self> {
        let mut wanted: BTreeMap<&str, Vec<&Wanted<'_>>> = BTreeMap::new();
        for one in subjects.iter() {
            wanted.entry(one.profile).or_default().push(one);
        }
        // All profiles are read before the first is built: a typo shows at once.
        wanted.keys().try_for_each(|name| profile::load(name).map(drop))?;
        let mut lots = BTreeMap::new();
        for (name, subjects) in wanted {
            let (profile, chosen) = firmware::choose(cache, &args.for_profile(name), ui)?;
            let firmware = Firmware::load(&chosen.folder)?;
            let lot = Lot::new(firmware, &profile, &subjects, patience)
                .with_context(|| format!("laying out images of profile \"{name}\""))?;
            lots.insert(name.to_owned(), lot);
        }
        Ok(Self(lots))
    }

    /// The lot of the profile called `name`.
    pub(super) fn of(&self, name: &str) -> anyhow::Result<&Lot> {
        self.0.get(name).ok_or_else(|| anyhow!("no firmware was obtained for profile \"{name}\""))
    }

    /// All lots, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Lot> {
        self.0.values()
    }
}

impl Lot {
    fn new(
        firmware: Firmware,
        profile: &Profile,
        wanted: &[&Wanted<'_>],
        patience: &Patience,
    ) -> anyhow::Result<Self> {
        let mut lot = Self {
            profile: profile.name().to_owned(),
            targets: profile.targets().collect(),
            firmware,
            templates: BTreeMap::new(),
        };
        let isolinux = match profile.bios_loader() {
            profile::BiosLoader::Own => None,
            profile::BiosLoader::Isolinux => Some(isolinux()?),
        };
        let bios_loader = match &isolinux {
            None => BiosLoader::Own,
            Some(files) => BiosLoader::Isolinux { files },
        };
        for &format in wanted.iter().flat_map(|one| &one.formats) {
            if lot.templates.contains_key(&format) {
                continue;
            }
            let platforms = template::platforms(format, &lot.targets);
            let template = Template::new(&Recipe {
                format,
                firmware: &lot.firmware,
                platforms: &platforms,
                slot_capacity: lot.capacity(format, profile, wanted, patience),
                bios_loader,
            })?;
            lot.templates.insert(format, template);
        }
        Ok(lot)
    }

    /// The profile's capacity, or more where the ticket of a site needs it.
    fn capacity(
        &self,
        format: Format,
        profile: &Profile,
        wanted: &[&Wanted<'_>],
        patience: &Patience,
    ) -> u64 {
        let facts = self.facts(format);
        let sites = wanted.iter().filter(|one| matches!(one.subject, Subject::Site(_)));
        let needs = sites.map(|one| one.subject.ticket(facts, patience).as_str().len() as u64);
        needs
            .map(|needs| needs.next_multiple_of(CAPACITY_STEP).min(MAX_CAPACITY))
            .fold(u64::from(profile.slot_capacity()), u64::max)
    }

    /// The firmware profile's name.
    pub(super) fn profile_name(&self) -> &str {
        &self.profile
    }

    /// What the firmware is.
    pub(super) fn firmware(&self) -> &FirmwareManifest {
        &self.firmware.manifest
    }

    /// The templates.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.values()
    }

    /// The template of a format.
    pub(super) fn template(&self, format: Format) -> anyhow::Result<&Template> {
        let template = self.templates.get(&format);
        template.ok_or_else(|| anyhow!("no template was laid out for format \"{format}\""))
    }

    /// The binaries that an image of this format boots.
    pub(super) fn binaries(&self, format: Format) -> Vec<&BinaryManifest> {
        template::platforms(format, &self.targets)
            .into_iter()
            .filter_map(|platform| self.firmware.binary(platform))
            .map(|binary| &binary.about)
            .collect()
    }

    /// How tickets of this format send their facts.
    pub(super) fn facts(&self, format: Format) -> Facts {
        let all: Vec<_> = self.binaries(format).iter().map(|about| &about.capabilities).collect();
        Facts::of_firmware(&all, self.firmware.manifest.security.payloads)
    }
}

fn isolinux() -> anyhow::Result<IsolinuxFiles> {
    let there = |paths: &&[&str; 3]| paths.iter().all(|path| Path::new(path).is_file());
    let Some([isolinux, ldlinux, boot_sector]) = ISOLINUX.iter().find(there) else {
        bail!(
            "the profile wants isolinux, which is not installed: install isolinux and syslinux-common (Debian) or syslinux (Fedora), or set bios-loader = \"own\""
        );
    };
    let read = |path: &str| std::fs::read(path).with_context(|| format!("reading {path}"));
    Ok(IsolinuxFiles {
        isolinux: read(isolinux)?,
        ldlinux: read(ldlinux)?,
        boot_sector: read(boot_sector)?,
    })
}
