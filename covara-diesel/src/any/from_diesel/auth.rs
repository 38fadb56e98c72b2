use diesel::result::Error;

use super::{PostgresBackend, SqliteBackend, is_of_sqlite};
use crate::auth::AuthError;

/// Classifies the error as the stores themselves do.
impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        if is_of_sqlite(&error) {
            Self::of::<SqliteBackend>(error)
        } else {
            Self::of::<PostgresBackend>(error)
        }
    }
}
