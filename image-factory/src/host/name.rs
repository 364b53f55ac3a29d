//! Names: of hosts, of DNS domains, of sites and profiles, of variables.

use super::invalid::{Invalid, length, only, text_type};
use std::{borrow::Cow, net::Ipv4Addr};

text_type! {
    /// A host's name: RFC 1123 labels, at most 63 characters each and 253 in all, in lower case.
    ///
    /// It is safe as a file name: no separators, no leading dot, no `..`.
    HostName, host_name
}

text_type! {
    /// A DNS domain such as `example.net`: like a host name.
    DomainName, domain_name
}

text_type! {
    /// The name of a site or profile: `[a-z0-9][a-z0-9._-]{0,63}` without `..`; safe as a path's
    /// component.
    Name, plain_name
}

text_type! {
    /// The name of a variable: `[a-z][a-z0-9_-]{0,31}`. Scripts know it with a prefix, so that it
    /// cannot shadow a setting of iPXE.
    VarName, var_name
}

fn host_name(value: &str) -> Result<Cow<'_, str>, Invalid> {
    dns_name("name", value)
}

fn domain_name(value: &str) -> Result<Cow<'_, str>, Invalid> {
    dns_name("domain", value)
}

/// Checks an RFC 1123 name and puts it in lower case.
pub(super) fn dns_name<'a>(kind: &'static str, value: &'a str) -> Result<Cow<'a, str>, Invalid> {
    const HELP: &str = "use letters, digits, '-' and '.'";
    length(kind, value, 253, HELP)?;
    only(kind, value, |c| c.is_ascii_alphanumeric() || c == '-' || c == '.', HELP)?;
    for label in value.split('.') {
        let problem = match label {
            "" => "has an empty label",
            _ if label.len() > 63 => "has a label of more than 63 characters",
            _ if label.starts_with('-') => "has a label that starts with '-'",
            _ if label.ends_with('-') => "has a label that ends with '-'",
            _ => continue,
        };
        return Err(Invalid::new(kind, value, problem, "see RFC 1123 for what a name may be"));
    }
    if value.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
        && (value.contains('.') || value.parse::<Ipv4Addr>().is_ok())
    {
        return Err(Invalid::new(kind, value, "looks like an address", "give it a name"));
    }
    Ok(lower(value))
}

fn plain_name(value: &str) -> Result<Cow<'_, str>, Invalid> {
    const HELP: &str = "use a-z, 0-9, '.', '_' and '-', first a letter or digit";
    length("name", value, 64, HELP)?;
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    only("name", value, known, HELP)?;
    if value.starts_with(['.', '_', '-']) {
        return Err(Invalid::new("name", value, "starts with a sign", HELP));
    }
    if value.contains("..") {
        return Err(Invalid::new("name", value, "contains \"..\"", "write a single '.'"));
    }
    Ok(Cow::Borrowed(value))
}

fn var_name(value: &str) -> Result<Cow<'_, str>, Invalid> {
    const HELP: &str = "use a-z, 0-9, '_' and '-', first a letter";
    length("variable", value, 32, HELP)?;
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    only("variable", value, known, HELP)?;
    if !value.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Invalid::new("variable", value, "does not start with a letter", HELP));
    }
    Ok(Cow::Borrowed(value))
}

fn lower(value: &str) -> Cow<'_, str> {
    if value.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(value.to_ascii_lowercase())
    } else {
        Cow::Borrowed(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::str::FromStr<Err = Invalid> + std::fmt::Debug>(value: &str) -> String {
        value.parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn host_names_are_rfc_1123_in_lower_case() {
        assert_eq!(
            "Web-01.Example.NET".parse::<HostName>().unwrap().as_str(),
            "web-01.example.net"
        );
        let longest =
            [["a"; 63].concat(), ["b"; 63].concat(), ["c"; 63].concat(), ["d"; 61].concat()];
        assert!(longest.join(".").parse::<HostName>().is_ok());
        assert!(format!("{}e", longest.join(".")).parse::<HostName>().is_err());
        for bad in
            ["", ".", "a..b", "-a", "a-", "a_b", "a/b", "a b", "ä", "10.0.0.1", "a\n", "..", "1.2"]
        {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
        assert!("7".parse::<HostName>().is_ok());
    }

    #[test]
    fn names_are_path_components() {
        assert!("berlin-1.rack_2".parse::<Name>().is_ok());
        for bad in ["..", ".git", "a..b", "a/b", "Berlin", "", "a\\b", "-x"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        assert_eq!(refused::<Name>("a..b"), "name \"a..b\" contains \"..\"; write a single '.'");
    }

    #[test]
    fn variables_are_plain_setting_names() {
        let longest = "x".repeat(32);
        for good in ["rack", "k8s_role-2", &longest] {
            assert!(good.parse::<VarName>().is_ok(), "{good}");
        }
        let long = "x".repeat(33);
        for bad in ["", "9a", "-a", "a.b", "a:b", "a/b", "Rack", &long] {
            assert!(bad.parse::<VarName>().is_err(), "{bad}");
        }
    }
}
