//! What a firmware demands: signed payloads, and how it comes to start under Secure Boot.

use crate::format::Platform;
use serde::{Deserialize, Serialize};

/// What a machine may boot once its ticket runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payloads {
    /// Whatever the server's script says.
    #[default]
    Any,
    /// Only what is signed by a root that the firmware trusts, the server's script included.
    Signed,
}

/// Who signed the firmware for Secure Boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// The organisation: its certificate is enrolled in its machines' `db`.
    OwnKey,
    /// A vendor: the machines know the key of its shim, and the shim that of its iPXE.
    Shim,
}

/// A shim: what the machine starts, and what in turn starts iPXE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ShimManifest {
    /// The platform it runs on.
    pub platform: Platform,
    /// The file in the firmware's folder; a bare name.
    pub file: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// How a firmware starts under Secure Boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecureBoot {
    /// Who signed it.
    pub lane: Lane,
    /// SHA-256 of the signer's certificate (its DER form), where the firmware was signed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The name under which the shims look for iPXE, in the lane that has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loader: Option<String>,
    /// The shims, of the lane that has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shims: Vec<ShimManifest>,
}

/// All demands of a firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Security {
    /// What may be booted.
    #[serde(default)]
    pub payloads: Payloads,
    /// Secure Boot, where the firmware is for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<SecureBoot>,
}

impl Security {
    /// Whether nothing is demanded.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
