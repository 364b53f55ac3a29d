//! The certificate that the server shows, read again when its files change.

use crate::{secret::Digest, time::Timestamp};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and those that lead to the root, the root too: in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// HTTPS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(
        "{}: cannot be read; `bootmint certificate` makes one from the site's own authority",
        path.display()
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key that others can read.
    #[error("{}: others can read it: make its mode 600", .0.display())]
    Exposed(PathBuf),
    /// No certificate or key is in the file.
    #[error("{}: holds no {what} in PEM", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key are of no use, or do not belong together.
    #[error("{} and {} do not make a certificate that can be shown", files.certificate.display(), files.key.display())]
    Unusable {
        /// Both.
        files: TlsFiles,
        /// Why.
        source: Box<rustls::Error>,
    },
    /// The certificate cannot be read as one.
    #[error("{}: its first certificate is damaged", .0.display())]
    Damaged(PathBuf),
}

/// A certificate that is shown.
#[derive(Clone, Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    expires: Timestamp,
}

/// What a look at the files found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// They are what they were.
    Same,
    /// They are new, and shown from now on, until they expire.
    New(Timestamp),
}

/// The certificate that is shown, and its files.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    shown: RwLock<Shown>,
    /// Of the files as they were read last, good or bad.
    seen: Mutex<Digest>,
}

impl Certificates {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let bytes = read(&files)?;
        let shown = RwLock::new(parse(&files, &bytes)?);
        Ok(Arc::new(Self { files, shown, seen: Mutex::new(bytes.digest()) }))
    }

    /// Looks at the files, and shows what they hold if that is another certificate. If they are
    /// wrong the one before is still shown; that is said once for each change of the files.
    pub fn refresh(&self) -> Result<Loaded, TlsError> {
        let bytes = read(&self.files)?;
        let digest = bytes.digest();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == digest {
                return Ok(Loaded::Same);
            }
            *seen = digest;
        }
        let new = parse(&self.files, &bytes)?;
        let expires = new.expires;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(Loaded::New(expires))
    }

    /// Until when the certificate that is shown is valid.
    pub fn expires(&self) -> Timestamp {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).expires
    }

    /// What a listener needs.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let unusable =
            |source| TlsError::Unusable { files: self.files.clone(), source: Box::new(source) };
        let mut config = ServerConfig::builder_with_provider(provider())
            // iPXE speaks 1.2.
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One certificate with all names: a client that asks for another name refuses it itself.
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The files' contents.
struct Bytes {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Bytes {
    fn digest(&self) -> Digest {
        Digest::of(&[self.certificate.as_slice(), &self.key].concat())
    }
}

fn read(files: &TlsFiles) -> Result<Bytes, TlsError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::Read { path, source }
    };
    let meta = std::fs::metadata(&files.key).map_err(failed(&files.key))?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(TlsError::Exposed(files.key.clone()));
    }
    Ok(Bytes {
        certificate: std::fs::read(&files.certificate).map_err(failed(&files.certificate))?,
        key: std::fs::read(&files.key).map_err(failed(&files.key))?,
    })
}

fn parse(files: &TlsFiles, bytes: &Bytes) -> Result<Shown, TlsError> {
    let wrong = |path: &PathBuf, what| {
        let path = path.clone();
        move |source| TlsError::Pem { path, what, source }
    };
    let chain = CertificateDer::pem_slice_iter(&bytes.certificate)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| match chain.is_empty() {
            true => Err(rustls::pki_types::pem::Error::NoItemsFound),
            false => Ok(chain),
        })
        .map_err(wrong(&files.certificate, "certificate"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&bytes.key).map_err(wrong(&files.key, "private key"))?;
    let expires = chain
        .first()
        .and_then(|first| x509_parser::parse_x509_certificate(first).ok())
        .map(|(_, first)| Timestamp::from_unix(first.validity().not_after.timestamp()))
        .ok_or_else(|| TlsError::Damaged(files.certificate.clone()))?;
    // Refuses a key that is not the certificate's.
    let key = CertifiedKey::from_der(chain, key, &provider())
        .map_err(|source| TlsError::Unusable { files: files.clone(), source: Box::new(source) })?;
    Ok(Shown { key: Arc::new(key), expires })
}
