//! Exports the internal tables as files for migration tools that take plain SQL.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::recorded::RecordedSql;
use super::runner::{embedded, run_and_record, version};
use super::{MigrateError, MigrationFile};
use crate::backend::error::DatabaseError;

/// Returns the migrations of the internal tables for SQLite, one file each, for tools such as
/// `wrangler d1 migrations apply` that run the SQL files of one directory in the order of their
/// names.
///
/// Each file also records itself in the library's history, so that
/// [`auto_migrate`](crate::auto_migrate) finds nothing left to do. Every statement tolerates tables
/// that already exist.
///
/// # Errors
///
/// [`MigrateError::Database`] if SQLite's library cannot open a database in memory, in which the
/// files are tried.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// for file in covara_diesel::migrate::sqlite_files()? {
///     std::fs::write(directory.join(&file.name), &file.sql)?;
/// }
/// # Ok(())
/// # }
/// ```
pub fn sqlite_files() -> Result<Vec<MigrationFile>, MigrateError> {
    let mut conn = SqliteConnection::establish(":memory:")
        .map_err(|error| DatabaseError::from_source(error.into()))?;
    let recorded = RecordedSql::of(&mut conn);
    embedded::<Sqlite>()?
        .iter()
        .map(|migration| {
            run_and_record(&mut conn, migration.as_ref()).map_err(DatabaseError::from_source)?;
            let sql = recorded.take().into_iter();
            let sql = sql.map(|sql| format!("{};\n", sql.trim().trim_end_matches(';')));
            Ok(MigrationFile {
                name: format!("{}.sql", file_name(migration.as_ref())),
                sql: sql.collect::<Vec<_>>().join("\n"),
            })
        })
        .collect()
}

/// Returns the file name without its extension: `20261122000001_create_auth_sessions` for the
/// directory `2026-11-22-000001_create_auth_sessions`. Tools sort by the number before the first
/// `_`.
fn file_name(migration: &dyn diesel::migration::Migration<Sqlite>) -> String {
    let directory = migration.name().to_string();
    let name = directory.split_once('_').map_or("", |(_, name)| name);
    format!("{}_{name}", version(migration))
}
