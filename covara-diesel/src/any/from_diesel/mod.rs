//! Conversions from Diesel's errors, so that each area's error can be the error of a transaction.

#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "search")]
mod search;

use diesel::connection::Connection;
use diesel::result::Error;

use super::backends::{Postgres, Sqlite};
use crate::backend::connection::message;
use crate::backend::engine::{Engine, Fault};
use crate::migrate::MigrateError;
use crate::seed::{SeedError, outside};

type SqliteBackend = <Sqlite as Connection>::Backend;
#[cfg(any(feature = "auth", feature = "search"))]
type PostgresBackend = <Postgres as Connection>::Backend;

/// Returns whether SQLite's messages explain the error. No message is common to both databases.
fn is_of_sqlite(error: &Error) -> bool {
    SqliteBackend::fault(message(error)) != Fault::Other
}

/// Reports the error as a seed reports one that concerns no row.
impl From<Error> for SeedError {
    fn from(error: Error) -> Self {
        if is_of_sqlite(&error) {
            outside::<Sqlite>(error)
        } else {
            outside::<Postgres>(error)
        }
    }
}

/// Reports the error as one that concerns no migration.
impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        Self::Database {
            source: error.into(),
        }
    }
}
