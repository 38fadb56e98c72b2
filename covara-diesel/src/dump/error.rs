use std::io;
use std::path::PathBuf;

use diesel::result::Error;

use crate::backend::error::{DatabaseError, ErrorKind};

/// The error of a failed dump. Of a dump into a directory no file was written or replaced, unless
/// it is [`Replace`](Self::Replace). A writer may have received a part of the rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The database has no such table.
    #[error("there is no table {table}")]
    #[non_exhaustive]
    UnknownTable {
        /// Name of the table.
        table: String,
    },

    /// Something other than a table has the name.
    #[error("{table} is {found}; a dump reads tables only")]
    #[non_exhaustive]
    NotATable {
        /// The name.
        table: String,
        /// The kind of the object, such as "a view".
        found: String,
    },

    /// The dump names another table than the one that is to be written.
    #[error("the dump has the table {table}, too: a writer takes one table, a directory several")]
    #[non_exhaustive]
    OtherTable {
        /// Name of the table that is not to be written.
        table: String,
    },

    /// A table has no column that a seed could fill.
    #[error("{table} has no column that a seed could fill")]
    #[non_exhaustive]
    NoColumns {
        /// Name of the table.
        table: String,
    },

    /// The name of a column cannot stand in the first line of a CSV file, because it is empty or
    /// begins or ends with white space. NDJSON takes every name.
    #[error(
        "the name of the column {column:?} of {table} cannot be read back from CSV: use NDJSON"
    )]
    #[non_exhaustive]
    ColumnName {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },

    /// Values of a column's type cannot be read back, or not in every session: on PostgreSQL
    /// `money`, and types without an input function.
    #[error(
        "the column {column} of {table} has the type {sql_type}, whose values a seed could not \
         read back"
    )]
    #[non_exhaustive]
    Type {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
        /// Name of the type.
        sql_type: String,
    },

    /// A seed would not read the same value back.
    #[error("row {row} of {table}, column {column}: {found} {reason}")]
    #[non_exhaustive]
    Value {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
        /// Position of the row in the dump, from 1.
        row: u64,
        /// The value, shortened if it is long.
        found: String,
        /// The reason.
        reason: &'static str,
    },

    /// A row takes more than the 64 MiB that a seed reads.
    #[error("row {row} of {table} takes more than the 64 MiB that a seed reads")]
    #[non_exhaustive]
    LongRow {
        /// Name of the table.
        table: String,
        /// Position of the row in the dump, from 1.
        row: u64,
    },

    /// The name of a table cannot be the name of a file in the directory.
    #[error(
        "no file can be named after the table {table:?}: a name must not begin with a dot, nor \
         contain a slash, a backslash, a colon or a control character"
    )]
    #[non_exhaustive]
    FileName {
        /// Name of the table.
        table: String,
    },

    /// Two tables would be one file, as upper and lower case are one on some disks.
    #[error("the tables {first} and {second} would be one file")]
    #[non_exhaustive]
    SameFile {
        /// Name of one table.
        first: String,
        /// Name of the other.
        second: String,
    },

    /// A file, or the writer, failed.
    #[error("cannot write {}", .path.as_ref().map_or("the rows".into(), |path| path.display().to_string()))]
    #[non_exhaustive]
    Write {
        /// Path of the file, or `None` for a writer.
        path: Option<PathBuf>,
        /// The error.
        source: io::Error,
    },

    /// A complete file could not take its name. The files of the tables before it have been
    /// replaced, those after it have not.
    #[error("cannot replace {}; the tables before it are replaced", path.display())]
    #[non_exhaustive]
    Replace {
        /// Path of the file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },

    /// The database failed while a table was read, such as by a lost connection, a time-out or a
    /// missing right.
    #[error("reading {table} failed after {rows} rows")]
    #[non_exhaustive]
    Interrupted {
        /// Name of the table.
        table: String,
        /// Number of rows that had been read.
        rows: u64,
        /// The database's failure.
        source: DatabaseError,
    },

    /// Another client changed a table without a key while it was dumped: only over Cloudflare D1.
    #[error("{table} was changed while it was read, and has no key to continue from; try again")]
    #[non_exhaustive]
    Changed {
        /// Name of the table.
        table: String,
    },

    /// The database failed outside of any table's rows.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl DumpError {
    /// The kind of the database's failure, if it is the database that failed.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Interrupted { source, .. } | Self::Database(source) => Some(source.kind()),
            _ => None,
        }
    }
}

impl From<Error> for DumpError {
    fn from(error: Error) -> Self {
        DatabaseError::from(error).into()
    }
}
