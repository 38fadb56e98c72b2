//! The operations that the library needs from a connection beyond Diesel's own traits.

use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use r2d2::{ManageConnection, PooledConnection};

use crate::backend::batch::{Batch, PooledBatch};
use crate::backend::engine::Engine;
use crate::backend::sealed::Sealed;
use crate::backend::transaction::{Transaction, count_nothing, transaction_depth};

/// The way in which a transaction was begun, on which ending it depends.
#[doc(hidden)]
#[derive(Debug, Default)]
#[must_use]
pub struct Begun {
    /// The lock wait to restore afterwards, if beginning the transaction raised it.
    pub(crate) lock_wait: Option<String>,
    /// `true` for a savepoint in a transaction that the caller began with SQL, so that Diesel does
    /// not know of that transaction.
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

/// The operations that differ between connections of one backend: plain, pooled or remote.
///
/// Users see [`DatabaseConnection`](crate::DatabaseConnection) and need none of this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection that this function takes",
    label = "expected a connection, such as `SqliteConnection`, `PgConnection` or one of a pool",
    note = "pass a connection of a pool as `&mut pool.get()?`, and one inside of another type as \
            `&mut *conn`",
    note = "bound a function that is generic over its connection by `covara_diesel::AnyDatabase`"
)]
pub trait BackendConnection: LoadConnection<Backend: Engine> + Sealed + 'static {
    /// Returns the maximum number of bind parameters of one statement.
    ///
    /// Default: the engine's own limit, 32,766 on SQLite and 65,535 on PostgreSQL.
    fn most_binds(&self) -> usize {
        <Self::Backend as Engine>::BIND_LIMIT
    }

    /// Rows that a seed buffers per chunk, where the way to the server is so long that it matters.
    ///
    /// Default: what suits the engine in the same process or near it.
    fn chunk_rows(&self) -> Option<usize> {
        None
    }

    /// Returns whether each statement costs a network round trip. Default: yes.
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
    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        Ok(transaction_depth(self)? > 0)
    }

    /// Statements that are executed together where there are no transactions.
    type Batch: Batch<Self>;

    /// Returns an empty batch if the connection has no transactions.
    fn new_batch(&self) -> Option<Self::Batch> {
        None
    }

    /// Returns whether transactions can be begun, worked in and ended.
    fn is_transactional(&self) -> bool {
        self.new_batch().is_none()
    }

    /// Begins a transaction that is going to write and whose statements each see what others have
    /// committed, or a savepoint inside an open transaction.
    ///
    /// `wait` bounds the time spent waiting for other writers where beginning takes a lock. If it is
    /// zero, the connection waits as long as it does for any statement.
    ///
    /// # Errors
    ///
    /// The database's own, including that the lock was not free in time.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun>;

    /// Begins a transaction for the caller's own statements, with the isolation that the connection
    /// has by default. It waits for other writers as long as the connection does, or for a default
    /// time if the connection does not wait at all.
    ///
    /// # Errors
    ///
    /// The database's own, including that the lock was not free in time.
    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        self.begin_write(Duration::ZERO)
    }

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and waits as long as the
    /// connection does for any statement.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn begin_read_committed(&mut self) -> QueryResult<Begun> {
        self.begin_write(Duration::ZERO)
    }

    /// Begins a transaction that only reads and sees one state of the database, or a savepoint inside
    /// an open transaction.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn begin_read(&mut self) -> QueryResult<Begun>;

    /// Applies settings to the statements that follow, up to the end of the open transaction. Where
    /// there are no transactions, these statements may only read, and
    /// [`clear_settings`](Self::clear_settings) ends it.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn apply_settings(&mut self, settings: &str) -> QueryResult<()> {
        self.batch_execute(settings)
    }

    /// Ends what [`apply_settings`](Self::apply_settings) began where there are no transactions.
    fn clear_settings(&mut self) {}

    /// Begins a transaction as [`begin_write`](Self::begin_write) does, and takes the lock that
    /// keeps other migrators out until the transaction ends. `named` is told the
    /// [name](Self::transaction_name) of the transaction before it waits for the lock.
    ///
    /// # Errors
    ///
    /// The database's own, including that the lock was not free in time.
    fn begin_migration(&mut self, wait: Duration, named: Option<fn(String)>) -> QueryResult<Begun>;

    /// Executes an optional write, such as recording when a session was last used. It waits for
    /// other writers for a short time only, and if it fails, an open transaction continues as if
    /// the write had not been tried. It is called after a read in the same transaction.
    ///
    /// # Errors
    ///
    /// The database's own, including that a lock was not free in that time.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId;

    /// Makes statements wait for locks no shorter and no longer than `wait`, where that is a setting
    /// of the connection.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn set_lock_wait(&mut self, _wait: Duration) -> QueryResult<Begun> {
        Ok(Begun::default())
    }

    /// Restores the lock wait that beginning a transaction changed. Called after the transaction
    /// ends.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()>;

    /// Returns a name of the open transaction that no other one of the server has, if the server can
    /// cancel what it runs. Default: none.
    fn transaction_name(&mut self) -> QueryResult<Option<String>> {
        Ok(None)
    }

    /// Returns whether the connection has locks that outlast a transaction. Default: no.
    fn has_session_locks(&self) -> bool {
        false
    }

    /// Takes the lock that keeps others out of migrations that run outside of a transaction, or
    /// returns `None` if another session holds it.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        Ok(None)
    }

    /// Releases the lock, after a migration that `is_recorded` or that failed.
    ///
    /// # Errors
    ///
    /// The database's own, and that the session is not the one that took the lock.
    fn unlock_session(&mut self, _lock: SessionLock, _is_recorded: bool) -> QueryResult<()> {
        Ok(())
    }

    /// Returns whether a statement of the open transaction has failed in such a way that its
    /// `COMMIT` would succeed and keep nothing. Default: no, because only PostgreSQL behaves so.
    ///
    /// # Errors
    ///
    /// The database's own.
    fn is_aborted(&mut self) -> QueryResult<bool> {
        Ok(false)
    }

    /// Counts the innermost savepoint as released without telling the database, unless rolling back
    /// to it is harmless even if it no longer exists. Returns whether it did. `in_unknown`: that
    /// savepoint is the only level that Diesel counts.
    ///
    /// Default: the behaviour for SQLite, where rolling back to a missing savepoint is an error
    /// without consequences, after which Diesel decrements its count.
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
    fn atomically(
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
    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        self.atomically(statements)
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

impl<M: ManageConnection<Connection: Sealed>> Sealed for PooledConnection<M> {}

impl<M> BackendConnection for PooledConnection<M>
where
    M: ManageConnection,
    M::Connection: BackendConnection + R2D2Connection + Send,
{
    fn most_binds(&self) -> usize {
        (**self).most_binds()
    }

    fn chunk_rows(&self) -> Option<usize> {
        (**self).chunk_rows()
    }

    fn is_remote(&self) -> bool {
        (**self).is_remote()
    }

    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        (**self).is_in_transaction()
    }

    type Batch = PooledBatch<<M::Connection as BackendConnection>::Batch>;

    fn new_batch(&self) -> Option<Self::Batch> {
        (**self).new_batch().map(PooledBatch)
    }

    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun> {
        (**self).begin_write(wait)
    }

    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        (**self).begin_waiting()
    }

    fn begin_read(&mut self) -> QueryResult<Begun> {
        (**self).begin_read()
    }

    fn apply_settings(&mut self, settings: &str) -> QueryResult<()> {
        (**self).apply_settings(settings)
    }

    fn clear_settings(&mut self) {
        (**self).clear_settings();
    }

    fn begin_migration(&mut self, wait: Duration, named: Option<fn(String)>) -> QueryResult<Begun> {
        (**self).begin_migration(wait, named)
    }

    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        (**self).execute_briefly(statement)
    }

    fn set_lock_wait(&mut self, wait: Duration) -> QueryResult<Begun> {
        (**self).set_lock_wait(wait)
    }

    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()> {
        (**self).restore_lock_wait(begun)
    }

    fn transaction_name(&mut self) -> QueryResult<Option<String>> {
        (**self).transaction_name()
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

    fn atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Self::Backend>],
    ) -> QueryResult<Vec<usize>> {
        (**self).atomically(statements)
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

/// The shortest wait for a lock that a user can set. Engines take whole milliseconds, and 0 would
/// mean no limit, or the connection's own.
pub(crate) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The wait of an optional write for a lock. Nobody notices that a request takes this much longer.
pub(crate) const BRIEF_WAIT: Duration = Duration::from_millis(100);

/// Returns the database's own message for an error, or an empty text if there is none.
pub(crate) fn message(error: &Error) -> &str {
    match error {
        Error::DatabaseError(_, information) => information.message(),
        _ => "",
    }
}
