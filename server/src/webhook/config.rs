//! The sections `[[webhook]]` of the configuration.

use super::{
    address::{Networks, Reach, reach},
    kind::Kind,
    sign::Keys,
};
use bootmint_image_factory::host::Name;
use reqwest::Url;
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// A program that is told of changes. `Debug` shows its name alone: URLs hold secrets.
#[derive(Clone)]
pub struct WebhookConfig {
    /// What it is called here.
    pub name: Name,
    pub(super) url: Url,
    pub(super) keys: Keys,
    pub(super) networks: Networks,
    pub(super) ca: Option<PathBuf>,
    events: BTreeSet<Kind>,
    sites: Vec<Name>,
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookConfig({})", self.name)
    }
}

impl WebhookConfig {
    /// The receiver's scheme, name and port: all of its URL that may be shown.
    pub fn receiver(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether it is told of this, if the site is right.
    pub fn wants(&self, kind: Kind) -> bool {
        self.events.contains(&kind)
    }

    /// Whether it is told of hosts at `site`.
    pub(crate) fn wants_site(&self, site: Option<&Name>) -> bool {
        self.sites.is_empty() || site.is_some_and(|site| self.sites.contains(site))
    }
}

/// The section as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawWebhook {
    name: String,
    url: String,
    secret_file: String,
    events: Option<Vec<String>>,
    sites: Option<Vec<String>>,
    #[serde(default)]
    allow_private: bool,
    ca_file: Option<String>,
}

impl RawWebhook {
    /// The file that holds its keys.
    pub fn secret_file(&self) -> &str {
        &self.secret_file
    }

    /// Checks the section, whose key file holds `secret` and lies with others in `folder`.
    pub fn check(self, secret: &str, folder: &Path) -> Result<WebhookConfig, String> {
        let name: Name = self.name.parse().map_err(|error| format!("webhook.name: {error}"))?;
        let wrong = |what: String| format!("webhook \"{name}\": {what}");
        let (events, sites) =
            (events(self.events).map_err(wrong)?, sites(self.sites).map_err(wrong)?);
        if let Some(kind) = events.iter().find(|kind| !kind.is_of_host() && !sites.is_empty()) {
            let what = "is of no site, so that this webhook would not be told of it: take it out, \
                        or make a webhook without sites for it";
            return Err(wrong(format!("events: \"{}\" {what}", kind.name())));
        }
        let networks = if self.allow_private { Networks::Private } else { Networks::Public };
        Ok(WebhookConfig {
            url: url(&self.url).map_err(|what| wrong(format!("url {what}")))?,
            keys: Keys::parse(secret).map_err(wrong)?,
            networks,
            ca: self.ca_file.map(|file| folder.join(file)),
            events,
            sites,
            name,
        })
    }
}

/// HTTPS, or plain HTTP to this computer. An address that stands there in full may be a private
/// one: nobody else can make it another.
fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is none: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = address.is_some_and(|address| address.to_canonical().is_loopback());
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("must begin with https://; http:// is for 127.0.0.1 and [::1] alone".into());
    }
    if address.is_some_and(|address| reach(address) == Reach::Never) {
        return Err("names a link-local or metadata address, where no receiver can be".into());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("holds a user, a password or a fragment: the signature is the proof".into());
    }
    Ok(url)
}

fn events(wanted: Option<Vec<String>>) -> Result<BTreeSet<Kind>, String> {
    let Some(wanted) = wanted else { return Ok(Kind::usual().collect()) };
    if wanted.is_empty() {
        return Err("events is empty, so that nothing would be told".to_owned());
    }
    let found: Result<_, _> =
        wanted.into_iter().map(|name| Kind::find(&name).ok_or(name)).collect();
    found.map_err(|name| format!("there is no event \"{name}\": write some of {}", Kind::names()))
}

fn sites(wanted: Option<Vec<String>>) -> Result<Vec<Name>, String> {
    if wanted.as_ref().is_some_and(Vec::is_empty) {
        return Err("sites is empty, so that nothing would be told".to_owned());
    }
    let site = |name: String| name.parse().map_err(|error| format!("sites: {error}"));
    wanted.unwrap_or_default().into_iter().map(site).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn checked(url: &str, more: &str) -> Result<WebhookConfig, String> {
        let text = format!("name = \"chat\"\nurl = \"{url}\"\nsecret-file = \"s\"\n{more}");
        let raw: RawWebhook = toml::from_str(&text).map_err(|error| error.to_string())?;
        raw.check(KEY, Path::new("site"))
    }

    #[test]
    fn a_url_is_https_or_of_this_computer() {
        for good in [
            "https://hooks.example.net/a?b=c",
            "https://10.0.0.1/",
            "https://localhost",
            "http://127.0.0.1:9000/x",
            "http://[::1]:9000/",
        ] {
            assert!(checked(good, "").is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example.net/",
            "http://10.0.0.1/",
            "http://localhost/",
            "https://169.254.169.254/latest",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://0.0.0.0/",
            "https://a:b@example.net/",
            "https://example.net/#a",
            "ftp://example.net/",
            "file:///etc/passwd",
            "example.net",
            // As the URL standard reads them, these are 169.254.169.254.
            "https://2852039166/",
            "https://0xa9.254.0251.254/",
        ] {
            assert!(checked(bad, "").is_err(), "{bad}");
        }
        let hidden = checked("https://hooks.example.net/T0PSECRET", "").unwrap();
        assert_eq!(hidden.receiver(), "https://hooks.example.net");
        assert!(!format!("{hidden:?}").contains("T0PSECRET"));
    }

    #[test]
    fn what_is_told_is_a_closed_list() {
        let url = "https://example.net/";
        let all = checked(url, "").unwrap();
        let has = |config: &WebhookConfig, name| config.wants(Kind::find(name).unwrap());
        assert!(has(&all, "fail"));
        for quiet in ["heartbeat", "answer", "sign-in", "make-token"] {
            assert!(!has(&all, quiet), "{quiet} is told where it is asked for");
        }
        let people = checked(url, "events = [\"break-glass\", \"lock-out\"]").unwrap();
        assert!(has(&people, "lock-out") && !has(&people, "sign-in") && people.wants_site(None));
        let some = checked(url, "events = [\"heartbeat\"]\nsites = [\"berlin\"]").unwrap();
        assert_eq!(some.events.len(), 1);
        assert!(some.wants_site(Some(&"berlin".parse().unwrap())) && !some.wants_site(None));
        let nowhere = "events = [\"done\", \"lock-out\"]\nsites = [\"berlin\"]";
        for bad in [nowhere, "events = []", "sites = []", "events = [\"installed\"]", "colour = 1"]
        {
            assert!(checked(url, bad).is_err(), "{bad}");
        }
    }
}
