//! What is taken, and what is refused.

use super::*;

const GOOD: &str = r#"
issuer = "https://login.example.org/realms/staff"
ca-file = "oidc-ca.pem"
client-id = "bootmint"
client-secret-file = "oidc-secret"
groups = [{ group = "bootmint-admins", grants = ["reimager@site:berlin", "auditor"] }]
"#;
const CONSOLE: &str = "https://bootmint.example.net";

fn check_at(text: &str, console: Option<&str>) -> Result<OidcConfig, String> {
    let raw: RawOidc = toml::from_str(text).map_err(|error| error.to_string())?;
    raw.check(Path::new("/etc/bootmint"), Some("secret\n"), console)
        .map_err(|error| error.to_string())
}

fn check(text: &str) -> Result<OidcConfig, String> {
    check_at(text, Some(CONSOLE))
}

#[test]
fn a_section_is_read() {
    let config = check(GOOD).unwrap();
    assert_eq!(config.redirect, "https://bootmint.example.net/sign-in/oidc/callback");
    assert_eq!(config.trust, Trust::Pinned("/etc/bootmint/oidc-ca.pem".into()));
    assert_eq!(config.secret.as_ref().unwrap().0, "secret", "the line's end is no part of it");
    assert!(!format!("{config:?}").contains("\"secret"), "{config:?}");
    assert_eq!((config.recheck.get(), config.lasts(true).get()), (300, 900));
    assert_eq!(
        config.grants(&["x", "bootmint-admins"]).to_string(),
        "auditor,reimager@site:berlin"
    );
    assert!(config.grants(&["x"]).is_empty());
    let here = GOOD.replace("https://login.example.org", "http://127.0.0.1:9");
    assert!(check(&here).unwrap().plain);
    assert!(check_at(GOOD, Some("http://127.0.0.1:8081")).is_ok());
}

#[test]
fn what_cannot_be_used_is_refused_with_its_key() {
    for (from, to, key) in [
        ("https://login", "http://login", "oidc.issuer"),
        ("https://login", "https://a:b@login", "oidc.issuer"),
        ("realms/staff", "realms?staff", "oidc.issuer"),
        ("https://login.example.org/realms/staff", "login", "oidc.issuer"),
        ("\"bootmint\"", "\"\"", "oidc.client-id"),
        ("ca-file", "scopes = [\"open id\"]\nca-file", "oidc.scopes"),
        ("ca-file", "name-claim = \"\"\nca-file", "oidc.name-claim"),
        ("ca-file", "groups-claim = \"a\\nb\"\nca-file", "oidc.groups-claim"),
        ("ca-file", "require-acr = [\"\"]\nca-file", "oidc.require-acr"),
        ("ca-file", "label = \" \"\nca-file", "oidc.label"),
        ("ca-file", "offline-seconds = 60\nca-file", "oidc.offline-seconds"),
        ("ca-file", "client-secret = \"x\"\nca-file", "unknown field"),
        ("reimager@site:berlin", "root", "oidc.groups.grants"),
        ("bootmint-admins", "", "oidc.groups.group"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = check(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(key), "{to}: {error}");
    }
    for (console, says) in [(None, "url in [console]"), (Some("http://a.example"), "HTTPS")] {
        let error = check_at(GOOD, console).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let raw: RawOidc = toml::from_str(GOOD).unwrap();
    let error = raw.check(Path::new(""), Some("\n"), Some(CONSOLE)).unwrap_err().to_string();
    assert!(error.contains("client-secret-file"), "{error}");
}
