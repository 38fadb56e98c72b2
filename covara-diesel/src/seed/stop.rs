//! Stops a seed from outside.

use std::rc::Rc;

use super::Seed;
use super::engine::SeedDatabase;

/// What may stop a seed.
pub(crate) trait StopCheck {
    /// Is told that the transaction has begun. `name` asks the server for its name, by which what it
    /// runs can be cancelled.
    fn begun(&self, name: &mut dyn FnMut() -> Option<String>) {
        let _ = name;
    }

    /// Returns whether to stop. If it is the `last` time that it is asked, the rows are kept
    /// afterwards.
    fn must_stop(&self, last: bool) -> bool;
}

impl<F: Fn() -> bool> StopCheck for F {
    fn must_stop(&self, _: bool) -> bool {
        self()
    }
}

impl<'a, C: SeedDatabase> Seed<'a, C> {
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
