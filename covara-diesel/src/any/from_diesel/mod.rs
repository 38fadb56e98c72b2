//! Diesel's errors as those of each area, so that they can be the error of a transaction.

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

/// Whether SQLite says such a thing. The two say nothing in the same words.
fn is_of_sqlite(error: &Error) -> bool {
    SqliteBackend::fault(message(error)) != Fault::Other
}

/// As a seed tells what concerns no row.
impl From<Error> for SeedError {
    fn from(error: Error) -> Self {
        if is_of_sqlite(&error) {
            outside::<Sqlite>(error)
        } else {
            outside::<Postgres>(error)
        }
    }
}

/// As what concerns no migration.
impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        Self::Database {
            source: error.into(),
        }
    }
}
