//! The certificate by which a firmware proves to a server who it is.
//!
//! The private key's bytes are not read into the profile: they go from the user's file into the
//! binary, and into nothing else.

use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The largest key file, in bytes.
const MAX_KEY: u64 = 64 << 10;
/// `rsaEncryption` (1.2.840.113549.1.1.1) as DER.
const RSA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// Where in a PKCS#8 key its algorithm ends at the latest: behind two headers and a version.
const ALGORITHM_END: usize = 32;

/// A client certificate and where its key lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The certificate, in PEM.
    pub cert: String,
    /// The file with its private key.
    pub key: PathBuf,
}

/// Checks that `path` holds one key that iPXE can use; the reason when it does not.
pub(super) fn check_key(path: &Path) -> Result<(), String> {
    let fault = |reason: &str| Err(format!("{} {reason}", path.display()));
    let size = fs::metadata(path).map(|about| about.len());
    let text = match size {
        Ok(size) if size > MAX_KEY => return fault("is too large for a private key"),
        Ok(_) => fs::read(path),
        Err(error) => Err(error),
    };
    let text = match text {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fault("is not there: name the private key's file, beside the profile");
        }
        Err(error) => return Err(format!("reading {}: {error}", path.display())),
        Ok(text) => text,
    };
    if text.windows(21).any(|window| window == b"ENCRYPTED PRIVATE KEY")
        || text.windows(9).any(|window| window == b"ENCRYPTED")
    {
        return fault(
            "is encrypted, and nobody types a passphrase at boot: decrypt it with openssl pkey",
        );
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(PrivateKeyDer::Pkcs1(_)) => Ok(()),
        Ok(PrivateKeyDer::Pkcs8(key)) if names_rsa(key.secret_pkcs8_der()) => Ok(()),
        Ok(_) => {
            fault("is no RSA key, and iPXE has no other client keys: make one with openssl genrsa")
        }
        Err(_) => fault("holds no private key in PEM"),
    }
}

fn names_rsa(der: &[u8]) -> bool {
    der.get(..ALGORITHM_END).is_some_and(|head| head.windows(RSA.len()).any(|at| at == RSA))
}
