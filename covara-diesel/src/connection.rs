//! What the library asks of a connection beyond Diesel's own traits.

use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::{LoadConnection, TransactionManager};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use r2d2::{ManageConnection, PooledConnection};

use crate::engine::Engine;

/// A setting that was changed to wait longer for locks, to be restored afterwards.
#[derive(Debug)]
#[must_use]
pub struct LockWait(pub(crate) Option<String>);

/// Why a batch failed.
#[derive(Debug)]
pub struct BatchError {
    /// Position of the statement in the batch and of the row in the statement, from 0.
    pub at: Option<(usize, usize)>,
    /// The database's own error.
    pub source: Error,
}

/// Ends the gathering of a batch when dropped, in a panic too: what was gathered until then is
/// not sent, and the connection does as it is told again.
pub(crate) struct Gathering<'c, C: DatabaseConnection>(pub(crate) &'c mut C);

impl<C: DatabaseConnection> Drop for Gathering<'_, C> {
    fn drop(&mut self) {
        self.0.end_batch();
    }
}

/// A connection this library works on: plain, pooled or remote.
///
/// It says what differs between connections of one backend. All of it has defaults that
/// ask the backend, so a connection states only how it is special.
pub trait DatabaseConnection: LoadConnection<Backend: Engine> + 'static {
    /// How many bind parameters one statement may carry.
    ///
    /// Default: the engine's own limit, 32,766 on SQLite and 65,535 on PostgreSQL.
    fn bind_limit(&self) -> usize {
        <Self::Backend as Engine>::BIND_LIMIT
    }

    /// How many rows a seed takes in hand at once.
    ///
    /// Default: what suits the engine in the same process or near it. A connection with a
    /// long way to its server wants more.
    fn seed_rows(&self) -> usize {
        <Self::Backend as Engine>::SEED_ROWS
    }

    /// Whether each statement makes a way to a server. Default: yes.
    fn is_remote(&self) -> bool {
        true
    }

    /// Whether transactions can be begun, worked in and ended. Default: yes. A connection
    /// without them gathers statements by [`begin_batch`](Self::begin_batch).
    fn has_transactions(&self) -> bool {
        true
    }

    /// From now on gathers statements that are executed, instead of sending them, and says
    /// of each that it changed nothing. Only where there are no transactions.
    fn begin_batch(&mut self) {}

    /// Gathers no more, and forgets what was gathered.
    fn end_batch(&mut self) {}

    /// How many statements are gathered.
    fn batch_statements(&self) -> usize {
        0
    }

    /// About how large the gathered statements are, in bytes.
    fn batch_bytes(&self) -> usize {
        0
    }

    /// Sends what was gathered, all or nothing, gathers no more, and returns how many rows
    /// each statement changed. `rows` says how many rows each of them inserts.
    ///
    /// # Errors
    ///
    /// The database's own, with the statement and the row that it is about, as far as that can
    /// be found out; then nothing has changed.
    fn send_batch(&mut self, rows: &[usize]) -> Result<Vec<usize>, BatchError> {
        let _ = rows;
        Ok(Vec::new())
    }

    /// Begins a transaction that is going to write, or a savepoint inside a running one.
    ///
    /// `wait` bounds the time spent waiting for other writers where beginning takes a lock.
    ///
    /// # Errors
    ///
    /// The database's own, among them that the lock was not free in time.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<LockWait>;

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and in it takes the
    /// lock that keeps other migrators out until its end.
    ///
    /// # Errors
    ///
    /// The database's own, among them that the lock was not free in time.
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<LockWait>;

    /// Puts back what beginning a transaction changed. Called after its end.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn restore_lock_wait(&mut self, wait: LockWait) -> QueryResult<()>;

    /// Executes a statement that may as well be left undone, waiting at most `wait` for locks.
    /// A transaction that is open stays open, a caller's `BEGIN` that Diesel knows nothing of
    /// included.
    ///
    /// Default: executes it.
    ///
    /// # Errors
    ///
    /// The database's own, unless it says nothing about failures of what may be left undone.
    fn attempt(&mut self, wait: Duration, sql: &str) -> QueryResult<()> {
        let _ = wait;
        self.batch_execute(sql)
    }

    /// Executes the statements in order, all or none of them, and returns how many rows each
    /// changed.
    ///
    /// Default: in a transaction that [`begin_write`](Self::begin_write) begins. A connection
    /// without interactive transactions sends them at once.
    ///
    /// # Errors
    ///
    /// The database's own; then nothing has changed.
    fn execute_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        // The lock wait the connection has is the one its user wants.
        let mut transaction = Transaction::begin(self, |conn| conn.begin_write(Duration::ZERO))?;
        let conn = transaction.conn();
        let changed = statements
            .iter()
            .map(|statement| conn.execute_returning_count(&Dynamic(*statement)))
            .collect::<QueryResult<_>>()?;
        transaction.commit()?;
        Ok(changed)
    }
}

/// A statement whose type is not known, which Diesel caches by its text.
struct Dynamic<'a, DB>(&'a dyn QueryFragment<DB>);

impl<DB> QueryId for Dynamic<'_, DB> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Engine> QueryFragment<DB> for Dynamic<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<M> DatabaseConnection for PooledConnection<M>
where
    M: ManageConnection,
    M::Connection: DatabaseConnection + R2D2Connection + Send,
{
    fn bind_limit(&self) -> usize {
        (**self).bind_limit()
    }

    fn seed_rows(&self) -> usize {
        (**self).seed_rows()
    }

    fn is_remote(&self) -> bool {
        (**self).is_remote()
    }

    fn has_transactions(&self) -> bool {
        (**self).has_transactions()
    }

    fn begin_batch(&mut self) {
        (**self).begin_batch();
    }

    fn end_batch(&mut self) {
        (**self).end_batch();
    }

    fn batch_statements(&self) -> usize {
        (**self).batch_statements()
    }

    fn batch_bytes(&self) -> usize {
        (**self).batch_bytes()
    }

    fn send_batch(&mut self, rows: &[usize]) -> Result<Vec<usize>, BatchError> {
        (**self).send_batch(rows)
    }

    fn begin_write(&mut self, wait: Duration) -> QueryResult<LockWait> {
        (**self).begin_write(wait)
    }

    fn begin_migration(&mut self, wait: Duration) -> QueryResult<LockWait> {
        (**self).begin_migration(wait)
    }

    fn restore_lock_wait(&mut self, wait: LockWait) -> QueryResult<()> {
        (**self).restore_lock_wait(wait)
    }

    fn attempt(&mut self, wait: Duration, sql: &str) -> QueryResult<()> {
        (**self).attempt(wait, sql)
    }

    fn execute_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        (**self).execute_atomically(statements)
    }
}

/// How deep in transactions a connection is; 0 outside of any.
pub(crate) fn transaction_depth<C: DatabaseConnection>(conn: &mut C) -> QueryResult<u32> {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    Ok(status
        .transaction_depth()?
        .map_or(0, std::num::NonZero::get))
}

/// An open transaction that rolls back when dropped without [`commit`](Self::commit), so
/// that neither an early return nor a panic in a caller's iterator leaves it behind.
pub(crate) struct Transaction<'c, C: DatabaseConnection> {
    conn: &'c mut C,
    lock_wait: Option<LockWait>,
}

impl<'c, C: DatabaseConnection> Transaction<'c, C> {
    pub(crate) fn begin(
        conn: &'c mut C,
        begin: impl FnOnce(&mut C) -> QueryResult<LockWait>,
    ) -> QueryResult<Self> {
        let lock_wait = Some(begin(conn)?);
        Ok(Self { conn, lock_wait })
    }

    pub(crate) fn conn(&mut self) -> &mut C {
        self.conn
    }

    /// Diesel rolls back by itself when a top-level commit fails.
    pub(crate) fn commit(mut self) -> QueryResult<()> {
        let nested = transaction_depth(self.conn)? > 1;
        let lock_wait = self.lock_wait.take();
        let committed = C::TransactionManager::commit_transaction(self.conn);
        if committed.is_err() && nested {
            // A savepoint that cannot be released is still there.
            let _ = C::TransactionManager::rollback_transaction(self.conn);
        }
        let restored = lock_wait.map_or(Ok(()), |wait| self.conn.restore_lock_wait(wait));
        committed.and(restored)
    }
}

impl<C: DatabaseConnection> Drop for Transaction<'_, C> {
    fn drop(&mut self) {
        if let Some(wait) = self.lock_wait.take() {
            // Whatever made this necessary is being reported; a failure here leaves the
            // transaction manager broken, which every later use reports.
            let _ = C::TransactionManager::rollback_transaction(self.conn);
            let _ = self.conn.restore_lock_wait(wait);
        }
    }
}

/// The database's own words for an error, where it has any.
pub(crate) fn message(error: &Error) -> &str {
    match error {
        Error::DatabaseError(_, information) => information.message(),
        _ => "",
    }
}
