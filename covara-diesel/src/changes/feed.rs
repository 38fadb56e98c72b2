//! Readers of the log, each with a position that is kept in the database.

use std::error::Error as StdError;
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::Connection as _;

use super::batch::ChangeBatch;
use super::change::Change;
use super::engine::{ChangeDatabase, ChangeEngine, ReadFrom};
use super::error::ChangeError;
use super::pool::ChangePool;
use super::read;
use super::wait;
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sql::Sql;
use crate::backend::transaction::Transaction;
use crate::backend::typed::with_typed;

/// A reader of the log, by a name under which the database keeps how far it has read.
///
/// A new feed begins with the oldest change that the log has. It goes on where it stopped, in
/// whatever process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a feed does nothing until it is read"]
pub struct Feed {
    name: String,
}

impl Feed {
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    /// Returns the name of the feed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Passes at most `limit` changes to `work`, oldest first, and returns how many. What `work`
    /// writes through the connection and the feed's position are committed together, so each change
    /// is processed exactly once.
    ///
    /// `work` leaves the transaction to this function. If it ends it by hand, changes come again.
    /// Several processes on one feed take turns. If `work` fails, nothing is kept, and the next call
    /// passes it the same changes again. Inside a transaction of the caller's all of it is part of
    /// that transaction.
    ///
    /// ```
    /// # use covara_diesel::changes::{Capture, ChangeError, ChangeLog};
    /// # use diesel::connection::SimpleConnection;
    /// # diesel::table! { todos (id) { id -> BigInt, title -> Text, } }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = covara_diesel::pool::sqlite(":memory:")?;
    /// # let mut conn = pool.get()?;
    /// # conn.batch_execute("CREATE TABLE todos (id BIGINT PRIMARY KEY NOT NULL, title TEXT NOT NULL);
    /// #     CREATE TABLE mails (text TEXT NOT NULL)")?;
    /// let log = ChangeLog::new().table::<todos::table>(Capture::Keys);
    /// log.install(&mut conn)?;
    /// conn.batch_execute("INSERT INTO todos VALUES (1, 'bread')")?;
    /// let done = log.feed("mailer").process(&mut conn, 100, |conn, change| {
    ///     let text = format!("{:?} {}", change.operation, change.key);
    ///     diesel::sql_query("INSERT INTO mails VALUES (?)")
    ///         .bind::<diesel::sql_types::Text, _>(text)
    ///         .execute(conn)
    ///         .map(drop)
    /// })?;
    /// assert_eq!(done, 1);
    /// # Ok(())
    /// # }
    /// # use diesel::RunQueryDsl;
    /// ```
    ///
    /// # Errors
    ///
    /// [`ChangeError::Work`] with the error of `work`; [`ChangeError::Gap`];
    /// [`ChangeError::NoTransactions`] on D1 and Neon over HTTP; [`ChangeError::Isolation`]; errors of the database.
    pub fn process<C, E>(
        &self,
        conn: &mut C,
        limit: usize,
        mut work: impl FnMut(&mut C, &Change) -> Result<(), E>,
    ) -> Result<usize, ChangeError>
    where
        C: ChangeDatabase,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        with_typed!(&mut *conn, |conn| has_transactions(conn))?;
        // Most calls find nothing, for which no lock need be taken.
        let Some(horizon) = with_typed!(&mut *conn, |conn| look(conn, &self.name))? else {
            return Ok(0);
        };
        let begin = |conn: &mut C| with_typed!(conn, |conn| begin(conn));
        let mut transaction = Transaction::begin(conn, begin)?;
        let conn = transaction.conn();
        let next = with_typed!(&mut *conn, |conn| take(conn, &self.name, horizon, limit))?;
        for change in &next {
            work(conn, change).map_err(|error| ChangeError::Work {
                number: change.number,
                source: error.into(),
            })?;
        }
        transaction.commit()?;
        Ok(next.len())
    }

    /// Returns at most `limit` changes, oldest first. [`ChangeBatch::done`] moves the feed past them;
    /// until then the next call returns them again, so each change is returned at least once. A server
    /// over HTTP refuses answers that are too large for it: choose a `limit` with which the rows fit.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Gap`]; [`ChangeError::Isolation`]; errors of the database.
    pub fn next<C: ChangeDatabase>(
        &self,
        conn: &mut C,
        limit: usize,
    ) -> Result<ChangeBatch, ChangeError> {
        let next = with_typed!(conn, |conn| {
            let next = read::next(conn, ReadFrom::Feed(&self.name), limit)?;
            if !next.is_known {
                // From now on it learns what is removed before it has read it.
                read::advance(conn, &self.name, next.position)?;
            }
            next
        });
        Ok(ChangeBatch::new(self.name.clone(), next.changes))
    }

    /// Waits until the feed has a change to read, for at most `timeout`, and returns whether it has.
    ///
    /// It looks at the database with a connection of the pool, first every 10 ms and soon every
    /// 400 ms, and has none in between. For a SQLite file in WAL mode it opens a connection of its
    /// own, by which it sees within 200 ms whether anybody has written to the file, and looks then,
    /// or every two seconds. On PostgreSQL see also [`ChangeLog::notify`](super::ChangeLog::notify).
    ///
    /// # Errors
    ///
    /// [`ChangeError::Pool`] if the pool has no connection for as long, or for 400 ms; those of
    /// [`next`](Self::next).
    pub fn wait<P: ChangePool>(&self, pool: &P, timeout: Duration) -> Result<bool, ChangeError> {
        wait::until_change(&mut wait::OnPool::new(self, pool), timeout)
    }

    /// Returns whether there is a change to read.
    pub(crate) fn has_changes<C: ChangeDatabase>(&self, conn: &mut C) -> Result<bool, ChangeError> {
        let from = ReadFrom::Feed(&self.name);
        let next = with_typed!(conn, |conn| read::next(conn, from, 1))?;
        Ok(!next.changes.is_empty())
    }

    /// Moves the feed past the changes that were removed before it had read them, so that it goes on
    /// with the oldest one that is left. Call it after [`ChangeError::Gap`], and then read the tables
    /// again.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn skip_gap<C: ChangeDatabase>(&self, conn: &mut C) -> Result<(), ChangeError> {
        with_typed!(conn, |conn| {
            let floor = Sql::once("SELECT floor FROM __covara_changes_state WHERE id = 1");
            let floor = read::number(conn, floor)?.ok_or(ChangeError::NotInstalled)?;
            read::advance(conn, &self.name, floor)
        })
    }

    /// Moves the feed past all changes that can be read now: it goes on with later ones only.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn skip_all<C: ChangeDatabase>(&self, conn: &mut C) -> Result<(), ChangeError> {
        with_typed!(conn, |conn| {
            let last = read::last(conn)?;
            read::advance(conn, &self.name, last)
        })
    }

    /// Removes the feed and returns whether it existed. A feed of that name begins anew.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn remove<C: ChangeDatabase>(&self, conn: &mut C) -> Result<bool, ChangeError> {
        with_typed!(conn, |conn| {
            let mut sql = Sql::new();
            sql.push("DELETE FROM __covara_changes_feeds WHERE name = ");
            sql.bind(&*self.name);
            Ok(conn.execute_returning_count(&sql)? > 0)
        })
    }
}

fn has_transactions<C: BackendConnection>(conn: &C) -> Result<(), ChangeError> {
    if conn.is_transactional() {
        Ok(())
    } else {
        Err(ChangeError::NoTransactions)
    }
}

fn begin<C>(conn: &mut C) -> QueryResult<Begun>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    C::Backend::begin(conn)
}

/// Returns the number up to which changes can be read, if there is one that the feed has not read. The
/// feed is known from then on.
fn look<C>(conn: &mut C, feed: &str) -> Result<Option<i64>, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    let horizon = C::Backend::horizon(conn)?;
    let next = read::up_to(conn, ReadFrom::Feed(feed), horizon, 1)?;
    if !next.is_known {
        read::advance(conn, feed, next.position)?;
    }
    Ok((!next.changes.is_empty()).then_some(horizon))
}

/// Reads the next changes while no other connection reads the feed, and moves it past them. Whoever
/// ends the transaction while they are processed ends that, too.
fn take<C>(conn: &mut C, feed: &str, horizon: i64, limit: usize) -> Result<Vec<Change>, ChangeError>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    C::Backend::lock_feed(conn, feed)?;
    let changes = read::up_to(conn, ReadFrom::Feed(feed), horizon, limit)?.changes;
    if let Some(last) = changes.last() {
        read::advance(conn, feed, last.number)?;
    }
    Ok(changes)
}
