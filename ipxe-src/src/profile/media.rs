//! Drivers that find no network card when iPXE was started from a medium.

use bootmint_drivers::Selection;
use bootmint_image_factory::format::{Format, Platform};

/// The driver of a platform that takes over the interface that iPXE was loaded over, the one to
/// take instead, and those that do not exist on the platform.
const fn of(platform: Platform) -> (&'static str, &'static str, &'static [&'static str]) {
    match platform {
        Platform::Bios => ("undionly", "undi", &["snp", "snponly"]),
        Platform::EfiX64 | Platform::EfiArm64 => ("snponly", "snp", &["undi", "undionly"]),
    }
}

/// Why an image of `format` would find no network card with the drivers in `selection`, or none.
pub(super) fn check(format: Format, platform: Platform, selection: &Selection) -> Option<String> {
    match format {
        Format::Iso | Format::Usb | Format::Vhd | Format::Floppy => {}
        Format::Efi | Format::Lkrn => return None, // a network may have brought them
    }
    let (only, instead, elsewhere) = of(platform);
    let mut names: Vec<_> = selection.named().map(ToString::to_string).collect();
    names.retain(|name| !elsewhere.contains(&name.as_str()));
    (names == [only]).then(|| {
        format!(
            "on {platform} it has the driver {only} alone, which knows only the card that iPXE \
             was loaded over, and an {format} image is loaded over none: take {instead} instead"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_of_network_loaders_alone_are_not_for_media() {
        let check = |format, platform, names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            super::check(format, platform, &Selection::list(&names).unwrap())
        };
        let both = ["undi", "snponly"];
        assert!(check(Format::Iso, Platform::EfiX64, &both).unwrap().contains("take snp instead"));
        assert_eq!(check(Format::Iso, Platform::Bios, &both), None);
        let undionly = check(Format::Floppy, Platform::Bios, &["undionly"]).unwrap();
        assert!(undionly.contains("take undi instead"), "{undionly}");
        assert_eq!(check(Format::Efi, Platform::EfiX64, &["snponly"]), None);
        assert_eq!(check(Format::Usb, Platform::EfiArm64, &["snponly", "snp"]), None);
        assert_eq!(super::check(Format::Iso, Platform::EfiX64, &Selection::All), None);
    }
}
