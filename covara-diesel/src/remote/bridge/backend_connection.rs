//! The connection as the areas of this library use it: write locks, batches and optional writes.

use std::time::Duration;

use diesel::connection::{Connection, TransactionDepthChange, TransactionManager};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::batch::RemoteBatch;
use super::{Driver, RemoteConnection, RemoteTransactions};
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::transaction::{change_depth, transaction_depth};
use crate::remote::batch::Together;
use crate::remote::error::unsupported;
use crate::remote::limited::{BRIEF_ANSWER, Limit, Limited};
use crate::remote::observed::watched;
use crate::remote::value::Statement;
use crate::sqlite::BUSY_TIMEOUT;

impl<D: Driver> BackendConnection for RemoteConnection<D> {
    type Batch = RemoteBatch;

    fn most_binds(&self) -> usize {
        D::BIND_LIMIT
    }

    fn chunk_rows(&self) -> Option<usize> {
        Some(D::CHUNK_ROWS)
    }

    fn new_batch(&self) -> Option<RemoteBatch> {
        D::NO_TRANSACTIONS.map(|_| RemoteBatch::default())
    }

    /// Every transaction of a remote connection takes the write lock when it begins.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun> {
        let wait = match wait {
            Duration::ZERO => *self.driver.lock_wait(),
            wait => wait,
        };
        let waiting = ChangedLockWait::new(self, wait);
        RemoteTransactions::begin_transaction(waiting.conn).map(|()| Begun::default())
    }

    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        match *self.driver.lock_wait() {
            Duration::ZERO => self.begin_write(BUSY_TIMEOUT),
            wait => self.begin_write(wait),
        }
    }

    fn begin_read(&mut self) -> QueryResult<Begun> {
        self.begin_by("BEGIN DEFERRED").map(|()| Begun::default())
    }

    fn begin_migration(&mut self, wait: Duration, _: Option<fn(String)>) -> QueryResult<Begun> {
        self.begin_write(wait)
    }

    /// Does not wait for locks: a transaction has its lock. Outside of one the server may delay the
    /// answer until other writers are done. What it does after the client has given up waiting, it
    /// does completely.
    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Sqlite>],
    ) -> QueryResult<Vec<usize>> {
        if transaction_depth(self)? > 0 {
            return self.atomically(statements);
        }
        let waiting = ChangedLockWait::new(self, Duration::ZERO);
        let limited = Limited::new(waiting.conn, QUICK_ANSWER);
        limited.0.atomically(statements)
    }

    /// Writes only without waiting long. A transaction has its lock, unless it was begun to read:
    /// there a write would wait for other writers, and make the server end another transaction that
    /// takes long. Outside of a transaction the server may delay an answer until other writers are
    /// done.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        if transaction_depth(self)? > 0 {
            return match self.driver.has_lock() {
                true => self.execute_returning_count(statement),
                false => Err(unsupported("the transaction only reads")),
            };
        }
        let limited = Limited::new(self, BRIEF_ANSWER);
        limited.0.execute_returning_count(statement)
    }

    fn restore_lock_wait(&mut self, _: &Begun) -> QueryResult<()> {
        Ok(())
    }

    /// Rolling back to a savepoint that no longer exists would abandon the whole transaction.
    fn count_released(&mut self, _: bool) -> bool {
        change_depth(
            &mut self.transactions,
            TransactionDepthChange::DecreaseDepth,
        )
        .is_ok()
    }

    fn atomically(&mut self, statements: &[&dyn QueryFragment<Sqlite>]) -> QueryResult<Vec<usize>> {
        let sources = statements;
        let statements: Vec<Statement> = sources
            .iter()
            .map(|source| self.statement(*source))
            .collect::<QueryResult<_>>()?;
        if statements.iter().any(|one| one.facts.ending.is_some()) {
            return Err(unsupported(
                "a batch is one transaction, which COMMIT and ROLLBACK in it would end too early: \
                 leave them out",
            ));
        }
        if transaction_depth(self)? > 0 {
            return self.in_savepoint(&statements, sources);
        }
        let shown = Together::of(statements.iter().map(|statement| statement.sql.as_str()));
        watched(self, &shown, |conn| conn.driver.atomically(&statements))
    }
}

/// The wait for the answer to an optional write, if the answer is not worth waiting for: a few times a round trip around the world.
const QUICK_ANSWER: Duration = Duration::from_secs(1);

/// A changed lock wait, restored on drop, because an observer may panic.
struct ChangedLockWait<'c, D: Driver> {
    conn: &'c mut RemoteConnection<D>,
    previous: Duration,
}

impl<'c, D: Driver> ChangedLockWait<'c, D> {
    fn new(conn: &'c mut RemoteConnection<D>, wait: Duration) -> Self {
        let previous = std::mem::replace(conn.driver.lock_wait(), wait);
        Self { conn, previous }
    }
}

impl<D: Driver> Drop for ChangedLockWait<'_, D> {
    fn drop(&mut self) {
        *self.conn.driver.lock_wait() = self.previous;
    }
}

impl<D: Driver> Limit for RemoteConnection<D> {
    fn limit(&mut self, limit: Option<Duration>) {
        self.driver.limit(limit);
    }
}
