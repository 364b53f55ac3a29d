//! A firmware that passes for a real one until something boots it. Tests of other crates include
//! this file, too.

use bootmint_image_factory::{
    firmware::{
        BinaryManifest, Capabilities, Firmware, FirmwareManifest, MANIFEST, Provider, SCHEMA,
        sha256_hex,
    },
    format::Platform,
};
use std::{fs, path::Path};

/// What it is like.
pub struct Fake<'a> {
    /// The length of the BIOS binary.
    pub kernel: usize,
    /// The length of each UEFI binary.
    pub efi: usize,
    /// What there are binaries for.
    pub platforms: &'a [Platform],
    /// What they say that they can do.
    pub capabilities: Capabilities,
}

impl Fake<'_> {
    /// Writes it into `folder`, which is made where needed.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let manifest = FirmwareManifest {
            schema: SCHEMA,
            profile: "test".into(),
            provider: Provider::Prebuilt,
            ipxe_version: "2.0.0".into(),
            key: "test".into(),
            notes: vec![],
            security: Default::default(),
            binaries: self
                .platforms
                .iter()
                .map(|platform| self.binary(folder, *platform))
                .collect(),
        };
        fs::write(folder.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    }

    fn binary(&self, folder: &Path, platform: Platform) -> BinaryManifest {
        let mut bytes: Vec<u8>;
        if platform == Platform::Bios {
            // The header of a Linux kernel: the boot protocol's chapter 1.
            bytes = (0..self.kernel).map(|at| (at / 7) as u8).collect();
            bytes[0x1f1] = 4;
            bytes[0x1fe..0x208].copy_from_slice(b"\x55\xaa\xeb\x46HdrS\x07\x02");
            bytes[0x211] = 1;
        } else {
            bytes = (0..self.efi).map(|at| (at / 5) as u8).collect();
            bytes[..2].copy_from_slice(b"MZ");
        }
        fs::write(folder.join(platform.file_name()), &bytes).unwrap();
        BinaryManifest {
            platform,
            file: platform.file_name().into(),
            size: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
            capabilities: self.capabilities.clone(),
            slot: None,
        }
    }

    /// The firmware itself.
    pub fn load(&self) -> Firmware {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        Firmware::load(folder.path()).unwrap()
    }
}
