//! Boot-time migrations of the four internal tables.
//!
//! [`auto_migrate`] is safe on every boot and from any number of processes at once. When nothing is
//! pending, it costs one query (on SQLite two) and takes no lock. Otherwise it takes the migration
//! lock, reads the history and runs the pending migrations, all in one transaction.
//!
//! The history is kept in a table of its own, `__covara_migrations`. This library never touches
//! `__diesel_schema_migrations`, so an application runs, reverts and redoes its own migrations with
//! `diesel_migrations` in the same database, whatever version numbers either uses. [`Boot`] runs
//! the application's migrations under the same lock; Diesel's harness takes none. On PostgreSQL
//! everything lives in the first schema of the `search_path`. For migrations of both dialects with
//! [`open`](crate::open), see the [guide](crate::guide#own-migrations-with-open).
//!
//! Triggers of search indexes that an earlier version created are replaced, as far as the
//! connection's role is allowed to; `search::SearchAdapter::follow`
//! says when it is not.
//!
//! A database created by Covara (TypeScript) is adopted as it is. Then, as at each boot, the real
//! columns are compared with what this library expects, and a view or another object that has the
//! name of an internal table or index is refused before anything of it is read or run. No index is
//! created if another one begins with the same column. A program that creates the same tables at
//! the same moment without a lock does no harm: on PostgreSQL the boot rolls back and inspects the
//! database again.

mod application;
mod boot;
pub(crate) mod catalogue;
pub(crate) mod engine;
mod error;
#[cfg(feature = "sqlite")]
mod export;
pub(crate) mod layout;
pub(crate) mod neighbours;
mod obstacle;
mod outside;
#[cfg(feature = "sqlite")]
pub(crate) mod recorded;
#[cfg(feature = "cli")]
mod rehearsal;
mod runner;
mod status;
#[cfg(feature = "cli")]
mod stop;

use std::time::Duration;

pub use boot::{Boot, BootSummary};
pub use engine::MigrateDatabase;
pub use error::MigrateError;
#[cfg(feature = "sqlite")]
pub use export::sqlite_files;
pub use layout::ColumnMismatch;
pub(crate) use obstacle::InTheWay;
pub use obstacle::Obstacle;
#[cfg(feature = "cli")]
pub(crate) use rehearsal::rehearse;
pub use runner::migrate_internal;
pub use status::{MigrationState, MigrationStatus, TableFit, TableState, status};

use crate::backend::connection::SHORTEST_WAIT;
use crate::backend::dialect::Dialect;
use crate::internal_tables::INTERNAL_TABLE_NAMES;

/// Options of [`migrate_internal`] and [`Boot`].
///
/// ```
/// use covara_diesel::MigrateOptions;
/// use std::time::Duration;
///
/// let options = MigrateOptions::new().lock_timeout(Duration::from_secs(5));
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MigrateOptions {
    lock_timeout: Duration,
    trusted_owners: Vec<String>,
    may_keep: Option<fn() -> bool>,
    named: Option<fn(String)>,
}

impl Default for MigrateOptions {
    /// Returns options that wait 30 seconds for a lock: longer than the migration of a large
    /// adopted database takes, shorter than the patience of common start-up probes.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(30),
            trusted_owners: Vec::new(),
            may_keep: None,
            named: None,
        }
    }
}

impl MigrateOptions {
    /// Creates the options that [`auto_migrate`] uses, the same as [`default`](Self::default).
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long to wait for other migrators and for locks on the tables, whatever the
    /// connection's own busy or lock time-out is. Default: 30 s. Whole milliseconds count; less than
    /// one counts as one.
    ///
    /// A libSQL server may let the last try wait for some seconds more. On SQLite outside of WAL
    /// mode, where readers wait for writers, the first look at the tables waits as long as the
    /// connection itself does.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout.max(SHORTEST_WAIT);
        self
    }

    /// Trusts tables that the PostgreSQL role `owner` owns, such as a role for deployments.
    ///
    /// If any role may create tables in the schema, as in `public` before PostgreSQL 15, anybody
    /// could have created the internal tables before this library does, with triggers that run with
    /// the rights of whoever writes. There, the internal tables must belong to the connection's
    /// role, to a role that it is a member of, to the owner of the schema or of the database, or to
    /// a superuser. The same holds for tables and functions of search indexes. Otherwise the error
    /// is [`MigrateError::StrangersTable`].
    pub fn trust_owner(mut self, owner: impl Into<String>) -> Self {
        self.trusted_owners.push(owner.into());
        self
    }
}

/// A migration as a file of plain SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationFile {
    /// The file name, by which tools order files.
    pub name: String,
    /// The statements, each followed by a semicolon.
    pub sql: String,
}

/// The result of a migration run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationSummary {
    /// The dialect inferred from the connection.
    pub dialect: Dialect,
    /// The internal tables, all of which exist and have been checked.
    pub tables: [&'static str; INTERNAL_TABLE_NAMES.len()],
    /// Versions that this run applied; empty if nothing was pending.
    pub applied: Vec<String>,
}

impl MigrationSummary {
    fn new(dialect: Dialect, applied: Vec<String>) -> Self {
        Self {
            dialect,
            tables: INTERNAL_TABLE_NAMES,
            applied,
        }
    }
}

/// Brings the internal tables up to date, with default [`MigrateOptions`].
///
/// # Errors
///
/// See [`MigrateError`]. After an error the database is as it was.
///
/// # Example
///
/// ```
/// use covara_diesel::{Dialect, auto_migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
///
/// let first = auto_migrate(&mut conn)?;
/// assert_eq!(first.dialect, Dialect::Sqlite);
/// assert_eq!(first.applied.len(), 4);
///
/// let second = auto_migrate(&mut conn)?;
/// assert!(second.applied.is_empty());
/// # Ok(())
/// # }
/// ```
pub fn auto_migrate<C: MigrateDatabase>(conn: &mut C) -> Result<MigrationSummary, MigrateError> {
    migrate_internal(conn, &MigrateOptions::default())
}
