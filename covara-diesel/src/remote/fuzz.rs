//! The functions of this module that the fuzz targets call.

use super::sql;

/// Splits a script into its statements.
pub fn statements(script: &str) -> Vec<&str> {
    sql::statements(script)
}

/// Replaces each placeholder with the result of `rewrite` for its position.
pub fn rewrite_placeholders(statement: &str, rewrite: impl FnMut(usize) -> String) -> String {
    sql::rewrite_placeholders(statement, rewrite)
}
