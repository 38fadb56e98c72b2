//! The functions of this module that the fuzz targets call.

use super::sql;

/// Splits a script into its statements.
pub fn statements(script: &str) -> Vec<&str> {
    sql::statements(script)
}

/// Returns whether a statement may be sent twice, because it changes nothing.
pub fn only_reads(statement: &str) -> bool {
    sql::Facts::of(statement).only_reads
}

/// Replaces each placeholder with the result of `rewrite` for its position.
pub fn rewrite_placeholders(statement: &str, rewrite: impl FnMut(usize) -> String) -> String {
    sql::rewrite_placeholders(statement, rewrite)
}
