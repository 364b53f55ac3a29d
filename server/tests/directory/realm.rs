//! The domain as a Kerberos realm: accounts of services with their keys, and tickets of people.

use crate::{
    admin::Admin,
    run::shell,
    samba::{BASE, Samba},
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Why there are no tickets here, if that is so.
fn missing() -> Option<&'static str> {
    let there = |file: &str| Path::new(file).exists();
    let curl = shell("curl --version | grep -q SPNEGO", &[]).status();
    if !there("/usr/bin/kinit") {
        Some("kinit is not installed (Debian: krb5-user)")
    } else if !curl.is_ok_and(|status| status.success()) {
        Some("there is no curl that knows Kerberos (Debian: curl)")
    } else {
        None
    }
}

/// A folder with what clients of the realm need; its tickets are nobody else's.
pub(crate) struct Realm<'s> {
    samba: &'s Samba,
    folder: tempfile::TempDir,
}

impl<'s> Realm<'s> {
    /// The realm of that controller, or nothing where tools are missing: loudly, and not in CI.
    pub(crate) fn of(samba: &'s Samba) -> Option<Self> {
        if let Some(why) = missing() {
            assert!(std::env::var_os("CI").is_none(), "CI must have this: {why}");
            println!("SKIPPED: {why}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[libdefaults]\ndefault_realm = AD.TEST\ndns_lookup_kdc = false\n\
             dns_lookup_realm = false\ndns_canonicalize_hostname = false\nrdns = false\n\
             [realms]\nAD.TEST = {{\n kdc = {}:88\n}}\n\
             [domain_realm]\nad.test = AD.TEST\n.ad.test = AD.TEST\n\
             .localhost = AD.TEST\n",
            samba.ip
        );
        fs::write(folder.path().join("krb5.conf"), text).unwrap();
        Some(Self { samba, folder })
    }

    /// Makes an account for the service `HTTP/NAME`, as `docs/directory.md` says.
    pub(crate) async fn add_service(&self, admin: &mut Admin, account: &str, name: &str) {
        let dn = format!("CN={account},CN=Users,{BASE}");
        admin.add_user(&dn, account, "K3ys-are-made-of-this").await;
        admin.set(&dn, "servicePrincipalName", &[&format!("HTTP/{name}")]).await;
        // AES alone.
        admin.set(&dn, "msDS-SupportedEncryptionTypes", &["24"]).await;
    }

    /// Writes keys of these services into a keytab.
    pub(crate) fn export(&self, to: &Path, names: &[&str]) {
        for name in names {
            let script = "samba-tool domain exportkeytab \"$1\" --principal=\"HTTP/$2\" -s \"$3\"";
            let (to, config) = (to.to_str().unwrap(), self.samba.config.to_str().unwrap());
            let made = shell(script, &[to, name, config]).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
    }

    /// The file that tells programs where the realm is.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("krb5.conf")
    }

    /// Where somebody's tickets are.
    pub(crate) fn cache(&self, who: &str) -> String {
        format!("FILE:{}", self.folder.path().join(format!("tickets-of-{who}")).display())
    }

    /// A program that has the tickets of `who`.
    pub(crate) fn command(&self, who: &str, script: &str, arguments: &[&str]) -> Command {
        let mut command = shell(script, arguments);
        command.env("KRB5_CONFIG", self.config()).env("KRB5CCNAME", self.cache(who));
        command
    }

    /// Lets somebody get a ticket by their password.
    pub(crate) fn sign_on(&self, who: &str, password: &str) {
        let mut command = self.command(who, "kinit \"$1\"", &[who]);
        let mut kinit = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(kinit.stdin.take().unwrap(), "{password}").unwrap();
        let output = kinit.wait_with_output().unwrap();
        assert!(output.status.success(), "{who}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
