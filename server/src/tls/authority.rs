//! The site's own certificate authority, and server certificates from it.
//!
//! Its root is compiled into firmware, so the names, dates and algorithms here are what iPXE
//! takes: ECDSA over P-256 or P-384.

use crate::{
    secret::{NoRandom, random_key},
    time::Timestamp,
};
use bootmint_image_factory::host::{HostName, Invalid};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::{fmt, net::IpAddr, str::FromStr};

/// How long a root is valid: firmware that trusts it is not compiled every year.
const ROOT_DAYS: i64 = 20 * 365;
/// How long a server's certificate is valid.
const SERVER_DAYS: i64 = 3 * 365;

/// The kind of key that a certificate is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyKind {
    /// ECDSA over P-256.
    #[default]
    P256,
    /// ECDSA over P-384.
    P384,
}

/// A name or address that machines reach the server by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerName {
    /// A DNS name.
    Dns(HostName),
    /// An address.
    Ip(IpAddr),
}

impl FromStr for ServerName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(address) => Ok(Self::Ip(address)),
            Err(_) => text.parse().map(Self::Dns),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// These names, and those by which a computer reaches itself: the console may be on loopback.
pub fn with_loopback(names: &[ServerName]) -> Vec<ServerName> {
    let mut all = names.to_vec();
    let own = ["127.0.0.1", "::1", "localhost"].into_iter().filter_map(|name| name.parse().ok());
    for name in own {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// A certificate or key cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The certificate library says no.
    #[error("the certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// A certificate, or several, and the private key of the first, in PEM.
///
/// `Debug` hides the key.
#[derive(Clone)]
pub struct Pair {
    /// The certificates.
    pub certificates: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}

/// Makes a root.
pub fn root(kind: KeyKind, now: Timestamp) -> Result<Pair, AuthorityError> {
    let key = new_key(kind)?;
    let mut params = dated(now, ROOT_DAYS);
    // Two sites' roots must not have the same name: clients look issuers up by it.
    let id = random_key()?;
    params.distinguished_name.push(DnType::OrganizationName, "Bootmint");
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Bootmint site {}", id.get(..12).unwrap_or_default()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok(Pair { certificates: certificate.pem(), key: key.serialize_pem() })
}

/// Makes a certificate for a server with these names, signed by `root`, which follows it: iPXE
/// has only the fingerprint of the root that it trusts.
pub fn server(
    root: &Pair,
    kind: KeyKind,
    names: &[ServerName],
    now: Timestamp,
) -> Result<Pair, AuthorityError> {
    let issuer = Issuer::from_ca_cert_pem(&root.certificates, KeyPair::from_pem(&root.key)?)?;
    let key = new_key(kind)?;
    let mut params = dated(now, SERVER_DAYS);
    let first = names.first().map_or_else(|| "bootmint".to_owned(), ToString::to_string);
    // A common name has 64 characters at most; the names that count are the alternative ones.
    let common: String = first.chars().take(64).collect();
    params.distinguished_name.push(DnType::CommonName, common);
    for name in names {
        params.subject_alt_names.push(match name {
            ServerName::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
            ServerName::Ip(address) => SanType::IpAddress(*address),
        });
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer)?;
    let certificates = format!("{}{}", certificate.pem(), root.certificates);
    Ok(Pair { certificates, key: key.serialize_pem() })
}

fn dated(now: Timestamp, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    // Machines whose clock fell back to its first day must be able to boot.
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    let (year, month, day) = now.after_days(days).date();
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params
}

fn new_key(kind: KeyKind) -> Result<KeyPair, AuthorityError> {
    Ok(KeyPair::generate_for(match kind {
        KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_names_or_addresses() {
        assert_eq!("192.0.2.1".parse(), Ok(ServerName::Ip([192, 0, 2, 1].into())));
        assert_eq!("2001:db8::1".parse::<ServerName>().unwrap().to_string(), "2001:db8::1");
        assert_eq!(
            "Boot.Example.net".parse::<ServerName>().unwrap().to_string(),
            "boot.example.net"
        );
        let all = with_loopback(&["localhost".parse().unwrap()]);
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["localhost", "127.0.0.1", "::1"]);
        assert!("a b".parse::<ServerName>().is_err());
        assert!("*.example.net".parse::<ServerName>().is_err());
    }

    #[test]
    fn no_two_roots_have_the_same_name_and_keys_stay_hidden() {
        let (one, other) = (
            root(KeyKind::P256, Timestamp::now()).unwrap(),
            root(KeyKind::P256, Timestamp::now()).unwrap(),
        );
        assert_ne!(one.certificates, other.certificates);
        assert!(!format!("{one:?}").contains("PRIVATE"));
    }
}
