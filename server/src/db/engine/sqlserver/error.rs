//! What SQL Server's errors mean to us, by their numbers.

use crate::db::DbError;
use std::io;
use tiberius::error::Error;

/// Another writer was in the way: deadlock, a lock waited for in vain, conflicts of snapshots.
const BUSY: [u32; 4] = [1205, 1222, 3960, 3961];
/// The session is being ended, or the server is.
const BROKEN: [u32; 3] = [596, 6005, 6006];
/// The server or the database is not there yet, is going over to another one, or lacks resources:
/// recovery, upgrade, availability groups, memory, disk, and what Azure says then.
const UNAVAILABLE: [u32; 29] = [
    233, 701, 802, 904, 921, 922, 976, 978, 983, 1105, 4221, 8645, 8651, 9001, 9002, 10928, 10929,
    10936, 17142, 17187, 17197, 18401, 40197, 40501, 40613, 49918, 49919, 49920, 45168,
];
/// From this class on the server ends the connection.
const FATAL: u8 = 20;

impl From<Error> for DbError {
    fn from(error: Error) -> Self {
        let cause = |error: Error| Box::new(error);
        match &error {
            Error::Io { .. } | Error::Protocol(_) => Self::Broken(cause(error)),
            Error::Tls(_) | Error::Routing { .. } => Self::Unavailable(cause(error)),
            Error::Server(told) => match told.code() {
                code if BUSY.contains(&code) => Self::Busy(cause(error)),
                code if BROKEN.contains(&code) => Self::Broken(cause(error)),
                code if UNAVAILABLE.contains(&code) => Self::Unavailable(cause(error)),
                _ if told.class() >= FATAL => Self::Broken(cause(error)),
                _ => Self::Refused(cause(error)),
            },
            _ => Self::Refused(cause(error)),
        }
    }
}

/// A connection that cannot be used any more.
pub(super) fn broken(why: &'static str) -> DbError {
    DbError::Broken(Box::new(io::Error::other(why)))
}
