//! The operations that the library needs from a connection beyond Diesel's own traits.

use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use r2d2::{ManageConnection, PooledConnection};

use crate::backend::engine::Engine;
use crate::backend::transaction::{Transaction, count_nothing, transaction_depth};

/// How a transaction was begun, which ending it depends on.
#[doc(hidden)]
#[derive(Debug, Default)]
#[must_use]
pub struct Begun {
    /// The lock wait to restore afterwards, if beginning the transaction raised it.
    pub(crate) lock_wait: Option<String>,
    /// Whether it is a savepoint in a transaction that the caller began with SQL, so that Diesel
    /// does not know of it.
    pub(crate) in_unknown: bool,
}

/// The lock that keeps other processes out of migrations that run outside of a transaction.
#[doc(hidden)]
#[derive(Debug)]
pub enum SessionLock {
    /// No lock: no other process has the database.
    Nothing,
    /// A lock held by the session on the server.
    Session,
    /// A locked file.
    File {
        /// The open file.
        file: std::fs::File,
        /// Its path.
        path: std::path::PathBuf,
    },
}

/// The error of a failed batch.
#[doc(hidden)]
#[derive(Debug)]
pub struct BatchError {
    /// Position of the statement in the batch and, if it is known, of the row in the statement,
    /// from 0.
    pub at: Option<(usize, Option<usize>)>,
    /// The database's own error.
    pub source: Error,
}

/// Stops gathering a batch when dropped, also in a panic: the statements gathered until then are
/// discarded, and the connection executes statements again.
pub(crate) struct Gathering<'c, C: DatabaseConnection>(pub(crate) &'c mut C);

impl<C: DatabaseConnection> Drop for Gathering<'_, C> {
    fn drop(&mut self) {
        self.0.end_batch();
    }
}

/// A connection that this library works on: plain, pooled or remote.
///
/// It implements what differs between connections of one backend. This trait is not meant to be
/// implemented outside this crate. For transactions of your own, see
/// [`write_transaction`](crate::write_transaction).
pub trait DatabaseConnection: LoadConnection<Backend: Engine> + 'static {
    /// Returns the maximum number of bind parameters of one statement.
    ///
    /// Default: the engine's own limit, 32,766 on SQLite and 65,535 on PostgreSQL.
    fn bind_limit(&self) -> usize {
        <Self::Backend as Engine>::BIND_LIMIT
    }

    /// Returns how many rows a seed buffers per chunk.
    ///
    /// Default: what suits an engine in the same process or nearby. A connection to a distant
    /// server returns more.
    #[doc(hidden)]
    fn seed_rows(&self) -> usize {
        <Self::Backend as Engine>::SEED_ROWS
    }

    /// Returns whether each statement costs a network round trip. Default: yes.
    #[doc(hidden)]
    fn is_remote(&self) -> bool {
        true
    }

    /// Returns whether a transaction is open, as far as the connection can tell.
    ///
    /// Default: whether Diesel counts one.
    ///
    /// # Errors
    ///
    /// The state of the connection's transactions is unknown.
    #[doc(hidden)]
    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        Ok(transaction_depth(self)? > 0)
    }

    /// Returns whether the connection supports interactive transactions. Default: yes. A connection
    /// without them gathers statements with [`begin_batch`](Self::begin_batch).
    fn has_transactions(&self) -> bool {
        true
    }

    /// Starts gathering executed statements instead of sending them. Each of them reports zero
    /// changed rows. Only for connections without transactions.
    #[doc(hidden)]
    fn begin_batch(&mut self) {}

    /// Stops gathering and discards the gathered statements.
    #[doc(hidden)]
    fn end_batch(&mut self) {}

    /// Returns the number of gathered statements.
    #[doc(hidden)]
    fn batch_statements(&self) -> usize {
        0
    }

    /// Returns the approximate size of the gathered statements in bytes.
    #[doc(hidden)]
    fn batch_bytes(&self) -> usize {
        0
    }

    /// Sends the gathered statements, all or nothing, stops gathering, and returns how many rows
    /// each statement changed. `rows` holds the number of rows that each of them inserts.
    ///
    /// # Errors
    ///
    /// The database's own, with the failed statement and row where they can be determined. Nothing
    /// has changed then.
    #[doc(hidden)]
    fn send_batch(&mut self, rows: &[usize]) -> Result<Vec<usize>, BatchError> {
        let _ = rows;
        Ok(Vec::new())
    }

    /// Begins a transaction that is going to write, or a savepoint inside an open transaction.
    ///
    /// `wait` bounds the time spent waiting for other writers where beginning takes a lock.
    ///
    /// # Errors
    ///
    /// The database's own, including that the lock was not free in time.
    #[doc(hidden)]
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun>;

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and waits for other writers
    /// as long as the connection does, or for a default time if the connection does not wait at
    /// all.
    ///
    /// # Errors
    ///
    /// The database's own, including that the lock was not free in time.
    #[doc(hidden)]
    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        self.begin_write(Duration::ZERO)
    }

    /// Begins a transaction that is going to write and whose statements each see what others have
    /// committed, or a savepoint inside an open transaction.
    ///
    /// Default: [`begin_write`](Self::begin_write), which keeps others from committing.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn begin_read_committed(&mut self) -> QueryResult<Begun> {
        self.begin_write(Duration::ZERO)
    }

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and takes the lock that
    /// keeps other migrators out until the transaction ends.
    ///
    /// # Errors
    ///
    /// The database's own, including that the lock was not free in time.
    #[doc(hidden)]
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<Begun>;

    /// Executes an optional write, such as recording when a session was last used. It waits for
    /// other writers for a short time only, and if it fails, an open transaction continues as if
    /// the write had not been tried. It is called after a read in the same transaction.
    ///
    /// Default: like any other statement.
    ///
    /// # Errors
    ///
    /// The database's own, including that a lock was not free in that time.
    #[doc(hidden)]
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        self.execute_returning_count(statement)
    }

    /// Makes statements wait at least `wait` for locks, if the connection would wait less.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn extend_lock_wait(&mut self, _wait: Duration) -> QueryResult<Begun> {
        Ok(Begun::default())
    }

    /// Restores the lock wait that beginning a transaction changed. Called after the transaction
    /// ends.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()>;

    /// Returns whether the connection has locks that outlast a transaction. Default: no.
    #[doc(hidden)]
    fn has_session_locks(&self) -> bool {
        false
    }

    /// Takes the lock that keeps others out of migrations that run outside of a transaction, or
    /// returns `None` if another session holds it.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        Ok(None)
    }

    /// Releases the lock, after a migration that `is_recorded` or that failed.
    ///
    /// # Errors
    ///
    /// The database's own, and that the session is not the one that took the lock.
    #[doc(hidden)]
    fn unlock_session(&mut self, _lock: SessionLock, _is_recorded: bool) -> QueryResult<()> {
        Ok(())
    }

    /// Returns whether a statement of the open transaction has failed in such a way that its
    /// `COMMIT` would succeed and keep nothing. Default: no, because only PostgreSQL behaves so.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn is_aborted(&mut self) -> QueryResult<bool> {
        Ok(false)
    }

    /// Counts the innermost savepoint as released without telling the database, unless rolling back
    /// to it is harmless even if it no longer exists. Returns whether it did. `in_unknown`: that
    /// savepoint is the only level that Diesel counts.
    ///
    /// Default: the behaviour for SQLite, where rolling back to a missing savepoint is an error
    /// without consequences, after which Diesel decrements its count.
    #[doc(hidden)]
    fn count_released(&mut self, in_unknown: bool) -> bool {
        if in_unknown {
            count_nothing(self);
        }
        in_unknown
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
        // The connection already waits for locks as long as its user wants.
        let mut transaction = Transaction::begin(self, |conn| conn.begin_write(Duration::ZERO))?;
        let conn = transaction.conn();
        let changed = statements
            .iter()
            .map(|statement| conn.execute_returning_count(&Dynamic(*statement)))
            .collect::<QueryResult<_>>()?;
        transaction.commit()?;
        Ok(changed)
    }

    /// Executes the statements in the same way, without waiting for other writers where possible.
    ///
    /// # Errors
    ///
    /// The database's own, including that the database is locked. Nothing has changed then.
    #[doc(hidden)]
    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        self.execute_atomically(statements)
    }
}

/// A statement of dynamic type, which Diesel caches by its SQL text.
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

    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        (**self).is_in_transaction()
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

    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun> {
        (**self).begin_write(wait)
    }

    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        (**self).begin_waiting()
    }

    fn begin_migration(&mut self, wait: Duration) -> QueryResult<Begun> {
        (**self).begin_migration(wait)
    }

    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        (**self).execute_briefly(statement)
    }

    fn extend_lock_wait(&mut self, wait: Duration) -> QueryResult<Begun> {
        (**self).extend_lock_wait(wait)
    }

    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()> {
        (**self).restore_lock_wait(begun)
    }

    fn has_session_locks(&self) -> bool {
        (**self).has_session_locks()
    }

    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        (**self).try_lock_session()
    }

    fn unlock_session(&mut self, lock: SessionLock, is_recorded: bool) -> QueryResult<()> {
        (**self).unlock_session(lock, is_recorded)
    }

    fn is_aborted(&mut self) -> QueryResult<bool> {
        (**self).is_aborted()
    }

    fn count_released(&mut self, in_unknown: bool) -> bool {
        (**self).count_released(in_unknown)
    }

    fn execute_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        (**self).execute_atomically(statements)
    }

    fn begin_read_committed(&mut self) -> QueryResult<Begun> {
        (**self).begin_read_committed()
    }

    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        (**self).try_atomically(statements)
    }
}

/// How long an optional write waits for a lock. A request that takes this much longer is not
/// noticed.
pub(crate) const BRIEF_WAIT: Duration = Duration::from_millis(100);

/// Returns the database's own message for an error, or an empty text if there is none.
pub(crate) fn message(error: &Error) -> &str {
    match error {
        Error::DatabaseError(_, information) => information.message(),
        _ => "",
    }
}
