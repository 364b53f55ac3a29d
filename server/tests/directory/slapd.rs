//! An OpenLDAP server on loopback.

use crate::{admin::Admin, authority::Authority, run::Server};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

pub(crate) const BASE: &str = "dc=ldap,dc=test";
pub(crate) const ADMIN: &str = "cn=admin,dc=ldap,dc=test";
pub(crate) const PASSWORD: &str = "adm1n-pass-word";

/// A running server.
pub(crate) struct Slapd {
    pub(crate) ldaps: u16,
    pub(crate) ldap: u16,
    pub(crate) ca: PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Slapd {
    /// Starts one, or nothing where it is not installed: loudly, and not in CI.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/slapd").exists() || !Path::new("/etc/ldap/schema").exists() {
            assert!(std::env::var_os("CI").is_none(), "CI must have OpenLDAP");
            println!("SKIPPED: OpenLDAP is not installed (Debian: slapd)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let authority = Authority::new(home, "site-ca");
        let pair = authority.sign(home, &["127.0.0.1".to_owned()]);
        let (ldap, ldaps) = (free_port(), free_port());
        fs::create_dir(home.join("db")).unwrap();
        let config = home.join("slapd.conf");
        let schemas = ["core", "cosine", "nis", "inetorgperson"];
        let schemas = schemas.map(|name| format!("include /etc/ldap/schema/{name}.schema\n"));
        let text = format!(
            "{}modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\n\
             TLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n\
             security simple_bind=128\n\
             database mdb\nsuffix {BASE}\nrootdn {ADMIN}\nrootpw {PASSWORD}\ndirectory {}\n\
             overlay ppolicy\naccess to attrs=userPassword by anonymous auth by * none\n\
             access to * by users read\n",
            schemas.concat(),
            authority.file.display(),
            pair.certificate.display(),
            pair.key.display(),
            home.join("db").display(),
        );
        fs::write(&config, text).unwrap();
        let urls = format!("ldap://127.0.0.1:{ldap} ldaps://127.0.0.1:{ldaps}");
        let server = Server::start(
            "/usr/sbin/slapd -d 0 -f \"$1\" -h \"$2\"",
            &[config.to_str().unwrap(), &urls],
            home,
            SocketAddr::from(([127, 0, 0, 1], ldaps)),
        );
        Some(Self { ldaps, ldap, ca: authority.file, _server: server, _folder: folder })
    }

    pub(crate) async fn admin(&self) -> Admin {
        Admin::connect(&format!("ldaps://127.0.0.1:{}", self.ldaps), &self.ca, ADMIN, PASSWORD)
            .await
    }
}
