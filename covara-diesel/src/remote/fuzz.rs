//! What the fuzz targets call of this module.

use super::sql;

/// Splits a script into its statements.
pub fn statements(script: &str) -> Vec<&str> {
    sql::statements(script)
}

/// Replaces each placeholder by what `rewrite` makes of its position.
pub fn rewrite_placeholders(statement: &str, rewrite: impl FnMut(usize) -> String) -> String {
    sql::rewrite_placeholders(statement, rewrite)
}
