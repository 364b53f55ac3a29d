//! Who decides whether the password of somebody is tried once more.

use std::{future::Future, pin::Pin};

/// Asked once a name was looked up, and before a password is tried; of a name that is nobody's, too,
/// so that the answer takes as long.
pub trait Gate: Sync {
    /// Whether a password of `account` is tried, which is `account@domain`, or the name that was
    /// typed if it is nobody's. It may be asked again for the same sign-in, at another controller.
    fn passes<'g>(&'g self, account: &'g str) -> Pin<Box<dyn Future<Output = bool> + Send + 'g>>;
}

/// Lets all be tried: for who sets the directory up.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Gate for Open {
    fn passes<'g>(&'g self, _: &'g str) -> Pin<Box<dyn Future<Output = bool> + Send + 'g>> {
        Box::pin(std::future::ready(true))
    }
}
