//! Images under test: from a feed's text to one image file per host.

use anyhow::Context;
use bootmint_image_factory::{
    feed::{self, Defaults, FeedFormat},
    firmware::{BinaryManifest, Capabilities, Firmware},
    format::{Format, Platform},
    host::Host,
    layout::BiosLoader,
    manifest::HostEntry,
    mint::{Subject, Writer},
    template::{self, Recipe, Template},
    ticket::{self, Common, Facts, Identity, Missing, Patience},
};
use std::{
    num::{NonZeroU8, NonZeroU16},
    path::{Path, PathBuf},
};

/// The default capacity of a slot, in bytes.
const SLOT: u64 = 16 << 10;
/// What PCs have.
const PCS: [Platform; 2] = [Platform::Bios, Platform::EfiX64];

/// The checked hosts of a CSV feed.
pub fn hosts(csv: &str) -> anyhow::Result<Vec<Host>> {
    Ok(feed::parse(csv.as_bytes(), FeedFormat::Csv, "test.csv", &Defaults::default())?)
}

/// One attempt and short waits, for tests in which nothing answers.
pub fn impatient() -> Patience {
    let second = NonZeroU16::MIN;
    Patience { attempts: NonZeroU8::MIN, request: second, link: second.saturating_add(4) }
}

/// Mints the image for `hosts` in `format` into `folder`: one host's, or a site's for several.
pub fn mint(
    folder: &Path,
    firmware: &Firmware,
    format: Format,
    hosts: &[Host],
    patience: &Patience,
) -> anyhow::Result<PathBuf> {
    mint_with(folder, firmware, format, hosts, patience, BiosLoader::Own)
}

/// As [`mint`], for PCs and AArch64 machines.
pub fn mint_with_arm64(
    folder: &Path,
    firmware: &Firmware,
    format: Format,
    hosts: &[Host],
    patience: &Patience,
) -> anyhow::Result<PathBuf> {
    let own = BiosLoader::Own;
    let [bios, x64] = PCS;
    let platforms = &[bios, x64, Platform::EfiArm64];
    mint_hosts(folder, firmware, format, hosts, patience, (platforms, own))
}

/// As [`mint`], for UEFI alone.
pub fn mint_for_uefi(
    folder: &Path,
    firmware: &Firmware,
    format: Format,
    hosts: &[Host],
    patience: &Patience,
) -> anyhow::Result<PathBuf> {
    let how = (&[Platform::EfiX64][..], BiosLoader::Own);
    mint_hosts(folder, firmware, format, hosts, patience, how)
}

/// As [`mint`], with a BIOS loader of choice.
pub fn mint_with(
    folder: &Path,
    firmware: &Firmware,
    format: Format,
    hosts: &[Host],
    patience: &Patience,
    bios_loader: BiosLoader<'_>,
) -> anyhow::Result<PathBuf> {
    mint_hosts(folder, firmware, format, hosts, patience, (&PCS, bios_loader))
}

fn mint_hosts(
    folder: &Path,
    firmware: &Firmware,
    format: Format,
    hosts: &[Host],
    patience: &Patience,
    (platforms, bios_loader): (&[Platform], BiosLoader<'_>),
) -> anyhow::Result<PathBuf> {
    let subject = match hosts {
        [host] => Subject::from(host.clone()),
        hosts => Subject::Site(hosts.to_vec()),
    };
    let name = hosts.first().context("an image is for one host or more")?.name.to_string();
    let expected: Vec<_> = hosts.iter().map(|host| HostEntry::new(host).identity()).collect();
    let check = |about: &[&BinaryManifest]| {
        hosts.iter().flat_map(|host| ticket::check(host, about)).collect()
    };
    let name = &name;
    let image = Image { folder, firmware, format, name, subject, expected, platforms, bios_loader };
    image.mint(check, patience)
}

/// Mints the image of all machines that find out who they are.
pub fn mint_own(
    folder: &Path,
    firmware: &Firmware,
    format: Format,
    common: &Common,
    patience: &Patience,
) -> anyhow::Result<PathBuf> {
    let (name, subject) = (common.source.name(), Subject::Own(common.clone()));
    let (expected, platforms, bios_loader) = (Vec::new(), &PCS, BiosLoader::Own);
    let image = Image { folder, firmware, format, name, subject, expected, platforms, bios_loader };
    image.mint(|about| ticket::check_own(common, about), patience)
}

/// An image to be minted.
struct Image<'a> {
    folder: &'a Path,
    firmware: &'a Firmware,
    format: Format,
    name: &'a str,
    subject: Subject,
    expected: Vec<Identity>,
    platforms: &'a [Platform],
    bios_loader: BiosLoader<'a>,
}

impl Image<'_> {
    fn mint(
        &self,
        check: impl Fn(&[&BinaryManifest]) -> Vec<Missing>,
        patience: &Patience,
    ) -> anyhow::Result<PathBuf> {
        let Self { folder, firmware, format, name, subject, expected, bios_loader, .. } = self;
        let (format, firmware) = (*format, *firmware);
        let mut platforms = template::platforms(format, self.platforms);
        platforms.retain(|platform| firmware.binary(*platform).is_some());
        let about: Vec<_> = platforms
            .iter()
            .filter_map(|&p| firmware.binary(p))
            .map(|binary| &binary.about)
            .collect();
        if let Some(missing) = check(&about).pop() {
            return Err(missing.into());
        }
        let can: Vec<&Capabilities> = about.iter().map(|about| &about.capabilities).collect();
        let ticket =
            subject.ticket(Facts::of_firmware(&can, firmware.manifest.security.payloads), patience);
        let template = Template::new(&Recipe {
            format,
            firmware,
            platforms: &platforms,
            slot_capacity: SLOT,
            bios_loader: *bios_loader,
        })?;
        let path = folder.join(format!("{name}.{}", format.name()));
        Writer::new(&template, folder)?.write(&template.stamp(&ticket)?, expected, &path)?;
        Ok(path)
    }
}
