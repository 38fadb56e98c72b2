use std::error::Error as StdError;
use std::{fmt, io};

/// A position in a file of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FixturePosition {
    /// Name of the file as it was given, or of the reader.
    pub file: String,
    /// Line on which the row begins, from 1.
    pub line: u64,
}

impl fmt::Display for FixturePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// The error of a file that cannot be read as rows of a table.
///
/// Problems with the columns are reported before the first row is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// The file cannot be opened.
    #[error("{file} cannot be opened")]
    Open {
        /// Name of the file.
        file: String,
        /// The system's own error.
        source: io::Error,
    },

    /// The file's name does not reveal its format.
    #[error(
        "{file} is of no known kind; name it .csv, .ndjson or .jsonl, with .gz behind it \
         if it is compressed"
    )]
    UnknownFormat {
        /// Name of the file.
        file: String,
    },

    /// The database has no such table.
    #[error("there is no table {table} to seed from {file}; create it first, or check its name")]
    UnknownTable {
        /// Name of the file.
        file: String,
        /// Name of the table.
        table: String,
    },

    /// A CSV file has no header line.
    #[error("{file} has no header line; its first line names the columns")]
    NoHeader {
        /// Name of the file.
        file: String,
    },

    /// The file names columns that are not seeded.
    #[error(
        "{position} names {}, but the columns of {table} are {}",
        list(columns),
        list(known)
    )]
    UnknownColumns {
        /// Position of the line that names them.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// Names in the file that are not columns.
        columns: Vec<String>,
        /// The columns of the table.
        known: Vec<String>,
    },

    /// The file lacks columns that must be filled.
    #[error("{position} lacks {} of {table}", list(columns))]
    MissingColumns {
        /// Position of the line that should name them.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// The columns that are missing.
        columns: Vec<String>,
    },

    /// The file names no column at all.
    #[error("{position} names no column of {table}")]
    NoColumns {
        /// Position of the line that should name them.
        position: FixturePosition,
        /// Name of the table.
        table: String,
    },

    /// The file names a column that the database computes.
    #[error("{position} names {column} of {table}, which is generated and takes no value")]
    GeneratedColumn {
        /// Position of the line that names it.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },

    /// A line of an NDJSON file has a key that its first line does not have, where the first line
    /// decides which columns are filled.
    #[error("{position} has the key {key}, which the first line does not have; give it all keys")]
    NewKey {
        /// Position of the line.
        position: FixturePosition,
        /// The key.
        key: String,
    },

    /// A column is named twice.
    #[error("{position} names the column {column} twice")]
    ColumnTwice {
        /// Position of the line that names it.
        position: FixturePosition,
        /// Name of the column.
        column: String,
    },

    /// A value does not fit its column's type.
    #[error("{position}, column {column}: found {found}, expected {expected}")]
    Cell {
        /// Position of the row.
        position: FixturePosition,
        /// Name of the column.
        column: String,
        /// The value in the file, shortened if it is long.
        found: String,
        /// A description of the values that the column accepts.
        expected: String,
    },

    /// A row has more or fewer fields than the header.
    #[error("{position}: found {found} fields, expected {expected} as in the header")]
    FieldCount {
        /// Position of the row.
        position: FixturePosition,
        /// Number of fields in the row.
        found: usize,
        /// Number of fields in the header.
        expected: usize,
    },

    /// The file cannot be read further, or does not have the format of its name.
    #[error("{position} cannot be read")]
    Read {
        /// Position up to which it could be read.
        position: FixturePosition,
        /// The reader's own error.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Joins names, and quotes an empty one so that it can be seen.
fn list(names: &[String]) -> String {
    let shown = names.iter().map(|name| match name.as_str() {
        "" => "\"\"",
        name => name,
    });
    shown.collect::<Vec<_>>().join(", ")
}
