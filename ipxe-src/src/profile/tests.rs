//! Profiles: the shipped ones, and everything a file can get wrong.

use super::*;
use std::error::Error as _;

const HEAD: &str = "name = \"x\"\ndescription = \"d\"\ntargets = [\"bios\"]\n";

/// A key of P-256, whose number is 1.
const EC_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
    AAAAAAAAAAAAAQ==\n-----END PRIVATE KEY-----\n";

fn fault(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("good.ipxe", "#!ipxe\nshell\n"),
        ("bad.ipxe", "#!ipxe2\nshell\n"),
        ("two.pem", &"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".repeat(2)),
        (
            "key.pem",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----",
        ),
        ("one.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        ("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"),
        ("ec.key", EC_KEY),
        ("no.key", "nothing\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("x.toml");
    fs::write(&path, text).unwrap();
    let error = load(path.to_str().unwrap()).unwrap_err();
    format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default())
}

#[test]
fn what_secure_boot_forbids_is_refused_with_what_to_do() {
    const OWN: &str = "[secure-boot]\nlane = \"own-key\"\n";
    const SHIM: &str = "[secure-boot]\nlane = \"shim\"\n";
    let efi = HEAD.replace("bios", "efi-x86_64") + "drivers = [\"snp\"]\n";
    let with = |more: &str, lane: &str| fault(&format!("{efi}{more}\n{lane}"));
    let pair = format!("{OWN}cert = \"one.pem\"\nkey = \"no.key\"\n");
    for (error, expected) in [
        (fault(&format!("{HEAD}drivers = \"all\"\n{SHIM}")), "another profile"),
        (with("serial = { port = \"com1\" }", &pair), "leave [serial] away"),
        (with("overlays = [\"fwcfg\"]", &pair), "leave overlays away"),
        (with("", OWN), "secureboot keys"),
        (with("", &format!("{pair}loader = \"a.efi\"\n")), "nothing else"),
        (with("", &pair.replace("no.key", "gone.key")), "is not there"),
        (with("", &pair.replace("one.pem", "two.pem")), "exactly one"),
        (with("", &pair.replace("no.key", "pkcs11:object=a;pin-value=1234")), "pin-source"),
        (with("", &format!("{SHIM}cert = \"one.pem\"\n")), "signed already"),
        (with("", &format!("{SHIM}loader = \"../a.efi\"\n")), "grubx64.efi"),
        (with("", &format!("{SHIM}loader = \"bootx64.efi\"\n")), "grubx64.efi"),
        (with("trust = [\"one.pem\"]", SHIM), "take the lane \"own-key\""),
        (with("script = \"good.ipxe\"", SHIM), "what it is"),
        (with("options = { vlan = true }", SHIM), "what it is"),
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains("1234"), "{error}");
    }
}

#[test]
fn all_shipped_profiles_are_valid() {
    let profiles = shipped().unwrap();
    assert_eq!(profiles.len(), SHIPPED.len());
    for (profile, (name, _)) in profiles.iter().zip(SHIPPED) {
        assert_eq!(profile.name(), name);
        assert_eq!(&load(name).unwrap(), profile);
    }
    let default: Vec<_> = profiles[0].targets().collect();
    assert_eq!(default, [Platform::Bios, Platform::EfiX64]);
    assert_eq!(profiles[0].drivers(Platform::Bios), Some(&Selection::All));
}

#[test]
fn hyper_v_gets_the_firmware_driver_on_uefi_only() {
    let profile = load("hyperv").unwrap();
    let has_snp = |platform| match profile.drivers(platform) {
        Some(Selection::Named(drivers)) => drivers.iter().any(|d| d.to_string() == "snp"),
        other => panic!("{other:?}"),
    };
    assert!(has_snp(Platform::EfiX64));
    assert!(!has_snp(Platform::Bios));
}

#[test]
fn an_unknown_profile_suggests_the_nearest() {
    let error = load("defualt").unwrap_err().to_string();
    assert!(error.contains("did you mean \"default\"?"), "{error}");
}

#[test]
fn faults_name_the_field_and_the_remedy() {
    for (text, expected) in [
        ("drivers = \"hyper-v\"", "did you mean \"hyperv\"?"),
        ("drivers = \"snp\"", "has nothing for bios"),
        ("drivers = []", "empty"),
        ("drivers = \"all\"\noverlays = [\"fwcfg\"]", "did you mean \"fw-cfg\"?"),
        ("drivers = \"all\"\noverlays = [\"./absent\"]", "driver.toml"),
        ("drivers = \"all\"\noverlays = [\"fw-cfg\", \"fw-cfg\"]", "two of the name"),
        ("drivers = [\"a b\"]", "no driver name"),
        ("drivers = \"all\"\nextra = 1", "unknown field `extra`"),
        ("drivers = \"all\"\nslot-capacity = 1000", "no multiple of 2048"),
        ("drivers = \"all\"\nslot-capacity = 2097152", "no multiple of 2048"),
        ("drivers = \"all\"\nslot-capacity = 0", "no multiple of 2048"),
        ("drivers = \"all\"\nscript = \"bad.ipxe\"", "does not start with"),
        ("drivers = \"all\"\nscript = \"absent.ipxe\"", "absent.ipxe"),
        ("drivers = \"all\"\ntrust = [\"two.pem\"]", "not exactly one"),
        ("drivers = \"all\"\ntrust = [\"key.pem\"]", "private key"),
        ("drivers = \"all\"\nclient = { cert = \"one.pem\", key = \"gone\" }", "is not there"),
        ("drivers = \"all\"\nclient = { cert = \"one.pem\", key = \"no.key\" }", "in PEM"),
        ("drivers = \"all\"\nclient = { cert = \"one.pem\", key = \"ec.key\" }", "genrsa"),
        ("drivers = \"all\"\nclient = { cert = \"one.pem\", key = \"locked.key\" }", "decrypt"),
        ("drivers = \"all\"\npayloads = \"signed\"", "name the root of the signers"),
        ("drivers = \"all\"\npayloads = \"signed\"\ntrust = [\"one.pem\"]", "image-trust on"),
        (
            "drivers = \"all\"\npayloads = \"signed\"\ntrust = [\"one.pem\"]\n\
             script = \"good.ipxe\"\n[options]\nimage-trust = true",
            "leave script away",
        ),
        ("drivers = \"all\"\nbios-loader = \"lilo\"", "unknown variant `lilo`"),
        ("drivers = \"all\"\n[options]\nvlna = true", "did you mean \"vlan\"?"),
        ("drivers = \"all\"\n[serial]\nport = \"com1\"\nspeed = 3", "serial speed 3"),
        ("drivers = \"all\"\n[serial]\nport = \"com9\"", "unknown variant `com9`"),
    ] {
        let error = fault(&format!("{HEAD}{text}\n"));
        assert!(error.contains(expected), "{text}: {error}");
    }
    let twice = HEAD.replace("[\"bios\"]", "[\"bios\", \"bios\"]");
    assert!(fault(&format!("{twice}drivers = \"all\"")).contains("once"));
    let arm = HEAD.replace("[\"bios\"]", "[\"efi-arm64\"]");
    let error = fault(&format!("{arm}drivers = \"snp\"\nbios-loader = \"isolinux\""));
    assert!(error.contains("targets has no \"bios\""), "{error}");
    let error = fault(&format!("{arm}drivers = \"snp\"\noverlays = [\"fw-cfg\"]"));
    assert!(error.contains("\"fw-cfg\" does not work on efi-arm64"), "{error}");
    let error = fault(&format!("{arm}drivers = \"snp\"\n[serial]\nport = \"com1\""));
    assert!(error.contains("leave [serial] away"), "{error}");
    let error = fault(&format!("{arm}drivers = \"snp\"\n[options]\nguestinfo = true"));
    assert!(error.contains("switch the option guestinfo off"), "{error}");
    let name = HEAD.replace("\"x\"", "\"../x\"");
    assert!(fault(&format!("{name}drivers = \"all\"")).contains("lower-case"));
}
