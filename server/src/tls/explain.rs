//! What to do when another server's certificate does not fit.

use rustls::CertificateError;
use std::error::Error;

/// Where the configuration says whom it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// What the other server is.
    pub(crate) server: &'static str,
    /// The key that names it.
    pub(crate) name: &'static str,
    /// The key of the file with its authority.
    pub(crate) ca: &'static str,
}

/// What is wrong with the certificate of `host`, if the connection failed by that.
pub(crate) fn explain(
    error: &(dyn Error + 'static),
    host: &str,
    section: Section,
) -> Option<String> {
    let Section { server, name, ca } = section;
    let fault = match find(error)? {
        rustls::Error::InvalidCertificate(fault) => fault,
        other => return Some(format!("TLS failed: {other}")),
    };
    Some(match fault {
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            format!(
                "its certificate names no host (it has no subject alternative name, as those that \
             Samba makes by itself): give the {server} a certificate whose subject alternative \
             names hold {host}"
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "its certificate is not for {host}, but for {}: write that name in \
             {name}, or add {host} to the certificate's subject alternative names",
            presented.join(", ")
        ),
        CertificateError::NotValidForName => format!("its certificate is not for {host}"),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "its certificate is not signed by an authority of {ca}: put the certificate of the \
             authority that signed it there"
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("its certificate's time is over: renew it on the {server}")
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
