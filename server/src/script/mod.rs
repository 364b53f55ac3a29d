//! What a machine is sent: iPXE scripts, kernel arguments and answer files.
//!
//! Pure functions of the profile and the host. A [`Script`] comes from nowhere else; of the
//! facts that a machine sent, none enters one but a [`NicName`].

mod context;
pub mod diff;
pub mod fault;
pub mod files;
mod ipxe;
mod kind;
mod language;
mod lint;
mod needs;
mod nic;
mod profile;
mod profiles;
pub mod shipped;
mod template;

#[cfg(test)]
mod disks;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod tests;

pub use context::Release;
pub use fault::ProfileFault;
pub use files::{Files, NoFiles, PROFILE_FILE};
pub use ipxe::{Script, hold, local, without_ticket};
pub use kind::Kind;
pub use lint::check_script;
pub use needs::needs;
pub use nic::NicName;
pub use profile::{Profile, ProfileError};
pub use profiles::Profiles;
pub use template::TemplateError;

use crate::secret::Secret;
use bootmint_image_factory::host::Host;
use std::time::Duration;

/// The longest kernel command line, in bytes: what Linux takes on x86, less what the boot loader
/// may add.
const MAX_ARGUMENTS: usize = 2000;
/// The entry of a menu that boots the local disk.
pub const LOCAL: &str = "local";
/// How long a download may stand still.
const DOWNLOAD: Duration = Duration::from_secs(60);

/// Something that a host would be sent cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A template failed.
    #[error("profile \"{profile}\": {what} cannot be rendered for host \"{host}\"")]
    Template {
        /// The profile.
        profile: String,
        /// The part of it.
        what: String,
        /// The host.
        host: String,
        /// Why.
        source: Box<TemplateError>,
    },
    /// The kernel's arguments are too long.
    #[error(
        "profile \"{profile}\": the arguments for host \"{host}\" have {length} bytes, more than \
         {MAX_ARGUMENTS}: move what you can into the answer file"
    )]
    TooLong {
        /// The profile.
        profile: String,
        /// The host.
        host: String,
        /// How long they are.
        length: usize,
    },
    /// A menu needs the profiles that it shows: see [`menu`].
    #[error("profile \"{0}\" is a menu, which does nothing by itself")]
    IsMenu(String),
    /// The profile has no such answer file.
    #[error("profile \"{profile}\" has no answer file \"{file}\"")]
    NoAnswer {
        /// The profile.
        profile: String,
        /// What was asked for.
        file: String,
    },
}

impl ScriptError {
    /// The profile that is to blame.
    pub fn profile(&self) -> &str {
        match self {
            Self::Template { profile, .. }
            | Self::TooLong { profile, .. }
            | Self::IsMenu(profile)
            | Self::NoAnswer { profile, .. } => profile,
        }
    }
}

/// The script that does what `profile` says, for one attempt to install `host`, or for its
/// ordinary boot.
pub fn run(profile: &Profile, host: &Host, release: &Release<'_>) -> Result<Script, ScriptError> {
    let render = |what: &str, text: &str, context: &minijinja::Value| {
        words(text, context).map_err(|source| failed(profile, what, host, source))
    };
    let open = context::open(host, release);
    match profile.kind() {
        Kind::Install(install) | Kind::Live(install) => {
            let arguments = render("arguments", &install.arguments, &open)?;
            if arguments.len() > MAX_ARGUMENTS {
                return Err(ScriptError::TooLong {
                    profile: profile.name().to_string(),
                    host: host.name.to_string(),
                    length: arguments.len(),
                });
            }
            let installs = matches!(profile.kind(), Kind::Install(_));
            let answers = context::answers(host, release);
            let files = install.files.iter().map(|(name, path)| (name, file_url(host, path)));
            let load = install.load.iter().map(|name| (name, format!("{answers}/{name}")));
            Ok(ipxe::install(&ipxe::Install {
                host,
                profile: profile.title(),
                kernel: file_url(host, &install.kernel),
                kernel_efi: install.kernel_efi.as_ref().map(|path| file_url(host, path)),
                initrds: install.initrd.iter().map(|path| file_url(host, path)).collect(),
                files: files.chain(load).map(|(name, url)| (name.clone(), url)).collect(),
                arguments,
                release: installs.then_some(release),
            }))
        }
        Kind::Menu(_) => Err(ScriptError::IsMenu(profile.name().to_string())),
        Kind::Sanboot(target) => {
            let uri = render("sanboot.target", &target.target, &open)?;
            let word = |what, text: &Option<String>| {
                let text = text.as_ref()?;
                let word = with_secrets(host, release, |closed| words(text, closed));
                Some(word.map_err(|source| failed(profile, what, host, source)))
            };
            let word = |what, text| word(what, text).transpose();
            let user = word("sanboot.user", &target.user)?;
            let password = word("sanboot.password", &target.password)?;
            let initiator = word("sanboot.initiator", &target.initiator)?;
            Ok(ipxe::sanboot(
                host,
                profile.title(),
                &uri,
                &[("initiator-iqn", initiator), ("username", user), ("password", password)],
            ))
        }
        Kind::Chain(chain) => {
            let url = render("chain.url", &chain.url, &open)?;
            Ok(ipxe::chain(host, profile.title(), &url))
        }
        Kind::Shell => Ok(ipxe::shell(host)),
    }
}

/// Words of a command, with one space between them.
fn words(text: &str, context: &minijinja::Value) -> Result<String, TemplateError> {
    let text = template::render(text, language::Language::Words, context)?;
    Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

/// The script that shows the menu `profile`. Its entries were looked for when the profiles were
/// loaded.
pub fn menu(profiles: &Profiles, profile: &Profile, host: &Host) -> Result<Script, ProfileError> {
    let Kind::Menu(menu) = profile.kind() else {
        return Ok(local(Some(host)));
    };
    let mut entries = Vec::with_capacity(menu.entries.len());
    for name in &menu.entries {
        let title = if name == LOCAL { "Local disk" } else { profiles.get(name)?.title() };
        entries.push(ipxe::Entry { name, title });
    }
    let default = menu.default.as_deref().unwrap_or(LOCAL);
    Ok(ipxe::menu(host, profile.title(), &entries, default, menu.timeout_seconds))
}

/// The script that says that what was chosen needs an armed host.
pub fn unarmed(host: &Host, profile: &Profile) -> Script {
    ipxe::unarmed(host, profile.title())
}

/// Whether a rendered answer file is of its language at all.
pub fn check_answer(
    profile: &Profile,
    file: &str,
    host: &Host,
    text: &str,
) -> Result<(), ScriptError> {
    let Some(answer) = profile.answer(file) else { return Ok(()) };
    let language = answer.language;
    language.check(text).map_err(|why| {
        failed(profile, file, host, TemplateError::Malformed { language: language.name(), why })
    })
}

/// An answer file of `profile`, with the secrets that only an installer may have.
pub fn answer(
    profile: &Profile,
    file: &str,
    host: &Host,
    release: &Release<'_>,
) -> Result<String, ScriptError> {
    let answer = profile.answer(file).ok_or_else(|| ScriptError::NoAnswer {
        profile: profile.name().to_string(),
        file: file.to_owned(),
    })?;
    with_secrets(host, release, |context| template::render(&answer.text, answer.language, context))
        .map_err(|source| failed(profile, file, host, source))
}

/// Renders with secrets. Why it fails is told as it would be without them: a template could say
/// a secret where it says what is wrong, and people and logs would read it.
fn with_secrets(
    host: &Host,
    release: &Release<'_>,
    render: impl Fn(&minijinja::Value) -> Result<String, TemplateError>,
) -> Result<String, TemplateError> {
    render(&context::with_secrets(host, release)).map_err(|error| {
        let (secret, secrets) = (Secret::placeholder(), release.secrets.hidden());
        let hidden = Release { attempt: release.attempt, secret: &secret, secrets: &secrets };
        match render(&context::with_secrets(host, &hidden)) {
            Err(error) => error,
            Ok(_) => TemplateError::OfSecret { line: error.line() },
        }
    })
}

fn failed(profile: &Profile, what: &str, host: &Host, source: TemplateError) -> ScriptError {
    ScriptError::Template {
        profile: profile.name().to_string(),
        what: what.to_owned(),
        host: host.name.to_string(),
        source: Box::new(source),
    }
}

/// Where a file of a profile is: below the server's `/files/`, unless it is a URL itself.
fn file_url(host: &Host, path: &str) -> String {
    if path.starts_with("http://") || path.starts_with("https://") {
        path.to_owned()
    } else {
        format!("{}/files/{path}", host.server)
    }
}
