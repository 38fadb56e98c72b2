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
        write!(f, "{}, line {}", Name(&self.file), self.line)
    }
}

/// The error of a file that cannot be read as rows of a table.
///
/// Problems with the columns are reported before the first row is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// The file cannot be opened.
    #[error("{} cannot be opened", Name(file))]
    #[non_exhaustive]
    Open {
        /// Name of the file.
        file: String,
        /// The system's own error.
        source: io::Error,
    },

    /// The file's name does not reveal its format.
    #[error(
        "{} is of no known kind; name it .csv, .ndjson or .jsonl, with .gz behind it if it is \
         compressed, or say its format: --format, or FixtureSource::format",
        Name(file)
    )]
    #[non_exhaustive]
    UnknownFormat {
        /// Name of the file.
        file: String,
    },

    /// The database has no such table.
    #[error(
        "there is no table {} to seed from {}; create it first, or check its name",
        Name(table),
        Name(file)
    )]
    #[non_exhaustive]
    UnknownTable {
        /// Name of the file.
        file: String,
        /// Name of the table.
        table: String,
    },

    /// A CSV file has no header line.
    #[error("{} has no header line; its first line names the columns", Name(file))]
    #[non_exhaustive]
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
    #[non_exhaustive]
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

    /// The header of a CSV file has one name, with another delimiter in it.
    #[error(
        "{position}: the header has one column {}; if the delimiter is {}, say so: --delimiter \
         {}, or FixtureSource::delimiter",
        Name(header),
        delimiter.escape_debug(),
        argument(*delimiter)
    )]
    #[non_exhaustive]
    Delimiter {
        /// Position of the header.
        position: FixturePosition,
        /// The header.
        header: String,
        /// The character that seems to be the delimiter.
        delimiter: char,
    },

    /// The first line of a CSV file is no header but `sep=;`, as spreadsheet programs write it for
    /// themselves.
    #[error(
        "{position} is no header but names the delimiter; remove the line and give --delimiter {} \
         (FixtureSource::delimiter)",
        argument(*delimiter)
    )]
    #[non_exhaustive]
    DelimiterLine {
        /// Position of the line.
        position: FixturePosition,
        /// The delimiter.
        delimiter: char,
    },

    /// A field of the header of a CSV file has no name.
    #[error(
        "{position} has no name for field {number}; leave the field out with --leave-out \
         '#{number}', or name it with --column '#{number}=COLUMN' (FixtureSource::leave_out, \
         FixtureSource::rename)"
    )]
    #[non_exhaustive]
    NamelessColumn {
        /// Position of the header.
        position: FixturePosition,
        /// Number of the field, from 1.
        number: usize,
    },

    /// A name that is to be renamed or left out is not in the file.
    #[error(
        "{position} does not have {}, which is to be renamed or left out; it has {}",
        Name(name),
        list(known)
    )]
    #[non_exhaustive]
    NoSuchName {
        /// Position of the line with the names.
        position: FixturePosition,
        /// The name that was given.
        name: String,
        /// The names in the file.
        known: Vec<String>,
    },

    /// The options for the file contradict each other, or are of no use.
    #[error("{} cannot be read in this way: {mistake}", Name(file))]
    #[non_exhaustive]
    Options {
        /// Name of the file.
        file: String,
        /// A description of the mistake.
        mistake: String,
    },

    /// The file lacks columns that must be filled.
    #[error("{position} lacks {} of {table}", list(columns))]
    #[non_exhaustive]
    MissingColumns {
        /// Position of the line that should name them.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// The columns that are missing.
        columns: Vec<String>,
    },

    /// Each run would insert the rows again, as the file leaves out a column of each unique key of
    /// the table that gets a new value in each row, such as a generated id.
    #[error(
        "{position} lacks {} of {table}, and {table} has no other unique columns that the file has, \
         so each run would insert its rows again; add the column, or make columns of the file \
         unique; to insert the rows all the same: --on-conflict fail or --replace \
         (OnConflict::Fail, Seed::replace)",
        list(columns)
    )]
    #[non_exhaustive]
    NotRepeatable {
        /// Position of the line that should name them.
        position: FixturePosition,
        /// Name of the table.
        table: String,
        /// The columns that are missing.
        columns: Vec<String>,
    },

    /// The file names no column at all.
    #[error("{position} names no column of {table}")]
    #[non_exhaustive]
    NoColumns {
        /// Position of the line that should name them.
        position: FixturePosition,
        /// Name of the table.
        table: String,
    },

    /// The file names a column that the database computes.
    #[error(
        "{position} names {column} of {table}, which is generated and takes no value; leave it \
         out: --leave-out, or FixtureSource::leave_out"
    )]
    #[non_exhaustive]
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
    #[error(
        "{position} has the key {}, which the first line does not have; give it all keys",
        Name(key)
    )]
    #[non_exhaustive]
    NewKey {
        /// Position of the line.
        position: FixturePosition,
        /// The key.
        key: String,
    },

    /// A line of an NDJSON file lacks a key, and rows that are there are updated, so that a value would
    /// be lost.
    #[error(
        "{position} lacks the key {}, and an update would make it NULL; give it all keys, with null \
         where that is meant",
        Name(key)
    )]
    #[non_exhaustive]
    MissingKey {
        /// Position of the line.
        position: FixturePosition,
        /// The key.
        key: String,
    },

    /// A column is named twice.
    #[error(
        "{position} names the column {} twice; leave one out or rename it by its position, as \
         --leave-out '#3' or --column '#3=COLUMN'",
        Name(column)
    )]
    #[non_exhaustive]
    ColumnTwice {
        /// Position of the line that names it.
        position: FixturePosition,
        /// Name of the column.
        column: String,
    },

    /// The rows that a column's values name by another column, as `country_id@countries.code`, cannot
    /// be looked up.
    #[error("{position}: {} cannot be looked up: {problem}", Name(name))]
    #[non_exhaustive]
    Reference {
        /// Position of the line that names it.
        position: FixturePosition,
        /// The name in the file.
        name: String,
        /// The reason.
        problem: ReferenceProblem,
    },

    /// A value does not fit its column's type, or names no row by another column.
    #[error("{position}, column {column}: found {found}, expected {expected}")]
    #[non_exhaustive]
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
    #[non_exhaustive]
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
    #[non_exhaustive]
    Read {
        /// Position up to which it could be read.
        position: FixturePosition,
        /// The reader's own error.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// The reason why a column's values cannot name rows by another column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceProblem {
    /// The column has no foreign key.
    #[error("{} has no foreign key", Name(column))]
    NoForeignKey {
        /// Name of the column.
        column: String,
    },
    /// The column is in a foreign key with other columns.
    #[error("the foreign key of {} has several columns", Name(column))]
    Composite {
        /// Name of the column.
        column: String,
    },
    /// The column refers to another table.
    #[error(
        "{} refers to {}, of which a unique column is named as {}@{}.COLUMN",
        Name(column),
        list(tables),
        column.escape_debug(),
        tables.first().map_or("", String::as_str).escape_debug()
    )]
    OtherTable {
        /// Name of the column.
        column: String,
        /// The tables that it refers to.
        tables: Vec<String>,
    },
    /// The table has no such column.
    #[error("{} has no column {}", Name(table), Name(column))]
    NoColumn {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// Several rows may have the same value.
    #[error(
        "{}.{} is not unique: it is no primary key and has no unique constraint or index of its \
         own, without conditions",
        Name(table),
        Name(column)
    )]
    NotUnique {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
    },
    /// The rows of the table are replaced in the same batch: only over D1 and Neon's
    /// HTTP, under [`Seed::replace`](crate::Seed::replace).
    #[error(
        "the same seed replaces the rows of {}, and over this database that is one batch, in \
         which nothing can be looked up",
        Name(table)
    )]
    Replaced {
        /// Name of the table.
        table: String,
    },
}

/// Joins names, at most so many that they can be read.
fn list(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown = names.iter().take(MOST).map(|name| Name(name).to_string());
    let shown = shown.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return "none".to_owned();
    }
    match names.len().checked_sub(MOST) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// Returns a delimiter as the command takes it.
fn argument(delimiter: char) -> String {
    match delimiter {
        '\t' => "'\\t'".to_owned(),
        delimiter => format!("'{delimiter}'"),
    }
}

/// A name of somebody else's: quoted if it is empty or has characters that a terminal would obey, and
/// shortened if it is long.
pub(crate) struct Name<'a>(pub(crate) &'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Longer than the names that databases allow, which is 63 bytes on PostgreSQL.
        const MOST: usize = 200;
        let (name, more) = match self.0.char_indices().nth(MOST) {
            Some((end, _)) => (self.0.get(..end).unwrap_or_default(), "…"),
            None => (self.0, ""),
        };
        let is_plain =
            |c: char| c == '"' || c == '\'' || c == '\\' || c.escape_debug().count() == 1;
        match !name.is_empty() && name.chars().all(is_plain) {
            true => write!(f, "{name}{more}"),
            false => write!(f, "{name:?}{more}"),
        }
    }
}
