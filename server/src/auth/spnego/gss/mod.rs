//! MIT krb5 checks a ticket: with the keys of a keytab, against a clock, and against those that
//! were shown before.

mod credential;

use super::{KerberosError, Ticket, token::offers_ntlm};
use crate::auth::oidc::said;
use libgssapi::{
    context::{CtxFlags, SecurityContext, ServerCtx},
    credential::Cred,
    error::Error,
    name::Name,
    oid::GSS_MECH_KRB5,
};
use std::{ffi::CString, fmt, os::unix::ffi::OsStrExt, path::Path};

/// Whether this program can check tickets.
pub(super) const BUILT: bool = true;

/// The keys of a service, which are read anew for each ticket. Its clones are the same ones.
#[derive(Clone)]
pub(super) struct Keys(Cred);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

impl Keys {
    /// Those of `keytab`; tickets that were shown are remembered in the file `replay`.
    pub(super) fn open(keytab: &Path, replay: &Path) -> Result<Self, String> {
        let named = |kind: &str, path: &Path| {
            let name = [kind.as_bytes(), path.as_os_str().as_bytes()].concat();
            CString::new(name).map_err(|error| error.to_string())
        };
        let (keytab, replay) = (named("FILE:", keytab)?, named("file2:", replay)?);
        credential::acquire(&keytab, &replay).map(Self).map_err(|error| said(&error.to_string()))
    }

    /// Whose ticket `token` is, and for whom. Takes its time: it is for a thread that may wait.
    pub(super) fn check(&self, token: &[u8]) -> Result<Ticket, KerberosError> {
        let mut context = ServerCtx::new(Some(self.0.clone()));
        let answer = context.step(token, None).map_err(|error| {
            let unproved = KerberosError::Unproved(said(&error.to_string()));
            if offers_ntlm(token) { KerberosError::Ntlm } else { unproved }
        })?;
        // What its owner lets others do in their name is not wanted.
        drop(context.take_delegated_cred());
        if !context.is_complete() {
            // Another question would need the same connection; Kerberos needs none.
            let wants = "it wants more than one question";
            let ntlm = offers_ntlm(token);
            return Err(if ntlm { KerberosError::Ntlm } else { unproved(wants) });
        }
        let mechanism = context.mechanism().map_err(failed)?;
        if mechanism != GSS_MECH_KRB5 {
            return Err(unproved("it is not Kerberos"));
        }
        if context.flags().map_err(failed)?.contains(CtxFlags::GSS_C_ANON_FLAG) {
            return Err(unproved("it is nobody's"));
        }
        Ok(Ticket {
            principal: text(&context.source_name().map_err(failed)?)?,
            service: text(&context.target_name().map_err(failed)?)?,
            answer: answer.map(|answer| answer.to_vec()).unwrap_or_default(),
        })
    }
}

fn unproved(why: &str) -> KerberosError {
    KerberosError::Unproved(why.to_owned())
}

fn failed(error: Error) -> KerberosError {
    KerberosError::Unproved(said(&error.to_string()))
}

fn text(name: &Name) -> Result<String, KerberosError> {
    let text = name.display_name().map_err(failed)?;
    String::from_utf8(text.to_vec()).map_err(|_| unproved("a name in it is no text"))
}
