//! What was made of a statement, kept: the program has a fixed number of them, so each is
//! translated once.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

/// Translations, by the statements that they were made of.
pub(super) struct Known<T: 'static>(LazyLock<RwLock<HashMap<&'static str, &'static T>>>);

impl<T> Known<T> {
    pub(super) const fn new() -> Self {
        Self(LazyLock::new(RwLock::default))
    }

    /// What `translate` makes of `sql`.
    pub(super) fn get(&self, sql: &'static str, translate: fn(&str) -> T) -> &'static T {
        // A map that a panic left behind is still a map of finished entries.
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return known;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(sql).or_insert_with(|| Box::leak(Box::new(translate(sql))))
    }
}
