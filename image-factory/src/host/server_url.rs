//! The address of a Bootmint server.

use super::{
    invalid::{Invalid, length, only, text_type},
    name::dns_name,
};
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

const HELP: &str = "write it like http://boot.example.net:8080 or https://[2001:db8::1]/bootmint";

text_type! {
    /// A server's base address: `http(s)://host[:port][/path]`, at most 255 characters, without
    /// user, query, fragment or final `/`. Scheme and host are in lower case.
    ServerUrl, server_url
}

impl ServerUrl {
    /// Whether it needs TLS.
    pub fn is_https(&self) -> bool {
        self.as_str().starts_with("https://")
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        let (_, rest) = self.as_str().split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        }
    }

    /// The host's address, where it is not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }
}

fn server_url(value: &str) -> Result<Cow<'_, str>, Invalid> {
    let bad = |problem: &str| Invalid::new("server", value, problem, HELP);
    length("server", value, 255, HELP)?;
    only("server", value, |c| c.is_ascii_alphanumeric() || ":/.[]_~-".contains(c), HELP)?;
    let (scheme, rest) = value.split_once("://").ok_or_else(|| bad("has no scheme"))?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(bad("is neither http nor https"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = authority.to_ascii_lowercase();
    let port = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, port) = bracketed.split_once(']').ok_or_else(|| bad("lacks a ']'"))?;
            host.parse::<Ipv6Addr>().map_err(|_| bad("has no IPv6 address in its brackets"))?;
            port
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            check_host(value, host)?;
            port
        }
    };
    check_port(port).ok_or_else(|| bad("has a port that is not in 1 to 65535"))?;
    let path = path.trim_end_matches('/');
    if path.contains(['[', ']', ':']) {
        return Err(bad("has a path with one of []:"));
    }
    if !path.is_empty() && path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(bad("has an empty, '.' or '..' part in its path"));
    }
    let slash = if path.is_empty() { "" } else { "/" };
    Ok(Cow::Owned(format!("{scheme}://{authority}{slash}{path}")))
}

fn check_host(value: &str, host: &str) -> Result<(), Invalid> {
    let bad = |problem: &str| Err(Invalid::new("server", value, problem, HELP));
    match host {
        "" => bad("has no host"),
        _ if host.parse::<Ipv4Addr>().is_ok() => Ok(()),
        _ if dns_name("server", host).is_err() => bad("has a host that is no name or address"),
        _ => Ok(()),
    }
}

/// `""` or `:PORT`.
fn check_port(text: &str) -> Option<()> {
    let Some(digits) = text.strip_prefix(':') else { return text.is_empty().then_some(()) };
    (digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().ok()? != 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_addresses_take_one_spelling() {
        for (text, form, host) in [
            ("http://10.0.2.2:8080", "http://10.0.2.2:8080", "10.0.2.2"),
            ("HTTPS://Boot.Example.NET/", "https://boot.example.net", "boot.example.net"),
            ("https://[2001:DB8::1]:8443/a/b//", "https://[2001:db8::1]:8443/a/b", "2001:db8::1"),
            ("http://boot/Path_1~x", "http://boot/Path_1~x", "boot"),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.as_str(), url.host()), (form, host));
        }
        assert!("https://a".parse::<ServerUrl>().unwrap().is_https());
        assert_eq!("http://[::2]".parse::<ServerUrl>().unwrap().ip(), "::2".parse().ok());
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "",
            "boot.example.net",
            "ftp://boot",
            "http://",
            "http://user@boot",
            "http://boot?x",
            "http://boot#x",
            "http://boot:0",
            "http://boot:65536",
            "http://boot:",
            "http://boot:+1",
            "http://[::1",
            "http://[boot]",
            "http://[::1]x",
            "http://a//b",
            "http://a/../b",
            "http://a b",
            "http://a/${mac}",
            "http://a/b\nreboot",
            "http://a_b",
            "http://999.0.0.1",
            "http://a/[b]",
            "http://1::2",
        ] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_address_reads_back_as_itself(text in "(http|HTTPS)://[a-zA-Z0-9.:\\[\\]-]{0,12}(/[a-z./]{0,8})?") {
            if let Ok(url) = text.parse::<ServerUrl>() {
                prop_assert_eq!(url.to_string().parse(), Ok(url.clone()));
                prop_assert!(!url.as_str().ends_with('/') && !url.host().is_empty());
            }
        }
    }
}
