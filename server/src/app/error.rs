//! What can go wrong between a request and its answer.

use super::FirmwareFault;
use crate::{
    auth::spnego::NoKerberos,
    config::WrongPolicy,
    db::{DbError, Guarded},
    images::ImageError,
    machine::Refused,
    nocloud::NoCloudFile,
    script::{ProfileError, ScriptError},
    seal::{SealError, SecretName},
    secret::NoRandom,
    time::Timestamp,
    tls::TrustError,
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
    /// The directory, or the OpenID provider, cannot be trusted.
    #[error(transparent)]
    Directory(#[from] TrustError),
    /// Kerberos tickets cannot be checked.
    #[error(transparent)]
    Kerberos(#[from] NoKerberos),
    /// A secret is not sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A secret, or a host's token, was set while all of them got other seals.
    #[error("a secret or token was set meanwhile, so that nothing was changed: try again")]
    SecretsChanged,
    /// A secret is not as it was seen.
    #[error("the secret \"{0}\" has changed since you looked: look again, then decide")]
    SecretChanged(SecretName),
    /// There is no such secret.
    #[error("no secret of that name is set there: \"{0}\"")]
    NoSecret(SecretName),
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
         variable \"boot\" may name any other profile"
    )]
    InstallerAsBoot {
        /// The host.
        host: HostName,
        /// The profile.
        profile: String,
    },
    /// There is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The state machine says no.
    #[error("host \"{host}\": nothing was changed")]
    Refused {
        /// The host.
        host: HostName,
        /// Why.
        source: Refused,
    },
    /// A script is none that iPXE takes.
    #[error("host \"{host}\": the script of its {what} is none that iPXE takes: {why}")]
    NoScript {
        /// The host.
        host: HostName,
        /// Which script.
        what: String,
        /// Where it is wrong.
        why: String,
    },
    /// There is no such host.
    #[error("there is no host \"{0}\": `bootmint hosts list` shows all")]
    UnknownHost(HostName),
    /// A link leads to nothing.
    #[error("this link leads to nothing, or the host has changed")]
    NoLink,
    /// A link's time is over.
    #[error("this link has ended: make a new one")]
    LinkEnded,
    /// The host's firmware cannot do what the host would be sent.
    #[error(transparent)]
    Firmware(#[from] FirmwareFault),
    /// A host's own policy is none.
    #[error(transparent)]
    Policy(#[from] WrongPolicy),
    /// There are no such NoCloud files.
    #[error(transparent)]
    NoCloud(#[from] NoCloudFile),
    /// There is no such attempt, or the secret is not its own.
    #[error("there is no such attempt, or the secret is not its own")]
    UnknownAttempt,
    /// The attempt is over, so that its answer files are closed.
    #[error("the attempt is over: its answer files are closed")]
    Closed,
    /// The answer file was read as often as is allowed.
    #[error("the answer file was read already: the policy allows no more")]
    Released,
    /// The guard did not let an arming pass.
    #[error("host \"{host}\" was not armed")]
    Guarded {
        /// The host.
        host: HostName,
        /// Why.
        source: Guarded,
    },
    /// Not a failure: an arming that is written down, and waits for another person.
    #[error(
        "host \"{host}\" is not armed yet: another person must approve that before {until} \
         (`bootmint approve {host} --confirm {host}`)"
    )]
    AwaitsApproval {
        /// The host.
        host: HostName,
        /// Until when it waits.
        until: Timestamp,
    },
    /// The host does not say which disk may be wiped.
    #[error(
        "host \"{0}\" does not name the disk that may be wiped: set its variable \"disk-serial\" \
         (disk-serial in [guard] asks for it)"
    )]
    NoDiskSerial(HostName),
    /// The host says which disk may be wiped, but nobody would look.
    #[error(
        "host \"{host}\" names the disk that may be wiped, but profile \"{profile}\" would not \
         look: take one with checks-disk-serial, or remove the host's variable \"disk-serial\""
    )]
    DiskSerialUnchecked {
        /// The host.
        host: HostName,
        /// Its profile.
        profile: String,
    },
    /// A task of the server ended in the middle.
    #[error("the work broke off: try again")]
    BrokenOff,
    /// Profiles were published again and again while one was checked.
    #[error("profiles are being published by others: try again")]
    ProfilesContended,
    /// The host changed again and again while this was decided.
    #[error("host \"{0}\" keeps changing: try again")]
    Contended(HostName),
    /// The host is not as it was when the person looked who gave the order.
    #[error("the host has changed since you looked: read it again, then decide")]
    Moved(HostName),
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
