use diesel::result::Error;

use super::{PostgresBackend, SqliteBackend, is_of_sqlite};
use crate::search::SearchError;

/// Classifies the error as a search adapter itself does.
impl From<Error> for SearchError {
    fn from(error: Error) -> Self {
        if is_of_sqlite(&error) {
            Self::of::<SqliteBackend>(error)
        } else {
            Self::of::<PostgresBackend>(error)
        }
    }
}
