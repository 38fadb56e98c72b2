use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use super::session_lock;
use crate::backend::batch::NoBatch;
use crate::backend::connection::{BRIEF_WAIT, BackendConnection, Begun, SessionLock, message};
use crate::backend::sealed::Sealed;
use crate::backend::transaction::{begin_in_unknown, begin_outermost, insist, transaction_depth};

/// The time that [`write_transaction`](crate::write_transaction) waits for other writers on a
/// SQLite connection whose busy timeout is 0. The same as
/// [`PoolConfig::busy_timeout`](crate::pool::PoolConfig::busy_timeout).
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Sealed for SqliteConnection {}

impl BackendConnection for SqliteConnection {
    type Batch = NoBatch;

    fn is_remote(&self) -> bool {
        false
    }

    /// Also detects a transaction that the caller began by SQL.
    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        Ok(transaction_depth(self)? > 0 || is_open(self)?)
    }

    /// Begins with `BEGIN IMMEDIATE`. With a deferred BEGIN, two readers that go on to write make
    /// each other fail at once, whatever the busy timeout.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun> {
        if transaction_depth(self)? > 0 {
            AnsiTransactionManager::begin_transaction(self)?;
            return Ok(Begun::default());
        }
        if wait.is_zero() {
            return begin(ChangedBusyTimeout::unchanged(self));
        }
        let waiting = ChangedBusyTimeout::exactly(self, wait)?;
        // Readers, too, may keep a longer transaction from committing.
        match waiting.is_shorter() {
            true => begin_within(waiting),
            false => begin(waiting),
        }
    }

    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        if transaction_depth(self)? > 0 {
            return self.begin_write(Duration::ZERO);
        }
        let waiting = match busy_timeout(self)? {
            0 => ChangedBusyTimeout::at_least(self, BUSY_TIMEOUT)?,
            _ => ChangedBusyTimeout::unchanged(self),
        };
        begin(waiting)
    }

    fn begin_read(&mut self) -> QueryResult<Begun> {
        if transaction_depth(self)? > 0 {
            return self.begin_write(Duration::ZERO);
        }
        match is_open(self)? {
            true => begin_in_unknown(self),
            false => begin_outermost(self, "BEGIN DEFERRED"),
        }
    }

    /// The write lock of `BEGIN IMMEDIATE` also excludes other migrators.
    fn begin_migration(&mut self, wait: Duration, _: Option<fn(String)>) -> QueryResult<Begun> {
        if transaction_depth(self)? > 0 {
            return self.begin_write(Duration::ZERO);
        }
        begin(ChangedBusyTimeout::exactly(self, wait)?)
    }

    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Sqlite>],
    ) -> QueryResult<Vec<usize>> {
        let waiting = ChangedBusyTimeout::at_most(self, Duration::ZERO)?;
        waiting.conn.atomically(statements)
    }

    /// In a transaction that has read, SQLite does not wait for other writers anyway.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        if transaction_depth(self)? > 0 {
            return self.execute_returning_count(statement);
        }
        let waiting = ChangedBusyTimeout::at_most(self, BRIEF_WAIT)?;
        waiting.conn.execute_returning_count(statement)
    }

    fn has_session_locks(&self) -> bool {
        true
    }

    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        session_lock::try_lock(self)
    }

    fn unlock_session(&mut self, lock: SessionLock, is_recorded: bool) -> QueryResult<()> {
        if let SessionLock::File { file, path } = lock {
            session_lock::unlock(file, path, is_recorded);
        }
        Ok(())
    }

    fn set_lock_wait(&mut self, wait: Duration) -> QueryResult<Begun> {
        Ok(Begun {
            lock_wait: ChangedBusyTimeout::exactly(self, wait)?.keep(),
            in_unknown: false,
        })
    }

    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()> {
        match &begun.lock_wait {
            Some(previous) => set_busy_timeout(self, previous),
            None => Ok(()),
        }
    }
}

/// Begins a transaction when Diesel counts none, and keeps the changed busy timeout until it ends.
fn begin(mut waiting: ChangedBusyTimeout<'_>) -> QueryResult<Begun> {
    let begun = begin_by(&mut waiting)?;
    Ok(Begun {
        lock_wait: waiting.keep(),
        ..begun
    })
}

/// Does the same, but restores the busy timeout once the transaction has begun.
fn begin_within(mut waiting: ChangedBusyTimeout<'_>) -> QueryResult<Begun> {
    begin_by(&mut waiting)
}

fn begin_by(waiting: &mut ChangedBusyTimeout<'_>) -> QueryResult<Begun> {
    let conn = &mut *waiting.conn;
    // Check this first: after a panic of an observer it is unknown whose transaction is open.
    match is_open(conn)? {
        true => begin_in_unknown(conn),
        false => begin_outermost(conn, "BEGIN IMMEDIATE"),
    }
}

#[derive(QueryableByName)]
struct Synchronous {
    #[diesel(sql_type = BigInt)]
    synchronous: i64,
}

/// Returns whether a transaction is open, including one that Diesel does not count. In a
/// transaction SQLite refuses to set this pragma, even to its current value.
fn is_open(conn: &mut SqliteConnection) -> QueryResult<bool> {
    let Synchronous { synchronous } = diesel::sql_query("PRAGMA synchronous").get_result(conn)?;
    match conn.batch_execute(&format!("PRAGMA synchronous = {synchronous}")) {
        Ok(()) => Ok(false),
        Err(error) if message(&error).contains("inside a transaction") => Ok(true),
        Err(error) => Err(error),
    }
}

#[derive(QueryableByName)]
struct BusyTimeout {
    #[diesel(sql_type = BigInt)]
    timeout: i64,
}

/// A changed busy timeout, restored on drop.
struct ChangedBusyTimeout<'c> {
    conn: &'c mut SqliteConnection,
    /// The previous timeout in milliseconds, if it was changed.
    previous: Option<i64>,
    /// The timeout now, if it was changed.
    current: i64,
}

impl<'c> ChangedBusyTimeout<'c> {
    fn unchanged(conn: &'c mut SqliteConnection) -> Self {
        Self {
            conn,
            previous: None,
            current: 0,
        }
    }

    fn exactly(conn: &'c mut SqliteConnection, wait: Duration) -> QueryResult<Self> {
        Self::change(conn, |_| milliseconds(wait))
    }

    fn at_least(conn: &'c mut SqliteConnection, wait: Duration) -> QueryResult<Self> {
        Self::change(conn, |previous| previous.max(milliseconds(wait)))
    }

    fn at_most(conn: &'c mut SqliteConnection, wait: Duration) -> QueryResult<Self> {
        Self::change(conn, |previous| previous.min(milliseconds(wait)))
    }

    fn change(
        conn: &'c mut SqliteConnection,
        wanted: impl FnOnce(i64) -> i64,
    ) -> QueryResult<Self> {
        let previous = busy_timeout(conn)?;
        let wanted = wanted(previous);
        let mut waiting = Self::unchanged(conn);
        if wanted != previous {
            // Set this first, as an observer may panic at the statement.
            waiting.previous = Some(previous);
            waiting.current = wanted;
            set_busy_timeout(waiting.conn, &wanted.to_string())?;
        }
        Ok(waiting)
    }

    /// Returns whether the busy timeout was shortened.
    fn is_shorter(&self) -> bool {
        self.previous
            .is_some_and(|previous| self.current < previous)
    }

    /// Keeps the current busy timeout, and returns the one to restore.
    fn keep(mut self) -> Option<String> {
        self.previous.take().map(|previous| previous.to_string())
    }
}

impl Drop for ChangedBusyTimeout<'_> {
    fn drop(&mut self) {
        if let Some(previous) = self.previous {
            // The statement needs no lock, so it can fail only because of an observer.
            insist(self.conn, |conn| {
                set_busy_timeout(conn, &previous.to_string())
            });
        }
    }
}

/// Returns the busy timeout in milliseconds. It uses the bare PRAGMA, because selecting from
/// pragma_busy_timeout would read the schema, which may fail while the database is locked.
fn busy_timeout(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let row = diesel::sql_query("PRAGMA busy_timeout").get_result::<BusyTimeout>(conn)?;
    Ok(row.timeout)
}

/// Converts a wait to whole milliseconds, up to the maximum of SQLite's C int.
fn milliseconds(wait: Duration) -> i64 {
    i64::from(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
}

fn set_busy_timeout(conn: &mut SqliteConnection, milliseconds: &str) -> QueryResult<()> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))
}
