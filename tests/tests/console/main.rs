//! The console in a real browser, from the first sign-in to an installed machine; whether people
//! with a keyboard, a phone or a screen reader can use it; what hostile texts do in it; and people
//! of a real domain, or of a real OpenID provider.

mod desk;
#[cfg(test)]
mod directory;
mod disuse;
mod hostile;
mod journey;
#[cfg(test)]
mod kerberos;
mod keyboard;
#[cfg(test)]
mod openid;
#[cfg(test)]
mod openid_flow;
mod pages;
mod profile;

// The domain controller is that of the server's own tests, which use more of it.
#[cfg(test)]
#[allow(dead_code, reason = "shared with server/tests/directory")]
#[path = "../../../server/tests/directory/admin.rs"]
mod admin;
#[cfg(test)]
#[path = "../../../server/tests/directory/authority.rs"]
mod authority;
#[cfg(test)]
#[path = "../../../server/tests/directory/realm.rs"]
mod realm;
#[cfg(test)]
#[path = "../../../server/tests/directory/run.rs"]
mod run;
#[cfg(test)]
#[allow(dead_code, reason = "shared with server/tests/directory")]
#[path = "../../../server/tests/directory/samba.rs"]
mod samba;
