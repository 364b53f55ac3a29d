//! The section `[console]`, checked.

use super::raw::RawConsole;
use crate::{proxies::Proxies, time::Seconds, tls::TlsFiles};
use std::{net::SocketAddr, path::Path};

/// What is spoken at the console's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scheme {
    /// Plain HTTP, for loopback or a proxy with TLS.
    Http,
    /// HTTPS.
    Https,
}

/// Which local accounts must have a second factor. Programs have no password, and people of a
/// directory or identity provider show theirs there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondFactor {
    /// Those whose owners wish.
    #[default]
    Optional,
    /// Those with the role admin, wherever it holds.
    LocalAdmins,
    /// All.
    Local,
}

/// How people reach the console, and how long they stay signed in.
#[derive(Clone, Debug)]
pub struct Console {
    /// Where people and programs are answered.
    pub listen: SocketAddr,
    /// The certificate of HTTPS; none where it is plain HTTP.
    pub https: Option<TlsFiles>,
    /// What people's browsers call it, without a path; none where no proxy is before it.
    pub origin: Option<String>,
    /// The proxies before it that say where requests come from.
    pub proxies: Proxies,
    /// After how long without a request a session ends.
    pub idle: Seconds,
    /// After how long it ends, used or not.
    pub longest: Seconds,
    /// Which local accounts must have a second factor.
    pub second_factor: SecondFactor,
}

impl Console {
    /// Checks the section; `shared` is the certificate of the section `[tls]`.
    pub(super) fn check(raw: RawConsole, folder: &Path, shared: &TlsFiles) -> Result<Self, String> {
        let origin = raw.url.map(|url| origin(&url)).transpose()?;
        let proxies = Proxies::parse(&raw.trusted_proxies)
            .map_err(|error| format!("console.trusted-proxies: {error}"))?;
        let own = match (raw.certificate, raw.key) {
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: folder.join(certificate), key: folder.join(key) })
            }
            (None, None) => None,
            _ => return Err("console: certificate and key go together".to_owned()),
        };
        let https = match (raw.scheme, own) {
            (Scheme::Https, own) => Some(own.unwrap_or_else(|| shared.clone())),
            (Scheme::Http, None) => None,
            (Scheme::Http, Some(_)) => {
                return Err("console.certificate is for scheme = \"https\"".to_owned());
            }
        };
        if https.is_some() && origin.as_ref().is_some_and(|origin| origin.starts_with("http:")) {
            return Err("console.url: scheme is \"https\", so it begins with https://".to_owned());
        }
        Ok(Self {
            listen: raw.listen,
            https,
            origin,
            proxies,
            idle: Seconds::new(u32::from(raw.idle_minutes.get()).saturating_mul(60)),
            longest: Seconds::new(u32::from(raw.session_hours.get()).saturating_mul(3600)),
            second_factor: raw.second_factor,
        })
    }

    /// Whether browsers come over HTTPS, so that cookies may be for HTTPS alone.
    pub fn is_secure(&self) -> bool {
        let behind_proxy =
            self.origin.as_ref().is_some_and(|origin| origin.starts_with("https://"));
        self.https.is_some() || behind_proxy
    }

    /// Its own address as a URL.
    pub fn url(&self) -> String {
        let scheme = if self.https.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.listen)
    }
}

/// Scheme, name and port of a URL that has nothing else.
fn origin(url: &str) -> Result<String, String> {
    let wrong =
        || format!("console.url: \"{url}\" is none of http(s)://NAME[:PORT], without a path");
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let name = rest.ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(wrong());
    }
    Ok(url.strip_suffix('/').unwrap_or(url).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Console, String> {
        let shared = TlsFiles { certificate: "s.pem".into(), key: "s.key".into() };
        let raw = toml::from_str(text).map_err(|error| error.to_string())?;
        Console::check(raw, Path::new("site"), &shared)
    }

    #[test]
    fn https_takes_the_shared_certificate_or_one_of_its_own() {
        let plain = checked("").unwrap();
        assert!(plain.https.is_none() && !plain.is_secure());
        assert_eq!(plain.url(), "http://127.0.0.1:8081");
        let shared = checked("scheme = \"https\"").unwrap();
        assert!(shared.is_secure());
        assert_eq!(shared.url(), "https://127.0.0.1:8081");
        assert_eq!(shared.https.unwrap().certificate, Path::new("s.pem"));
        let own = "scheme = \"https\"\ncertificate = \"c.pem\"\nkey = \"c.key\"";
        assert_eq!(checked(own).unwrap().https.unwrap().key, Path::new("site/c.key"));
        assert!(checked("url = \"https://a\"").unwrap().is_secure(), "a proxy speaks it");
        for bad in [
            "scheme = \"tls\"",
            "scheme = \"https\"\nkey = \"c.key\"",
            "certificate = \"c.pem\"\nkey = \"c.key\"",
            "trusted-proxies = [\"proxy.example.net\"]",
            "scheme = \"https\"\nurl = \"http://a\"",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://Boot.example.net/").unwrap(), "https://boot.example.net");
        assert_eq!(origin("http://[::1]:8081").unwrap(), "http://[::1]:8081");
        for bad in ["boot.example.net", "ftp://a", "https://a/b", "https://", "https://a b"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
