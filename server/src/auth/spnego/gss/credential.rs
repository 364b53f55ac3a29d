//! The two calls that libgssapi lacks: keys of a keytab that is named, and not by the environment of
//! the whole program; and which mechanisms may be agreed on.
#![allow(unsafe_code, reason = "gss_acquire_cred_from and gss_set_neg_mechs have no safe binding")]

use libgssapi::{
    credential::Cred,
    error::{Error, MajorFlags},
    oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, Oid},
};
use libgssapi_sys::{
    _GSS_C_INDEFINITE, GSS_C_ACCEPT, GSS_S_COMPLETE, OM_uint32, gss_OID_desc, gss_OID_set_desc,
    gss_acquire_cred_from, gss_cred_id_t, gss_cred_usage_t, gss_key_value_element_desc,
    gss_key_value_set_desc, gss_set_neg_mechs,
};
use std::{ffi::CStr, ptr};

/// Keys to check tickets with, of the Kerberos mechanism alone, bare or inside SPNEGO. What was
/// shown before is remembered in `replay`.
pub(super) fn acquire(keytab: &CStr, replay: &CStr) -> Result<Cred, Error> {
    let mut elements = [
        gss_key_value_element_desc { key: c"keytab".as_ptr(), value: keytab.as_ptr() },
        gss_key_value_element_desc { key: c"rcache".as_ptr(), value: replay.as_ptr() },
    ];
    let store = gss_key_value_set_desc { count: 2, elements: elements.as_mut_ptr() };
    let mut both = [described(&GSS_MECH_KRB5), described(&GSS_MECH_SPNEGO)];
    let mut both = gss_OID_set_desc { count: 2, elements: both.as_mut_ptr() };
    let (mut minor, mut cred): (OM_uint32, gss_cred_id_t) = (0, ptr::null_mut());
    // SAFETY: everything that is pointed to lives until the call is over, and is only read, but
    // for `minor` and `cred`, which are written; the library copies what it keeps.
    let major = unsafe {
        gss_acquire_cred_from(
            &raw mut minor,
            ptr::null_mut(),
            _GSS_C_INDEFINITE,
            &raw mut both,
            GSS_C_ACCEPT as gss_cred_usage_t,
            &raw const store,
            &raw mut cred,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    check(major, minor)?;
    // SAFETY: the call above made it, and nobody else has it: it is released with this.
    let owned = unsafe { Cred::from_c(cred) };
    let mut kerberos = described(&GSS_MECH_KRB5);
    let mut alone = gss_OID_set_desc { count: 1, elements: &raw mut kerberos };
    // SAFETY: `owned` keeps `cred` alive, nobody else uses it yet, and the set is only read.
    let major = unsafe { gss_set_neg_mechs(&raw mut minor, cred, &raw mut alone) };
    check(major, minor)?;
    Ok(owned)
}

fn described(oid: &Oid<'static>) -> gss_OID_desc {
    let bytes: &[u8] = oid;
    // An object identifier has a few bytes.
    let length = OM_uint32::try_from(bytes.len()).unwrap_or_default();
    gss_OID_desc { length, elements: bytes.as_ptr().cast_mut().cast() }
}

fn check(major: OM_uint32, minor: OM_uint32) -> Result<(), Error> {
    if major == GSS_S_COMPLETE {
        Ok(())
    } else {
        Err(Error { major: MajorFlags::from_bits_retain(major), minor })
    }
}
