//! Seeds that keep nothing.

use super::Seed;
use super::engine::SeedDatabase;

impl<C: SeedDatabase> Seed<'_, C> {
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
}
