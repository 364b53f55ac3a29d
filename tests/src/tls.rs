//! Certificates for tests, and TLS in front of the boot server.

use crate::run::tool;
use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How long a peer may take to send or receive anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest request, in bytes.
const MAX_REQUEST: usize = 64 << 10;

/// Kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RSA, 2048 bits.
    Rsa,
    /// ECDSA on P-256.
    Ecdsa,
}

impl Kind {
    fn generate(self) -> anyhow::Result<KeyPair> {
        match self {
            Self::Ecdsa => Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?),
            Self::Rsa => {
                let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
                let pem = tool("openssl", args)?;
                Ok(KeyPair::from_pem(&String::from_utf8(pem)?)?)
            }
        }
    }
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// For many years.
    Now,
    /// It ended in 2001.
    Over,
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// An authority with a fresh key.
    pub fn new(name: &str, kind: Kind) -> anyhow::Result<Self> {
        Self::with(name, kind.generate()?)
    }

    /// An authority whose key lies in `folder`, or is put there: firmware that trusts it then
    /// needs to be compiled only once.
    pub fn lasting(name: &str, kind: Kind, folder: &Path) -> anyhow::Result<Self> {
        let (key, cert) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pem")));
        if let (Ok(key), Ok(pem)) = (fs::read_to_string(&key), fs::read_to_string(&cert)) {
            let authority = Self::with(name, KeyPair::from_pem(&key)?)?;
            return Ok(Self { pem, ..authority });
        }
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let authority = Self::new(name, kind)?;
        fs::write(&key, authority.issuer.key().serialize_pem())?;
        fs::write(&cert, &authority.pem)?;
        Ok(authority)
    }

    fn with(name: &str, key: KeyPair) -> anyhow::Result<Self> {
        let mut params = params(name, &[], Validity::Now)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server's certificate for `names`, host names or addresses.
    pub fn server(&self, kind: Kind, names: &[&str], validity: Validity) -> anyhow::Result<Pair> {
        let mut params = params("server", names, validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&params, kind.generate()?)
    }

    /// A certificate that may sign what machines boot.
    pub fn signer(&self, kind: Kind) -> anyhow::Result<Pair> {
        let mut params = params("signer", &[], Validity::Now)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        self.issue(&params, kind.generate()?)
    }

    /// A certificate by which a machine proves to a server who it is.
    pub fn client(&self, kind: Kind) -> anyhow::Result<Pair> {
        let mut params = params("machine", &[], Validity::Now)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(&params, kind.generate()?)
    }

    /// The files of a client's certificate and key in `folder`, made when they are not there.
    pub fn lasting_client(&self, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        let files = (folder.join("client.pem"), folder.join("client.key"));
        if files.0.is_file() && files.1.is_file() {
            return Ok(files);
        }
        self.client(Kind::Rsa)?.write(folder, "client")
    }

    fn issue(&self, params: &CertificateParams, key: KeyPair) -> anyhow::Result<Pair> {
        let cert = params.signed_by(&key, &self.issuer)?;
        Ok(Pair { cert: cert.pem(), der: cert.der().clone(), key })
    }
}

fn params(name: &str, names: &[&str], validity: Validity) -> anyhow::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, format!("Bootmint test {name}"));
    params.distinguished_name = distinguished;
    (params.not_before, params.not_after) = match validity {
        Validity::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2060, 1, 1)),
        Validity::Over => (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
    };
    Ok(params)
}

/// A certificate with its private key.
#[derive(Debug)]
pub struct Pair {
    /// The certificate, in PEM.
    pub cert: String,
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Pair {
    /// Writes certificate and key to `<stem>.pem` and `<stem>.key` in `folder`.
    pub fn write(&self, folder: &Path, stem: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
        let (cert, key) = (folder.join(format!("{stem}.pem")), folder.join(format!("{stem}.key")));
        fs::write(&cert, &self.cert)?;
        fs::write(&key, self.key.serialize_pem())?;
        Ok((cert, key))
    }
}

/// TLS on a port of its own, whose plain side is the boot server's port.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// A front that shows `pair`, that certificate alone, and passes requests on to `upstream`.
    /// With `clients`, it takes only those who show a certificate of theirs.
    pub fn start(pair: Pair, upstream: u16, clients: Option<&Authority>) -> anyhow::Result<Self> {
        let key = PrivateKeyDer::try_from(pair.key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                let pem = authority.pem.as_bytes();
                roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(pem)?)?;
                let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots),
                    provider,
                );
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let config = Arc::new(builder.with_single_cert(vec![pair.der], key)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                let config = Arc::clone(&config);
                // A client that breaks off is the test's business: its request is then missing.
                std::thread::spawn(move || relay(stream, config, upstream));
            }
        });
        Ok(Self { port, stopped, thread: Some(thread) })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)); // wakes the listener
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request and its answer.
fn relay(stream: TcpStream, config: Arc<ServerConfig>, upstream: u16) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut client = StreamOwned::new(ServerConnection::new(config)?, stream);
    let request = read_request(&mut client)?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?;
    server.set_read_timeout(Some(PATIENCE))?;
    server.write_all(&request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    Ok(client.flush()?)
}

/// A request up to the end of its head, and as much body as the head promises.
fn read_request(client: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = client.read(&mut buffer)?;
        anyhow::ensure!(n > 0 && request.len() + n <= MAX_REQUEST, "a cut or long request");
        request.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(Ok(0), |value| value.trim().parse())?;
        if request.len() >= head.len() + 4 + length {
            return Ok(request);
        }
    }
}
