//! What a machine is sent: iPXE scripts, kernel arguments and answer files.
//!
//! Pure functions of the profile and the host. A [`Script`] comes from nowhere else; facts that a
//! machine sent never enter one.

mod context;
mod ipxe;
mod profile;
pub mod shipped;
mod template;

#[cfg(test)]
mod tests;

pub use context::Release;
pub use ipxe::{Script, hold, local};
pub use profile::{Kind, Profile, ProfileError, Profiles};
pub use template::TemplateError;

use bootmint_image_factory::host::Host;
use std::time::Duration;

/// The longest kernel command line, in bytes: what Linux takes on x86, less what the boot loader
/// may add.
const MAX_ARGUMENTS: usize = 2000;
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
    /// The profile has no such answer file.
    #[error("profile \"{profile}\" has no answer file \"{file}\"")]
    NoAnswer {
        /// The profile.
        profile: String,
        /// What was asked for.
        file: String,
    },
}

/// The script that does what `profile` says, for one attempt to install `host`, or for its
/// ordinary boot.
pub fn run(profile: &Profile, host: &Host, release: &Release<'_>) -> Result<Script, ScriptError> {
    let render = |what: &str, text: &str, context: &minijinja::Value| {
        template::render(text, template::Language::Words, context)
            .map(|text| text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .map_err(|source| failed(profile, what, host, source))
    };
    let open = context::open(host, release);
    match profile.kind() {
        Kind::Install(install) => {
            let arguments = render("install.arguments", &install.arguments, &open)?;
            if arguments.len() > MAX_ARGUMENTS {
                return Err(ScriptError::TooLong {
                    profile: profile.name().to_string(),
                    host: host.name.to_string(),
                    length: arguments.len(),
                });
            }
            Ok(ipxe::install(&ipxe::Install {
                host,
                profile: profile.title(),
                kernel: file_url(host, &install.kernel),
                initrds: install.initrd.iter().map(|path| file_url(host, path)).collect(),
                arguments,
                release,
            }))
        }
        Kind::Sanboot(target) => {
            let uri = render("sanboot.target", &target.target, &open)?;
            let closed = context::with_secrets(host, release);
            let word = |what, text: &Option<String>| {
                text.as_ref().map(|text| render(what, text, &closed)).transpose()
            };
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
    let context = context::with_secrets(host, release);
    template::render(&answer.text, answer.language, &context)
        .map_err(|source| failed(profile, file, host, source))
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
