//! Boot-time migrations of the four internal tables.
//!
//! [`auto_migrate`] is safe on every boot and from any number of processes at once. When
//! there is nothing to do it costs one query (on SQLite two) and takes no lock. Otherwise it takes the
//! migration lock first, then reads what is done, then runs the rest, all in one
//! transaction.
//!
//! It keeps its own history in `__covara_migrations` and never touches
//! `__diesel_schema_migrations`, so an application runs, reverts and redoes its own
//! migrations with `diesel_migrations` in the same database, whatever version numbers
//! either uses. [`Boot`] runs those under the same lock, which Diesel's harness does without. On
//! PostgreSQL everything lives in the first schema of the `search_path`.
//!
//! Triggers of search indexes that an earlier version made are replaced, as far as the
//! connection's role may do that; [`SearchAdapter::follow`](crate::search::SearchAdapter::follow)
//! says why it may not.
//!
//! A database made by Covara (TypeScript) is adopted as it is; then, as at each boot, the
//! real columns are compared with what this library expects. No index is made where another
//! one begins with the same column. A program that makes the same tables at the same moment,
//! without a lock, does no harm: on PostgreSQL the boot rolls back and looks again.

mod application;
mod boot;
mod error;
#[cfg(feature = "sqlite")]
mod export;
pub(crate) mod neighbours;
mod outside;
mod runner;
mod status;

use std::time::Duration;

pub use boot::{Boot, BootSummary};
pub use error::MigrateError;
#[cfg(feature = "sqlite")]
pub use export::sqlite_files;
pub use runner::migrate_internal;
pub use status::{MigrationState, MigrationStatus, TableFit, TableState, status};

pub use crate::backend::table::ColumnMismatch;

use crate::backend::dialect::{Dialect, INTERNAL_TABLE_NAMES};
use crate::backend::typed::AnyDatabase;

/// How [`migrate_internal`] goes about it.
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
}

impl Default for MigrateOptions {
    /// Waits 30 seconds for a lock: longer than the migration of a large adopted
    /// database takes, shorter than the patience of common start-up probes.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(30),
            trusted_owners: Vec::new(),
        }
    }
}

impl MigrateOptions {
    /// The options that [`auto_migrate`] uses: the same as [`default`](Self::default).
    pub fn new() -> Self {
        Self::default()
    }

    /// How long to wait for other migrators and for locks on the tables. Default: 30 s.
    /// Whole milliseconds count; less than one counts as one.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Trusts tables that the PostgreSQL role `owner` owns, such as one that deploys.
    ///
    /// Where everybody may create tables in the schema, as in `public` before PostgreSQL 15,
    /// anybody could have made the internal tables before this library does, with triggers that
    /// run with the rights of whoever writes. So there they must belong to the role that asks, to
    /// one that it is a member of, to the owner of the schema or of the database, or to a
    /// superuser; and so must tables and functions of search indexes. Otherwise see [`MigrateError::StrangersTable`].
    pub fn trust_owner(mut self, owner: impl Into<String>) -> Self {
        self.trusted_owners.push(owner.into());
        self
    }
}

/// A migration as a file of plain SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationFile {
    /// Its name, by which tools order files.
    pub name: String,
    /// Its statements, each with a semicolon behind it.
    pub sql: String,
}

/// What a boot found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationSummary {
    /// The dialect inferred from the connection.
    pub dialect: Dialect,
    /// The internal tables, all there and checked.
    pub tables: [&'static str; 4],
    /// Versions that were run now; empty when there was nothing to do.
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
pub fn auto_migrate<C: AnyDatabase>(conn: &mut C) -> Result<MigrationSummary, MigrateError> {
    migrate_internal(conn, &MigrateOptions::default())
}
