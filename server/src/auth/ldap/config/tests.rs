//! What is taken, and what is refused.

use super::*;

const GOOD: &str = r#"
kind = "active-directory"
controllers = ["dc1.ad.test", "192.0.2.7:3269"]
ca-file = "ca.pem"
base = "DC=ad,DC=test"
domain = "ad.test"
netbios-domain = "ADTEST"
service-user = "bootmint@ad.test"
service-password-file = "directory-password"
groups = [{ group = "CN=Arms,DC=ad,DC=test", grants = ["reimager@site:berlin", "auditor"] }]
"#;

fn check(text: &str) -> Result<DirectoryConfig, String> {
    let raw: RawDirectory = toml::from_str(text).map_err(|error| error.to_string())?;
    raw.check(Path::new("/etc/bootmint"), "secret\n").map_err(|error| error.to_string())
}

#[test]
fn a_section_is_read() {
    let config = check(GOOD).unwrap();
    let controllers: Vec<_> = config.controllers.iter().map(ToString::to_string).collect();
    assert_eq!(controllers, ["dc1.ad.test:636", "192.0.2.7:3269"]);
    assert_eq!(config.trust, Trust::Pinned("/etc/bootmint/ca.pem".into()));
    assert_eq!(config.service.password, "secret", "the line's end is no part of it");
    assert!(!format!("{config:?}").contains("secret"));
    let config = check(&format!("encryption = \"starttls\"\n{GOOD}")).unwrap();
    assert_eq!(config.controllers[0].port, 389);
    let system = GOOD.replace("ca-file = \"ca.pem\"", "trust = \"system\"");
    assert_eq!(check(&system).unwrap().trust, Trust::System);
}

#[test]
fn what_cannot_be_used_is_refused_with_its_key() {
    for (from, to, key) in [
        ("\"dc1.ad.test\"", "\"ldap://dc1.ad.test\"", "directory.controllers"),
        ("\"dc1.ad.test\"", "\"dc1.ad.test:0\"", "directory.controllers"),
        ("\"dc1.ad.test\"", "\"dc1 x\"", "directory.controllers"),
        ("[\"dc1.ad.test\", \"192.0.2.7:3269\"]", "[]", "directory.controllers"),
        ("ca-file = \"ca.pem\"", "", "directory.ca-file"),
        ("ca-file", "offline-seconds = 60\nca-file", "directory.offline-seconds"),
        ("ca-file", "trust = \"system\"\nca-file", "directory.trust"),
        ("ca-file", "encryption = \"none\"\nca-file", "encryption"),
        ("ca-file", "tls = \"off\"\nca-file", "unknown field"),
        ("\"DC=ad,DC=test\"", "\"ad.test\"", "directory.base"),
        ("\"ad.test\"", "\"ad test\"", "directory.domain"),
        ("reimager@site:berlin", "reimager@berlin", "directory.groups.grants"),
        ("reimager@site:berlin", "root", "directory.groups.grants"),
        ("[\"reimager@site:berlin\", \"auditor\"]", "[]", "directory.groups.grants"),
        ("CN=Arms,DC=ad,DC=test", "Arms", "directory.groups.group"),
        ("\"bootmint@ad.test\"", "\"\"", "directory.service-user"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = check(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(key), "{to}: {error}");
    }
    let raw: RawDirectory = toml::from_str(GOOD).unwrap();
    let error = raw.check(Path::new(""), "\n").unwrap_err().to_string();
    assert!(error.contains("service-password-file"), "{error}");
}

#[test]
fn tickets_are_active_directorys() {
    let section = "[kerberos]\nkeytab-file = \"http.keytab\"\n";
    let mut raw: RawDirectory = toml::from_str(&format!("{GOOD}{section}")).unwrap();
    let (_, domain) = raw.take_kerberos().unwrap().unwrap();
    assert_eq!(domain, "ad.test");
    assert!(raw.take_kerberos().unwrap().is_none(), "it is taken out");
    let other = GOOD.replace("active-directory", "openldap");
    let mut raw: RawDirectory = toml::from_str(&format!("{other}{section}")).unwrap();
    let error = raw.take_kerberos().map(drop).unwrap_err().to_string();
    assert!(error.contains("directory.kerberos: only Active Directory"), "{error}");
    assert!(toml::from_str::<RawDirectory>(&format!("{GOOD}{section}realm = \"X\"")).is_err());
}
