use std::error::Error as StdError;
use std::{fmt, io};

/// A place in a file of rows.
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

/// Why a file cannot be read as rows of a table.
///
/// What is wrong with the columns is told before the first row is written.
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

    /// The file's name does not say what is in it.
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
        /// Where they are named.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// Names in the file that are of no column.
        columns: Vec<String>,
        /// The columns there are.
        known: Vec<String>,
    },

    /// Columns that must be filled are not in the file.
    #[error("{position} lacks {} of {table}", list(columns))]
    MissingColumns {
        /// Where they should be named.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// The columns that are missing.
        columns: Vec<String>,
    },

    /// The file names no column at all.
    #[error("{position} names no column of {table}")]
    NoColumns {
        /// Where they should be named.
        position: FixturePosition,
        /// Name of the table.
        table: String,
    },

    /// The file names a column that the database computes.
    #[error("{position} names {column} of {table}, which is generated and takes no value")]
    GeneratedColumn {
        /// Where it is named.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },

    /// A line of an NDJSON file has a key that its first line has not, where that decides
    /// which columns are filled.
    #[error("{position} has the key {key}, which the first line has not; give it all keys")]
    NewKey {
        /// Where it is.
        position: FixturePosition,
        /// The key.
        key: String,
    },

    /// A column is named twice.
    #[error("{position} names the column {column} twice")]
    ColumnTwice {
        /// Where it is named.
        position: FixturePosition,
        /// Name of the column.
        column: String,
    },

    /// A value is not of its column's type.
    #[error("{position}, column {column}: found {found}, expected {expected}")]
    Cell {
        /// The row it is in.
        position: FixturePosition,
        /// Name of the column.
        column: String,
        /// What the file has, shortened if it is long.
        found: String,
        /// What it should have.
        expected: String,
    },

    /// A row has more or fewer fields than the header.
    #[error("{position}: found {found} fields, expected {expected} as in the header")]
    FieldCount {
        /// The row.
        position: FixturePosition,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },

    /// The file cannot be read further, or is not what its name says.
    #[error("{position} cannot be read")]
    Read {
        /// How far it could be read.
        position: FixturePosition,
        /// The reader's own error.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Names as they are, but an empty one so that it can be seen.
fn list(names: &[String]) -> String {
    let shown = names.iter().map(|name| match name.as_str() {
        "" => "\"\"",
        name => name,
    });
    shown.collect::<Vec<_>>().join(", ")
}
