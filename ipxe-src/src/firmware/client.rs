//! Checks a client certificate before it is compiled in.

use super::{BuildError, error::io_error};
use crate::{profile::Profile, run::Invocation};
use std::{io::Write as _, path::Path};

/// Refuses a certificate and a private key that do not belong together: the firmware's key names
/// the certificate alone, and a server would only say that it was refused.
pub(super) fn check(profile: &Profile) -> Result<(), BuildError> {
    let Some(client) = profile.client() else { return Ok(()) };
    let io = |error| io_error("writing", Path::new("the client certificate"))(error);
    let mut cert = tempfile::NamedTempFile::new().map_err(io)?;
    cert.write_all(client.cert.as_bytes()).map_err(io)?;
    let public = |args: &[&str], path: &Path| {
        Invocation::new("openssl").args(args).arg("-in").arg(path).capture(&mut |_| ())
    };
    let of_cert = public(&["x509", "-noout", "-pubkey"], cert.path())?;
    let of_key = public(&["pkey", "-pubout"], &client.key)?;
    if of_cert == of_key {
        return Ok(());
    }
    Err(BuildError::ClientKey { profile: profile.name().to_owned(), key: client.key.clone() })
}
