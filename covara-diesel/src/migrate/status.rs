//! The state of the migrations, without running them.

use std::fmt;

use super::engine::{Inspection, MigrateDatabase, MigrateEngine};
use super::error::MigrateError;
use super::layout::{ColumnMismatch, TableLayout};
use super::obstacle::{Obstacle, is_applications};
use super::runner::{creates, embedded, is_applied, version};
use crate::backend::connection::BackendConnection;
use crate::backend::dialect::Dialect;
use crate::backend::engine::Engine;
use crate::backend::typed::with_typed;
use crate::internal_tables::HISTORY;

/// The migrations that a database has, and whether its internal tables fit the code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it only reads: what it found is all it does"]
pub struct MigrationStatus {
    /// The dialect inferred from the connection.
    pub dialect: Dialect,
    /// The migrations of this version of the library, in the order in which they run.
    pub migrations: Vec<MigrationState>,
    /// The internal tables, in the order in which they are created, and after them the history
    /// `__covara_migrations` if it does not fit.
    pub tables: Vec<TableState>,
    /// Versions in the history that this version of the library does not have, because a newer
    /// version has migrated the database.
    pub unknown: Vec<String>,
    /// Objects that are not trusted, with the roles that own them; only on PostgreSQL. A table is
    /// given by its name, a function by its name followed by `()`, another object by its name
    /// preceded by its kind, as in `view auth_sessions`. Their contents are not read. If there are
    /// any, the history may not be read either, and all migrations then count as pending. See
    /// [`MigrateOptions::trust_owner`](crate::MigrateOptions::trust_owner).
    ///
    /// `__diesel_schema_migrations` is among them, although only a [`Boot`](crate::Boot) with
    /// migrations of the application uses it.
    pub strangers: Vec<(String, String)>,
    /// Other objects that have the name of an internal table or index and are none.
    pub obstacles: Vec<Obstacle>,
}

impl MigrationStatus {
    /// Returns the migrations that [`auto_migrate`](crate::auto_migrate) would run.
    pub fn pending(&self) -> impl Iterator<Item = &MigrationState> {
        self.migrations.iter().filter(|state| !state.applied)
    }

    /// Returns whether [`auto_migrate`](crate::auto_migrate) would fail with these tables: there are
    /// [`misfits`](Self::misfits), [`strangers`](Self::strangers) other than Diesel's history, or
    /// obstacles that [block](Self::blocking) a migration.
    ///
    /// The names and columns were read, and nothing was tried. So it cannot foresee what only
    /// writing shows: missing rights, a read-only database or file, a full disk, a lock that is not
    /// free, a `search_path` without a schema, an event trigger that rejects statements.
    /// `covara migrate --dry-run` runs the migrations and rolls back, and does foresee these.
    ///
    /// [`MigrateOptions::trust_owner`](crate::MigrateOptions::trust_owner) can accept strangers,
    /// but `auto_migrate` does not use it.
    pub fn would_fail(&self) -> bool {
        self.misfits().next().is_some()
            || self.blocking_strangers().next().is_some()
            || self.blocking().next().is_some()
    }

    /// Returns the [`obstacles`](Self::obstacles) because of which
    /// [`auto_migrate`](crate::auto_migrate) would fail: those that are no table where a table
    /// should be, and those that have the name of an index which a pending migration creates.
    pub fn blocking(&self) -> impl Iterator<Item = &Obstacle> {
        let is_pending = |table: &str| self.pending().any(|migration| migration.creates(table));
        self.obstacles
            .iter()
            .filter(move |obstacle| obstacle.blocks(is_pending))
    }

    /// Returns the strangers that make the library's migrations fail.
    pub(crate) fn blocking_strangers(&self) -> impl Iterator<Item = &(String, String)> {
        self.strangers
            .iter()
            .filter(|(stranger, _)| !is_applications(stranger))
    }

    /// Returns the internal tables that the code cannot work with: those that do not fit, and those
    /// that are missing and that no pending migration creates. A table is not missing where another
    /// object has its name.
    pub fn misfits(&self) -> impl Iterator<Item = &TableState> {
        self.tables.iter().filter(|state| match &state.fit {
            TableFit::Fits => false,
            TableFit::Missing => {
                let name = &state.name;
                let is_made = self.pending().any(|migration| migration.creates(name));
                let is_taken = self.obstacles.iter().any(|one| one.name == *name)
                    || self
                        .strangers
                        .iter()
                        .any(|(one, _)| one.ends_with(name.as_str()));
                !is_made && !is_taken
            }
            TableFit::Mismatch { .. } => true,
        })
    }
}

/// One of the library's migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationState {
    /// The migration's version, as it appears in the history.
    pub version: String,
    /// The name of its directory.
    pub name: String,
    /// `true` if the database has applied it.
    pub applied: bool,
}

impl MigrationState {
    /// Returns whether the migration creates this table, which its name says.
    fn creates(&self, table: &str) -> bool {
        creates(&self.name, table)
    }
}

/// One of the internal tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableState {
    /// Name of the table.
    pub name: String,
    /// The result of comparing it with what the code expects.
    pub fit: TableFit,
}

/// The result of comparing a table with what the code expects.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableFit {
    /// The table has the columns that the code expects.
    Fits,
    /// The table is missing.
    Missing,
    /// Columns differ from what the code expects.
    Mismatch {
        /// The differing columns, at least one.
        columns: Vec<ColumnMismatch>,
    },
}

/// Reports what [`auto_migrate`](crate::auto_migrate) would find and do.
///
/// Reads only, and takes no lock, so it cannot foresee everything: see
/// [`would_fail`](MigrationStatus::would_fail). One query on PostgreSQL, two in-process ones on SQLite.
///
/// # Errors
///
/// [`MigrateError::Database`] when the catalogue or the history cannot be read.
///
/// # Example
///
/// ```
/// use covara_diesel::{auto_migrate, migrate, pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// assert_eq!(migrate::status(&mut conn)?.pending().count(), 4);
///
/// auto_migrate(&mut conn)?;
/// let status = migrate::status(&mut conn)?;
/// assert!(status.migrations.iter().all(|migration| migration.applied));
/// assert_eq!(status.misfits().count(), 0);
/// # Ok(())
/// # }
/// ```
pub fn status<C: MigrateDatabase>(conn: &mut C) -> Result<MigrationStatus, MigrateError> {
    with_typed!(conn, |conn| status_of(conn))
}

fn status_of<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
) -> Result<MigrationStatus, MigrateError> {
    let migrations = embedded::<C::Backend>()?;
    let found = C::Backend::inspect(conn, &[])?;
    let states: Vec<MigrationState> = migrations
        .iter()
        .map(|migration| MigrationState {
            version: version(migration.as_ref()),
            name: migration.name().to_string(),
            applied: is_applied(migration.as_ref(), &found),
        })
        .collect();
    let unknown = found
        .history
        .iter()
        .flatten()
        .filter(|version| !states.iter().any(|state| state.version == **version))
        .cloned()
        .collect();
    let mut tables: Vec<TableState> = C::Backend::expected_tables()
        .iter()
        .map(|expected| state_of(expected, &found))
        .collect();
    if !found.history_mismatches.is_empty() {
        tables.push(TableState {
            name: HISTORY.to_owned(),
            fit: TableFit::Mismatch {
                columns: found.history_mismatches,
            },
        });
    }
    Ok(MigrationStatus {
        dialect: C::Backend::DIALECT,
        migrations: states,
        tables,
        unknown,
        obstacles: found.obstacles,
        strangers: found
            .strangers
            .into_iter()
            .map(|stranger| (stranger.table, stranger.owner))
            .collect(),
    })
}

fn state_of(expected: &TableLayout, found: &Inspection) -> TableState {
    let real = found.tables.iter().find(|real| real.name == expected.name);
    let fit = match real.map(|real| expected.mismatches(real)) {
        None => TableFit::Missing,
        Some(columns) if columns.is_empty() => TableFit::Fits,
        Some(columns) => TableFit::Mismatch { columns },
    };
    TableState {
        name: expected.name.clone(),
        fit,
    }
}

/// Writes whether the table fits, as a part of a sentence.
impl fmt::Display for TableFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fits => f.write_str("fits"),
            Self::Missing => f.write_str("missing"),
            Self::Mismatch { columns } => {
                let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
                write!(f, "does not fit: {}", columns.join("; "))
            }
        }
    }
}
