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
//!   is a savepoint. There a violation that the database checks at the end (of an INITIALLY DEFERRED
//!   constraint; on SQLite also of other foreign keys, by a trigger or by a column that the seed does
//!   not give) is an error of the caller's
//!   `COMMIT`. Elsewhere the seed names the row that violates an INITIALLY DEFERRED foreign key; on
//!   PostgreSQL it names only the table if one of the tables has triggers or rules, which may yet
//!   satisfy the key, under [`OnConflict::Update`], and where the role may not create temporary
//!   tables and the row might refer to a later one. If the connection is lost while the seed commits, the rows may be there.
//! - Rows and tables are inserted in the order given, or tables
//!   [by their foreign keys](Seed::by_foreign_keys). A row may refer to a row of the same seed
//!   that comes after it, also in another table. On PostgreSQL a foreign key to a table that comes
//!   later must be DEFERRABLE for that, and one to the row's own table takes the right to create
//!   temporary tables; over Cloudflare D1 both rows must be in one batch of 4 MiB. Rows that come
//!   after those that they refer to are faster.
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
mod update;

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

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
#[cfg(feature = "fixtures")]
pub(crate) use rows::SeedRows;
pub(crate) use rows::{Again, AnyRows, PreparedTable};
pub(crate) use run::Run;
#[cfg(feature = "fixtures")]
pub(crate) use run::{RowPositions, TableRun};
#[cfg(feature = "fixtures")]
pub(crate) use target::SeedTarget;

use crate::backend::connection::BackendConnection;
use crate::backend::transaction::{Transaction, insist};
use crate::backend::typed::with_typed;
pub use engine::SeedDatabase;
use engine::{Forward, SeedEngine};
use report::ProgressReport;
use rows::{SliceRows, StreamedRows};
use stop::StopCheck;

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

struct SeedOptions<'a> {
    progress: Option<ProgressReport<'a>>,
    lock_timeout: Duration,
    chunk_rows: Option<NonZeroUsize>,
    on_conflict: OnConflict,
    by_foreign_keys: bool,
    replace: bool,
    dry_run: bool,
    stop: Option<Rc<dyn StopCheck + 'a>>,
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
            options: SeedOptions {
                progress: None,
                lock_timeout: Duration::from_secs(30),
                chunk_rows: None,
                on_conflict: OnConflict::Skip,
                by_foreign_keys: false,
                replace: false,
                stop: None,
                dry_run: false,
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

    /// Adds streamed rows: at most [`chunk_rows`](Self::chunk_rows) are in memory at a time.
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

    /// Calls `report` repeatedly, every few hundred or thousand rows; over Cloudflare D1 after each
    /// batch.
    pub fn progress(mut self, report: impl FnMut(&SeedProgress) + 'a) -> Self {
        self.options.progress = Some(Box::new(report));
        self
    }

    /// Sets how long to wait for another writer before the first row, on an engine with one writer
    /// at a time (SQLite). Default: 30 s, or the connection's own busy timeout if that is longer.
    /// Inside a transaction of the caller's, the caller has already waited.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// Sets how many streamed rows are in memory at a time. From a file at most 4 MiB of rows are
    /// taken at a time, or one row if it is longer. Default: the fastest number, 256 on SQLite,
    /// 1,024 over libSQL and D1, and 8,192 on PostgreSQL. Choose fewer for rows of many kilobytes.
    pub fn chunk_rows(mut self, rows: NonZeroUsize) -> Self {
        self.options.chunk_rows = Some(rows);
        self
    }

    /// Sets what to do with rows that conflict with others. Default: [`OnConflict::Skip`].
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.options.on_conflict = on_conflict;
        self
    }

    /// Fills the tables in the order that their foreign keys want, whatever the order in which they
    /// were added: a table comes after those that it refers to. Tables that refer to each other,
    /// directly or through others, keep their order. The summary has the order given.
    ///
    /// ```
    /// # use covara_diesel::{Seed, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # std::env::set_current_dir(&directory)?;
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// conn.batch_execute(
    ///     "CREATE TABLE countries (code TEXT PRIMARY KEY NOT NULL);
    ///      CREATE TABLE cities (name TEXT PRIMARY KEY NOT NULL,
    ///          country TEXT NOT NULL REFERENCES countries (code))",
    /// )?;
    /// std::fs::write("cities.csv", "name,country\nOslo,NO\n")?;
    /// std::fs::write("countries.csv", "code\nNO\n")?;
    /// let seed = Seed::new()
    ///     .fixture("cities", "cities.csv")
    ///     .fixture("countries", "countries.csv");
    /// assert_eq!(seed.by_foreign_keys().run(&mut conn)?.inserted(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn by_foreign_keys(mut self) -> Self {
        self.options.by_foreign_keys = true;
        self
    }

    /// Deletes all rows of the tables before they are filled, in the same transaction.
    ///
    /// Generated ids start anew, on PostgreSQL those of serial and identity columns, whose sequences
    /// the role must own. A sequence that the default of a column uses, without belonging to the
    /// column, goes on, because other tables may use it too.
    ///
    /// Rows are deleted with `DELETE`, so triggers run. If a table still has rows then, because a
    /// trigger or a rule keeps them, it is [`SeedError::NotEmptied`]. Rows of other tables are never
    /// touched: if any refers to one of these tables, by whatever kind of foreign key, it is
    /// [`SeedError::Referred`], also where `ON DELETE CASCADE` would delete it. On PostgreSQL other
    /// writers of the tables wait until the seed ends; readers do not.
    ///
    /// Over Cloudflare D1 it is one batch, so the seed may have 4 MiB; a larger one is
    /// [`SeedError::ReplaceTooLarge`]. There rows that another client adds to other tables at the
    /// same time are not seen.
    ///
    /// ```
    /// # use covara_diesel::{Seed, Seedable, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { tags (name) { name -> Text, } }
    /// #[derive(Seedable)]
    /// #[diesel(table_name = tags)]
    /// struct Tag {
    ///     name: &'static str,
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL)")?;
    /// Tag::seed(&mut conn, &[Tag { name: "old" }, Tag { name: "kept" }])?;
    /// let tags = [Tag { name: "kept" }];
    /// let summary = Seed::new().table(&tags).replace().run(&mut conn)?;
    /// assert_eq!((summary.deleted(), summary.inserted()), (2, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn replace(mut self) -> Self {
        self.options.replace = true;
        self
    }

    /// Runs the seed in one transaction. Over Cloudflare D1, which has no transactions, it is one
    /// batch up to 4 MiB; [`SeedSummary::transactions`] tells how many batches a larger seed took.
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
            run(conn, options, |conn| {
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

fn run<'a, C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    options: SeedOptions<'a>,
    prepare: impl FnOnce(&mut C) -> Result<Vec<PreparedTable<'a, C>>, SeedError>,
) -> Result<SeedSummary, SeedError> {
    let is_deferred = Rc::new(Cell::new(false));
    let keeps = !options.dry_run;
    if !conn.is_transactional() {
        if !keeps {
            return Err(SeedError::NoDryRun);
        }
        return write(conn, options, prepare, false, is_deferred);
    }
    let undeferred = Undeferred {
        conn,
        is_deferred: Rc::clone(&is_deferred),
    };
    let begin = |conn: &mut C| conn.begin_write(options.lock_timeout);
    let mut transaction = Transaction::begin(&mut *undeferred.conn, begin)?;
    let is_savepoint = transaction.is_savepoint();
    let conn = transaction.conn();
    let stop = options.stop.clone();
    if let Some(stop) = &stop {
        // Without it, stopping only takes longer.
        stop.begun(&mut || conn.transaction_name().ok().flatten());
    }
    if let Forward::Deferred(by) = C::Backend::forward::<C>() {
        by.clear(conn, is_savepoint)?;
    }
    let summary = write(conn, options, prepare, is_savepoint, is_deferred)?;
    if keeps {
        if stop.is_some_and(|stop| stop.must_stop(true)) {
            return Err(SeedError::Stopped);
        }
        transaction.commit()?;
    } else if !is_savepoint {
        C::Backend::check_constraints(conn)?;
    }
    // Otherwise it is rolled back when dropped.
    Ok(summary)
}

/// Ends the deferral of foreign keys after the seed's transaction. If the seed has failed, a
/// transaction around it would keep the deferral.
struct Undeferred<'c, C: BackendConnection<Backend: SeedEngine>> {
    conn: &'c mut C,
    is_deferred: Rc<Cell<bool>>,
}

impl<C: BackendConnection<Backend: SeedEngine>> Drop for Undeferred<'_, C> {
    fn drop(&mut self) {
        if !self.is_deferred.get() {
            return;
        }
        if let Forward::Deferred(by) = C::Backend::forward::<C>() {
            // If an error or panic led here, it is already being reported.
            insist(self.conn, |conn| by.cancel(conn));
        }
    }
}

fn write<'a, C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    options: SeedOptions<'a>,
    prepare: impl FnOnce(&mut C) -> Result<Vec<PreparedTable<'a, C>>, SeedError>,
    is_savepoint: bool,
    is_deferred: Rc<Cell<bool>>,
) -> Result<SeedSummary, SeedError> {
    let mut tables = prepare(conn)?;
    let names = |tables: &[PreparedTable<'a, C>]| -> Vec<String> {
        let names = tables.iter().map(|table| table.target.table.clone());
        names.collect()
    };
    let mut order: Vec<usize> = (0..tables.len()).collect();
    if options.by_foreign_keys {
        order = order::groups(conn, &names(&tables))?.concat();
        let mut given: Vec<_> = tables.into_iter().map(Some).collect();
        tables = order.iter().filter_map(|at| given[*at].take()).collect();
    }
    let replace = options.replace;
    let names = names(&tables);
    let mut run = Run::new(conn, options, names, is_savepoint, is_deferred);
    if replace {
        run.empty_tables()?;
    }
    run.check_at_once()?;
    for PreparedTable {
        target,
        extent,
        write,
    } in tables
    {
        run.begin_table(extent);
        write(&mut run, target)?;
    }
    let mut summary = run.finish()?;
    let mut tables: Vec<_> = order.into_iter().zip(summary.tables).collect();
    tables.sort_by_key(|(position, _)| *position);
    summary.tables = tables.into_iter().map(|(_, table)| table).collect();
    Ok(summary)
}
