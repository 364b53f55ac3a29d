//! The UEFI ROMs of the distribution: where they lie, and each machine's own variable store.

use super::machine::Flash;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The machines that UEFI ROMs exist for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64: OVMF.
    X64,
    /// AArch64: AAVMF.
    Arm64,
}

impl Architecture {
    /// Code and variable template, of Debian and of Fedora.
    const fn candidates(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::X64 => &[
                ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
                (
                    "/usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2",
                    "/usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2",
                ),
                ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
            ],
            Self::Arm64 => &[
                ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
                (
                    "/usr/share/edk2/aarch64/QEMU_EFI-pflash.qcow2",
                    "/usr/share/edk2/aarch64/vars-template-pflash.qcow2",
                ),
                (
                    "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
                    "/usr/share/edk2/aarch64/vars-template-pflash.raw",
                ),
            ],
        }
    }

    const fn packages(self) -> (&'static str, &'static str) {
        match self {
            Self::X64 => ("ovmf", "edk2-ovmf"),
            Self::Arm64 => ("qemu-efi-aarch64", "edk2-aarch64"),
        }
    }
}

/// Why a machine has no UEFI.
#[derive(Debug, thiserror::Error)]
pub enum RomError {
    /// No known place holds the ROM.
    #[error(
        "no UEFI firmware for QEMU at {looked}: install {debian} (Debian) or {fedora} (Fedora)"
    )]
    Missing {
        /// The first place that was tried.
        looked: &'static str,
        /// Debian's package.
        debian: &'static str,
        /// Fedora's package.
        fedora: &'static str,
    },
    /// The variable store could not be copied.
    #[error("copying the UEFI variable store {} to {}", from.display(), to.display())]
    Copy {
        /// The template.
        from: PathBuf,
        /// The machine's own.
        to: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// OVMF with Secure Boot, and a variable store without keys: Debian's, Fedora's.
const SECURE: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
];

/// OVMF with Secure Boot, and a variable store with Microsoft's keys, as PCs are sold.
const MICROSOFT: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
];

/// Finds the ROM for `architecture` and puts a fresh variable store into `folder`.
pub fn flash(architecture: Architecture, folder: &Path) -> Result<Flash, RomError> {
    find(architecture.candidates(), architecture, folder)
}

/// The same for a PC with Secure Boot; keys are to be put into the variable store.
pub fn secure_flash(folder: &Path) -> Result<Flash, RomError> {
    find(SECURE, Architecture::X64, folder)
}

/// The same with the keys that PCs are sold with, Secure Boot on.
pub fn microsoft_flash(folder: &Path) -> Result<Flash, RomError> {
    find(MICROSOFT, Architecture::X64, folder)
}

fn find(
    candidates: &'static [(&'static str, &'static str)],
    architecture: Architecture,
    folder: &Path,
) -> Result<Flash, RomError> {
    let found = candidates
        .iter()
        .map(|(code, variables)| (Path::new(code), Path::new(variables)))
        .find(|(code, variables)| code.is_file() && variables.is_file());
    let Some((code, template)) = found else {
        let (debian, fedora) = architecture.packages();
        let looked = candidates.first().map_or("", |(code, _)| code);
        return Err(RomError::Missing { looked, debian, fedora });
    };
    let mut variables = folder.join("uefi-variables");
    variables.set_extension(template.extension().unwrap_or_default());
    // The bytes without the template's mode, which may be read-only.
    let copied = fs::read(template).and_then(|bytes| fs::write(&variables, bytes));
    if let Err(source) = copied {
        return Err(RomError::Copy { from: template.to_owned(), to: variables, source });
    }
    Ok(Flash { code: code.to_owned(), variables })
}
