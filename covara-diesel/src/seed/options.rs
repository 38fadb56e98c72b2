//! The options of a seed.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::Duration;

use super::Seed;
use super::conflict::OnConflict;
use super::engine::SeedDatabase;
use super::report::{ProgressReport, SeedProgress};
use super::stop::StopCheck;
use crate::backend::connection::SHORTEST_WAIT;

/// The options of a seed.
pub(super) struct SeedOptions<'a> {
    pub(super) progress: Option<ProgressReport<'a>>,
    pub(super) lock_timeout: Duration,
    pub(super) chunk_rows: Option<NonZeroUsize>,
    pub(super) on_conflict: OnConflict,
    pub(super) by_foreign_keys: bool,
    pub(super) replace: bool,
    pub(super) dry_run: bool,
    pub(super) stop: Option<Rc<dyn StopCheck + 'a>>,
}

impl Default for SeedOptions<'_> {
    fn default() -> Self {
        Self {
            progress: None,
            lock_timeout: Duration::from_secs(30),
            chunk_rows: None,
            on_conflict: OnConflict::Skip,
            by_foreign_keys: false,
            replace: false,
            stop: None,
            dry_run: false,
        }
    }
}

impl<'a, C: SeedDatabase> Seed<'a, C> {
    /// Calls `report` repeatedly, every few hundred or thousand rows; over D1 and Neon's HTTP
    /// after each batch.
    pub fn progress(mut self, report: impl FnMut(&SeedProgress) + 'a) -> Self {
        self.options.progress = Some(Box::new(report));
        self
    }

    /// Sets how long to wait for another writer before the first row, on an engine with one writer
    /// at a time (SQLite), whatever the connection's own busy timeout is. Default: 30 s. Whole
    /// milliseconds count; less than one counts as one. Inside a transaction of the caller's, the
    /// caller has already waited. A libSQL server may let the last try wait for some seconds more.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout.max(SHORTEST_WAIT);
        self
    }

    /// Sets how many streamed rows are in memory at a time. From a file at most 4 MiB of rows are
    /// taken at a time, or one row if it is longer. Default: the fastest number, 256 on SQLite,
    /// 1,024 over libSQL, D1 and Neon's HTTP, and 8,192 on PostgreSQL. Choose fewer for rows of
    /// many kilobytes.
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
    /// trigger or a rule keeps them, it is
    /// [`SeedError::NotEmptied`](crate::SeedError::NotEmptied). Rows of other tables are never
    /// touched: if any refers to one of these tables, by whatever kind of foreign key, it is
    /// [`SeedError::Referred`](crate::SeedError::Referred), also where `ON DELETE CASCADE` would
    /// delete it. On PostgreSQL other writers of the tables wait until the seed ends; readers do not.
    ///
    /// Over D1 and Neon's HTTP it is one batch, so the seed may have 4 MiB; a larger one is
    /// [`SeedError::ReplaceTooLarge`](crate::SeedError::ReplaceTooLarge). There rows that another
    /// client adds to other tables at the same time are not seen.
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

    /// Does everything and rolls it back: the rows are read, checked and written in the seed's
    /// transaction, and the summary and the errors are those that a run would give now. Progress is
    /// reported as well.
    ///
    /// A roll-back does not give generated ids back on PostgreSQL, so there are gaps between those of
    /// later rows. Sequences are not moved past explicit ids. Other writers wait as they do for a
    /// seed that is kept.
    ///
    /// Over D1 and Neon's HTTP, which have no transactions, it is
    /// [`SeedError::NoDryRun`](crate::SeedError::NoDryRun).
    ///
    /// ```
    /// # use covara_diesel::{Seed, Seedable, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { tags (name) { name -> Text, } }
    /// # #[derive(Seedable)]
    /// # #[diesel(table_name = tags)]
    /// # struct Tag {
    /// #     name: &'static str,
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL)")?;
    /// let tags = [Tag { name: "new" }];
    /// let would = Seed::new().table(&tags).dry_run().run(&mut conn)?;
    /// assert_eq!(would.inserted(), 1);
    /// // Nothing was kept.
    /// assert_eq!(Tag::seed(&mut conn, &tags)?.inserted(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn dry_run(mut self) -> Self {
        self.options.dry_run = true;
        self
    }

    /// Asks `check` after every few hundred or thousand rows, and right before the rows are kept,
    /// whether to stop: then the seed is rolled back and is
    /// [`SeedError::Stopped`](crate::SeedError::Stopped).
    ///
    /// A statement that waits for another transaction's lock goes on waiting. Over D1 and Neon's
    /// HTTP the rows of earlier batches are kept, and it is [`Partial`](crate::SeedError::Partial).
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// use covara_diesel::{Seed, SeedError, Seedable, pool};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { tags (name) { name -> Text, } }
    /// # #[derive(Seedable)]
    /// # #[diesel(table_name = tags)]
    /// # struct Tag {
    /// #     name: &'static str,
    /// # }
    ///
    /// /// Set by a handler of signals, or another thread.
    /// static STOP: AtomicBool = AtomicBool::new(false);
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL)")?;
    /// let tags = [Tag { name: "new" }];
    /// let seed = || Seed::new().table(&tags).stop_if(|| STOP.load(Ordering::Relaxed));
    /// STOP.store(true, Ordering::Relaxed);
    /// assert!(matches!(seed().run(&mut conn), Err(SeedError::Stopped)));
    /// STOP.store(false, Ordering::Relaxed);
    /// assert_eq!(seed().run(&mut conn)?.inserted(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop_if(self, check: impl Fn() -> bool + 'a) -> Self {
        self.stop_by(check)
    }

    pub(crate) fn stop_by(mut self, check: impl StopCheck + 'a) -> Self {
        self.options.stop = Some(Rc::new(check));
        self
    }
}
