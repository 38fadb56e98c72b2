//! The functions of this module that the fuzz targets call.

use std::time::Duration;

use diesel::result::Error;

use super::{http, sql};

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

/// Returns the pause that the header `Retry-After` asks for.
pub fn retry_after(value: &str) -> Option<Duration> {
    http::retry_after(value)
}

/// Returns the error for a server's message about a statement.
pub fn statement_error(message: &str) -> Error {
    sql::statement_error(message)
}
