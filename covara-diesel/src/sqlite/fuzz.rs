//! What the fuzz targets call of this module.

use std::path::PathBuf;

use super::{name, url};

/// Returns what SQLite is to open.
pub fn database_url(given: &str) -> Option<String> {
    url::database_url(given).ok()
}

/// Returns the path in a URL.
pub fn file_path(url: &str) -> PathBuf {
    url::file_path(url)
}

/// Returns the URL that makes no file.
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
