//! The library's migrations and the application's, in one call.

use std::fmt;

use diesel_migrations::EmbeddedMigrations;

use super::application;
use super::engine::{MigrateDatabase, MigrateEngine};
use super::error::MigrateError;
use super::runner::migrate;
use super::{MigrateOptions, MigrationSummary};
use crate::backend::connection::BackendConnection;
use crate::backend::dialect::Dialect;
use crate::backend::typed::with_typed;
use crate::internal_tables::INTERNAL_TABLE_NAMES;

/// Brings the library's tables and the application's own up to date, safely from any number of
/// processes at once.
///
/// The application's migrations come from `diesel_migrations::embed_migrations!` and are recorded
/// in Diesel's own history table, so `diesel migration run`, `revert` and `redo` and
/// `MigrationHarness` see the same state. Each one runs in a transaction of its own, in the order
/// of their versions, under the lock that keeps other migrators out. Diesel's harness takes no
/// lock, so of several processes that start at once all but one fail. If nothing is pending, no
/// lock is taken.
///
/// A migration with `run_in_transaction = false` in its `metadata.toml` runs alone as well,
/// protected by a lock of the session on PostgreSQL and a locked file beside the database on
/// SQLite. It needs a session of its own, which a transaction pooler does not give, and is rejected
/// over libSQL and D1. Over D1, which has no transactions, each of the other migrations is one
/// batch, which is applied completely or not at all.
///
/// SQLite ignores `PRAGMA foreign_keys = OFF` inside a transaction, so a migration that rebuilds a
/// table, as tools such as drizzle write it, would delete the rows that refer to it by `ON DELETE
/// CASCADE`. Such a migration is refused with
/// [`ForeignKeysStayOn`](MigrateError::ForeignKeysStayOn) before it runs: give it
/// `run_in_transaction = false`. Over libSQL and D1, change the table by `ALTER TABLE` instead, or
/// keep those rows in another table meanwhile; `PRAGMA defer_foreign_keys` does not keep them.
///
/// # Example
///
/// ```
/// use covara_diesel::{Boot, Dialect, pool};
/// use diesel_migrations::{EmbeddedMigrations, embed_migrations};
///
/// const APP_SQLITE: EmbeddedMigrations = embed_migrations!("examples/quickstart/migrations");
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let boot = || Boot::new().migrations(Dialect::Sqlite, APP_SQLITE);
/// let first = boot().run(&mut pool.get()?)?;
/// assert_eq!((first.applied.len(), first.application.len()), (4, 1));
///
/// let second = boot().run(&mut pool.get()?)?;
/// assert!(second.applied.is_empty() && second.application.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a boot does nothing until it is run"]
pub struct Boot {
    migrations: Vec<(Dialect, EmbeddedMigrations)>,
    options: MigrateOptions,
}

/// The result of a [`Boot`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootSummary {
    /// The dialect inferred from the connection.
    pub dialect: Dialect,
    /// The internal tables, all of which exist and have been checked.
    pub tables: [&'static str; INTERNAL_TABLE_NAMES.len()],
    /// Versions of the library's migrations that this boot ran.
    pub applied: Vec<String>,
    /// Versions of the application's migrations that this boot ran.
    pub application: Vec<String>,
}

impl Boot {
    /// Creates a boot of the library's own tables only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the application's migrations for databases of one dialect. If both dialects can run the
    /// same migrations, add them for each.
    pub fn migrations(mut self, dialect: Dialect, migrations: EmbeddedMigrations) -> Self {
        self.migrations.push((dialect, migrations));
        self
    }

    /// Sets the options. Default: [`MigrateOptions::default`].
    pub fn options(mut self, options: MigrateOptions) -> Self {
        self.options = options;
        self
    }

    /// Runs the pending migrations: first the library's, in one transaction, then the
    /// application's.
    ///
    /// # Errors
    ///
    /// See [`MigrateError`]. A migration that failed is not kept, unless the error says
    /// [`Unprotected`](MigrateError::Unprotected); those before it are kept.
    /// [`NoMigrations`](MigrateError::NoMigrations) if there are migrations for the other dialect
    /// only.
    pub fn run<C: MigrateDatabase>(self, conn: &mut C) -> Result<BootSummary, MigrateError> {
        with_typed!(conn, |conn| self.run_on(conn))
    }

    fn run_on<C: BackendConnection<Backend: MigrateEngine>>(
        self,
        conn: &mut C,
    ) -> Result<BootSummary, MigrateError> {
        let internal = migrate(conn, &self.options)?;
        let MigrationSummary {
            dialect,
            tables,
            applied,
        } = internal;
        let are_any = !self.migrations.is_empty();
        let own: Vec<EmbeddedMigrations> = self
            .migrations
            .into_iter()
            .filter_map(|(for_, migrations)| (for_ == dialect).then_some(migrations))
            .collect();
        if are_any && own.is_empty() {
            return Err(MigrateError::NoMigrations { dialect });
        }
        let application = application::run(conn, &own, &self.options)?;
        Ok(BootSummary {
            dialect,
            tables,
            applied,
            application,
        })
    }
}

impl fmt::Debug for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialects: Vec<Dialect> = self
            .migrations
            .iter()
            .map(|(dialect, _)| *dialect)
            .collect();
        f.debug_struct("Boot")
            .field("migrations", &dialects)
            .field("options", &self.options)
            .finish()
    }
}
