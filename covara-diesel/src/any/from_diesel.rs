//! Diesel's errors as those of each area, so that they can be the error of a transaction.

use diesel::connection::Connection;
use diesel::result::Error;

use super::backends::{Postgres, Sqlite};
use crate::auth::AuthError;
use crate::connection::message;
use crate::engine::{Engine, Fault};
use crate::migrate::MigrateError;
use crate::search::SearchError;
use crate::seed::{SeedError, outside};

type SqliteBackend = <Sqlite as Connection>::Backend;
type PostgresBackend = <Postgres as Connection>::Backend;

/// Whether SQLite says such a thing. The two say nothing in the same words.
fn is_of_sqlite(error: &Error) -> bool {
    SqliteBackend::fault(message(error)) != Fault::Other
}

/// As the stores themselves tell it.
impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        if is_of_sqlite(&error) {
            Self::of::<SqliteBackend>(error)
        } else {
            Self::of::<PostgresBackend>(error)
        }
    }
}

/// As a search adapter itself tells it.
impl From<Error> for SearchError {
    fn from(error: Error) -> Self {
        if is_of_sqlite(&error) {
            Self::of::<SqliteBackend>(error)
        } else {
            Self::of::<PostgresBackend>(error)
        }
    }
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
