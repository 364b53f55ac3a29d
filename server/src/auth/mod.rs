//! Who may do what: roles, local accounts, tokens, sessions, and how somebody proves who they are.

pub mod grant;
pub mod password;
pub mod principal;
pub mod roles;
pub mod token;
pub mod user;

mod accounts;
mod sessions;

pub use accounts::{AuthError, NewToken, SignedIn};
pub use grant::{Grant, Grants, Place, Scope};
pub use password::Password;
pub use principal::Principal;
pub use roles::{Permission, Role};
pub use sessions::{Session, SessionKey};
pub use user::UserName;
