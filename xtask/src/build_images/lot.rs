//! A lot: the firmware of one profile, and its templates for the formats that are wanted.

use super::subjects::Subjects;
use crate::{
    firmware::{self, FirmwareArgs},
    isolinux,
    ui::Ui,
};
use anyhow::{Context, anyhow, bail};
use bootmint_image_factory::{
    firmware::{BinaryManifest, Firmware, FirmwareManifest, Provider},
    format::{Format, Platform},
    layout::{self, BiosLoader, CAPACITY_STEP},
    slot::MAX_CAPACITY,
    template::{self, Recipe, Template},
    ticket::{Facts, Patience, Source},
};
use bootmint_ipxe_src::{
    cache::Cache,
    profile::{self, Profile, Switch},
};
use std::collections::{BTreeMap, BTreeSet};

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
        subjects: &Subjects,
        cache: &Cache,
        args: &FirmwareArgs,
        patience: &Patience,
        ui: &Ui,
    ) -> anyhow::Result<Self> {
        let mut wanted: BTreeMap<&str, BTreeSet<Format>> = BTreeMap::new();
        for want in subjects.wants() {
            wanted.entry(&want.profile).or_default().extend(&want.formats);
        }
        // All profiles are read before the first is built: a typo shows at once.
        for (name, formats) in &wanted {
            let profile = profile::load(name)?;
            check_formats(&profile, formats)?;
            if args.may_compile() {
                check_cards(&profile, formats)?;
            }
            if let Some(source) = subjects.source()
                && !args.is_ready_made()
            {
                check_source(&profile, source)?;
            }
        }
        let mut lots = BTreeMap::new();
        for (name, formats) in wanted {
            let (profile, chosen) = firmware::choose(cache, &args.for_profile(name), ui)?;
            let firmware = Firmware::load(&chosen.folder)?;
            if subjects.ask_by_https(name) && trusts_nobody(&profile, &firmware) {
                ui.warn(format_args!(
                    "hosts ask their server by HTTPS, and profile {profile} names no root in \
                     trust: on a BIOS iPXE refuses every server but its makers'; add \
                     trust = [\"ca.pem\"] to a profile of your own"
                ));
            }
            let needs = |facts| largest_site(subjects, name, facts, patience);
            let lot = Lot::new(firmware, &profile, &formats, needs)
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
        formats: &BTreeSet<Format>,
        needs: impl Fn(Facts) -> anyhow::Result<u64>,
    ) -> anyhow::Result<Self> {
        let mut lot = Self {
            profile: profile.name().to_owned(),
            targets: profile.targets().collect(),
            firmware,
            templates: BTreeMap::new(),
        };
        let isolinux = match profile.bios_loader() {
            profile::BiosLoader::Own => None,
            profile::BiosLoader::Isolinux => Some(isolinux::read()?),
        };
        let bios_loader = match &isolinux {
            None => BiosLoader::Own,
            Some(files) => BiosLoader::Isolinux { files },
        };
        for &format in formats {
            let platforms = template::platforms(format, &lot.targets);
            let template = Template::new(&Recipe {
                format,
                firmware: &lot.firmware,
                platforms: &platforms,
                slot_capacity: capacity(profile, needs(lot.facts(format))?),
                bios_loader,
            })?;
            lot.templates.insert(format, template);
        }
        Ok(lot)
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

/// Whether a BIOS machine would take no HTTPS server for what it says to be: the makers of ready
/// binaries may have built other roots in.
fn trusts_nobody(profile: &Profile, firmware: &Firmware) -> bool {
    firmware.manifest.provider == Provider::Source
        && firmware.binary(Platform::Bios).is_some()
        && profile.trust().is_empty()
        && profile.cross_signing() == Switch::Off
}

/// Refuses formats that nothing of the profile boots, before it is compiled.
fn check_formats(profile: &Profile, formats: &BTreeSet<Format>) -> anyhow::Result<()> {
    let targets: Vec<_> = profile.targets().collect();
    let names = || targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    for &format in formats {
        if let Some(how) = profile.secure_boot() {
            layout::check_signed(format, how.lane())
                .with_context(|| format!("checking profile \"{profile}\""))?;
        }
        let platforms = template::platforms(format, &targets);
        if platforms.is_empty() {
            let (machine, target) = match format {
                Format::Efi => ("UEFI", "efi-x86_64"),
                _ => ("a BIOS", "bios"),
            };
            bail!(
                "profile \"{profile}\": an image of the format {format} boots on {machine} alone, \
                 and its targets are {}: add \"{target}\" to them, or take iso or usb",
                names()
            );
        }
        let isolinux = profile.bios_loader() == profile::BiosLoader::Isolinux;
        if isolinux && format != Format::Iso && platforms.contains(&Platform::Bios) {
            bail!(
                "profile \"{profile}\": bios-loader = \"isolinux\" starts ISO images alone, and an \
                 image of the format {format} would have our own loader: take iso, or a profile \
                 without it"
            );
        }
    }
    Ok(())
}

/// Refuses a source of identities that firmware of the profile cannot read, before it is compiled.
fn check_source(profile: &Profile, source: Source) -> anyhow::Result<()> {
    let switched_on = |name| {
        let mut options = profile.options().iter();
        options.any(|(option, switch)| option.name == name && switch == Switch::On)
    };
    let remedy = match source {
        Source::FwCfg if !profile.overlays().iter().any(|o| o.name() == source.name()) => {
            "add overlays = [\"fw-cfg\"], unless it is for arm64 or Secure Boot"
        }
        Source::Guestinfo if !switched_on("guestinfo") => {
            "switch the option guestinfo on, unless it is for arm64 or Secure Boot"
        }
        Source::FwCfg | Source::Guestinfo | Source::Smbios => return Ok(()),
    };
    bail!(
        "firmware of profile \"{profile}\" cannot read an identity from {source}: {remedy}; every \
         firmware reads smbios"
    )
}

/// Refuses drivers that find no card on the media that are wanted, before they are compiled.
fn check_cards(profile: &Profile, formats: &BTreeSet<Format>) -> anyhow::Result<()> {
    let targets: Vec<_> = profile.targets().collect();
    for &format in formats {
        for platform in template::platforms(format, &targets) {
            if let Some(reason) = profile.blind_on(format, platform) {
                bail!("profile \"{profile}\": {reason}");
            }
        }
    }
    Ok(())
}

/// The profile's capacity, or more where the ticket of a site needs it.
fn capacity(profile: &Profile, needs: u64) -> u64 {
    let needs = needs.next_multiple_of(CAPACITY_STEP).min(MAX_CAPACITY);
    needs.max(u64::from(profile.slot_capacity()))
}

/// How long the longest ticket of a site is that wants `profile`; 0 without sites.
fn largest_site(
    subjects: &Subjects,
    profile: &str,
    facts: Facts,
    patience: &Patience,
) -> anyhow::Result<u64> {
    subjects.sites_of(profile).try_fold(0, |largest, site| {
        anyhow::Ok(site?.ticket(facts, patience).as_str().len().max(largest as usize) as u64)
    })
}
