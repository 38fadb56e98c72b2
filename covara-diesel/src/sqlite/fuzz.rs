//! Entry points of this module for the fuzz targets.

use std::path::PathBuf;

use diesel::{QueryResult, SqliteConnection};

use super::{deferral, describe, migrate, name, url};
use crate::backend::column::TableDescription;
use crate::seed::foreign_key::ForeignKey;

/// Returns the path or URL that SQLite opens.
pub fn database_url(given: &str) -> Option<String> {
    url::database_url(given).ok()
}

/// Returns the path in a URL.
pub fn file_path(url: &str) -> PathBuf {
    url::file_path(url)
}

/// Returns the URL with which SQLite creates no file.
pub fn without_creating(url: &str) -> String {
    url::without_creating(url)
}

/// Quotes a table's name.
pub fn quoted(schema: Option<&str>, table: &str) -> String {
    name::quoted(schema, table)
}

/// Splits a quoted name.
pub fn parts(quoted: &str) -> (Option<String>, String) {
    name::parts(quoted)
}

/// Describes a table.
pub fn describe(conn: &mut SqliteConnection, name: &str) -> QueryResult<Option<TableDescription>> {
    describe::table(conn, name)
}

/// Returns the affinity of a declared type.
pub fn affinity(declared: &str) -> &'static str {
    migrate::affinity(declared)
}

/// Returns the foreign keys of each of the tables.
pub fn foreign_keys(
    conn: &mut SqliteConnection,
    tables: &[String],
) -> QueryResult<Vec<Vec<ForeignKey>>> {
    deferral::foreign_keys(conn, tables)
}
