//! Seeding of any table: rows are inserted, and those that exist are skipped, updated or replaced.
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
//! Guarantees:
//!
//! - A row that conflicts with any unique constraint, primary key or other, is skipped and counted,
//!   unless [`OnConflict`] says otherwise. (On PostgreSQL a deferrable constraint cannot be used
//!   for skipping; PostgreSQL reports an error. On SQLite a conflict clause that the table declares
//!   on a unique constraint has no effect; one on NOT NULL keeps its meaning.)
//! - A row that has none of the table's unique values, because the database generates its id,
//!   conflicts with nothing: each run inserts it again.
//! - Everything is one transaction: all or nothing. Inside a transaction of the caller's, the seed
//!   is a savepoint. If the connection is lost while the seed commits, the rows may be there.
//! - The seed names the row that violates an INITIALLY DEFERRED foreign key. On PostgreSQL it names
//!   only the table under [`OnConflict::Update`], if one of the tables has triggers or rules, which
//!   may yet satisfy the key, and where the role may not create temporary tables and the row might
//!   refer to a later one.
//! - Inside a transaction of the caller's, the caller's `COMMIT` reports what the database checks
//!   at the end: INITIALLY DEFERRED constraints, and on SQLite also other foreign keys that are
//!   violated by a trigger or by a column which the seed does not give.
//! - Rows and tables are inserted in the order given, or tables [by their foreign
//!   keys](Seed::by_foreign_keys). A row may refer to a row of the same seed that comes after it,
//!   also in another table. On PostgreSQL a foreign key to a table that comes later must be
//!   DEFERRABLE for that, and one to the row's own table takes the right to create temporary
//!   tables; over D1 and Neon's HTTP both rows must be in one batch of 4 MiB. Rows that come after
//!   those that they refer to are faster.
//! - NOT NULL, CHECK, type and foreign-key violations are errors that name table and row. SQLite
//!   checks foreign keys if `PRAGMA foreign_keys` is on, as it is in our pools and in the bundled
//!   SQLite.
//! - `None` is NULL, never the column's default.
//! - After explicit ids in a serial or identity column, PostgreSQL's sequence is moved past them,
//!   never back. For that, the role needs `SELECT` and `UPDATE` on the sequence, and `SELECT` on
//!   the table.
//! - Memory does not grow with the number of rows, nor, for rows from files, with their length up
//!   to 4 MiB. On SQLite a row that waits for one that it refers to takes some 60 bytes.
//! - Seeds of one table may run at the same time. On PostgreSQL give them their rows in the same
//!   order, or the server may end one of them as a deadlock.
//! - A text with a NUL character is stored on SQLite. PostgreSQL cannot store one, so there it is
//!   an error that names the row. NaN of a struct becomes NULL on SQLite, which has no NaN.

pub(crate) mod conflict;
pub(crate) mod deferral;
pub(crate) mod engine;
mod error;
mod fixture_error;
pub(crate) mod foreign_key;
pub(crate) mod insert;
pub(crate) mod look_up;
mod options;
mod order;
pub(crate) mod replace;
pub(crate) mod report;
mod row;
mod rows;
mod run;
pub(crate) mod stage;
pub(crate) mod stop;
pub(crate) mod target;
mod transaction;
mod update;

use std::fmt;

pub use conflict::OnConflict;
pub use error::{KeyProblem, SeedError};
#[cfg(feature = "cli")]
pub(crate) use fixture_error::Name;
pub use fixture_error::{FixtureError, FixturePosition, ReferenceProblem};
pub use report::{SeedProgress, SeedSummary, TableSummary};
pub use row::{AnySeedRow, Seedable};

pub use crate::backend::row::SeedRow;
#[doc(hidden)]
pub use crate::backend::row::{ColumnVisitor, FitsColumn, SameTable, TableRow};

#[cfg(feature = "fixtures")]
pub(crate) use report::{Extent, FileExtent};
pub(crate) use rows::{Again, AnyRows};
#[cfg(feature = "fixtures")]
pub(crate) use rows::{PreparedTable, SeedRows};
#[cfg(feature = "fixtures")]
pub(crate) use run::{RowPositions, Run, TableRun};
#[cfg(feature = "fixtures")]
pub(crate) use target::SeedTarget;

use crate::backend::typed::with_typed;
pub use engine::SeedDatabase;
use options::SeedOptions;
use rows::{SliceRows, StreamedRows};

/// Seeds of one or more tables, run together as one transaction.
///
/// The connection type `C` is inferred from [`run`](Self::run).
#[must_use = "a seed does nothing until it is run"]
pub struct Seed<'a, C: SeedDatabase> {
    tables: Vec<GivenTable<'a, C>>,
    options: SeedOptions<'a>,
}

/// A table that was added, and the number of its rows if it was said.
struct GivenTable<'a, C: SeedDatabase> {
    rows: Box<dyn AnyRows<'a, C> + 'a>,
    total: Option<usize>,
}

impl<C: SeedDatabase> fmt::Debug for Seed<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed")
            .field("tables", &self.tables.len())
            .field("lock_timeout", &self.options.lock_timeout)
            .field("chunk_rows", &self.options.chunk_rows)
            .field("on_conflict", &self.options.on_conflict)
            .field("by_foreign_keys", &self.options.by_foreign_keys)
            .field("replace", &self.options.replace)
            .field("dry_run", &self.options.dry_run)
            .finish_non_exhaustive()
    }
}

impl<C: SeedDatabase> Default for Seed<'_, C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, C: SeedDatabase> Seed<'a, C> {
    /// Creates an empty seed; running it does nothing.
    pub fn new() -> Self {
        Self {
            tables: Vec::new(),
            options: SeedOptions::default(),
        }
    }

    /// Adds rows that are in memory.
    pub fn table<T>(self, rows: &'a [T]) -> Self
    where
        T: AnySeedRow<C>,
    {
        self.add(SliceRows(rows))
    }

    /// Adds streamed rows, by value or by reference: at most [`chunk_rows`](Self::chunk_rows) are
    /// in memory at a time.
    ///
    /// ```
    /// use covara_diesel::{Seed, Seedable, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { numbers (n) { n -> BigInt, } }
    /// # #[derive(Seedable)]
    /// # #[diesel(table_name = numbers)]
    /// # struct Number {
    /// #     n: i64,
    /// # }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE numbers (n BIGINT PRIMARY KEY NOT NULL)")?;
    /// let kept: Vec<Number> = (0..10).map(|n| Number { n }).collect();
    /// let summary = Seed::new()
    ///     .rows(kept.iter().filter(|number| number.n % 2 == 0))
    ///     .rows((10..15).map(|n| Number { n }))
    ///     .run(&mut conn)?;
    /// assert_eq!(summary.inserted(), 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rows<I>(self, rows: I) -> Self
    where
        I: IntoIterator<Item: AnySeedRow<C>> + 'a,
    {
        self.add(StreamedRows(rows))
    }

    /// Adds rows from any source.
    pub(crate) fn add(mut self, rows: impl AnyRows<'a, C> + 'a) -> Self {
        self.tables.push(GivenTable {
            rows: Box::new(rows),
            total: None,
        });
        self
    }

    /// Says how many rows the table added last has, where the seed cannot know it: for streamed rows
    /// and those of a pipe. It is only shown, as [`SeedProgress::total_rows`], and no limit.
    ///
    /// ```
    /// use covara_diesel::{Seed, Seedable, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { numbers (n) { n -> BigInt, } }
    /// # #[derive(Seedable)]
    /// # #[diesel(table_name = numbers)]
    /// # struct Number {
    /// #     n: i64,
    /// # }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE numbers (n BIGINT PRIMARY KEY NOT NULL)")?;
    /// Seed::new()
    ///     .rows((0..1_000).map(|n| Number { n }))
    ///     .total(1_000)
    ///     .progress(|progress| assert_eq!(progress.total_rows, Some(1_000)))
    ///     .run(&mut conn)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn total(mut self, rows: usize) -> Self {
        if let Some(table) = self.tables.last_mut() {
            table.total = Some(rows);
        }
        self
    }

    /// Runs the seed in one transaction. Over D1 and Neon's HTTP, which have none that span
    /// several calls, it is one batch up to 4 MiB; [`SeedSummary::transactions`] tells how many batches
    /// a larger seed took.
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
        let again = match options.on_conflict {
            OnConflict::Skip | OnConflict::Update if !options.replace => {
                Again::Finds(options.on_conflict)
            }
            _ => Again::Begins,
        };
        with_typed!(conn, |conn| {
            transaction::run(conn, options, |conn| {
                let tables = tables.into_iter();
                let prepared = tables.map(|GivenTable { rows, total }| {
                    let mut table = rows.prepare(conn, again)?;
                    table.extent.rows = total.or(table.extent.rows);
                    Ok(table)
                });
                prepared.collect()
            })
        })
    }
}
