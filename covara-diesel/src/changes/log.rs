use std::time::Duration;

use diesel::result::Error;

use super::change::Change;
use super::context;
use super::engine::{ChangeDatabase, Context, ReadFrom};
use super::error::ChangeError;
use super::feed::Feed;
use super::install::{self, Installed};
use super::prune;
use super::read;
use super::table::{Capture, CapturedTable, LoggedTable};
use crate::backend::typed::with_typed;

/// How long changes are kept by default: a week.
const RETAINED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A log of the changes of some tables, in the database that has the tables.
///
/// Every process that uses the log has the same list of tables. See the [module](super) for an
/// example.
#[derive(Debug, Clone)]
#[must_use = "a log does nothing until it is installed"]
pub struct ChangeLog {
    tables: Vec<CapturedTable>,
    retained: Duration,
    is_notifying: bool,
}

impl Default for ChangeLog {
    fn default() -> Self {
        Self::new()
    }
}

impl ChangeLog {
    /// Creates a log of no table.
    pub fn new() -> Self {
        Self {
            tables: Vec::new(),
            retained: RETAINED,
            is_notifying: false,
        }
    }

    /// Adds a table, with what is kept of each change. If it is added twice, the last one counts.
    pub fn table<T: LoggedTable>(mut self, capture: Capture) -> Self {
        let table = CapturedTable::of::<T>(capture);
        self.tables.retain(|known| known.name() != table.name());
        self.tables.push(table);
        self
    }

    /// Sets for how long [`prune`](Self::prune) keeps changes. Default: a week.
    pub fn retain(mut self, time: Duration) -> Self {
        self.retained = time;
        self
    }

    /// Makes each transaction that changes logged tables notify those that listen, for
    /// `Feed::wait_notified`, which PostgreSQL has. Default: no.
    ///
    /// It is for a few writers and readers that must hear of changes at once: PostgreSQL commits
    /// transactions that notify one after the other, and refuses to prepare them for a commit in two
    /// phases. If the setting changes, the next installation replaces the triggers. Other databases
    /// do not notify.
    pub fn notify(mut self) -> Self {
        self.is_notifying = true;
        self
    }

    /// Creates the log and its triggers, or repairs them. Call it on every boot, after migrations.
    ///
    /// It is safe in many processes at once: it takes the lock that keeps migrators out, but only if
    /// there is something to do. Tables that are no longer listed lose their triggers. Where triggers
    /// were missing or not as expected, changes may not have been logged, and an
    /// [`Operation::All`](super::Operation::All) tells that the table's rows are to be read again.
    ///
    /// # Errors
    ///
    /// [`ChangeError::NoTable`], [`ChangeError::NoKey`], [`ChangeError::Part`],
    /// [`ChangeError::Encoding`], [`ChangeError::StrangersTable`]; errors of the database. Nothing has
    /// changed then.
    pub fn install<C: ChangeDatabase>(&self, conn: &mut C) -> Result<Installed, ChangeError> {
        with_typed!(conn, |conn| install::run(
            conn,
            &self.tables,
            self.is_notifying
        ))
    }

    /// Returns the feed of that name. The database learns of it when it is first read.
    pub fn feed(&self, name: impl Into<String>) -> Feed {
        Feed::new(name.into())
    }

    /// Returns at most `limit` changes after the one with a number, oldest first; after 0 come all
    /// that the log has. For readers that keep their positions themselves, as browsers do that follow
    /// server-sent events.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Gap`] if changes after that number were removed; [`ChangeError::Ahead`] if the
    /// log has no such number; [`ChangeError::Isolation`]; errors of the database.
    pub fn after<C: ChangeDatabase>(
        &self,
        conn: &mut C,
        number: i64,
        limit: usize,
    ) -> Result<Vec<Change>, ChangeError> {
        let from = ReadFrom::After(number.max(0));
        Ok(with_typed!(conn, |conn| read::next(conn, from, limit))?.changes)
    }

    /// Returns the number of the last change that can be read now.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn last<C: ChangeDatabase>(&self, conn: &mut C) -> Result<i64, ChangeError> {
        with_typed!(conn, |conn| read::last(conn))
    }

    /// Runs `work` in a transaction, whose changes name `actor`.
    ///
    /// It is a transaction as [`write_transaction`](crate::write_transaction) begins. Writes that
    /// follow it in a transaction around it have the actor that they had before.
    ///
    /// # Errors
    ///
    /// Those of `work`, with which all of it is rolled back; errors of the database, among them that
    /// D1 has no transactions.
    pub fn as_actor<C, T, E>(
        &self,
        conn: &mut C,
        actor: &str,
        work: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> Result<T, E>
    where
        C: ChangeDatabase,
        E: From<Error>,
    {
        context::run(conn, Context::Actor(actor), work)
    }

    /// Runs `work` in a transaction, none of whose changes is logged.
    ///
    /// It is a transaction as [`write_transaction`](crate::write_transaction) begins. Feeds never
    /// learn of these writes.
    ///
    /// # Errors
    ///
    /// Those of [`as_actor`](Self::as_actor).
    pub fn without<C, T, E>(
        &self,
        conn: &mut C,
        work: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> Result<T, E>
    where
        C: ChangeDatabase,
        E: From<Error>,
    {
        context::run(conn, Context::Muted, work)
    }

    /// Removes the changes that are older than [`retain`](Self::retain) says, and returns how many.
    ///
    /// Each transaction removes at most 1,000. A feed that has not read them all is told so by
    /// [`ChangeError::Gap`]. Call it regularly, outside of a transaction.
    ///
    /// # Errors
    ///
    /// Errors of the database. What was removed before the error stays removed.
    pub fn prune<C: ChangeDatabase>(&self, conn: &mut C) -> Result<usize, ChangeError> {
        with_typed!(conn, |conn| prune::run(conn, self.retained))
    }
}
