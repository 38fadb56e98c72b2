//! Insert-or-ignore seeding of any table.
//!
//! ```
//! use covara_diesel::{Seed, Seedable, pool};
//! use diesel::connection::SimpleConnection;
//!
//! diesel::table! {
//!     countries (code) {
//!         code -> Text,
//!         name -> Text,
//!     }
//! }
//!
//! #[derive(Seedable)]
//! #[diesel(table_name = countries)]
//! struct Country {
//!     code: &'static str,
//!     name: &'static str,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = pool::sqlite(":memory:")?;
//! let mut conn = pool.get()?;
//! conn.batch_execute("CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT NOT NULL)")?;
//!
//! let countries = [
//!     Country { code: "AD", name: "Andorra" },
//!     Country { code: "AD", name: "the first of two equal keys wins" },
//! ];
//! let summary = Seed::new().table(&countries).run(&mut conn)?;
//! assert_eq!((summary.inserted(), summary.skipped()), (1, 1));
//!
//! let again = Country::seed(&mut conn, &countries)?;
//! assert_eq!(again.inserted(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! What holds:
//!
//! - A row that meets any unique constraint, primary key or other, is skipped and counted.
//!   (PostgreSQL cannot skip by a deferrable constraint and says so. On SQLite a conflict
//!   clause of the table's own on a unique constraint does not matter; one on NOT NULL keeps
//!   its meaning.)
//! - Everything is one transaction: all or nothing. Inside a transaction of the caller's,
//!   the seed is a savepoint of it.
//! - Rows and tables go in in the order given, so parents come before children.
//! - NOT NULL, CHECK, type and foreign-key violations are errors that name table and row.
//!   SQLite checks foreign keys where `PRAGMA foreign_keys` is on, as it is in our pools
//!   and in the bundled SQLite.
//! - `None` is NULL, never the column's default.
//! - After explicit ids in a serial or identity column, PostgreSQL's sequence is moved past
//!   them, never back. The role needs `SELECT` and `UPDATE` on the sequence, and
//!   `SELECT` on the table, for that.
//! - Memory does not grow with the number of rows, nor, for rows of files, with their length
//!   up to 4 MiB.
//! - Seeds of one table may run at once. On PostgreSQL give them their rows in the same
//!   order, or the server may end one of them as a deadlock.
//! - A text with a NUL character is stored on SQLite; PostgreSQL cannot hold one, so there
//!   it is an error that names the row. NaN is NULL on SQLite, which has no NaN.

mod error;
mod fixture_error;
mod insert;
mod report;
mod row;
mod rows;
mod run;
pub(crate) mod target;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

pub use error::SeedError;
pub use fixture_error::{FixtureError, FixturePosition};
pub use report::{SeedProgress, SeedSummary, TableSummary};
pub use row::{AnySeedRow, Seedable};

pub use crate::backend::row::SeedRow;
#[doc(hidden)]
pub use crate::backend::row::{ColumnVisitor, FitsColumn, SameTable, TableRow};

pub(crate) use error::outside;
#[cfg(feature = "fixtures")]
pub(crate) use rows::SeedRows;
pub(crate) use rows::{AnyRows, PreparedTable};
pub(crate) use run::Run;
#[cfg(feature = "fixtures")]
pub(crate) use target::SeedTarget;

use crate::backend::connection::{DatabaseConnection, Gathering};
use crate::backend::transaction::Transaction;
use crate::backend::typed::AnyDatabase;
use crate::with_typed;
use report::ProgressReport;
use rows::{SliceRows, StreamedRows};

/// Seeds of one or more tables, run together as one transaction.
///
/// The connection type `C` is inferred from [`run`](Self::run).
#[must_use = "a seed does nothing until it is run"]
pub struct Seed<'a, C: AnyDatabase> {
    tables: Vec<Box<dyn AnyRows<'a, C> + 'a>>,
    options: SeedOptions<'a>,
}

struct SeedOptions<'a> {
    progress: Option<ProgressReport<'a>>,
    lock_timeout: Duration,
    chunk_rows: Option<NonZeroUsize>,
}

impl<C: AnyDatabase> fmt::Debug for Seed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed")
            .field("tables", &self.tables.len())
            .field("lock_timeout", &self.options.lock_timeout)
            .field("chunk_rows", &self.options.chunk_rows)
            .finish_non_exhaustive()
    }
}

impl<C: AnyDatabase> Default for Seed<'_, C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, C: AnyDatabase> Seed<'a, C> {
    /// An empty seed; running it does nothing.
    pub fn new() -> Self {
        Self {
            tables: Vec::new(),
            options: SeedOptions {
                progress: None,
                lock_timeout: Duration::from_secs(30),
                chunk_rows: None,
            },
        }
    }

    /// Adds rows that are in memory.
    pub fn table<T>(self, rows: &'a [T]) -> Self
    where
        T: AnySeedRow<C>,
    {
        self.add(SliceRows(rows))
    }

    /// Adds rows that are streamed: [`chunk_rows`](Self::chunk_rows) are in memory at a time.
    pub fn rows<I>(self, rows: I) -> Self
    where
        I: IntoIterator<Item: AnySeedRow<C>> + 'a,
    {
        self.add(StreamedRows(rows))
    }

    /// Adds rows from anywhere.
    pub(crate) fn add(mut self, rows: impl AnyRows<'a, C> + 'a) -> Self {
        self.tables.push(Box::new(rows));
        self
    }

    /// Calls `report` again and again, every few hundred or thousand rows; over Cloudflare D1
    /// after each batch.
    pub fn progress(mut self, report: impl FnMut(&SeedProgress) + 'a) -> Self {
        self.options.progress = Some(Box::new(report));
        self
    }

    /// How long to wait for another writer before the first row, where the engine has one
    /// writer at a time (SQLite). Default: 30 s, or the connection's own busy timeout if
    /// that is longer. Inside the caller's transaction it is the caller's to wait.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// How many streamed rows are in memory at a time; of a file's rows only as many as have
    /// 4 MiB, or one. Default: what is fastest, 256 on
    /// SQLite, 1,024 over libSQL and D1, and 8,192 on PostgreSQL. Fewer suit rows of many kilobytes.
    pub fn chunk_rows(mut self, rows: NonZeroUsize) -> Self {
        self.options.chunk_rows = Some(rows);
        self
    }

    /// Runs the seed in one transaction. Over Cloudflare D1, which has none, it is one batch
    /// up to 4 MiB; [`SeedSummary::transactions`] says how many a larger one took.
    ///
    /// # Errors
    ///
    /// See [`SeedError`]. After an error nothing of the seed is kept, unless it says
    /// [`Partial`](SeedError::Partial).
    pub fn run(self, conn: &mut C) -> Result<SeedSummary, SeedError> {
        let Self { tables, options } = self;
        if tables.is_empty() {
            return Ok(SeedSummary::default());
        }
        with_typed!(conn, |conn| {
            run(conn, options, |conn| {
                let tables = tables.into_iter();
                tables.map(|rows| rows.prepare(conn)).collect()
            })
        })
    }
}

fn run<'a, C: DatabaseConnection>(
    conn: &mut C,
    options: SeedOptions<'a>,
    prepare: impl FnOnce(&mut C) -> Result<Vec<PreparedTable<'a, C>>, SeedError>,
) -> Result<SeedSummary, SeedError> {
    if !conn.has_transactions() {
        return write(&mut *Gathering(conn).0, options, prepare);
    }
    let begin = |conn: &mut C| conn.begin_write(options.lock_timeout);
    let mut transaction = Transaction::begin(conn, begin).map_err(outside::<C>)?;
    let summary = write(transaction.conn(), options, prepare)?;
    transaction.commit().map_err(outside::<C>)?;
    Ok(summary)
}

fn write<'a, C: DatabaseConnection>(
    conn: &mut C,
    options: SeedOptions<'a>,
    prepare: impl FnOnce(&mut C) -> Result<Vec<PreparedTable<'a, C>>, SeedError>,
) -> Result<SeedSummary, SeedError> {
    let tables = prepare(conn)?;
    let names = tables.iter().map(|table| table.target.table.clone());
    let mut run = Run::new(conn, options.progress, options.chunk_rows, names);
    for PreparedTable { target, write } in tables {
        write(&mut run, target)?;
    }
    run.finish()
}
