//! Objects that stand where the migrations put tables and indexes.

use std::fmt;

use super::error::MigrateError;
use crate::backend::stranger::Stranger;
use crate::internal_tables::DIESELS_HISTORY;
use crate::internal_tables::INTERNAL_INDEXES;

/// An object that has the name of an internal table or index and is none.
///
/// A table that does not fit, or that a role owns which is not trusted, is no obstacle:
/// [`misfits`](super::MigrationStatus::misfits) and
/// [`strangers`](super::MigrationStatus::strangers) name those.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// The name, in lower case.
    pub name: String,
    /// The kind of the object, such as `view`, `temporary table` or `index of orders`.
    pub kind: String,
}

impl Obstacle {
    /// Returns the internal table whose index should have this name.
    fn table_of_index(&self) -> Option<&'static str> {
        INTERNAL_INDEXES
            .iter()
            .find(|(index, _, _)| index.eq_ignore_ascii_case(&self.name))
            .map(|(_, table, _)| *table)
    }

    /// Returns whether the library's migrations fail because of it. `is_pending` tells whether the
    /// migration that creates a table, and its indexes, is still to run.
    pub(crate) fn blocks(&self, is_pending: impl Fn(&str) -> bool) -> bool {
        match self.table_of_index() {
            Some(table) => is_pending(table),
            None => self.name != DIESELS_HISTORY,
        }
    }
}

/// Writes what it is and what should be there, as a sentence.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind } = self;
        let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        };
        write!(f, "{name} is {article} {kind}, and ")?;
        match self.table_of_index() {
            Some(table) => write!(f, "an index of {table} needs this name"),
            None => write!(f, "a table needs this name"),
        }
    }
}

/// Objects that must not be read or written.
#[derive(Debug)]
pub enum InTheWay {
    /// An object that no trusted role owns.
    Stranger(Stranger),
    /// An object of another kind.
    Obstacle(Obstacle),
}

impl From<InTheWay> for MigrateError {
    fn from(in_the_way: InTheWay) -> Self {
        match in_the_way {
            InTheWay::Stranger(Stranger { table, owner }) => Self::StrangersTable { table, owner },
            InTheWay::Obstacle(obstacle) => Self::NameTaken { obstacle },
        }
    }
}

impl Stranger {
    /// Returns whether it stands for Diesel's history table, which the library's own migrations do
    /// not use.
    pub(crate) fn is_applications(&self) -> bool {
        is_applications(&self.table)
    }
}

/// Returns whether this stranger stands for Diesel's history table.
pub(crate) fn is_applications(stranger: &str) -> bool {
    stranger
        .strip_suffix(DIESELS_HISTORY)
        .is_some_and(|kind| kind.is_empty() || kind.ends_with(' '))
}
