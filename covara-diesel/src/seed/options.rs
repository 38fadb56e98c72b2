//! Seeds that keep nothing.

use std::rc::Rc;

use super::Seed;
use super::engine::SeedDatabase;
use super::stop::StopCheck;

impl<'a, C: SeedDatabase> Seed<'a, C> {
    /// Does everything and rolls it back: the rows are read, checked and written in the seed's
    /// transaction, and the summary and the errors are those that a run would give now. Progress is
    /// reported as well.
    ///
    /// What no transaction undoes: on PostgreSQL generated ids are used up, so there are gaps between
    /// those of later rows. Sequences are not moved past explicit ids. Other writers wait as they do
    /// for a seed that is kept.
    ///
    /// Over Cloudflare D1, which has no transactions, it is [`SeedError::NoDryRun`](crate::SeedError).
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
    /// A statement that waits for another transaction's lock goes on waiting. Over Cloudflare D1 the
    /// rows of earlier batches are kept, and it is [`Partial`](crate::SeedError::Partial).
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
