//! Parsers that no public function exposes by themselves. For the fuzz targets only.

pub use crate::fixture::fuzz::array_literal;
pub use crate::pool::fuzz::{host_count, parameter, without_driver};
pub use crate::remote::fuzz::{only_reads, rewrite_placeholders, statements};
pub use crate::sqlite::fuzz::{database_url, file_path, parts, quoted, without_creating};
