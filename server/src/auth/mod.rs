//! Who may do what: roles, local accounts, tokens, sessions, and how somebody proves who they are.

pub mod factor;
pub mod grant;
pub mod ldap;
pub mod oidc;
pub mod openid;
pub mod password;
pub mod principal;
pub mod refresh;
pub mod roles;
pub mod sessions;
pub mod spnego;
pub mod token;
pub mod user;

mod accounts;
mod directory;
mod factors;
mod groups;
mod kerberos;
mod refusals;
mod sign_in;
mod tries;
mod vouched;

pub use accounts::{AuthError, NewToken, Which};
pub use grant::{Grant, Grants, Place, Scope};
pub use password::Password;
pub use principal::Principal;
pub use roles::{Permission, Role};
pub(crate) use sessions::REUSED;
pub use sessions::{Session, SessionKey};
pub(crate) use sign_in::BREAK_GLASS;
pub use sign_in::{Credentials, SignedIn};
pub use user::UserName;
