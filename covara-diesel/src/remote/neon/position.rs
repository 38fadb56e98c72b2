//! The position in a statement that an error is about.

use std::num::TryFromIntError;

use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::result::{DatabaseErrorInformation, Error};

use super::sql::original_position;
use super::statement::sql_of;

/// Returns an error of the database's about what was `sent` for a query as one about the query itself,
/// whose SQL does not have the types of values in it.
pub(super) fn located<T>(error: Error, source: &T, sent: &str) -> Error
where
    T: QueryFragment<Pg> + ?Sized,
{
    let (kind, information) = match error {
        Error::DatabaseError(kind, information) => (kind, information),
        other => return other,
    };
    let position = || -> Result<i32, TryFromIntError> {
        let position = information.statement_position().unwrap_or_default();
        let original = sql_of(source).unwrap_or_default();
        original_position(&original, sent, position.try_into()?).try_into()
    };
    match (information.statement_position(), position()) {
        (Some(_), Ok(position)) => {
            let located = Located {
                information,
                position,
            };
            Error::DatabaseError(kind, Box::new(located))
        }
        _ => Error::DatabaseError(kind, information),
    }
}

/// What the database says of an error, with another position.
struct Located {
    information: Box<dyn DatabaseErrorInformation + Send + Sync>,
    position: i32,
}

impl DatabaseErrorInformation for Located {
    fn message(&self) -> &str {
        self.information.message()
    }

    fn details(&self) -> Option<&str> {
        self.information.details()
    }

    fn hint(&self) -> Option<&str> {
        self.information.hint()
    }

    fn table_name(&self) -> Option<&str> {
        self.information.table_name()
    }

    fn column_name(&self) -> Option<&str> {
        self.information.column_name()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.information.constraint_name()
    }

    fn statement_position(&self) -> Option<i32> {
        Some(self.position)
    }
}
