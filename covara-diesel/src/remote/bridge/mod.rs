//! Remote servers as Diesel connections on its own `Sqlite` backend.
//!
//! This module implements everything that Diesel requires of a connection, once for all protocols.
//! A [`Driver`] only sends statements and reads answers. This module, `neon` and `observed` use APIs behind Diesel's feature
//! `i-implement-a-third-party-backend-and-opt-into-breaking-changes`. They may change in any
//! release, which is why the workspace pins `diesel = "~2.3"`.

mod backend_connection;
mod batch;
mod cursor;
mod driver;
mod pool;
mod private;
mod recorder;
mod save_changes;
mod transactions;

use std::any::Any;
use std::fmt;
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::{CacheSize, Connection};
use diesel::connection::{
    ConnectionSealed, DynInstrumentation, Instrumentation, MultiConnectionHelper, SimpleConnection,
    StrQueryHelper, TransactionManager, TransactionManagerStatus,
};
use diesel::migration::MigrationConnection;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sqlite::Sqlite;

pub use cursor::RemoteCursor;
pub use driver::Driver;
use private::Private;
pub use transactions::RemoteTransactions;

use super::observed::{established, watched};
use super::value::Statement;
use crate::backend::connection::BackendConnection;
use crate::backend::sealed::Sealed;

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
        watched(self, &diesel::debug_query::<Sqlite, _>(source), run)
    }

    /// Does the same for a query given as SQL.
    fn observed_sql<R>(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut Self) -> QueryResult<R>,
    ) -> QueryResult<R> {
        watched(self, &StrQueryHelper::new(sql), run)
    }

    /// Opens a connection whose tokens come from a function, which is asked before each request. A token
    /// of the URL or the environment is not used.
    ///
    /// If the function fails, nothing is sent, and the statement is an error that says why.
    ///
    /// # Errors
    ///
    /// A URL that cannot be used.
    ///
    /// # Example
    ///
    /// ```
    /// use covara_diesel::remote::LibsqlConnection;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let url = "libsql://app-me.turso.io";
    /// let conn = LibsqlConnection::establish_with_tokens(url, || Ok(std::env::var("APP_JWT")?))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn establish_with_tokens(
        url: &str,
        tokens: impl FnMut() -> Result<String, Box<dyn std::error::Error + Send + Sync>>
        + Send
        + 'static,
    ) -> ConnectionResult<Self> {
        let mut conn = Self::establish(url)?;
        conn.driver.ask_for_tokens(Box::new(tokens));
        Ok(conn)
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
        let open = || Ok((D::open(database_url)?, Private::open()?));
        let ((driver, private), instrumentation) = established(database_url, open)?;
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
