//! Remote servers as Diesel connections on its own `Sqlite` backend.
//!
//! This module implements everything that Diesel requires of a connection, once for all protocols.
//! A [`Driver`] only sends statements and reads answers. For remote connections it is also the only
//! place that uses APIs behind Diesel's feature
//! `i-implement-a-third-party-backend-and-opt-into-breaking-changes`. They may change in any
//! release, which is why the workspace pins `diesel = "~2.3"`.

mod batch;
mod private;
mod recorder;
mod save_changes;
mod transactions;

use std::any::Any;
use std::fmt;
use std::time::Duration;

use diesel::connection::{CacheSize, Connection};
use diesel::connection::{
    ConnectionSealed, DebugQuery, DynInstrumentation, Instrumentation, InstrumentationEvent,
    LoadConnection, MultiConnectionHelper, SimpleConnection, StrQueryHelper,
    TransactionDepthChange, TransactionManager, TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::migration::MigrationConnection;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sqlite::{Sqlite, SqliteType};
use diesel::{ConnectionError, RunQueryDsl};

pub(super) use batch::RemoteBatch;
use batch::Together;
use private::{Cursor, CursorRow, Private, Reading, default_instrumentation};
pub use transactions::RemoteTransactions;

use super::error::unsupported;
use super::value::{ResultRows, Statement};
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sealed::Sealed;
use crate::backend::transaction::{change_depth, transaction_depth};
use crate::pool::connection_string::Url;
use crate::sqlite::BUSY_TIMEOUT;

/// A protocol to a remote server that speaks SQLite's SQL.
///
/// This trait is sealed: only this crate can implement it.
pub trait Driver: Sealed + Sized + Send + 'static {
    /// Maximum number of bind parameters of one statement.
    const BIND_LIMIT: usize;
    /// Rows that a seed buffers per chunk.
    const CHUNK_ROWS: usize;
    /// The reason why `transaction()` is rejected, if it is.
    const NO_TRANSACTIONS: Option<&'static str>;

    /// Parses the URL and sends nothing.
    fn open(url: &str) -> ConnectionResult<Self>;

    /// Runs a statement and returns its rows. `real` tells which columns are read as floating-point
    /// numbers; columns beyond its end have an unknown type.
    fn query(&mut self, statement: &Statement, real: &[bool]) -> QueryResult<ResultRows>;

    /// Runs a statement and returns the number of rows it changed.
    fn execute(&mut self, statement: &Statement) -> QueryResult<usize>;

    /// Runs statements in order, all or none, outside of a transaction.
    fn atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>>;

    /// Runs the statements of a script in order, up to the first that fails.
    fn script(&mut self, sql: &str) -> QueryResult<()>;

    /// Begins a transaction, outside of any other.
    fn begin(&mut self, sql: &str) -> QueryResult<()>;

    /// Returns whether the open transaction may write without waiting for others.
    fn has_lock(&self) -> bool;

    /// Commits the transaction. The transaction ends even on error.
    fn commit(&mut self) -> QueryResult<()>;

    /// Rolls the transaction back. The transaction ends even on error. An error means that it had
    /// been ended before, by the caller's SQL.
    fn rollback(&mut self) -> QueryResult<()>;

    /// Rolls the transaction back before its end. Every further statement in it is an error.
    fn abandon(&mut self);

    /// Limits how long statements may take; `None` restores the limit of the URL.
    fn limit(&mut self, limit: Option<Duration>);

    /// Returns how long a statement is tried again that the server found locked.
    fn lock_wait(&mut self) -> &mut Duration;
}

/// A connection to a remote server, on Diesel's `Sqlite` backend.
///
/// See [`LibsqlConnection`](super::LibsqlConnection) and [`D1Connection`](super::D1Connection)
/// for what each driver `D` can do.
pub struct RemoteConnection<D> {
    /// Boxed, because an enum of connections is as large as its largest variant.
    pub(super) driver: Box<D>,
    private: Private,
    transactions: TransactionManagerStatus,
    instrumentation: DynInstrumentation,
}

/// Shows nothing, because the URL may contain a token.
impl<D> fmt::Debug for RemoteConnection<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConnection").finish_non_exhaustive()
    }
}

impl<D: Driver> RemoteConnection<D> {
    /// Returns a statement in the form that the driver sends.
    pub(super) fn statement<T>(&mut self, source: &T) -> QueryResult<Statement>
    where
        T: QueryFragment<Sqlite> + ?Sized,
    {
        self.private.statement(source)
    }

    pub(super) fn wait_for_locks(&mut self, wait: Duration) {
        *self.driver.lock_wait() = wait;
    }

    /// Runs a query, and notifies the observer before and after.
    pub(super) fn observed<T, R>(
        &mut self,
        source: &T,
        run: impl FnOnce(&mut Self) -> QueryResult<R>,
    ) -> QueryResult<R>
    where
        T: QueryFragment<Sqlite>,
    {
        self.watched(&diesel::debug_query::<Sqlite, _>(source), run)
    }

    /// Does the same for a query given as SQL.
    fn observed_sql<R>(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut Self) -> QueryResult<R>,
    ) -> QueryResult<R> {
        self.watched(&StrQueryHelper::new(sql), run)
    }

    fn watched<R>(
        &mut self,
        query: &dyn DebugQuery,
        run: impl FnOnce(&mut Self) -> QueryResult<R>,
    ) -> QueryResult<R> {
        self.instrumentation
            .on_connection_event(InstrumentationEvent::start_query(query));
        let result = run(self);
        let error = result.as_ref().err();
        self.instrumentation
            .on_connection_event(InstrumentationEvent::finish_query(query, error));
        result
    }

    /// Executes statements in order, all or none of them, in one request, and returns how many rows
    /// each changed. In an open transaction they become part of it.
    ///
    /// # Errors
    ///
    /// The database's own, and a `COMMIT` or `ROLLBACK` among the statements. Nothing has changed
    /// then.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use covara_diesel::remote::D1Connection;
    /// use diesel::prelude::*;
    ///
    /// diesel::table! {
    ///     accounts (id) { id -> BigInt, cents -> BigInt, }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut conn = D1Connection::establish("d1://ACCOUNT/DATABASE?token=…")?;
    /// let add = |id: i64, cents: i64| {
    ///     diesel::update(accounts::table.find(id)).set(accounts::cents.eq(accounts::cents + cents))
    /// };
    /// conn.batch(&[&add(1, -500), &add(2, 500)])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&mut self, statements: &[&dyn QueryFragment<Sqlite>]) -> QueryResult<Vec<usize>> {
        self.atomically(statements)
    }
}

impl<D: Driver> ConnectionSealed for RemoteConnection<D> {}

/// Required by `#[derive(diesel::MultiConnection)]`.
impl<D: Driver> MultiConnectionHelper for RemoteConnection<D> {
    fn to_any<'a>(lookup: &mut ()) -> &mut (dyn Any + 'a) {
        lookup
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut ()> {
        lookup.downcast_mut()
    }
}

impl<D: Driver> SimpleConnection for RemoteConnection<D> {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.observed_sql(query, |conn| conn.driver.script(query))
    }
}

impl<D: Driver> Connection for RemoteConnection<D> {
    type Backend = Sqlite;
    type TransactionManager = RemoteTransactions;

    /// Parses the URL. Nothing is sent before the first statement.
    fn establish(database_url: &str) -> ConnectionResult<Self> {
        let mut instrumentation = default_instrumentation();
        let shown = without_secrets(database_url);
        instrumentation
            .on_connection_event(InstrumentationEvent::start_establish_connection(&shown));
        let opened = D::open(database_url).and_then(|driver| Ok((driver, Private::open()?)));
        let error = opened.as_ref().err();
        instrumentation.on_connection_event(InstrumentationEvent::finish_establish_connection(
            &shown, error,
        ));
        let (driver, private) = opened?;
        Ok(Self {
            driver: Box::new(driver),
            private,
            transactions: TransactionManagerStatus::default(),
            instrumentation,
        })
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        self.observed(source, |conn| {
            let statement = conn.private.statement(source)?;
            conn.driver.execute(&statement)
        })
    }

    fn transaction_state(&mut self) -> &mut TransactionManagerStatus {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut *self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = instrumentation.into();
    }

    /// Does nothing, because servers prepare a statement each time. The connection caches fewer
    /// than 20 statements in its own process, with which it reads bound values.
    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}

impl<D: Driver> LoadConnection for RemoteConnection<D> {
    type Cursor<'conn, 'query> = RemoteCursor<'conn, 'query>;
    type Row<'conn, 'query> = CursorRow<'conn, 'query>;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<RemoteCursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        let mut types = Vec::new();
        <Sqlite as QueryMetadata<T::SqlType>>::row_metadata(&mut (), &mut types);
        let real: Vec<bool> = types
            .iter()
            .map(|kind| matches!(kind, Some(SqliteType::Double | SqliteType::Float)))
            .collect();
        let rows = self.observed(&source, |conn| {
            let statement = conn.private.statement(&source)?;
            conn.driver.query(&statement, &real)
        })?;
        let reading = self.private.reading();
        Ok(RemoteCursor {
            rows: self.private.rows(rows)?,
            reading,
        })
    }
}

/// An iterator over the rows of an answer.
pub struct RemoteCursor<'conn, 'query> {
    rows: Cursor<'conn, 'query>,
    reading: Reading,
}

/// Shows nothing, as Diesel's own cursor cannot be shown.
impl fmt::Debug for RemoteCursor<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteCursor").finish_non_exhaustive()
    }
}

impl<'conn, 'query> Iterator for RemoteCursor<'conn, 'query> {
    type Item = QueryResult<CursorRow<'conn, 'query>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

impl Drop for RemoteCursor<'_, '_> {
    fn drop(&mut self) {
        // An answer may be large, so it is freed before the next one arrives.
        self.reading.set(ResultRows::default());
    }
}

impl<D: Driver> R2D2Connection for RemoteConnection<D> {
    /// Does nothing and costs nothing: every request is independent, so nothing can be lost between
    /// two of them that a round trip would detect.
    fn ping(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn is_broken(&mut self) -> bool {
        RemoteTransactions::is_broken_transaction_manager(self)
    }
}

impl<D: Driver> MigrationConnection for RemoteConnection<D> {
    fn setup(&mut self) -> QueryResult<usize> {
        diesel::sql_query(diesel::migration::CREATE_MIGRATIONS_TABLE).execute(self)
    }
}

impl<D: Driver> Sealed for RemoteConnection<D> {}

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
        let wait = wait.max(*self.driver.lock_wait());
        let waiting = ChangedLockWait::new(self, wait);
        RemoteTransactions::begin_transaction(waiting.conn).map(|()| Begun::default())
    }

    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        match *self.driver.lock_wait() {
            Duration::ZERO => self.begin_write(BUSY_TIMEOUT),
            wait => self.begin_write(wait),
        }
    }

    fn begin_migration(&mut self, wait: Duration) -> QueryResult<Begun> {
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
                "a batch is one transaction, which COMMIT and ROLLBACK in it would end before \
                 its end: leave them out",
            ));
        }
        if transaction_depth(self)? > 0 {
            return self.in_savepoint(&statements, sources);
        }
        self.watched(&Together(&statements), |conn| {
            conn.driver.atomically(&statements)
        })
    }
}

/// The wait for the answer to an optional write.
const BRIEF_ANSWER: Duration = Duration::from_secs(2);
/// The same if the answer is not worth waiting for: a few times a round trip around the world.
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

/// A short limit on waiting for answers, removed on drop.
struct Limited<'c, D: Driver>(&'c mut RemoteConnection<D>);

impl<'c, D: Driver> Limited<'c, D> {
    fn new(conn: &'c mut RemoteConnection<D>, limit: Duration) -> Self {
        conn.driver.limit(Some(limit));
        Self(conn)
    }
}

impl<D: Driver> Drop for Limited<'_, D> {
    fn drop(&mut self) {
        self.0.driver.limit(None);
    }
}

/// Returns the part of the URL that can be shown: without parameters, and without a user.
fn without_secrets(url: &str) -> String {
    // What is no URL may be anything.
    let Some(url) = Url::of_server(url.split('#').next().unwrap_or_default()) else {
        return String::new();
    };
    match url.base.rsplit_once('@') {
        Some((_, rest)) => format!("{}://{rest}", url.scheme),
        None => url.base.to_owned(),
    }
}

/// Returns Diesel's error for a URL that cannot be used.
pub(super) fn bad_url(reason: impl Into<String>) -> ConnectionError {
    ConnectionError::InvalidConnectionUrl(reason.into())
}
