//! What can go wrong between a request and its answer.

use crate::{
    db::DbError,
    machine::Refused,
    script::{ProfileError, ScriptError},
    secret::NoRandom,
};
use bootmint_image_factory::{host::HostName, ticket::TokenKeyError};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A text cannot be rendered.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A profile is missing or wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenKeyError),
    /// Neither the host nor the configuration names an OS profile.
    #[error(
        "host \"{0}\" has no OS profile: set its variable \"os\", or install.profile in the \
         configuration"
    )]
    NoProfile(HostName),
    /// An installer is no ordinary boot.
    #[error(
        "host \"{host}\" boots profile \"{profile}\" ordinarily, but that is an installer: its \
         variable \"boot\" may name a [sanboot], [chain] or [shell] profile"
    )]
    InstallerAsBoot {
        /// The host.
        host: HostName,
        /// The profile.
        profile: String,
    },
    /// The state machine says no.
    #[error("host \"{host}\": nothing was changed")]
    Refused {
        /// The host.
        host: HostName,
        /// Why.
        source: Refused,
    },
    /// There is no such host.
    #[error("there is no host \"{0}\": `bootmint hosts list` shows all")]
    UnknownHost(HostName),
    /// There is no such attempt, or the secret is not its own.
    #[error("there is no such attempt, or the secret is not its own")]
    UnknownAttempt,
    /// The attempt is over, so that its answer files are closed.
    #[error("the attempt is over: its answer files are closed")]
    Closed,
    /// The answer file was read as often as is allowed.
    #[error("the answer file was read already: the policy allows no more")]
    Released,
    /// The host changed again and again while this was decided.
    #[error("host \"{0}\" keeps changing: try again")]
    Contended(HostName),
    /// The name that must confirm an arming is another.
    #[error(
        "\"{typed}\" is not \"{host}\": type the host's name to confirm that its disk may be wiped"
    )]
    Unconfirmed {
        /// The host.
        host: HostName,
        /// What was typed.
        typed: String,
    },
}
