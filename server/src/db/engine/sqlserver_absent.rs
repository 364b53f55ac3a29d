//! SQL Server, in a program that was built without it: no address is one, so nothing of this can
//! ever be made.

use super::{Bind, Row};
use crate::db::{DbError, ForeignError, NoAddress};
use std::fmt;

/// Where a SQL Server is.
#[derive(Clone)]
pub(in crate::db) enum Server {}

impl fmt::Display for Server {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Server {
    pub(in crate::db) fn parse(_: &str) -> Result<Self, NoAddress> {
        Err(NoAddress::NotBuilt)
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub(in crate::db) enum Pool {}

impl Pool {
    pub(in crate::db) async fn open(server: &Server, _: u32) -> Result<Self, DbError> {
        match *server {}
    }

    pub(in crate::db) async fn query(&self, _: &str, _: &[Bind]) -> Result<Vec<Row>, DbError> {
        match *self {}
    }

    pub(in crate::db) async fn begin(&self) -> Result<Tx, DbError> {
        match *self {}
    }

    pub(in crate::db) async fn begin_snapshot(&self) -> Result<Tx, DbError> {
        match *self {}
    }

    pub(in crate::db) async fn close(&self) {
        match *self {}
    }
}

/// A transaction.
pub(in crate::db) enum Tx {}

impl Tx {
    pub(in crate::db) async fn execute(&mut self, _: &str, _: &[Bind]) -> Result<u64, DbError> {
        match *self {}
    }

    pub(in crate::db) async fn query(&mut self, _: &str, _: &[Bind]) -> Result<Vec<Row>, DbError> {
        match *self {}
    }

    pub(in crate::db) async fn lock_schema(&mut self) -> Result<(), DbError> {
        match *self {}
    }

    pub(in crate::db) async fn script(&mut self, _: &str) -> Result<(), DbError> {
        match *self {}
    }

    pub(in crate::db) async fn commit(self) -> Result<(), DbError> {
        match self {}
    }
}

pub(in crate::db) async fn feed(
    server: &Server,
    _: &str,
) -> Result<(Vec<String>, Vec<Vec<String>>), ForeignError> {
    match *server {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_sql_server_says_what_is_missing() {
        let error = Server::parse("mssql://b:hidden@db/n").err().unwrap().to_string();
        assert!(error.contains("--features sqlserver") && !error.contains("hidden"), "{error}");
    }
}
