//! Single binaries beside a firmware's own: what a PXE server hands out, or a network card holds.
//!
//! They have no medium that a ticket could lie on, so that it is embedded. With the objects in
//! the work tree another ticket is a relink.

use super::{
    BuildError, BuildOptions, SourceId, check_overlays, check_pin, client, make_all,
    recipe::{Inputs, script},
    resolve_drivers,
    target::{Target, hands_over},
    toolchains,
};
use crate::{
    cache::Cache,
    profile::{Profile, class},
    progress::Progress,
    source::SourceTree,
};
use bootmint_drivers::{Choice, DriverName, PciId, Resolved, Selection};
use bootmint_image_factory::{firmware::BinaryManifest, format::Platform};
use std::{collections::BTreeSet, fmt};

/// A single binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// For BIOS machines that load it by PXE: it goes on with the driver that their card brings.
    Undionly,
    /// For UEFI machines that load it by PXE or HTTP: it drives the interface that it came through.
    Snponly,
    /// The BIOS option ROM of a PCI network card.
    Rom(PciId),
}

impl fmt::Display for Product {
    /// Its usual file name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undionly => f.write_str("undionly.kpxe"),
            Self::Snponly => f.write_str("snponly.efi"),
            Self::Rom(PciId { vendor, device }) => write!(f, "{vendor:04x}{device:04x}.rom"),
        }
    }
}

impl Product {
    /// The platform that it runs on.
    pub const fn platform(self) -> Platform {
        match self {
            Self::Undionly | Self::Rom(_) => Platform::Bios,
            Self::Snponly => Platform::EfiX64,
        }
    }

    /// Its extension among make's targets.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Undionly => "kpxe",
            Self::Snponly => "efi",
            Self::Rom(_) => "rom",
        }
    }

    /// The symbol that the machine starts it at.
    pub(super) const fn entry(self) -> &'static str {
        match self {
            Self::Undionly => "_kpxe_start",
            Self::Snponly => "_efi_start",
            Self::Rom(_) => "_pcirom_start",
        }
    }

    /// The name by which make knows the device that a ROM is for.
    pub(super) fn rom_name(self) -> Option<String> {
        match self {
            Self::Rom(PciId { vendor, device }) => Some(format!("{vendor:04x}{device:04x}")),
            Self::Undionly | Self::Snponly => None,
        }
    }

    fn drivers(self) -> Result<Selection, BuildError> {
        let named = |name: &str| {
            let name = name.parse::<DriverName>();
            name.map(Choice::Driver).map_err(|_| BuildError::Unnamed { product: self })
        };
        let choice = match self {
            Self::Undionly => named("undionly")?,
            Self::Snponly => named("snponly")?,
            Self::Rom(id) => Choice::Device(id),
        };
        Ok(Selection::Named(BTreeSet::from([choice])))
    }
}

/// Refuses what cannot be had of the profile as a single binary; needs no source.
pub fn check_product(profile: &Profile, product: Product) -> Result<(), BuildError> {
    if profile.secure_boot().is_some() {
        let profile = profile.name().to_owned();
        return Err(BuildError::ProductUnsigned { profile, product });
    }
    let platform = product.platform();
    let unfit = |reason: String| {
        Err(BuildError::ProductUnfit { profile: profile.name().to_owned(), product, reason })
    };
    if let Some(overlay) = profile.overlays().iter().find(|o| !o.works_on(class(platform))) {
        return unfit(format!(
            "its out-of-tree driver \"{overlay}\" does not work on {platform}: take a profile \
             without it"
        ));
    }
    if !hands_over(script(profile)) {
        return unfit(
            "its script never runs the ticket inside: take a profile without a script of its own, \
             or write a line \"imgexec ticket.ipxe\" into it"
                .to_owned(),
        );
    }
    Ok(())
}

/// Builds `product` from `source` with everything that `profile` says but its drivers, and with
/// `ticket` inside, which its first script runs where there is no other.
///
/// Nothing is published; what was compiled stays in the work tree.
pub fn build_product(
    cache: &Cache,
    source: &SourceTree,
    profile: &Profile,
    (product, ticket): (Product, &str),
    options: &BuildOptions,
    progress: &mut dyn Progress,
) -> Result<(BinaryManifest, Vec<u8>), BuildError> {
    check_product(profile, product)?;
    check_pin(profile, &source.pin)?;
    client::check(profile)?;
    let profile = profile.clone().with_drivers(product.platform(), product.drivers()?);
    let id = SourceId::of(&source.pin);
    let mut inputs = Inputs::of(&profile, &id);
    inputs.product = Some(product.to_string());
    let toolchains = toolchains(&profile)?;
    let drivers = resolve_drivers(&source.path, &profile)?;
    check_overlays(&source.path, &profile)?;
    let mut targets = Vec::new();
    for (platform, toolchain) in &toolchains {
        let drivers = drivers.values().next().unwrap_or(&Resolved::All);
        let target = Target {
            platform: *platform,
            profile: &profile,
            product: Some((product, ticket)),
            drivers,
            source: &id,
            toolchain,
            inputs: &inputs,
            jobs: options.jobs.max(1),
        };
        targets.push(target.open(cache, &source.path, progress)?);
    }
    let made = make_all(&mut targets, options, progress);
    for target in &targets {
        target.forget_key()?; // however the build ended
    }
    let (_, mut made) = made?;
    made.pop().ok_or(BuildError::Unnamed { product })
}
