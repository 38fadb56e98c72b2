use std::time::Duration;

use diesel::result::Error;

use super::obstacle::Obstacle;
use crate::backend::dialect::Dialect;
use crate::backend::error::{DatabaseError, ErrorKind, Source};
use crate::backend::stranger::what;

/// The error of a migration run. The database is as it was before the migration that failed, unless
/// the error says [`Unprotected`](Self::Unprotected).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// Another migrator, or a transaction that uses the tables, kept its lock for longer
    /// than [`MigrateOptions::lock_timeout`](crate::MigrateOptions::lock_timeout).
    #[error(
        "the migration lock was not free within {waited:?}: another process is migrating \
         or holds a transaction open on the tables; try again when it has ended"
    )]
    LockTimeout {
        /// The time that the migrator waited.
        waited: Duration,
        /// The database's own error.
        source: Source,
    },

    /// A migration failed.
    #[error("migration {version} ({name}) failed and nothing of it was kept")]
    Migration {
        /// The migration's version, as it would appear in the history.
        version: String,
        /// The name of its directory.
        name: String,
        /// The database's own error.
        source: Source,
    },

    /// A migration that runs outside of a transaction failed.
    #[error(
        "migration {version} ({name}) failed outside of a transaction, so a part of it may have \
         been kept: check the database, repair or remove that part, then boot again"
    )]
    Unprotected {
        /// The migration's version, as it would appear in the history.
        version: String,
        /// The name of its directory.
        name: String,
        /// The database's own error.
        source: Source,
    },

    /// A migration that runs outside of a transaction cannot be run on this connection.
    #[error("migration {version} ({name}) runs outside of a transaction, and {reason}")]
    OutsideTransaction {
        /// The migration's version, as it would appear in the history.
        version: String,
        /// The name of its directory.
        name: String,
        /// The reason.
        reason: &'static str,
    },

    /// A migration for SQLite that runs in a transaction turns foreign keys off by
    /// `PRAGMA foreign_keys`, which does nothing there. Had it been run, each table that it drops
    /// could have taken the rows that refer to it along. It was not run.
    #[error(
        "migration {version} ({name}) turns foreign keys off by PRAGMA foreign_keys, which does \
         nothing inside a transaction: to drop a table could delete the rows that refer to it; {remedy}"
    )]
    ForeignKeysStayOn {
        /// The migration's version, as it would appear in the history.
        version: String,
        /// The name of its directory.
        name: String,
        /// Advice on what to do instead.
        remedy: &'static str,
    },

    /// Two of the application's migrations have the same version.
    #[error("two migrations have the version {version}: give one of them another")]
    VersionTwice {
        /// The version.
        version: String,
    },

    /// The application has migrations for the other dialect only.
    #[error("there are no migrations for {dialect}: give them to Boot::migrations as well")]
    NoMigrations {
        /// The dialect of the database.
        dialect: Dialect,
    },

    /// An internal table, or a table or function of a search index, belongs to a role that is not
    /// trusted, in a schema where any role may create such objects. See
    /// [`MigrateOptions::trust_owner`](crate::MigrateOptions::trust_owner). The same is said of a
    /// view or another object of such a name.
    #[error(
        "{} belongs to the role {owner}, and any role may create objects in its schema, so anybody \
         may have created it: drop it or change its owner, or trust that role by \
         MigrateOptions::trust_owner; and REVOKE CREATE ON SCHEMA … FROM PUBLIC",
        what(table)
    )]
    StrangersTable {
        /// Name of the table, of the function followed by `()`, or of another object preceded by
        /// its kind, such as `view auth_sessions`.
        table: String,
        /// The role that owns it.
        owner: String,
    },

    /// An object has the name of an internal table or index and is something else, such as a view,
    /// or an index of another table. It was neither read nor written.
    #[error("{obstacle}: drop or rename it, then boot again")]
    NameTaken {
        /// The object.
        obstacle: Obstacle,
    },

    /// A table that should exist according to the history is missing.
    #[error(
        "table {table} is missing although its migration is recorded in \
         __covara_migrations: restore it, or delete that row to have it created again"
    )]
    MissingTable {
        /// Name of the table.
        table: String,
    },

    /// A table exists, but the code cannot work with one of its columns.
    #[error(
        "table {table} does not fit: column {column} should be {expected}, but is {found}; \
         rename or alter the table, then boot again"
    )]
    ColumnMismatch {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
        /// The definition that the code expects.
        expected: String,
        /// The definition found in the database.
        found: String,
    },

    /// The database failed otherwise, such as when its history was read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl MigrateError {
    /// The kind of the database's failure, if it is the database that failed.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::LockTimeout { .. } => Some(ErrorKind::Locked),
            Self::Database(error) => Some(error.kind()),
            Self::Migration { source, .. } | Self::Unprotected { source, .. } => {
                Some(ErrorKind::of_words(&source.to_string()))
            }
            _ => None,
        }
    }
}

impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        DatabaseError::from(error).into()
    }
}
