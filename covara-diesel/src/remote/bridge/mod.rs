//! Remote servers as Diesel connections on its own `Sqlite` backend.
//!
//! Everything that Diesel wants of a connection is here, once for all protocols; a
//! [`Driver`] only sends statements and reads answers. It is also the only place that uses
//! what Diesel hides behind `i-implement-a-third-party-backend-and-opt-into-breaking-changes`
//! for remote connections: that may change in any release, which is why the workspace pins
//! `diesel = "~2.3"`.

mod batch;
mod private;
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

use batch::{Batch, Together};
use private::{Cursor, CursorRow, Private, Reading, default_instrumentation};
pub use transactions::RemoteTransactions;

use super::error::unsupported;
use super::value::{Rows, Statement};
use crate::backend::connection::{BatchError, Begun, DatabaseConnection};
use crate::backend::transaction::{change_depth, transaction_depth};
use crate::pool::connection_string::Url;
use crate::sqlite::BUSY_TIMEOUT;

/// A protocol to a remote server that speaks SQLite's SQL.
pub trait Driver: Sized + Send + 'static {
    /// How many bind parameters one statement may carry.
    const BIND_LIMIT: usize;
    /// Rows that a seed buffers per chunk.
    const SEED_ROWS: usize;
    /// Why `transaction()` is refused, if it is.
    const NO_TRANSACTIONS: Option<&'static str>;

    /// Reads the URL; sends nothing.
    fn open(url: &str) -> ConnectionResult<Self>;

    /// Runs a statement for its rows. `real` says which columns are read as floating-point
    /// numbers; those beyond its end are of a type that is not known.
    fn query(&mut self, statement: &Statement, real: &[bool]) -> QueryResult<Rows>;

    /// Runs a statement for the number of rows it changed.
    fn execute(&mut self, statement: &Statement) -> QueryResult<usize>;

    /// Runs statements in order, all or none, outside of a transaction.
    fn execute_atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>>;

    /// Runs the statements of a script in order, up to the first that fails.
    fn script(&mut self, sql: &str) -> QueryResult<()>;

    /// Begins a transaction, outside of any.
    fn begin(&mut self, sql: &str) -> QueryResult<()>;

    /// Whether the open transaction may write without waiting for others.
    fn has_lock(&self) -> bool;

    /// Commits the transaction. Whatever comes of it, it is over.
    fn commit(&mut self) -> QueryResult<()>;

    /// Rolls the transaction back. Whatever comes of it, it is over. An error says that it was
    /// ended before, by SQL of the caller's.
    fn rollback(&mut self) -> QueryResult<()>;

    /// Rolls the transaction back before its end: what follows in it is an error.
    fn abandon(&mut self);

    /// Makes statements take at most this long, or as long as the URL says.
    fn limit(&mut self, limit: Option<Duration>);

    /// For how long a statement that the server found locked may be tried again.
    fn lock_wait(&mut self) -> &mut Duration;
}

/// A connection to a remote server, on Diesel's `Sqlite` backend.
///
/// See [`LibsqlConnection`](super::LibsqlConnection) and [`D1Connection`](super::D1Connection)
/// for what each driver `D` can do.
pub struct RemoteConnection<D> {
    /// Apart, as a connection to any database is as large as the largest.
    pub(super) driver: Box<D>,
    private: Private,
    transactions: TransactionManagerStatus,
    instrumentation: DynInstrumentation,
    /// Statements that wait to be sent as one batch.
    batch: Option<Batch>,
}

/// Shows nothing: the URL may hold a token.
impl<D> fmt::Debug for RemoteConnection<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConnection").finish_non_exhaustive()
    }
}

impl<D: Driver> RemoteConnection<D> {
    /// A statement as the driver sends it.
    pub(super) fn statement<T>(&mut self, source: &T) -> QueryResult<Statement>
    where
        T: QueryFragment<Sqlite> + ?Sized,
    {
        self.private.statement(source)
    }

    pub(super) fn wait_for_locks(&mut self, wait: Duration) {
        *self.driver.lock_wait() = wait;
    }

    /// Tells the observer of a query before and after.
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

    /// The same for what is SQL already.
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

    /// Executes statements in order, all or none of them, in one request, and returns how
    /// many rows each changed. In an open transaction they become part of it.
    ///
    /// # Errors
    ///
    /// The database's own, and a `COMMIT` or `ROLLBACK` among them; then nothing has changed.
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
        self.execute_atomically(statements)
    }
}

impl<D: Driver> ConnectionSealed for RemoteConnection<D> {}

/// For `#[derive(diesel::MultiConnection)]`.
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
        if let Some(batch) = &mut self.batch {
            // Nothing happens yet: the observer hears of it when it is sent.
            let statements = Statement::all_of(query)?;
            statements.into_iter().for_each(|one| batch.add(one));
            return Ok(());
        }
        self.observed_sql(query, |conn| conn.driver.script(query))
    }
}

impl<D: Driver> Connection for RemoteConnection<D> {
    type Backend = Sqlite;
    type TransactionManager = RemoteTransactions;

    /// Reads the URL; nothing is sent before the first statement.
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
            batch: None,
        })
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        if let Some(batch) = &mut self.batch {
            batch.add(self.private.statement(source)?);
            return Ok(0);
        }
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

    /// Does nothing: servers prepare a statement each time it comes. What a connection keeps in
    /// its own process are fewer than 20 statements, by which it reads values that are bound.
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
            if conn.batch.is_some() {
                return Err(unsupported("nothing can be read while a batch is gathered"));
            }
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

/// The rows of an answer, one after the other.
#[expect(missing_debug_implementations, reason = "Diesel's own has none")]
pub struct RemoteCursor<'conn, 'query> {
    rows: Cursor<'conn, 'query>,
    reading: Reading,
}

impl<'conn, 'query> Iterator for RemoteCursor<'conn, 'query> {
    type Item = QueryResult<CursorRow<'conn, 'query>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

impl Drop for RemoteCursor<'_, '_> {
    fn drop(&mut self) {
        // An answer may be large; it need not wait for the next one.
        self.reading.set(Rows::default());
    }
}

impl<D: Driver> R2D2Connection for RemoteConnection<D> {
    /// Costs nothing: every request stands for itself, so there is nothing to lose between
    /// two of them that a round trip now would find.
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

impl<D: Driver> DatabaseConnection for RemoteConnection<D> {
    fn bind_limit(&self) -> usize {
        D::BIND_LIMIT
    }

    fn seed_rows(&self) -> usize {
        D::SEED_ROWS
    }

    fn has_transactions(&self) -> bool {
        D::NO_TRANSACTIONS.is_none()
    }

    fn begin_batch(&mut self) {
        self.batch = Some(Batch::default());
    }

    fn end_batch(&mut self) {
        self.batch = None;
    }

    fn batch_statements(&self) -> usize {
        self.batch.as_ref().map_or(0, Batch::statements)
    }

    fn batch_bytes(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.bytes)
    }

    fn send_batch(&mut self, rows: &[usize]) -> Result<Vec<usize>, BatchError> {
        let batch = self.batch.take().unwrap_or_default();
        if batch.statements() == 0 {
            return Ok(Vec::new());
        }
        let sent = self.watched(&batch.shown(), |conn| batch.send(&mut *conn.driver));
        sent.map_err(|source| batch.explained(&mut *self.driver, rows, source))
    }

    /// Every transaction of a remote connection takes the write lock when it begins.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun> {
        let wait = wait.max(*self.driver.lock_wait());
        let waiting = Waiting::new(self, wait);
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

    /// A transaction has its lock. Outside of one the server may hold the answer back until other
    /// writers are through. What it does after nobody waits any more, it does as a whole.
    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Sqlite>],
    ) -> QueryResult<Vec<usize>> {
        if transaction_depth(self)? > 0 {
            return self.execute_atomically(statements);
        }
        let waiting = Waiting::new(self, Duration::ZERO);
        let limited = Limited::new(waiting.conn, QUICK_ANSWER);
        limited.0.execute_atomically(statements)
    }

    /// A transaction has its lock, unless it was begun to read: there a write would wait for other
    /// writers, and make the server end the transaction of one that takes long. Outside of one the
    /// server may hold an answer back until other writers are through.
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

    /// To roll back to a savepoint that is no more would give the whole transaction up.
    fn count_released(&mut self, _: bool) -> bool {
        change_depth(
            &mut self.transactions,
            TransactionDepthChange::DecreaseDepth,
        )
        .is_ok()
    }

    fn execute_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Sqlite>],
    ) -> QueryResult<Vec<usize>> {
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
            conn.driver.execute_atomically(&statements)
        })
    }
}

/// How long the answer to a write that may as well not happen is waited for.
const BRIEF_ANSWER: Duration = Duration::from_secs(2);
/// The same where the answer is worth no wait: a few times what one takes around the world.
const QUICK_ANSWER: Duration = Duration::from_secs(1);

/// Another lock wait until it is dropped, as an observer may panic.
struct Waiting<'c, D: Driver> {
    conn: &'c mut RemoteConnection<D>,
    previous: Duration,
}

impl<'c, D: Driver> Waiting<'c, D> {
    fn new(conn: &'c mut RemoteConnection<D>, wait: Duration) -> Self {
        let previous = std::mem::replace(conn.driver.lock_wait(), wait);
        Self { conn, previous }
    }
}

impl<D: Driver> Drop for Waiting<'_, D> {
    fn drop(&mut self) {
        *self.conn.driver.lock_wait() = self.previous;
    }
}

/// Waits for answers only briefly until it is dropped.
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

/// The URL as far as it can be shown: without parameters, and without a user where none belongs.
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

/// Diesel's error for a URL that cannot be used.
pub(super) fn bad_url(reason: impl Into<String>) -> ConnectionError {
    ConnectionError::InvalidConnectionUrl(reason.into())
}
