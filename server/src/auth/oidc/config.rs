//! The section `[oidc]` of the configuration.

use crate::{
    auth::{
        Grants,
        groups::{self, GroupGrants, RawGroup},
    },
    time::Seconds,
    tls::Trust,
};
use reqwest::Url;
use serde::Deserialize;
use std::{fmt, net::IpAddr, path::Path};

/// Where the provider sends people back to.
pub const CALLBACK: &str = "/sign-in/oidc/callback";
/// Where it leads them after they signed out.
const SIGNED_OUT: &str = "/sign-in";
/// The most scopes, and ways of signing in.
const MAX_LIST: usize = 16;
/// The longest text of the section, in bytes.
const MAX_TEXT: usize = 512;

/// The secret by which the provider knows this server. `Debug` hides it.
#[derive(Clone)]
pub(super) struct ClientSecret(pub(super) String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(hidden)")
    }
}

/// The checked section.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The provider, as it calls itself.
    pub(super) issuer: String,
    /// Whether it may be asked over plain HTTP: it is on this computer.
    pub(super) plain: bool,
    pub(super) trust: Trust,
    pub(super) client: String,
    pub(super) secret: Option<ClientSecret>,
    pub(super) scopes: Vec<String>,
    pub(super) name_claim: String,
    pub(super) groups_claim: String,
    pub(super) groups: Vec<GroupGrants>,
    pub(super) acr: Vec<String>,
    pub(super) amr: Vec<String>,
    /// Where the provider sends people back to.
    pub redirect: String,
    /// Where it leads them after they signed out there.
    pub signed_out: String,
    /// What the button says.
    pub label: String,
    /// After how long the provider is asked again about somebody who is signed in.
    pub recheck: Seconds,
    /// How long somebody who is signed in stays so while it gives no answer.
    pub offline: Seconds,
}

impl OidcConfig {
    /// How long somebody counts after the provider was asked: longer if it can be asked again
    /// without them.
    pub const fn lasts(&self, renewable: bool) -> Seconds {
        if renewable { self.offline } else { self.recheck }
    }

    /// Its groups, and what each grants, for people.
    pub fn groups(&self) -> impl Iterator<Item = (String, String)> {
        self.groups.iter().map(GroupGrants::told)
    }

    /// What the groups that a person is in grant.
    pub(super) fn grants(&self, of: &[&str]) -> Grants {
        let groups = self.groups.iter().filter(|one| of.contains(&one.group.as_str()));
        // All of them together were counted when the section was checked.
        Grants::new(groups.flat_map(|one| one.grants.iter().cloned()).collect()).unwrap_or_default()
    }
}

impl fmt::Display for OidcConfig {
    /// For people who look at the settings: where it is, and what its groups grant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.issuer)?;
        self.groups.iter().try_for_each(|group| write!(f, "; {group}"))
    }
}

/// The section as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawOidc {
    issuer: String,
    ca_file: Option<String>,
    client_id: String,
    client_secret_file: Option<String>,
    #[serde(default = "scopes")]
    scopes: Vec<String>,
    #[serde(default = "name_claim")]
    name_claim: String,
    #[serde(default = "groups_claim")]
    groups_claim: String,
    groups: Vec<RawGroup>,
    #[serde(default = "label")]
    label: String,
    #[serde(default)]
    require_acr: Vec<String>,
    #[serde(default)]
    require_amr: Vec<String>,
    recheck_seconds: Option<Seconds>,
    offline_seconds: Option<Seconds>,
}

fn scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).to_vec()
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

fn label() -> String {
    "Sign in with single sign-on".to_owned()
}

/// A value of the section that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("oidc.{key}: {what}")]
pub struct NoOidc {
    key: &'static str,
    what: String,
}

fn wrong(key: &'static str, what: impl Into<String>) -> NoOidc {
    NoOidc { key, what: what.into() }
}

impl RawOidc {
    /// The file of the client's secret, if it has one.
    pub fn client_secret_file(&self) -> Option<&str> {
        self.client_secret_file.as_deref()
    }

    /// Checks the section. `folder` is that of the configuration file, `secret` what the file of
    /// the client's secret holds, and `console` what browsers call the console.
    pub fn check(
        self,
        folder: &Path,
        secret: Option<&str>,
        console: Option<&str>,
    ) -> Result<OidcConfig, NoOidc> {
        let issuer = issuer(&self.issuer)?;
        let console = console_url(console)?;
        let secret = secret.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        if secret.as_ref().is_some_and(String::is_empty) {
            return Err(wrong("client-secret-file", "holds no secret"));
        }
        let recheck = self.recheck_seconds.unwrap_or(Seconds::new(300));
        let offline = self.offline_seconds.unwrap_or(Seconds::new(900));
        if offline.get() <= recheck.get() {
            return Err(wrong("offline-seconds", "must be longer than recheck-seconds"));
        }
        let label = plain("label", self.label)?;
        if label.chars().count() > 60 {
            return Err(wrong("label", "has more than 60 characters"));
        }
        Ok(OidcConfig {
            plain: issuer.scheme() == "http",
            // As it was written: a provider's name for itself is compared letter by letter.
            issuer: self.issuer,
            trust: match self.ca_file {
                Some(file) => Trust::Pinned(folder.join(file)),
                None => Trust::System,
            },
            client: plain("client-id", self.client_id)?,
            secret: secret.map(ClientSecret),
            scopes: words("scopes", self.scopes)?,
            name_claim: plain("name-claim", self.name_claim)?,
            groups_claim: plain("groups-claim", self.groups_claim)?,
            groups: groups::check(self.groups, group).map_err(|(key, what)| wrong(key, what))?,
            acr: words("require-acr", self.require_acr)?,
            amr: words("require-amr", self.require_amr)?,
            redirect: format!("{console}{CALLBACK}"),
            signed_out: format!("{console}{SIGNED_OUT}"),
            label,
            recheck,
            offline,
        })
    }
}

fn issuer(text: &str) -> Result<Url, NoOidc> {
    let no = |what: &str| Err(wrong("issuer", format!("\"{text}\" {what}")));
    let Ok(url) = Url::parse(text) else { return no("is no address: write https://...") };
    if !url.username().is_empty() || url.password().is_some() {
        return no("holds a name or password, which no provider's name has");
    }
    if url.query().is_some() || url.fragment().is_some() || text.len() > MAX_TEXT {
        return no("has a query, a fragment, or is too long: write what the provider calls itself");
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => no("must begin with https:// (http:// is for a provider on this computer alone)"),
    }
}

fn console_url(url: Option<&str>) -> Result<&str, NoOidc> {
    let Some(url) = url else {
        let what = "is made of url in [console], which is missing: write there what browsers see \
                    in the address bar, such as https://bootmint.example.net";
        return Err(wrong("redirect URI", what));
    };
    let here = Url::parse(url).is_ok_and(|url| url.scheme() == "https" || is_loopback(&url));
    if here {
        Ok(url)
    } else {
        let what = "would not be HTTPS: url in [console] must begin with https://, since whoever \
                    listens could sign in too";
        Err(wrong("redirect URI", what))
    }
}

/// Whether an address is this computer's own.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn plain(key: &'static str, text: String) -> Result<String, NoOidc> {
    let good = !text.trim().is_empty() && text.len() <= MAX_TEXT;
    if good && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(wrong(key, format!("is empty, too long, or has control characters: {text:?}")))
    }
}

/// Words of which a list may be separated by spaces.
fn words(key: &'static str, list: Vec<String>) -> Result<Vec<String>, NoOidc> {
    if list.len() > MAX_LIST {
        return Err(wrong(key, format!("has more than {MAX_LIST} words")));
    }
    match list.iter().find(|word| word.is_empty() || !word.bytes().all(|b| b.is_ascii_graphic())) {
        Some(word) => Err(wrong(key, format!("{word:?} is not one word"))),
        None => Ok(list),
    }
}

fn group(text: String) -> Result<String, String> {
    plain("groups.group", text).map_err(|error| error.what)
}

#[cfg(test)]
mod tests;
