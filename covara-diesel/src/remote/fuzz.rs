//! What the fuzz targets call of this module.

use super::sql;

/// Splits a script into its statements.
pub fn statements(script: &str) -> Vec<&str> {
    sql::statements(script)
}

/// Returns whether a statement may be sent twice.
pub fn only_reads(statement: &str) -> bool {
    sql::only_reads(statement)
}

/// Counts the placeholders of a statement that has none but bare ones.
pub fn placeholders(statement: &str) -> Option<usize> {
    sql::placeholders(statement)
}

/// Replaces each placeholder by what `rewrite` makes of its position.
pub fn rewrite_placeholders(statement: &str, rewrite: impl FnMut(usize) -> String) -> String {
    sql::rewrite_placeholders(statement, rewrite)
}
