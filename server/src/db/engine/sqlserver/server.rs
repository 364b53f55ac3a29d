//! Where a SQL Server is, and how it is spoken to, as a URL says it.

use crate::db::NoAddress;
use reqwest::Url;
use std::{fmt, net::IpAddr, path::PathBuf};
use tiberius::{AuthMethod, Config, EncryptionLevel};

/// The port of a default instance.
const PORT: u16 = 1433;

/// A SQL Server and a database of it.
#[derive(Clone)]
pub(in crate::db) struct Server {
    host: String,
    port: u16,
    database: String,
    user: String,
    password: String,
    encryption: EncryptionLevel,
    authority: Option<PathBuf>,
}

impl fmt::Display for Server {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mssql://{}:{}", self.host, self.port)
    }
}

impl Server {
    /// Reads `mssql://user:password@host:port/database?encrypt=...&ca=FILE`. TLS with a proven
    /// server is what counts if nothing is said; without TLS only this computer is spoken to.
    pub(in crate::db) fn parse(url: &str) -> Result<Self, NoAddress> {
        let url = Url::parse(url).map_err(|_| NoAddress::SqlServer)?;
        let decoded = |text| decoded(text).ok_or(NoAddress::SqlServer);
        let mut server = Self {
            host: url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            database: decoded(url.path().trim_start_matches('/'))?,
            user: decoded(url.username())?,
            password: decoded(url.password().unwrap_or_default())?,
            encryption: EncryptionLevel::Required,
            authority: None,
        };
        if [&server.host, &server.database, &server.user].into_iter().any(String::is_empty) {
            return Err(NoAddress::SqlServer);
        }
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("encrypt", "yes") => server.encryption = EncryptionLevel::Required,
                ("encrypt", "strict") => server.encryption = EncryptionLevel::Strict,
                ("encrypt", "no") if server.is_here() => {
                    server.encryption = EncryptionLevel::NotSupported;
                }
                ("encrypt", "no") => return Err(NoAddress::SqlServerInClear),
                ("ca", file) if !file.is_empty() => server.authority = Some(file.into()),
                _ => return Err(NoAddress::SqlServer),
            }
        }
        Ok(server)
    }

    fn is_here(&self) -> bool {
        self.host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
    }

    /// What the client needs to know.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host(&self.host);
        config.port(self.port);
        config.database(&self.database);
        config.application_name("bootmint");
        config.authentication(AuthMethod::sql_server(&self.user, &self.password));
        config.encryption(self.encryption);
        if let Some(file) = &self.authority {
            config.trust_cert_ca(file.display());
        }
        config
    }
}

/// A part of a URL without its `%xx`.
fn decoded(part: &str) -> Option<String> {
    // A form's value is written in the same way, except that `+` stands for a space there.
    let form = format!("part={}", part.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(form.as_bytes()).next()?;
    (!value.contains(['\0', '\u{fffd}'])).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        let server = Server::parse("mssql://b%40t:p%2fw+1%26x@db.example/site%202").unwrap();
        assert_eq!((server.user.as_str(), server.password.as_str()), ("b@t", "p/w+1&x"));
        assert_eq!((server.database.as_str(), server.port), ("site 2", PORT));
        assert_eq!(server.encryption, EncryptionLevel::Required);
        assert_eq!(server.to_string(), "mssql://db.example:1433");
        let server =
            Server::parse("sqlserver://b:p@[2001:db8::1]:7/n?encrypt=strict&ca=a.pem").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("2001:db8::1", 7));
        assert_eq!(server.encryption, EncryptionLevel::Strict);
        assert_eq!(server.authority, Some("a.pem".into()));
    }

    #[test]
    fn only_this_computer_is_spoken_to_without_tls() {
        for here in ["127.0.0.1", "[::1]"] {
            let server = Server::parse(&format!("mssql://b:p@{here}:9/n?encrypt=no")).unwrap();
            assert_eq!(server.encryption, EncryptionLevel::NotSupported);
        }
        for there in ["192.0.2.1", "db.example", "localhost"] {
            let refused = Server::parse(&format!("mssql://b:p@{there}/n?encrypt=no")).err();
            assert!(matches!(refused, Some(NoAddress::SqlServerInClear)), "{there}");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_refused() {
        for url in [
            "mssql://",
            "mssql://db/n",
            "mssql://b:p@db",
            "mssql://b:p@db/",
            "mssql://b:p@db:x/n",
            "mssql://b:p@db/n?encrypt=maybe",
            "mssql://b:p@db/n?ca=",
            "mssql://b:p@db/n?trust=all",
            "mssql://b:%ff@db/n",
            "mssql://b:%00@db/n",
        ] {
            assert!(matches!(Server::parse(url), Err(NoAddress::SqlServer)), "{url}");
        }
    }
}
