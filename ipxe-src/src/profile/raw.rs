//! The profile's file format, and its checks.

use super::{
    BiosLoader, Client, DEFAULT_SLOT, MAX_PEM, MAX_SCRIPT, Options, Port, Profile, ProfileError,
    Script, Serial, Switch, class,
    client::check_key,
    read_limited,
    secure_boot::{self, RawSecureBoot},
};
use bootmint_drivers::{DriverSet, Overlay, Selection};
use bootmint_image_factory::{
    format::Platform,
    security::{Lane, Payloads},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The slot's capacity must be a multiple of a CD sector...
const SLOT_STEP: u32 = 2048;
/// ...and no more than what BIOS loads in seconds.
const MAX_SLOT: u32 = 1 << 20;
/// The speeds that UARTs divide 115,200 down to.
const SPEEDS: [u32; 6] = [115_200, 57_600, 38_400, 19_200, 9_600, 2_400];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawProfile {
    name: String,
    description: String,
    pin: Option<String>,
    targets: Vec<Platform>,
    drivers: RawDrivers,
    #[serde(default)]
    overlays: Vec<String>,
    #[serde(default)]
    options: BTreeMap<String, Switch>,
    script: Option<PathBuf>,
    #[serde(default)]
    trust: Vec<PathBuf>,
    #[serde(default = "off")]
    cross_signing: Switch,
    client: Option<RawClient>,
    #[serde(default)]
    payloads: Payloads,
    secure_boot: Option<RawSecureBoot>,
    serial: Option<RawSerial>,
    #[serde(default)]
    bios_loader: BiosLoader,
    #[serde(default = "default_slot")]
    slot_capacity: u32,
}

const fn off() -> Switch {
    Switch::Off
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawClient {
    cert: PathBuf,
    key: PathBuf,
}

const fn default_slot() -> u32 {
    DEFAULT_SLOT
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawDrivers {
    Set(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawSerial {
    port: Port,
    #[serde(default = "default_speed")]
    speed: u32,
}

const fn default_speed() -> u32 {
    115_200
}

/// Parses and checks `text`; `origin` names it in errors, the files it names lie in `folder`.
pub(super) fn parse(text: &str, origin: &str, folder: &Path) -> Result<Profile, ProfileError> {
    let raw: RawProfile = toml::from_str(text).map_err(|source| ProfileError::Toml {
        origin: origin.to_owned(),
        source: Box::new(source),
    })?;
    let invalid = |reason: String| ProfileError::Invalid { origin: origin.to_owned(), reason };
    check_name(&raw.name).map_err(invalid)?;
    check_slot(raw.slot_capacity).map_err(invalid)?;
    check_payloads(&raw).map_err(invalid)?;
    check_arm64(&raw).map_err(invalid)?;
    if raw.bios_loader == BiosLoader::Isolinux && !raw.targets.contains(&Platform::Bios) {
        let reason = "bios-loader = \"isolinux\" is for BIOS media, and targets has no \"bios\": \
                      leave one out or add the other";
        return Err(invalid(reason.to_owned()));
    }
    let secure_boot = raw.secure_boot.as_ref().map(|given| {
        check_signable(&raw, given.lane())?;
        secure_boot::check(given, folder)
    });
    let secure_boot = secure_boot.transpose().map_err(invalid)?;
    let drivers = drivers(&raw, origin)?;
    let overlays = overlays(&raw, origin, folder)?;
    let options = Options::check(&raw.options).map_err(invalid)?;
    let serial = raw.serial.map(check_serial).transpose().map_err(invalid)?;
    let script = match &raw.script {
        None => Script::Stage1,
        Some(path) => {
            let text = read_limited(&folder.join(path), MAX_SCRIPT)?;
            let starts_well = text
                .strip_prefix("#!ipxe")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()));
            if !starts_well {
                let path = path.display();
                return Err(invalid(format!("{path} does not start with a line \"#!ipxe\"")));
            }
            Script::Own(text)
        }
    };
    let trust = raw.trust.iter().map(|path| read_pem(&folder.join(path), origin));
    let client = raw.client.as_ref().map(|client| read_client(client, folder, origin));
    Ok(Profile {
        name: raw.name,
        description: raw.description,
        pin: raw.pin,
        drivers,
        overlays,
        options,
        script,
        trust: trust.collect::<Result<_, _>>()?,
        cross_signing: raw.cross_signing,
        client: client.transpose()?,
        payloads: raw.payloads,
        secure_boot,
        serial,
        bios_loader: raw.bios_loader,
        slot_capacity: raw.slot_capacity,
    })
}

fn drivers(raw: &RawProfile, origin: &str) -> Result<BTreeMap<Platform, Selection>, ProfileError> {
    let invalid = |reason: String| ProfileError::Invalid { origin: origin.to_owned(), reason };
    let targets: BTreeSet<_> = raw.targets.iter().copied().collect();
    if targets.is_empty() || targets.len() != raw.targets.len() {
        return Err(invalid("targets must name each platform once, and at least one".to_owned()));
    }
    let select: Box<dyn Fn(Platform) -> Result<Selection, ProfileError>> = match &raw.drivers {
        RawDrivers::Set(name) => {
            let set = DriverSet::load(name)
                .map_err(|source| ProfileError::Set { origin: origin.to_owned(), source })?;
            Box::new(move |platform| {
                set.drivers(class(platform)).cloned().ok_or_else(|| {
                    invalid(format!(
                        "driver set \"{}\" has nothing for {platform}: take another set, or leave \
                         the target out",
                        set.name()
                    ))
                })
            })
        }
        RawDrivers::List(names) => {
            let selection = Selection::list(names).map_err(invalid)?;
            Box::new(move |_| Ok(selection.clone()))
        }
    };
    targets.into_iter().map(|platform| Ok((platform, select(platform)?))).collect()
}

/// Reads the out-of-tree drivers; each must work on every target, and their objects go by names
/// that no two of them share.
fn overlays(raw: &RawProfile, origin: &str, folder: &Path) -> Result<Vec<Overlay>, ProfileError> {
    let invalid = |reason: String| ProfileError::Invalid { origin: origin.to_owned(), reason };
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for name in &raw.overlays {
        let overlay = Overlay::load(name, folder)
            .map_err(|source| ProfileError::Overlay { origin: origin.to_owned(), source })?;
        if let Some(platform) = raw.targets.iter().find(|p| !overlay.works_on(class(**p))) {
            return Err(invalid(format!(
                "the out-of-tree driver \"{overlay}\" does not work on {platform}: leave one out"
            )));
        }
        let own = [overlay.name()].into_iter().chain(overlay.objects());
        if let Some(twice) = own.map(str::to_owned).find(|name| !names.insert(name.clone())) {
            return Err(invalid(format!("overlays have two of the name \"{twice}\"")));
        }
        found.push(overlay);
    }
    found.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(found)
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.is_empty() && name.len() <= 40 && name.chars().all(allowed) {
        Ok(())
    } else {
        Err("its name must be 1 to 40 lower-case letters, digits and hyphens".to_owned())
    }
}

fn check_slot(capacity: u32) -> Result<(), String> {
    if capacity.is_multiple_of(SLOT_STEP) && (SLOT_STEP..=MAX_SLOT).contains(&capacity) {
        Ok(())
    } else {
        Err(format!("slot-capacity {capacity} is no multiple of {SLOT_STEP} up to {MAX_SLOT}"))
    }
}

fn check_serial(raw: RawSerial) -> Result<Serial, String> {
    if SPEEDS.contains(&raw.speed) {
        Ok(Serial { port: raw.port, speed: raw.speed })
    } else {
        Err(format!("serial speed {} is none of {SPEEDS:?}", raw.speed))
    }
}

/// Signatures need a root to lead to, and the command that checks them.
fn check_payloads(raw: &RawProfile) -> Result<(), String> {
    let checks = raw.options.get("image-trust") == Some(&Switch::On);
    let reason = match raw.payloads {
        Payloads::Any => return Ok(()),
        Payloads::Signed if raw.trust.is_empty() => {
            "name the root of the signers in trust: trust = [\"ca.pem\"]"
        }
        Payloads::Signed if !checks => "switch the option image-trust on",
        Payloads::Signed if raw.script.is_some() => {
            "leave script away, since Bootmint's own stage 1 runs the ticket that checks"
        }
        Payloads::Signed => return Ok(()),
    };
    Err(format!("for payloads = \"signed\", {reason}"))
}

/// What AArch64 machines do not have.
fn check_arm64(raw: &RawProfile) -> Result<(), String> {
    let reason = if !raw.targets.contains(&Platform::EfiArm64) {
        return Ok(());
    } else if raw.serial.is_some() {
        "has no port com1 or com2: leave [serial] away, and let the machine's own firmware put its \
         console on the line"
    } else if raw.options.get("guestinfo") == Some(&Switch::On) {
        "has none of VMware's GuestInfo: switch the option guestinfo off"
    } else {
        return Ok(());
    };
    Err(format!("efi-arm64 {reason}; or make a profile of its own for efi-arm64"))
}

/// What cannot be had under Secure Boot, whoever signs.
fn check_signable(raw: &RawProfile, lane: Lane) -> Result<(), String> {
    let reason = if raw.targets.contains(&Platform::Bios) {
        "a BIOS knows none: leave \"bios\" out of targets, and give BIOS machines another profile"
    } else if raw.serial.is_some() {
        "iPXE's serial console may not be signed: leave [serial] away, and let the machine's own \
         firmware put its console on the line"
    } else if !raw.overlays.is_empty() {
        "out-of-tree drivers are not among what iPXE's makers permit: leave overlays away"
    } else if lane == Lane::OwnKey {
        return Ok(());
    } else if raw.targets.len() != 1 {
        "a shim starts one architecture: name one target, and make a profile for each"
    } else if !raw.trust.is_empty() || raw.client.is_some() || raw.payloads != Payloads::Any {
        "nothing can be compiled into a vendor's signed binary: leave trust, client and payloads \
         away, or take the lane \"own-key\""
    } else if raw.script.is_some() || !raw.options.is_empty() || raw.cross_signing == Switch::On {
        "a vendor's signed binary is what it is: leave script, options and cross-signing away, or \
         take the lane \"own-key\""
    } else {
        return Ok(());
    };
    Err(format!("for Secure Boot, {reason}"))
}

fn read_client(raw: &RawClient, folder: &Path, origin: &str) -> Result<Client, ProfileError> {
    let invalid = |reason| ProfileError::Invalid { origin: origin.to_owned(), reason };
    let key = folder.join(&raw.key);
    check_key(&key).map_err(invalid)?;
    Ok(Client { cert: read_pem(&folder.join(&raw.cert), origin)?, key })
}

fn read_pem(path: &Path, origin: &str) -> Result<String, ProfileError> {
    let text = read_limited(path, MAX_PEM)?;
    let begins = text.matches("-----BEGIN CERTIFICATE-----").count();
    let ends = text.matches("-----END CERTIFICATE-----").count();
    let reason = if begins != 1 || ends != 1 {
        "holds not exactly one PEM certificate; give each root a file of its own"
    } else if text.contains("PRIVATE KEY") {
        "holds a private key, which would end up in every image"
    } else {
        return Ok(text);
    };
    let reason = format!("{} {reason}", path.display());
    Err(ProfileError::Invalid { origin: origin.to_owned(), reason })
}
