//! Whom a controller's certificate must come from, and what to do when it does not fit.

use super::config::{Controller, Trust};
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{error::Error, path::PathBuf, sync::Arc};

/// The authorities cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read, or holds no certificate.
    #[error("{}: no certificate can be read from it; directory.ca-file wants a PEM file", .0.display())]
    File(PathBuf),
    /// The system has none.
    #[error(
        "this system trusts no authority: install ca-certificates, or name a directory.ca-file"
    )]
    System,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// What connections are made with.
pub(super) fn client(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
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

/// What is wrong with the certificate, if the connection failed by that.
pub(super) fn explain(error: &(dyn Error + 'static), controller: &Controller) -> Option<String> {
    let host = &controller.host;
    let fault = match find(error)? {
        rustls::Error::InvalidCertificate(fault) => fault,
        other => return Some(format!("TLS failed: {other}")),
    };
    Some(match fault {
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            format!(
                "its certificate names no host (it has no subject alternative name, as those that \
             Samba makes by itself): give the controller a certificate whose subject alternative \
             names hold {host}"
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "its certificate is not for {host}, but for {}: write that name in \
             directory.controllers, or add {host} to the certificate's subject alternative names",
            presented.join(", ")
        ),
        CertificateError::NotValidForName => format!("its certificate is not for {host}"),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by an authority of directory.ca-file: put the \
             certificate of the authority that signed it there"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate's time is over: renew it on the controller".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: look at the clocks of both machines".to_owned()
        }
        other => format!("its certificate is refused: {other}"),
    })
}

/// The TLS error among the causes of `error`. An I/O error shows the cause of what it wraps,
/// but not the wrapped error itself.
fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
