//! What a binary can do, read from the objects that the linker put into it.

use crate::profile::{Options, Proof, Serial, Switch};
use bootmint_drivers::Overlay;
use bootmint_image_factory::{
    firmware::{Capabilities, Capability},
    format::Platform,
};
use std::collections::BTreeSet;

/// The object that makes each capability, where one object does.
const OBJECTS: [(Capability, &str); 18] = [
    (Capability::Http, "http"),
    (Capability::Https, "https"),
    (Capability::Ipv6, "ipv6"),
    (Capability::Vlan, "vlan_cmd"),
    (Capability::Params, "param_cmd"),
    (Capability::Ntp, "ntp_cmd"),
    (Capability::Ping, "ping_cmd"),
    (Capability::Nslookup, "nslookup_cmd"),
    (Capability::Poweroff, "poweroff_cmd"),
    (Capability::Reboot, "reboot_cmd"),
    (Capability::Certs, "cert_cmd"),
    (Capability::ImageTrust, "image_trust_cmd"),
    (Capability::Menu, "dynui_cmd"),
    (Capability::Sanboot, "sanboot_cmd"),
    (Capability::Iscsi, "iscsi"),
    (Capability::FwCfg, "fw_cfg"),
    (Capability::Smbios, "smbios_settings"),
    (Capability::Guestinfo, "guestinfo"),
];

/// Something that the profile asked for and the binary lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the profile asks for {what} on {platform}, but the linked binary has no object \"{object}\": \
     this source does not offer it there; switch it off in the profile or use another pin"
)]
pub struct LackingCapability {
    what: String,
    platform: Platform,
    object: String,
}

/// The capabilities of a binary made of `objects`, whose embedded script is `script`.
pub(super) fn capabilities(
    platform: Platform,
    objects: &BTreeSet<String>,
    script: &str,
) -> Capabilities {
    let has = |object: &str| objects.contains(object);
    let mut found: Capabilities =
        OBJECTS.iter().filter(|(_, object)| has(object)).map(|&(found, _)| found).collect();
    if has("serial") {
        found.insert(Capability::SerialConsole);
    }
    // The embedded script always wins over the medium's, so that it has to name the ticket.
    let (reader, name) = match platform {
        Platform::Bios => ("runtime", "<INITRD>"),
        Platform::EfiX64 | Platform::EfiArm64 => ("efi_autoexec", "autoexec.ipxe"),
    };
    let hands_over = script.lines().any(|line| !line.starts_with('#') && line.contains(name));
    if has(reader) && has("script") && has("image_cmd") && hands_over {
        found.insert(Capability::Ticket);
    }
    found
}

/// Compares what the profile switched on with what is linked in.
pub(super) fn check_options(
    platform: Platform,
    objects: &BTreeSet<String>,
    options: &Options,
    serial: Option<Serial>,
) -> Result<(), LackingCapability> {
    let lacking = |what: &str, object: &str| LackingCapability {
        what: what.to_owned(),
        platform,
        object: object.to_owned(),
    };
    for (spec, _) in options.iter().filter(|(_, switch)| *switch == Switch::On) {
        let object = match spec.proof {
            Proof::Object(object) => object,
            Proof::ObjectWith(object, parent) if objects.contains(parent) => object,
            Proof::ObjectWith(..) => continue,
        };
        if !objects.contains(object) {
            return Err(lacking(&format!("option \"{}\"", spec.name), object));
        }
    }
    if serial.is_some() && !objects.contains("serial") {
        return Err(lacking("a serial console", "serial"));
    }
    Ok(())
}

/// Compares the out-of-tree drivers with what is linked in.
pub(super) fn check_overlays(
    platform: Platform,
    objects: &BTreeSet<String>,
    overlays: &[Overlay],
) -> Result<(), LackingCapability> {
    for overlay in overlays {
        let object = |name: &str| name.replace('-', "_");
        let lacking = overlay.objects().map(object).find(|object| !objects.contains(object));
        if let Some(object) = lacking {
            let what = format!("the out-of-tree driver \"{overlay}\"");
            return Err(LackingCapability { what, platform, object });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_ticket_needs_a_reader_and_a_script_that_hands_over() {
        let all = objects(&["runtime", "efi_autoexec", "script", "image_cmd", "http"]);
        let hands_over = "#!ipxe\nimgexec <INITRD> ||\nimgexec autoexec.ipxe ||\n";
        for platform in Platform::ALL {
            let found = capabilities(platform, &all, hands_over);
            assert!(found.contains(&Capability::Ticket) && found.contains(&Capability::Http));
            let keeps = capabilities(platform, &all, "#!ipxe\n# <INITRD> autoexec.ipxe\nshell\n");
            assert!(!keeps.contains(&Capability::Ticket));
            let blind = capabilities(platform, &objects(&["script", "image_cmd"]), hands_over);
            assert!(blind.is_empty());
        }
    }

    #[test]
    fn the_shipped_stage_1_hands_over_everywhere() {
        let all = objects(&["runtime", "efi_autoexec", "script", "image_cmd"]);
        for platform in Platform::ALL {
            let found = capabilities(platform, &all, include_str!("../../scripts/stage1.ipxe"));
            assert!(found.contains(&Capability::Ticket), "{platform}");
        }
    }

    #[test]
    fn an_option_that_is_not_linked_in_is_named() {
        let raw = [("vlan".to_owned(), Switch::On), ("usb-commands".to_owned(), Switch::On)];
        let options = Options::check(&raw.into()).unwrap();
        let check = |names: &[&str]| check_options(Platform::Bios, &objects(names), &options, None);
        assert_eq!(check(&["vlan_cmd"]), Ok(()));
        assert!(check(&[]).unwrap_err().to_string().contains("\"vlan\" on bios"));
        let usb = check(&["vlan_cmd", "usb"]).unwrap_err().to_string();
        assert!(usb.contains("usb_cmd"), "{usb}");
    }
}
