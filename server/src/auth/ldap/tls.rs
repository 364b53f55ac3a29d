//! What to do when a controller's certificate does not fit.

use super::config::Controller;
use rustls::CertificateError;
use std::error::Error;

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
