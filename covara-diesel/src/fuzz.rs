//! Parsers that no public function exposes by themselves. For the fuzz targets only.

pub use crate::backend::column::TableColumn;
pub use crate::fixture::fuzz::array_literal;
pub use crate::pool::fuzz::{host_count, parameter, without_driver};
pub use crate::postgres::fuzz::{connection_string, is_withheld, startup_url, transaction_changes};
pub use crate::postgres::search::fuzz::{FUNCTION_HEAD, follow_cause, index_entry};
pub use crate::remote::fuzz::{
    only_reads, retry_after, rewrite_placeholders, statement_error, statements,
};
pub use crate::search::fuzz::stored_definition;
pub use crate::seed::foreign_key::ForeignKey;
pub use crate::sqlite::fuzz::{
    affinity, database_url, describe, file_path, foreign_keys, parts, quoted, without_creating,
};
// The command itself is not compiled.
#[path = "cli/secrets.rs"]
mod secrets;

/// Removes the arguments of the command that may contain a password from a message.
pub fn without_secrets(text: &str, arguments: impl Iterator<Item = std::ffi::OsString>) -> String {
    secrets::without(text, arguments)
}
