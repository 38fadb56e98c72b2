use diesel::result::Error;

use super::fixture_error::{FixtureError, FixturePosition};
use crate::backend::error::{DatabaseError, ErrorKind};

/// The error of a failed seed. Nothing of it was kept, unless it is [`Partial`](Self::Partial), or a
/// [`Database`](Self::Database) of the kind [`ConnectionLost`](crate::ErrorKind::ConnectionLost), where
/// the commit may have been done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// The database rejected a row: NOT NULL, CHECK, a foreign key, its type or a value that it
    /// cannot store.
    #[error("row {row} of {table}{} was refused; nothing was kept", at(position))]
    #[non_exhaustive]
    Row {
        /// Name of the table.
        table: String,
        /// Position of the row among those given for this table, from 1.
        row: usize,
        /// Position of the row in its file, if it came from one.
        position: Option<FixturePosition>,
        /// The database's own error.
        source: Error,
    },

    /// A row conflicts with a unique constraint: any under [`OnConflict::Fail`](crate::OnConflict),
    /// and one that is not the key under [`OnConflict::Update`](crate::OnConflict).
    #[error(
        "row {row} of {table}{} conflicts with {constraint}; nothing was kept",
        at(position)
    )]
    #[non_exhaustive]
    Conflict {
        /// Name of the table.
        table: String,
        /// Position of the row among those given for this table, from 1.
        row: usize,
        /// Position of the row in its file, if it came from one.
        position: Option<FixturePosition>,
        /// Name of the constraint. SQLite gives its columns, as in `users.email`, or the name of an
        /// index with expressions.
        constraint: Box<str>,
        /// The database's own error.
        source: Error,
    },

    /// Rows cannot be updated by the key: only under
    /// [`OnConflict::Update`](crate::OnConflict::Update).
    #[error("the rows of {table} cannot be updated{}: {problem}", by(columns))]
    #[non_exhaustive]
    Key {
        /// Name of the table.
        table: String,
        /// The columns of the key; empty for a primary key that does not exist.
        columns: Vec<String>,
        /// The reason.
        problem: KeyProblem,
    },

    /// The database rejected a statement of several rows, each of which it accepts alone, or the
    /// row could not be found.
    #[error(
        "rows {first} to {last} of {table}{} were refused; nothing was kept",
        at(position)
    )]
    #[non_exhaustive]
    Rows {
        /// Name of the table.
        table: String,
        /// Position of the first row of the statement, from 1.
        first: usize,
        /// Position of its last row.
        last: usize,
        /// Position of the first row in its file, if it came from one.
        position: Option<FixturePosition>,
        /// The database's own error.
        source: Error,
    },

    /// A row refers to a row that does not exist, and its table refers to a table that the same
    /// seed fills later: only where the database cannot check at the end, which is on PostgreSQL
    /// for a foreign key that is not deferrable, and over D1 and Neon's HTTP from one batch to the
    /// next.
    #[error(
        "row {row} of {table}{} refers to a row that is not there; {table} refers to {first}, \
         which comes later in this seed: seed {first} before {table}; nothing was kept",
        at(position)
    )]
    #[non_exhaustive]
    TableOrder {
        /// Name of the table.
        table: String,
        /// Position of the row among those given for this table, from 1.
        row: usize,
        /// Position of the row in its file, if it came from one.
        position: Option<FixturePosition>,
        /// Name of the table that should come first.
        first: String,
        /// The database's own error.
        source: Error,
    },

    /// A row refers to a row that is not there before it, and the database checks the reference at
    /// once: only on PostgreSQL, where the tables refer to each other by a foreign key that is not
    /// deferrable.
    #[error(
        "row {row} of {table}{} refers to a row that is not there before it, and the foreign \
         key {constraint} is checked at once: make it DEFERRABLE; nothing was kept",
        at(position)
    )]
    #[non_exhaustive]
    NotDeferrable {
        /// Name of the table.
        table: String,
        /// Position of the row among those given for this table, from 1.
        row: usize,
        /// Position of the row in its file, if it came from one.
        position: Option<FixturePosition>,
        /// Name of the foreign key.
        constraint: Box<str>,
        /// The database's own error.
        source: Error,
    },

    /// A row refers to a row that is not there before it, and the temporary table in which the rows
    /// would wait for later ones cannot be created: only on PostgreSQL.
    #[error(
        "a row of {table} refers to a row that is not there before it; for rows that come later \
         the seed needs a temporary table, which cannot be created: GRANT TEMPORARY ON DATABASE to \
         this role, or seed the rows in the order of their references; nothing was kept"
    )]
    #[non_exhaustive]
    NoStage {
        /// Name of the table.
        table: String,
        /// The database's error about the temporary table.
        source: DatabaseError,
    },

    /// A row refers to a row of its own table that is neither before it nor in the same batch: only
    /// over D1 and Neon's HTTP, where a seed above 4 MiB is several batches.
    #[error(
        "row {row} of {table}{} refers to a row of {table} that is not there, neither before it \
         nor in the same batch of 4 MiB: move the row that it refers to before it; nothing was \
         kept",
        at(position)
    )]
    #[non_exhaustive]
    RowOrder {
        /// Name of the table.
        table: String,
        /// Position of the row among those given for this table, from 1.
        row: usize,
        /// Position of the row in its file, if it came from one.
        position: Option<FixturePosition>,
        /// The database's own error.
        source: Error,
    },

    /// A later part of a seed failed that could not be one transaction: only over D1 and Neon's
    /// HTTP, and above 4 MiB. Running the same seed again writes what is missing.
    #[error(
        "the first {rows} rows are kept, as the seed is too large for one batch of this \
         database; run it again when the cause is fixed, which writes what is missing"
    )]
    #[non_exhaustive]
    Partial {
        /// Rows that were written. If the answer to the part that failed was lost or cannot be
        /// read, its rows may have been written, too.
        rows: usize,
        /// The error of the part that failed.
        source: Box<SeedError>,
    },

    /// Rows of a table that is not in the seed refer to a table that it replaces: only under
    /// [`Seed::replace`](crate::Seed::replace).
    #[error(
        "{table} cannot be replaced, as rows of {by} refer to it: seed {by} too, or delete these \
         rows; nothing was kept"
    )]
    #[non_exhaustive]
    Referred {
        /// Name of the table.
        table: String,
        /// Name of the table whose rows refer to it.
        by: String,
    },

    /// A table could not be emptied: only under [`Seed::replace`](crate::Seed::replace).
    #[error(
        "{table} could not be emptied; the role needs DELETE on it and must own the sequences of \
         its ids; nothing was kept"
    )]
    #[non_exhaustive]
    Replace {
        /// Name of the table.
        table: String,
        /// The database's own error.
        source: DatabaseError,
    },

    /// A table has rows after all were deleted, as far as this role sees them: a trigger or a rule
    /// keeps them, or adds others. Only under [`Seed::replace`](crate::Seed::replace).
    #[error(
        "{table} still has rows after all were deleted: a trigger or a rule keeps or adds them; \
         nothing was kept"
    )]
    #[non_exhaustive]
    NotEmptied {
        /// Name of the table.
        table: String,
    },

    /// The seed is larger than a batch, so that tables would be empty for a while: only under
    /// [`Seed::replace`](crate::Seed::replace) over D1 and Neon's HTTP.
    #[error(
        "the seed is larger than one batch of this database, 4 MiB, and so cannot replace tables; \
         nothing was kept"
    )]
    #[non_exhaustive]
    ReplaceTooLarge,

    /// Rows cannot be tried and rolled back: only under [`Seed::dry_run`](crate::Seed::dry_run) over
    /// D1 and Neon's HTTP, which have no transactions.
    #[error(
        "this database has no transactions in which rows could be tried and rolled back, so there \
         is no dry run; nothing was read or written"
    )]
    NoDryRun,

    /// [`Seed::stop_if`](crate::Seed::stop_if) has said so.
    #[error("the seed was stopped, and nothing of it was kept")]
    Stopped,

    /// A file of rows cannot be read as rows of its table.
    #[error(transparent)]
    Fixture(#[from] FixtureError),

    /// The database failed in a way that has nothing to do with the rows, such as a lost
    /// connection or a deadlock.
    #[error("seeding {table} failed after {done} rows; nothing was kept")]
    #[non_exhaustive]
    Interrupted {
        /// Name of the table.
        table: String,
        /// Rows of this table that were written before.
        done: usize,
        /// The database's failure.
        source: DatabaseError,
    },

    /// A row needs more bind parameters than one statement allows.
    #[error("a row of {table} has {columns} columns, but a statement takes {limit} values")]
    #[non_exhaustive]
    TooManyColumns {
        /// Name of the table.
        table: String,
        /// Number of columns of the row.
        columns: usize,
        /// Bind limit of the connection.
        limit: usize,
    },

    /// Two fields fill the same column, one of them in an embedded struct.
    #[error("two fields fill the column {column} of {table}; remove one of them")]
    ColumnTwice {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },

    /// A sequence could not be moved past the explicit ids.
    #[error(
        "the sequences of {table} could not be moved past its ids; the role needs SELECT \
         and UPDATE on them, and SELECT on the table"
    )]
    #[non_exhaustive]
    Sequence {
        /// Name of the table.
        table: String,
        /// The database's own error.
        source: DatabaseError,
    },

    /// The database failed outside of any row: at the beginning or the end of the transaction, a
    /// deferred constraint among the reasons, or because of a lock or of its disk.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The reason why rows cannot be updated by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// The table has no primary key, or no unique constraint on exactly these columns.
    #[error(
        "the table has no such primary key or unique constraint; a partial index, one with \
         expressions, and one on other columns too do not count"
    )]
    Missing,
    /// The constraint is DEFERRABLE, which PostgreSQL cannot use for this.
    #[error("the constraint is DEFERRABLE")]
    Deferrable,
    /// The rows have no value for a column of the key.
    #[error("the rows do not have all these columns")]
    NotSeeded,
}

impl SeedError {
    /// The kind of the database's failure, if it is the database that failed.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Database(error)
            | Self::Interrupted { source: error, .. }
            | Self::NoStage { source: error, .. }
            | Self::Replace { source: error, .. }
            | Self::Sequence { source: error, .. } => Some(error.kind()),
            Self::Row { source, .. }
            | Self::Rows { source, .. }
            | Self::TableOrder { source, .. }
            | Self::NotDeferrable { source, .. }
            | Self::Conflict { source, .. }
            | Self::RowOrder { source, .. } => Some(ErrorKind::of(source)),
            Self::Partial { source, .. } => source.kind(),
            Self::Fixture(_)
            | Self::TooManyColumns { .. }
            | Self::ColumnTwice { .. }
            | Self::Key { .. }
            | Self::NotEmptied { .. }
            | Self::Referred { .. }
            | Self::ReplaceTooLarge
            | Self::NoDryRun
            | Self::Stopped => None,
        }
    }
}

impl From<Error> for SeedError {
    fn from(error: Error) -> Self {
        DatabaseError::from(error).into()
    }
}

fn at(position: &Option<FixturePosition>) -> String {
    position
        .as_ref()
        .map_or_else(String::new, |position| format!(" ({position})"))
}

fn by(columns: &[String]) -> String {
    match columns {
        [] => " by a primary key".to_owned(),
        columns => format!(" by the key ({})", columns.join(", ")),
    }
}

/// Returns failures that have nothing to do with a row as the seed's own, and others back.
pub(super) fn known(source: Error) -> Result<SeedError, Error> {
    match ErrorKind::of(&source) {
        ErrorKind::Locked
        | ErrorKind::ReadOnly
        | ErrorKind::DiskFull
        | ErrorKind::SharedSession => Ok(source.into()),
        _ => Err(source),
    }
}
