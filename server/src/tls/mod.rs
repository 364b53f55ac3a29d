//! HTTPS: the server's certificate, and where it comes from.

mod authority;
mod certificates;
mod explain;
mod trust;

pub use authority::{AuthorityError, KeyKind, Pair, ServerName, root, server, with_loopback};
pub use certificates::{Certificates, Loaded, TlsError, TlsFiles};
pub(crate) use explain::{Section, explain};
pub(crate) use trust::client;
pub use trust::{Trust, TrustError};
