//! Dumps of tables into CSV and NDJSON files, which a seed reads back.
//!
//! ```
//! use covara_diesel::dump::{Dump, Format};
//! use covara_diesel::{Seed, pool};
//! use diesel::connection::SimpleConnection;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # std::env::set_current_dir(&directory)?;
//! let pool = pool::sqlite(":memory:")?;
//! let mut conn = pool.get()?;
//! let create = "CREATE TABLE cities (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mayor TEXT)";
//! conn.batch_execute(create)?;
//! conn.batch_execute("INSERT INTO cities VALUES (2, 'Oslo', NULL), (1, 'Lima', 'Ana, Bo')")?;
//!
//! let summary = Dump::new().table("cities").to_directory(&mut conn, "backup")?;
//! assert_eq!(summary.rows(), 2);
//! let csv = std::fs::read_to_string("backup/cities.csv")?;
//! assert_eq!(csv, "id,name,mayor\n1,Lima,\"Ana, Bo\"\n2,Oslo,\n");
//!
//! let mut empty = pool::sqlite(":memory:")?.get()?;
//! empty.batch_execute(create)?;
//! let read = Seed::new().fixture("cities", "backup/cities.csv").run(&mut empty)?;
//! assert_eq!(read.inserted(), 2);
//!
//! let mut lines = Vec::new();
//! let ndjson = Dump::new().format(Format::Ndjson);
//! ndjson.table_to(&mut empty, "cities", &mut lines)?;
//! assert!(lines.starts_with(br#"{"id":1,"name":"Lima","mayor":"Ana, Bo"}"#));
//! # Ok(())
//! # }
//! ```
//!
//! Guarantees:
//!
//! - [`Seed::fixture`](crate::Seed::fixture) reads back what a dump has written, and a dump of what
//!   it has read has the same bytes, on a table that is created by the same statement. A value of
//!   which this would not hold is the error [`Value`](DumpError::Value), which names the table, the
//!   column and the row.
//! - The same rows give the same bytes, in whatever order they were written: rows are sorted by the
//!   primary key, or by all columns where there is none. Texts are compared by their bytes, not by
//!   the rules of a language. A compressed file has no time stamp; another version of the
//!   compressor may write other bytes.
//! - All tables are read in one state of the database, by a transaction that only reads. Inside a
//!   transaction of yours, that one is used: on PostgreSQL begin it with
//!   `ISOLATION LEVEL REPEATABLE READ` for one state, as each statement of another sees what others
//!   have committed before. Cloudflare D1 and Neon over HTTP have no transactions that span several
//!   requests: rows that others change during a dump are in it before or after the change.
//! - A file takes its name when all tables are complete, and replaces one that is there. After an
//!   error the directory is as it was, but for [`Replace`](DumpError::Replace). The disk is not told
//!   to write at once, so after a power failure copy the files again.
//! - Memory does not grow with the number of rows, but holds at least one row.
//! - Columns that the database computes are left out, because no seed can write them.
//! - On PostgreSQL nothing of the session changes the bytes, such as its time zone or `DateStyle`,
//!   and no function of another role's is called, but for those of a type that it made. Views and
//!   foreign tables are not read. Row-level security that would hide rows from the role is an error
//!   of the server's, as is a missing right. A partitioned table has the rows of its parts; a table
//!   with children by inheritance has its own only.
//!
//! # Triggers
//!
//! A dump has rows, not what made them. When it is seeded into a database whose tables have
//! triggers, these run once more: a trigger may change the rows, leave rows out, or write to other
//! tables, to which the dump has the rows that it wrote the first time. A database that is to be as
//! the one that was dumped gets its triggers after the seed, or has them disabled meanwhile, as
//! `ALTER TABLE … DISABLE TRIGGER USER` does on PostgreSQL.
//!
//! # Which values cannot be read back
//!
//! | Value | Instead |
//! |---|---|
//! | NULL in a CSV file with one column, of texts or bytes; the empty form of a type that is none of these | NDJSON |
//! | JSON's `null`, and `json` with line breaks, white space around it or escapes of a string in another form, in NDJSON | CSV |
//! | a number in a CSV column of SQLite without a type | NDJSON |
//! | on SQLite, a value that is not of its column's type: a text in a column of numbers, or a date that is not written `2026-01-31` | |
//! | a text that is not UTF-8 | |
//!
//! On PostgreSQL a column of the type `money`, whose form depends on the session that reads it, is
//! an error before anything is written.
//!
//! # Servers over HTTP
//!
//! libSQL, Cloudflare D1 and Neon send the rows in pages of about 1 MiB, each of which begins after
//! the key of the one before. Without a primary key the server reads the whole table for each page.
//!
//! # Access
//!
//! The files have the rights of every new file. What they contain may be secret: choose a directory
//! that others cannot read.

mod csv;
pub(crate) mod engine;
mod error;
mod files;
mod ndjson;
pub(crate) mod row;
#[cfg(feature = "cli")]
mod stop;
mod summary;
pub(crate) mod value;

use std::io::Write;
use std::path::Path;

pub use engine::DumpDatabase;
pub use error::DumpError;
#[cfg(feature = "cli")]
pub(crate) use stop::remove_incomplete;
pub use summary::{DumpSummary, DumpedTable};

pub use crate::fixture::Format;

use crate::backend::connection::BackendConnection;
use crate::backend::transaction::Transaction;
use crate::backend::typed::with_typed;
use engine::{DumpEngine, DumpTable, TableName};
use files::{Files, Output};
use row::RowWriter;

/// A dump of one or more tables. See the [module](self) for what it guarantees.
#[derive(Debug, Clone, Default)]
#[must_use = "a dump does nothing until it is written"]
pub struct Dump {
    tables: Vec<String>,
    format: Format,
    gzip: bool,
    may_keep: Option<fn() -> bool>,
    named: Option<fn(String)>,
}

impl Dump {
    /// Creates a dump of all tables as CSV.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a table by its name, which may be `schema.table`, both spelled as in the database.
    /// Without any, [`to_directory`](Self::to_directory) dumps all tables.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.tables.push(name.into());
        self
    }

    /// Sets the format. Default: CSV.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets whether the files are compressed with gzip. Default: no.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Writes one file a table into the directory, which is created if it does not exist:
    /// `users.csv`, `users.ndjson`, followed by `.gz` if it is compressed. Existing files of these
    /// names are replaced.
    ///
    /// Without [`table`](Self::table) these are all tables, sorted by name: on PostgreSQL those of
    /// the current schema, but for parts of partitioned tables, what belongs to an extension, and
    /// tables without a column that a seed could fill; on SQLite those of the main database, but
    /// for virtual tables and their parts. The tables of this library,
    /// [`INTERNAL_TABLE_NAMES`](crate::INTERNAL_TABLE_NAMES) among them, and Diesel's history are
    /// left out: name those that you want. [`DumpSummary::left_out`] has the tables of other schemas
    /// and the virtual ones.
    ///
    /// # Errors
    ///
    /// See [`DumpError`].
    pub fn to_directory<C: DumpDatabase>(
        &self,
        conn: &mut C,
        directory: impl AsRef<Path>,
    ) -> Result<DumpSummary, DumpError> {
        let directory = directory.as_ref();
        with_typed!(conn, |conn| self
            .in_snapshot(conn, |conn| { self.write_files(conn, directory) }))
    }

    /// Writes one table to a writer, flushed at the end.
    ///
    /// ```
    /// use covara_diesel::{dump::Dump, pool};
    /// use diesel::connection::SimpleConnection;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut conn = pool::sqlite(":memory:")?.get()?;
    /// conn.batch_execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")?;
    /// conn.batch_execute("INSERT INTO notes (text) VALUES ('bread')")?;
    /// let mut csv = Vec::new();
    /// let written = Dump::new().table_to(&mut conn, "notes", &mut csv)?;
    /// assert_eq!(csv, b"id,text\n1,bread\n");
    /// assert_eq!((written.rows, written.bytes), (1, 16));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`DumpError`]; [`OtherTable`](DumpError::OtherTable) if [`table`](Self::table) has named
    /// another one. The writer may have received a part of the rows.
    pub fn table_to<C: DumpDatabase>(
        &self,
        conn: &mut C,
        table: impl Into<String>,
        writer: impl Write,
    ) -> Result<DumpedTable, DumpError> {
        let table = table.into();
        if let Some(other) = self.tables.iter().find(|other| **other != table) {
            return Err(DumpError::OtherTable {
                table: other.clone(),
            });
        }
        with_typed!(conn, |conn| self.in_snapshot(conn, |conn| {
            let tables = self.prepare(conn, vec![TableName::given(&table)])?;
            let Some(table) = tables.first() else {
                return Err(diesel::result::Error::NotFound.into());
            };
            let (rows, bytes) = self.write_table(conn, table, writer)?;
            Ok(DumpedTable {
                table: table.name.clone(),
                rows,
                bytes,
                path: None,
            })
        }))
    }

    /// Runs `work` in a transaction that only reads, where there are transactions.
    fn in_snapshot<C: BackendConnection<Backend: DumpEngine>, T>(
        &self,
        conn: &mut C,
        work: impl FnOnce(&mut C) -> Result<T, DumpError>,
    ) -> Result<T, DumpError> {
        if !conn.is_transactional() {
            let settings = WithSettings(conn);
            return work(settings.0);
        }
        let mut transaction = Transaction::begin(conn, C::begin_read)?;
        if let Some(named) = self.named
            && let Some(name) = transaction.conn().transaction_name()?
        {
            named(name);
        }
        // Rolled back when dropped, which undoes what `prepare` sets in the session.
        work(transaction.conn())
    }

    fn prepare<C: BackendConnection<Backend: DumpEngine>>(
        &self,
        conn: &mut C,
        names: Vec<TableName>,
    ) -> Result<Vec<DumpTable>, DumpError> {
        let tables = C::Backend::prepare(conn, names)?;
        for table in &tables {
            if table.columns.is_empty() {
                return Err(DumpError::NoColumns {
                    table: table.name.clone(),
                });
            }
            if self.format == Format::Csv {
                csv::check_names(table)?;
            }
        }
        Ok(tables)
    }

    fn write_files<C: BackendConnection<Backend: DumpEngine>>(
        &self,
        conn: &mut C,
        directory: &Path,
    ) -> Result<DumpSummary, DumpError> {
        let names = match self.tables.is_empty() {
            true => C::Backend::list(conn)?,
            false => self
                .tables
                .iter()
                .map(|name| TableName::given(name))
                .collect(),
        };
        let left_out = match self.tables.is_empty() {
            true => C::Backend::left_out(conn)?,
            false => Vec::new(),
        };
        files::check_distinct(&names)?;
        let file_names = names
            .iter()
            .map(|TableName { name, .. }| files::name(name, self.format, self.gzip))
            .collect::<Result<Vec<_>, _>>()?;
        let tables = self.prepare(conn, names)?;
        let mut files = Files::new(directory)?;
        let mut summary = DumpSummary {
            tables: Vec::new(),
            left_out,
        };
        for (table, name) in tables.iter().zip(&file_names) {
            let (file, path) = files.create(name)?;
            let written = self.write_table(conn, table, file);
            let (rows, bytes) = written.map_err(|error| match error {
                DumpError::Write { path: None, source } => files::at(&path, source),
                error => error,
            })?;
            summary.tables.push(DumpedTable {
                table: table.name.clone(),
                rows,
                bytes,
                path: Some(path),
            });
        }
        if self.may_keep.is_some_and(|may_keep| !may_keep()) {
            return Err(diesel::result::Error::RollbackTransaction.into());
        }
        files.replace()?;
        Ok(summary)
    }

    /// Writes the table and returns how many rows and bytes it has.
    fn write_table<C: BackendConnection<Backend: DumpEngine>>(
        &self,
        conn: &mut C,
        table: &DumpTable,
        writer: impl Write,
    ) -> Result<(u64, u64), DumpError> {
        let mut output = Output::new(writer, self.gzip);
        let mut rows = RowWriter::new(&mut output, self.format, table);
        C::Backend::read(conn, table, &mut rows)?;
        let rows = rows.finish()?;
        let bytes = output.finish().map_err(row::failed)?;
        Ok((rows, bytes))
    }
}

/// A connection without transactions, whose settings end on drop.
struct WithSettings<'c, C: BackendConnection>(&'c mut C);

impl<C: BackendConnection> Drop for WithSettings<'_, C> {
    fn drop(&mut self) {
        self.0.clear_settings();
    }
}
