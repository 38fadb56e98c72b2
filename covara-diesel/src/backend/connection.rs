//! What the library asks of a connection beyond Diesel's own traits.

use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use r2d2::{ManageConnection, PooledConnection};

use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;
use crate::backend::transaction::{Transaction, count_nothing, transaction_depth};

/// How a transaction was begun, which its end must know.
#[doc(hidden)]
#[derive(Debug, Default)]
#[must_use]
pub struct Begun {
    /// A setting that was changed to wait longer for locks, to be restored afterwards.
    pub(crate) lock_wait: Option<String>,
    /// Whether it is a savepoint in a transaction that Diesel does not know of, because it was
    /// begun by SQL of the caller's.
    pub(crate) in_unknown: bool,
}

/// What keeps others out of migrations that run outside of a transaction.
#[doc(hidden)]
#[derive(Debug)]
pub enum SessionLock {
    /// Nobody else has the database.
    Nothing,
    /// A lock of the server's session.
    Session,
    /// A locked file.
    File {
        /// The open file.
        file: std::fs::File,
        /// Its path.
        path: std::path::PathBuf,
    },
}

/// Why a batch failed.
#[doc(hidden)]
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
/// It says what differs between connections of one backend. For transactions of your own there is
/// [`write_transaction`](crate::write_transaction).
///
/// This trait is sealed: only this crate can implement it.
pub trait DatabaseConnection: LoadConnection<Backend: Engine> + Sealed + 'static {
    /// How many bind parameters one statement may carry.
    ///
    /// Default: the engine's own limit, 32,766 on SQLite and 65,535 on PostgreSQL.
    fn bind_limit(&self) -> usize {
        <Self::Backend as Engine>::BIND_LIMIT
    }

    /// Returns how many rows a seed buffers per chunk.
    ///
    /// Default: what suits the engine in the same process or near it. A connection with a
    /// long way to its server wants more.
    #[doc(hidden)]
    fn seed_rows(&self) -> usize {
        <Self::Backend as Engine>::SEED_ROWS
    }

    /// Returns whether each statement costs a network round trip. Default: yes.
    #[doc(hidden)]
    fn is_remote(&self) -> bool {
        true
    }

    /// Returns whether a transaction is open, as far as that can be seen.
    ///
    /// Default: whether Diesel counts one.
    ///
    /// # Errors
    ///
    /// The state of its transactions is not known.
    #[doc(hidden)]
    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        Ok(transaction_depth(self)? > 0)
    }

    /// Whether transactions can be begun, worked in and ended. Default: yes. What must happen
    /// together on a connection without them goes to
    /// [`execute_atomically`](Self::execute_atomically).
    fn has_transactions(&self) -> bool {
        true
    }

    /// From now on gathers statements that are executed, instead of sending them, and says
    /// of each that it changed nothing. Only where there are no transactions.
    #[doc(hidden)]
    fn begin_batch(&mut self) {}

    /// Gathers no more, and forgets what was gathered.
    #[doc(hidden)]
    fn end_batch(&mut self) {}

    /// How many statements are gathered.
    #[doc(hidden)]
    fn batch_statements(&self) -> usize {
        0
    }

    /// About how large the gathered statements are, in bytes.
    #[doc(hidden)]
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
    #[doc(hidden)]
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
    #[doc(hidden)]
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun>;

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and waits for other
    /// writers as long as the connection does, or a while where that is not at all.
    ///
    /// # Errors
    ///
    /// The database's own, among them that the lock was not free in time.
    #[doc(hidden)]
    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        self.begin_write(Duration::ZERO)
    }

    /// Begins a transaction that is going to write, each of whose statements sees what others
    /// have committed, or a savepoint inside a running one.
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

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and in it takes the
    /// lock that keeps other migrators out until its end.
    ///
    /// # Errors
    ///
    /// The database's own, among them that the lock was not free in time.
    #[doc(hidden)]
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<Begun>;

    /// Executes a write that may as well not happen, such as noting when a session was last
    /// used: others are waited for a short time only, and if it fails, an open transaction
    /// goes on as if it had not been tried. Called after a read in the same transaction.
    ///
    /// Default: like any other statement.
    ///
    /// # Errors
    ///
    /// The database's own, among them that a lock was not free in that time.
    #[doc(hidden)]
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        self.execute_returning_count(statement)
    }

    /// Waits for locks for at least `wait` from now on, where the connection would not.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn extend_lock_wait(&mut self, _wait: Duration) -> QueryResult<Begun> {
        Ok(Begun::default())
    }

    /// Restores the lock wait that beginning a transaction changed. Called after its end.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()>;

    /// Whether there are locks that outlast a transaction. Default: no.
    #[doc(hidden)]
    fn has_session_locks(&self) -> bool {
        false
    }

    /// Takes the lock that keeps others out of migrations that run outside of a transaction, if
    /// nobody has it.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        Ok(None)
    }

    /// Gives the lock up again, after a migration that `is_recorded` or that failed.
    ///
    /// # Errors
    ///
    /// The database's own, and that the session is not the one that took the lock.
    #[doc(hidden)]
    fn unlock_session(&mut self, _lock: SessionLock, _is_recorded: bool) -> QueryResult<()> {
        Ok(())
    }

    /// Returns whether a statement of the open transaction has failed in such a way that its
    /// `COMMIT` would succeed and keep nothing. Default: no, as only PostgreSQL does so.
    ///
    /// # Errors
    ///
    /// The database's own.
    #[doc(hidden)]
    fn is_aborted(&mut self) -> QueryResult<bool> {
        Ok(false)
    }

    /// Counts the innermost savepoint as released without telling the database, unless it can
    /// be rolled back to without harm even if it is no more; returns whether it did.
    /// `in_unknown`: the savepoint is all that Diesel counts.
    ///
    /// Default: as SQLite has it, where to roll back to a savepoint that is no more is an error
    /// without consequences, and Diesel counts down after it.
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

    /// The same without waiting for other writers, where it is known how.
    ///
    /// # Errors
    ///
    /// The database's own, among them that it is locked; then nothing has changed.
    #[doc(hidden)]
    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        self.execute_atomically(statements)
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

impl<M: ManageConnection<Connection: Sealed>> Sealed for PooledConnection<M> {}

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

/// How long a write that may as well not happen waits for a lock: nobody notices a request
/// that takes this much longer.
pub(crate) const BRIEF_WAIT: Duration = Duration::from_millis(100);

/// The database's own words for an error, where it has any.
pub(crate) fn message(error: &Error) -> &str {
    match error {
        Error::DatabaseError(_, information) => information.message(),
        _ => "",
    }
}
