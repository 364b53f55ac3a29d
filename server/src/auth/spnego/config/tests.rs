//! What is taken, and what is refused.

use super::*;
use crate::auth::spnego::keytab::tests::keytab;

const HTTPS: Entrance<'_> = Entrance { origin: Some("https://Boot.ad.test:8443"), private: true };

fn check(text: &str, console: Entrance<'_>) -> Result<KerberosConfig, String> {
    let raw: RawKerberos = toml::from_str(text).map_err(|error| error.to_string())?;
    let of: [(&[&str], &str); 2] =
        [(&["HTTP", "boot.ad.test"], "AD.TEST"), (&["host", "boot.ad.test"], "AD.TEST")];
    let keys = keytab(&of);
    raw.check(Path::new("/site"), &keys, "ad.test", console).map_err(|error| error.to_string())
}

#[test]
fn the_service_is_named_by_the_console_or_by_itself() {
    let config = check("keytab-file = \"http.keytab\"", HTTPS).unwrap();
    assert_eq!(config.to_string(), "HTTP/boot.ad.test@AD.TEST");
    assert_eq!(config.keytab, Path::new("/site/http.keytab"));
    assert_eq!(config.replay, Path::new("/site/kerberos.replay"));
    let nameless = Entrance { origin: None, private: true };
    for name in ["HTTP@boot.ad.test", "HTTP/BOOT.ad.test"] {
        let text = format!("keytab-file = \"k\"\nservice = \"{name}\"\nlabel = \"Come in\"");
        let config = check(&text, nameless).unwrap();
        assert_eq!(config.label, "Come in");
        assert!(config.service.is("http/Boot.ad.test@AD.TEST"));
        for other in ["HTTP/boot.ad.test", "HTTP/a@AD.TEST", "host/boot.ad.test@AD.TEST", ""] {
            assert!(!config.service.is(other), "{other}");
        }
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_key() {
    let good = "keytab-file = \"k\"";
    let at = |origin| Entrance { origin: Some(origin), private: true };
    for (text, console, part) in [
        (good, Entrance { origin: None, private: true }, "kerberos.service: is missing"),
        (good, Entrance { private: false, ..HTTPS }, "HTTPS"),
        (good, at("https://other.ad.test"), "no key of HTTP/other.ad.test@AD.TEST, but of HTTP/"),
        (good, at("https://192.0.2.1"), "no name of a computer"),
        (good, at("https://[::1]:8081"), "no name of a computer"),
        ("", HTTPS, "keytab-file"),
        ("keytab-file = \"k\"\nkeytab = 1", HTTPS, "unknown field"),
        ("keytab-file = \"k\"\nlabel = \" \"", HTTPS, "kerberos.label"),
        ("keytab-file = \"k\"\nservice = \"ldap@boot.ad.test\"", HTTPS, "not HTTP@NAME"),
        ("keytab-file = \"k\"\nservice = \"HTTP@a b\"", HTTPS, "no name of a computer"),
    ] {
        let error = check(text, console).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    let raw: RawKerberos = toml::from_str(good).unwrap();
    let error = raw.check(Path::new(""), b"-----BEGIN", "ad.test", HTTPS).unwrap_err();
    assert!(error.to_string().contains("no keytab"), "{error}");
    let raw: RawKerberos = toml::from_str(good).unwrap();
    let error = raw.check(Path::new(""), &keytab(&[]), "ad.test", HTTPS).unwrap_err();
    assert!(error.to_string().contains("but of nobody"), "{error}");
}

#[cfg(not(feature = "kerberos"))]
#[test]
fn a_program_without_kerberos_says_what_to_build() {
    let raw: RawKerberos = toml::from_str("keytab-file = \"k\"").unwrap();
    let error = raw.keytab_file().unwrap_err().to_string();
    assert!(error.contains("--features kerberos"), "{error}");
}
