//! Transactions that are begun again after something outside them ended them.

use super::DbError;
use std::time::Duration;

/// How long a transaction waits before it is begun again, the first time and the next ones.
const PAUSES: [u64; 5] = [10, 30, 90, 270, 810];

/// How often a transaction was begun again.
#[derive(Default)]
pub(super) struct Retry(usize);

impl Retry {
    /// How long to wait before it is begun again; none if it is over: because it came to an end of
    /// its own, or because it was tried often enough. After a broken connection, the next try may
    /// find that the work of the one before is done.
    pub(super) fn pause<T>(&mut self, result: &Result<T, DbError>) -> Option<Duration> {
        if !matches!(result, Err(DbError::Busy(_) | DbError::Broken(_))) {
            return None;
        }
        let pause = PAUSES.get(self.0).copied().map(Duration::from_millis);
        self.0 = self.0.saturating_add(1);
        pause
    }
}

/// Makes a method of [`super::Store`] that runs a transaction until it is over.
macro_rules! until_over {
    ($transaction:expr) => {{
        let mut retry = $crate::db::retry::Retry::default();
        loop {
            let result = $transaction.await;
            let Some(pause) = retry.pause(&result) else { break result };
            tokio::time::sleep(pause).await;
        }
    }};
}

pub(super) use until_over;
