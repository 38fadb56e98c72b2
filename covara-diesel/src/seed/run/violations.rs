//! Violations of foreign keys, and what to do about them.

use diesel::result::{DatabaseErrorKind, Error};

use super::state::Run;
use crate::backend::connection::BackendConnection;
use crate::backend::connection::message;
use crate::seed::engine::{Forward, SeedEngine};
use crate::seed::error::SeedError;
use crate::seed::foreign_key::ForeignKey;
use crate::seed::target::unquoted;

impl ForeignKey {
    /// Returns whether rows that the seed has still to write may satisfy the foreign key of the
    /// table at this position.
    pub(super) fn is_forward(&self, table: usize) -> bool {
        self.position.is_some_and(|position| position >= table)
    }

    /// Returns whether the error can be about this foreign key.
    fn is_violated(&self, error: &Error) -> bool {
        let Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, information) = error
        else {
            return false;
        };
        let names = self.name.as_deref().zip(information.constraint_name());
        names.is_none_or(|(own, name)| own == name)
    }
}

pub(super) fn is_foreign_key(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)
    )
}

pub(super) fn is_unique(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

/// Returns whether one statement had two rows with the same key, which PostgreSQL does not update
/// twice.
pub(super) fn is_row_twice(error: &Error) -> bool {
    message(error).ends_with("cannot affect row a second time")
}

/// Returns the first of these foreign keys that the error can be about.
pub(super) fn violated<'k>(keys: &'k [ForeignKey], error: &Error) -> Option<&'k ForeignKey> {
    keys.iter().find(|key| key.is_violated(error))
}

/// Returns the values that a violation of a foreign key is about, in the database's words.
pub(super) fn details(error: &Error) -> Option<String> {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, information) => {
            information.details().map(str::to_owned)
        }
        _ => None,
    }
}

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Makes the error about a row that refers to nothing say what to do, if it is about a foreign
    /// key that the database checks at once. `is_whole`: the whole table was one statement.
    pub(super) fn judged(&mut self, table: usize, error: SeedError, is_whole: bool) -> SeedError {
        let SeedError::Row {
            table: name,
            row,
            position,
            source,
        } = error
        else {
            return error;
        };
        let is_staged = matches!(C::Backend::forward::<C>(), Forward::Staged(_));
        let is_at_once = |key: &ForeignKey| {
            let in_statement = is_whole && key.position == Some(table);
            is_staged && key.is_forward(table) && !key.is_deferrable && !in_statement
        };
        let keys = match is_foreign_key(&source) {
            true => self.foreign_keys(table),
            false => &[],
        };
        let Some((parent, key)) = violated(keys, &source)
            .filter(|key| is_at_once(key))
            .and_then(|key| Some((key.position?, key.clone())))
        else {
            return SeedError::Row {
                table: name,
                row,
                position,
                source,
            };
        };
        if self.tables[parent] == self.tables[table] || self.refers(parent, table) {
            return SeedError::NotDeferrable {
                table: name,
                row,
                position,
                constraint: key.name.unwrap_or(key.sql_name).into(),
                source,
            };
        }
        SeedError::TableOrder {
            table: name,
            row,
            position,
            first: unquoted(&self.tables[parent]),
            source,
        }
    }

    /// Returns whether one table of the seed refers to another, perhaps through others.
    fn refers(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![from];
        let mut at = 0;
        while let Some(table) = seen.get(at) {
            for parent in self.references.known(*table) {
                let Some(parent) = parent.position else {
                    continue;
                };
                if self.tables[parent] == self.tables[to] {
                    return true;
                }
                if !seen.contains(&parent) {
                    seen.push(parent);
                }
            }
            at += 1;
        }
        false
    }
}
