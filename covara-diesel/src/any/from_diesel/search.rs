use diesel::result::Error;

use super::{PostgresBackend, SqliteBackend, is_of_sqlite};
use crate::search::SearchError;

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
