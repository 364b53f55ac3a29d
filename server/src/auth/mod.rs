//! Who may do what: roles, local accounts, tokens, and how somebody proves who they are.

pub mod grant;
pub mod password;
pub mod principal;
pub mod roles;
pub mod token;
pub mod user;

mod accounts;

pub use accounts::{AuthError, NewToken, SignedIn};
pub use grant::{Grant, Grants, Place, Scope};
pub use password::Password;
pub use principal::Principal;
pub use roles::{Permission, Role};
pub use user::UserName;
