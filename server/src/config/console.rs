//! The section `[console]`, checked.

use super::raw::RawConsole;
use crate::time::Seconds;
use std::net::SocketAddr;

/// How people reach the console, and how long they stay signed in.
#[derive(Clone, Debug)]
pub struct Console {
    /// Where people and programs are answered.
    pub listen: SocketAddr,
    /// What people's browsers call it, without a path; none where no proxy is before it.
    pub origin: Option<String>,
    /// After how long without a request a session ends.
    pub idle: Seconds,
    /// After how long it ends, used or not.
    pub longest: Seconds,
}

impl Console {
    pub(super) fn check(raw: RawConsole) -> Result<Self, String> {
        let origin = raw.url.map(|url| origin(&url)).transpose()?;
        Ok(Self {
            listen: raw.listen,
            origin,
            idle: Seconds::new(u32::from(raw.idle_minutes.get()).saturating_mul(60)),
            longest: Seconds::new(u32::from(raw.session_hours.get()).saturating_mul(3600)),
        })
    }

    /// Whether browsers come over HTTPS, so that cookies may be for HTTPS alone.
    pub fn is_secure(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin.starts_with("https://"))
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

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://Boot.example.net/").unwrap(), "https://boot.example.net");
        assert_eq!(origin("http://[::1]:8081").unwrap(), "http://[::1]:8081");
        for bad in ["boot.example.net", "ftp://a", "https://a/b", "https://", "https://a b"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
