//! How a profile's firmware comes to start under Secure Boot.

use bootmint_image_factory::security::Lane;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The largest certificate file, in bytes.
const MAX_CERT: u64 = 64 << 10;
/// The loader's name that iPXE's own shim looks for.
const SHIM_LOADER: &str = "IPXE.EFI";

/// How firmware comes to start under Secure Boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecureBoot {
    /// It is signed with the organisation's key.
    OwnKey(SigningKey),
    /// A vendor's signed shim starts the vendor's signed iPXE, which lies beside it.
    Shim {
        /// The name under which the shim looks for iPXE.
        loader: String,
    },
}

impl SecureBoot {
    /// The lane.
    pub fn lane(&self) -> Lane {
        match self {
            Self::OwnKey(_) => Lane::OwnKey,
            Self::Shim { .. } => Lane::Shim,
        }
    }
}

/// A key to sign firmware with. The key itself stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The certificate's file.
    pub cert: PathBuf,
    /// The certificate, in PEM.
    pub pem: String,
    /// Where the key lies.
    pub key: KeyPlace,
}

/// Where a private key lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a file.
    File(PathBuf),
    /// In a token: a `pkcs11:` URI.
    Token(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawSecureBoot {
    lane: Lane,
    cert: Option<PathBuf>,
    key: Option<String>,
    loader: Option<String>,
}

impl RawSecureBoot {
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }
}

/// Checks what a profile says of Secure Boot; the files it names lie in `folder`.
pub(super) fn check(raw: &RawSecureBoot, folder: &Path) -> Result<SecureBoot, String> {
    match raw.lane {
        Lane::OwnKey => own_key(raw, folder).map(SecureBoot::OwnKey),
        Lane::Shim if raw.cert.is_some() || raw.key.is_some() => {
            Err("the lane \"shim\" takes binaries that are signed already: leave cert and key \
                 away, or take the lane \"own-key\""
                .to_owned())
        }
        Lane::Shim => {
            let loader = raw.loader.as_deref().unwrap_or(SHIM_LOADER).to_ascii_uppercase();
            check_loader(&loader)?;
            Ok(SecureBoot::Shim { loader })
        }
    }
}

fn own_key(raw: &RawSecureBoot, folder: &Path) -> Result<SigningKey, String> {
    let (Some(cert), Some(key), None) = (&raw.cert, &raw.key, &raw.loader) else {
        return Err("the lane \"own-key\" wants cert and key, and nothing else: \
                    cargo xtask secureboot keys DIR makes both"
            .to_owned());
    };
    let cert = folder.join(cert);
    let text = std::fs::metadata(&cert).and_then(|about| match about.len() {
        0..=MAX_CERT => std::fs::read_to_string(&cert),
        _ => Err(std::io::Error::other("too large for a certificate")),
    });
    let pem = text.map_err(|error| format!("reading {}: {error}", cert.display()))?;
    if pem.matches("-----BEGIN CERTIFICATE-----").count() != 1 {
        return Err(format!("{} holds not exactly one PEM certificate", cert.display()));
    }
    let key = if key.starts_with("pkcs11:") {
        if key.contains("pin-value") {
            return Err("leave pin-value out of the key's URI: write pin-source=file:PATH, whose \
                        file holds the PIN"
                .to_owned());
        }
        KeyPlace::Token(key.clone())
    } else {
        let path = folder.join(key);
        if !path.is_file() {
            return Err(format!(
                "{} is not there: name the private key's file, beside the profile, or a pkcs11: URI",
                path.display()
            ));
        }
        KeyPlace::File(path)
    };
    Ok(SigningKey { cert, pem, key })
}

/// A short name of the FAT file system, ending in `.EFI`.
fn check_loader(name: &str) -> Result<(), String> {
    let stem = name.strip_suffix(".EFI").unwrap_or_default();
    let plain = (1..=8).contains(&stem.len())
        && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let taken = ["BOOTX64", "BOOTAA64"].contains(&stem);
    if plain && !taken {
        Ok(())
    } else {
        Err(format!(
            "loader \"{}\" is no name that a shim looks for: write 1 to 8 letters and digits and \
             .efi, such as ipxe.efi or grubx64.efi",
            name.chars().take(40).collect::<String>()
        ))
    }
}
