//! Whom the server trusts when it asks others: a directory, a collector of logs.

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{path::PathBuf, sync::Arc};

/// Which authorities may sign the other server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of a PEM file, and no other.
    Pinned(PathBuf),
    /// Those that this system trusts.
    System,
}

/// The authorities cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read, or holds no certificate.
    #[error("{}: no certificate can be read from it: a ca-file holds certificates in PEM", .0.display())]
    File(PathBuf),
    /// The system has none.
    #[error("this system trusts no authority: install ca-certificates, or name a ca-file")]
    System,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// What connections to other servers are made with.
pub(crate) fn client(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Pinned(file) => {
            let broken = || TrustError::File(file.clone());
            let certificates = CertificateDer::pem_file_iter(file).map_err(|_| broken())?;
            for certificate in certificates {
                roots.add(certificate.map_err(|_| broken())?).map_err(|_| broken())?;
            }
            if roots.is_empty() {
                return Err(broken());
            }
        }
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                return Err(TrustError::System);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
