use super::*;
use crate::probe::tests::{data, efi};

const STRINGS: [&str; 6] = ["#!ipxe", "http", "vcreate", "file:/autoexec.ipxe", "1.21.1+x", "ping"];

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(Some(folder.path().join("cache"))).unwrap();
    (folder, cache)
}

fn amd64() -> Vec<u8> {
    efi(0x8664, &data(&STRINGS, &["http", "vcreate"]), 0)
}

#[test]
fn a_folder_becomes_a_firmware_that_says_what_it_lacks() {
    let (folder, cache) = cache();
    fs::write(folder.path().join("ipxe.efi"), amd64()).unwrap();
    let made = from_folder(&cache, folder.path(), &mut ()).unwrap();
    let firmware = Firmware::load(&made).unwrap();
    assert_eq!(firmware.manifest.ipxe_version, "1.21.1+x");
    let capabilities = &firmware.binary(Platform::EfiX64).unwrap().about.capabilities;
    assert!(capabilities.contains(&Capability::Vlan) && !capabilities.contains(&Capability::Ping));
    let notes = firmware.manifest.notes.join("\n");
    assert!(notes.contains("On efi-x86_64 it lacks: https, ipv6, params,"), "{notes}");
    assert!(notes.contains("Ready binaries from"), "{notes}");
    // The same again is the same folder, and a firmware's own folder is taken as it is.
    assert_eq!(from_folder(&cache, folder.path(), &mut ()).unwrap(), made);
    assert_eq!(from_folder(&cache, &made, &mut ()).unwrap(), made);
}

#[test]
fn a_folder_without_ipxe_or_with_a_wrong_one_is_refused() {
    let (folder, cache) = cache();
    let error = from_folder(&cache, folder.path(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("put ipxe.lkrn (BIOS)"), "{error}");
    fs::write(folder.path().join("ipxe-arm64.efi"), amd64()).unwrap();
    let error = from_folder(&cache, folder.path(), &mut ()).unwrap_err().to_string();
    assert!(error.ends_with("it is for efi-x86_64, not for efi-arm64"), "{error}");
    fs::write(folder.path().join("ipxe-arm64.efi"), "not at all").unwrap();
    assert!(matches!(
        from_folder(&cache, folder.path(), &mut ()),
        Err(PrebuiltError::Binary { .. })
    ));
    assert!(!cache.root().join("firmware").exists());
}

#[test]
fn links_of_a_package_stay_in_the_package() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let lib = root.path().join("usr/lib/ipxe");
    fs::create_dir_all(&lib).unwrap();
    fs::create_dir_all(root.path().join("boot")).unwrap();
    fs::write(root.path().join("boot/ipxe.efi"), amd64()).unwrap();
    symlink("/boot/ipxe.efi", lib.join("ipxe.efi")).unwrap();
    let found = Found::read(&lib, root.path()).unwrap();
    assert_eq!(found.version(), "1.21.1+x");
    assert_eq!(
        why_unfit(&found).unwrap(),
        "its iPXE 1.21.1+x has no BIOS binary that runs a ticket"
    );
    symlink("../../../../outside", lib.join("ipxe.lkrn")).unwrap();
    assert_eq!(Found::read(&lib, root.path()).unwrap().binaries.len(), 1);
}

#[test]
fn what_was_taken_is_remembered_until_it_is_damaged_or_the_release_changes() {
    let (folder, cache) = cache();
    fs::write(folder.path().join("ipxe.efi"), amd64()).unwrap();
    let made = from_folder(&cache, folder.path(), &mut ()).unwrap();
    let release = |codename: &str| {
        let root = folder.path().join(codename);
        fs::create_dir_all(root.join("etc")).unwrap();
        let text = format!("ID=debian\nVERSION_CODENAME={codename}\n");
        fs::write(root.join("etc/os-release"), text).unwrap();
        apt::Release::read(&root).unwrap()
    };
    assert_eq!(remembered(&cache, &release("bookworm")), None);
    remember(&cache, &release("bookworm"), &made).unwrap();
    assert_eq!(remembered(&cache, &release("bookworm")), Some(made.clone()));
    assert_eq!(remembered(&cache, &release("trixie")), None);
    let taken = cache.prebuilt().join(TAKEN);
    let current = fs::read_to_string(&taken).unwrap();
    fs::write(&taken, current.replace(folder::RECIPE, "prebuilt 1")).unwrap();
    assert_eq!(remembered(&cache, &release("bookworm")), None);
    fs::write(&taken, current).unwrap();
    fs::write(made.join(Platform::EfiX64.file_name()), "x").unwrap();
    assert_eq!(remembered(&cache, &release("bookworm")), None);
}

#[test]
fn a_shim_and_a_signed_ipxe_become_a_firmware() {
    let (folder, cache) = cache();
    let make = || {
        from_shim_folder(&cache, folder.path(), Platform::EfiX64, "GRUBX64.EFI", &mut ())
            .map_err(|error| error.to_string())
    };
    let put = |name: &str, certificates| {
        let bytes = efi(0x8664, &data(&STRINGS, &["http", "vcreate"]), certificates);
        fs::write(folder.path().join(name), bytes).unwrap();
    };
    assert!(make().unwrap_err().contains("no signed shim (shimx64.efi) for efi-x86_64"));
    put("shimx64.efi", 0);
    assert!(make().unwrap_err().contains("it is not signed"));
    put("shimx64.efi", 8);
    assert!(make().unwrap_err().contains("no signed iPXE"));
    put("ipxe.efi", 0);
    assert!(make().unwrap_err().contains("a shim starts nothing unsigned"));
    put("ipxe.efi", 8);
    let firmware = Firmware::load(&make().unwrap()).unwrap();
    let how = firmware.manifest.security.secure_boot.as_ref().unwrap();
    assert_eq!(how.loader.as_deref(), Some("EFI/BOOT/GRUBX64.EFI"));
    assert_eq!(
        firmware.shim(Platform::EfiX64).unwrap(),
        fs::read(folder.path().join("shimx64.efi")).unwrap()
    );
}
