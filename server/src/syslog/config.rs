//! The section `[syslog]` of the configuration.

use crate::tls::Trust;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use std::{fmt, path::Path};

/// How messages travel.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Datagrams, which may get lost unseen.
    Udp,
    /// A plain connection.
    Tcp,
    /// An encrypted connection to the server that has that name.
    Tls { trust: Trust, name: ServerName<'static> },
}

/// Where the audit log goes.
#[derive(Clone, Debug)]
pub struct SyslogConfig {
    pub(super) way: Way,
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for SyslogConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.way {
            Way::Udp => "udp",
            Way::Tcp => "tcp",
            Way::Tls { .. } => "tls",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// The section as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawSyslog {
    server: String,
    ca_file: Option<String>,
}

impl RawSyslog {
    /// Checks the section; its files lie in `folder`.
    pub fn check(self, folder: &Path) -> Result<SyslogConfig, String> {
        let wrong = || {
            format!(
                "syslog.server: \"{}\" is none: write tls://NAME, tcp://NAME or udp://NAME, \
                 perhaps with :PORT",
                self.server
            )
        };
        let (scheme, rest) = self.server.split_once("://").ok_or_else(wrong)?;
        let usual = match scheme {
            "tls" => 6514,
            "tcp" | "udp" => 514,
            _ => return Err(wrong()),
        };
        let (host, port) = split(rest).ok_or_else(wrong)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?,
            None => usual,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| wrong())?;
        let way = match (scheme, self.ca_file) {
            ("tls", Some(file)) => Way::Tls { trust: Trust::Pinned(folder.join(file)), name },
            ("tls", None) => Way::Tls { trust: Trust::System, name },
            (_, Some(_)) => return Err("syslog.ca-file: only tls:// has certificates".to_owned()),
            ("udp", None) => Way::Udp,
            _ => Way::Tcp,
        };
        Ok(SyslogConfig { way, host: host.to_owned(), port })
    }
}

/// Host and port; an IPv6 address stands in brackets.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    Some(match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let raw: RawSyslog = toml::from_str(text).map_err(|error| error.to_string())?;
        raw.check(Path::new("/etc/bootmint")).map(|config| config.to_string())
    }

    #[test]
    fn a_server_is_named_by_how_it_is_reached() {
        for (server, shown) in [
            ("tls://log.example.net", "tls://log.example.net:6514"),
            ("tcp://192.0.2.9:1514", "tcp://192.0.2.9:1514"),
            ("udp://[2001:db8::9]", "udp://[2001:db8::9]:514"),
        ] {
            assert_eq!(check(&format!("server = \"{server}\"")).unwrap(), shown);
        }
        for bad in [
            "log.example.net",
            "http://log.example.net",
            "tls://",
            "tls://log.example.net:0",
            "tls://log.example.net:x",
            "tls://a b",
            "udp://[2001:db8::9",
            "tcp://user@log",
        ] {
            let error = check(&format!("server = \"{bad}\"")).unwrap_err();
            assert!(error.contains("syslog.server"), "{bad}: {error}");
        }
        assert!(check("server = \"tls://a\"\nca-file = \"ca.pem\"").is_ok());
        assert!(check("server = \"tcp://a\"\nca-file = \"ca.pem\"").is_err());
        assert!(check("server = \"tcp://a\"\ncolour = 1").is_err());
    }
}
