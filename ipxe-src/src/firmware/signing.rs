//! Signs finished binaries for Secure Boot, and refuses beforehand what may not be signed.

use super::{BuildError, error::io_error};
use crate::{
    profile::{KeyPlace, Options, Proof, SigningKey, Switch},
    run::Invocation,
};
use bootmint_drivers::{DriverName, Resolved};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// How deep iPXE's folders nest, at most.
const MAX_DEPTH: usize = 16;

/// Something in a profile whose sources iPXE's makers do not permit in signed binaries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "profile {profile}: {what} may not be in a binary that is signed for Secure Boot, says the \
     source ({file}): {remedy}"
)]
pub struct Unsignable {
    profile: String,
    what: String,
    file: String,
    remedy: &'static str,
}

/// Refuses the first driver and the first option whose source `src` does not declare permitted.
pub(super) fn check_sources<'a>(
    src: &Path,
    profile: &str,
    drivers: impl Iterator<Item = &'a Resolved>,
    options: &Options,
) -> Result<(), BuildError> {
    let names = drivers.flat_map(|selection| match selection {
        Resolved::Named(names) => names.iter().map(DriverName::as_str).collect::<Vec<_>>(),
        Resolved::All => Vec::new(), // the makefiles leave out what is not permitted
    });
    let drivers = names.map(|name| {
        (name, format!("driver {name}"), "take snp, which uses the machine's own driver")
    });
    let on = options.iter().filter(|(_, switch)| *switch == Switch::On).map(|(spec, _)| {
        let (Proof::Object(object) | Proof::ObjectWith(object, _)) = spec.proof;
        (object, format!("option {}", spec.name), "switch the option off")
    });
    let wanted: Vec<_> = drivers.chain(on).collect();
    let mut found = Vec::new();
    let names: BTreeSet<_> = wanted.iter().map(|(name, ..)| *name).collect();
    find(src, &names, MAX_DEPTH, &mut found)?;
    for (name, what, remedy) in wanted {
        let sources = found.iter().filter(|path| stem(path) == Some(name));
        for path in sources {
            let bytes = fs::read(path).map_err(io_error("reading", path))?;
            if !is_permitted(&String::from_utf8_lossy(&bytes)) {
                let file = path.strip_prefix(src).unwrap_or(path).display().to_string();
                let profile = profile.to_owned();
                return Err(Unsignable { profile, what, file, remedy }.into());
            }
        }
    }
    Ok(())
}

fn is_permitted(text: &str) -> bool {
    text.lines().any(|line| {
        let words: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        words.starts_with("FILE_SECBOOT(PERMITTED)")
    })
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem().and_then(|stem| stem.to_str())
}

fn find(
    folder: &Path,
    names: &BTreeSet<&str>,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), BuildError> {
    let failed = io_error("listing", folder);
    let list = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let paths = list().map_err(failed)?;
    for path in paths {
        if path.is_dir() && depth > 0 {
            find(&path, names, depth - 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "c")
            && stem(&path).is_some_and(|stem| names.contains(stem))
        {
            found.push(path);
        }
    }
    Ok(())
}

/// `bytes`, an EFI binary, signed with `key`, and the signature checked.
pub(super) fn sign(bytes: &[u8], key: &SigningKey) -> Result<Vec<u8>, BuildError> {
    let folder = tempfile::tempdir().map_err(io_error("making", Path::new("a folder")))?;
    let (plain, signed) = (folder.path().join("plain.efi"), folder.path().join("signed.efi"));
    fs::write(&plain, bytes).map_err(io_error("writing", &plain))?;
    let sbsign = Invocation::new("sbsign").arg("--cert").arg(&key.cert).arg("--key");
    let sbsign = match &key.key {
        KeyPlace::File(path) => sbsign.arg(path),
        KeyPlace::Token(uri) => sbsign.arg(uri).args(["--engine", "pkcs11"]).remedy(
            "is the token there, and OpenSSL's engine for it (package libengine-pkcs11-openssl on \
             Debian, openssl-pkcs11 on Fedora)?",
        ),
    };
    sbsign.arg("--output").arg(&signed).arg(&plain).capture(&mut |_| ())?;
    Invocation::new("sbverify")
        .arg("--cert")
        .arg(&key.cert)
        .arg(&signed)
        .remedy("the key is not that of the certificate: name the pair that belongs together")
        .capture(&mut |_| ())?;
    fs::read(&signed).map_err(io_error("reading", &signed))
}

/// SHA-256 over the DER form of a certificate, the way firmware setups show it.
pub(super) fn fingerprint(pem: &str) -> String {
    match CertificateDer::from_pem_slice(pem.as_bytes()) {
        Ok(der) => bootmint_image_factory::firmware::sha256_hex(&der),
        Err(_) => bootmint_image_factory::firmware::sha256_hex(pem.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_does_not_permit_is_refused_with_what_to_do() {
        let src = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = src.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("drivers/net/efi/snp.c", "FILE_SECBOOT ( PERMITTED );\n");
        write("drivers/net/netvsc.c", "/* FILE_SECBOOT ( PERMITTED ) */\n");
        write("hci/commands/vlan_cmd.c", "  FILE_SECBOOT(PERMITTED);\n");
        write("net/oncrpc/nfs_open.c", "FILE_SECBOOT ( FORBIDDEN );\n");
        write("hci/commands/image_crypt_cmd.c", "int x;\n");
        let check = |driver: &str, option: &str| {
            let drivers = Resolved::Named([driver.parse().unwrap()].into());
            let options = Options::check(&[(option.to_owned(), Switch::On)].into()).unwrap();
            check_sources(src.path(), "p", [drivers].iter(), &options)
                .map_err(|error| error.to_string())
        };
        assert_eq!(check("snp", "vlan"), Ok(()));
        for (driver, option, expected) in [
            ("netvsc", "vlan", "driver netvsc may not be"),
            ("snp", "nfs", "net/oncrpc/nfs_open.c): switch the option off"),
            ("snp", "image-crypt", "option image-crypt"),
        ] {
            let error = check(driver, option).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
