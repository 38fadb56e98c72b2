//! Statements for a connection without transactions.

use diesel::QueryResult;
use diesel::migration::Migration;
use diesel::query_builder::QueryFragment;
use diesel::r2d2::R2D2Connection;
use diesel::result::{DatabaseErrorKind, Error};
use r2d2::{ManageConnection, PooledConnection};

use crate::backend::connection::BackendConnection;
use crate::backend::error::Source;

/// Statements that a connection `C` without transactions executes together, all or none of them.
pub trait Batch<C: BackendConnection>: Sized {
    /// Adds a statement.
    fn add<T>(&mut self, conn: &mut C, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<C::Backend>;

    /// Adds an insert of several rows. `one` inserts the first of them alone: by its SQL a refused
    /// row is found.
    fn add_rows<T, S>(&mut self, conn: &mut C, insert: &T, one: &S) -> QueryResult<()>
    where
        T: QueryFragment<C::Backend>,
        S: QueryFragment<C::Backend>;

    /// Adds the statements of a script.
    fn add_script(&mut self, sql: &str) -> QueryResult<()>;

    /// Adds the statements of a migration.
    fn add_migration(&mut self, migration: &dyn Migration<C::Backend>) -> Result<(), Source>;

    /// Returns the number of statements.
    fn statements(&self) -> usize;

    /// Returns the approximate size of the statements, in bytes.
    fn bytes(&self) -> usize;

    /// Executes the statements and returns how many rows each changed.
    ///
    /// # Errors
    ///
    /// The database's own, with the statement that it is about, as far as that can be found out;
    /// then nothing has changed.
    fn send(self, conn: &mut C) -> Result<Vec<usize>, BatchError> {
        self.try_send(conn).map_err(|source| {
            let at = is_of_a_statement(&source)
                .then(|| self.first(conn, Probe::Fails))
                .flatten();
            BatchError { at, source }
        })
    }

    /// Makes the statements execute after `begin`, which defers the checks of foreign keys, and
    /// fail if the SQL condition `is_violated` holds at their end.
    fn defer(&mut self, begin: &str, is_violated: &str) -> QueryResult<()>;

    /// Executes the statements and returns how many rows each changed.
    ///
    /// # Errors
    ///
    /// The database's own; then nothing has changed.
    fn try_send(&self, conn: &mut C) -> QueryResult<Vec<usize>>;

    /// Puts statements for single rows in the place of those for several. Each group is the number
    /// of consecutive statements about the same rows, and the number of these rows, which are
    /// written one after the other. Returns whether it could be done.
    fn take_apart(&mut self, groups: &[(usize, usize)]) -> bool;

    /// Makes inserts into one table a single statement, in which rows may refer to later ones, and
    /// executes the script `begin` before all. Each group is the positions of such statements, and
    /// the groups are executed in their order. Returns whether it could be done. Default: no, for
    /// engines that defer all foreign keys.
    fn join(&mut self, _begin: &str, _groups: &[Vec<usize>]) -> QueryResult<bool> {
        Ok(false)
    }

    /// Returns the first of the `rows` rows that a statement inserts whose values in the columns at
    /// these positions are those that the details of an error about a foreign key name, from 0.
    /// Default: none.
    fn row_with(
        &self,
        _at: usize,
        _rows: usize,
        _columns: &[usize],
        _details: &str,
    ) -> Option<usize> {
        None
    }

    /// Returns the first statement after which the probe succeeds, if that can be found out.
    /// Nothing that it executes is kept.
    fn first(&self, conn: &mut C, probe: Probe<'_>) -> Option<usize>;

    /// Returns the first of the `rows` rows that a statement inserts after which the probe
    /// succeeds, from 0, if that can be found out. Nothing that it executes is kept.
    fn first_row(&self, conn: &mut C, at: usize, rows: usize, probe: Probe<'_>) -> Option<usize>;

    /// Returns the value, a text, that an SQL expression has after all statements, if that can be
    /// found out. Nothing that it executes is kept.
    fn answer(&self, conn: &mut C, expression: &str) -> Option<String>;
}

/// The target of a search among the statements of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Probe<'s> {
    /// That the database rejects one of them.
    Fails,
    /// That this SQL condition holds after them.
    Holds(&'s str),
}

/// Returns whether the database itself rejected a statement. Transactions that were in each other's way
/// are no statement's fault.
pub(crate) fn is_of_a_statement(error: &Error) -> bool {
    match error {
        Error::DatabaseError(kind, _) => !matches!(
            kind,
            DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure
        ),
        _ => false,
    }
}

/// The error of a batch.
#[derive(Debug)]
pub struct BatchError {
    /// Position of the statement in the batch, from 0, if it is known.
    pub at: Option<usize>,
    /// The database's own error.
    pub source: Error,
}

/// The batch of a connection that has transactions: there is none.
#[derive(Debug)]
pub enum NoBatch {}

impl<C: BackendConnection> Batch<C> for NoBatch {
    fn add<T>(&mut self, _: &mut C, _: &T) -> QueryResult<()>
    where
        T: QueryFragment<C::Backend>,
    {
        match *self {}
    }

    fn add_rows<T, S>(&mut self, _: &mut C, _: &T, _: &S) -> QueryResult<()>
    where
        T: QueryFragment<C::Backend>,
        S: QueryFragment<C::Backend>,
    {
        match *self {}
    }

    fn add_script(&mut self, _: &str) -> QueryResult<()> {
        match *self {}
    }

    fn add_migration(&mut self, _: &dyn Migration<C::Backend>) -> Result<(), Source> {
        match *self {}
    }

    fn statements(&self) -> usize {
        match *self {}
    }

    fn bytes(&self) -> usize {
        match *self {}
    }

    fn defer(&mut self, _: &str, _: &str) -> QueryResult<()> {
        match *self {}
    }

    fn try_send(&self, _: &mut C) -> QueryResult<Vec<usize>> {
        match *self {}
    }

    fn take_apart(&mut self, _: &[(usize, usize)]) -> bool {
        match *self {}
    }

    fn first(&self, _: &mut C, _: Probe<'_>) -> Option<usize> {
        match *self {}
    }

    fn first_row(&self, _: &mut C, _: usize, _: usize, _: Probe<'_>) -> Option<usize> {
        match *self {}
    }

    fn answer(&self, _: &mut C, _: &str) -> Option<String> {
        match *self {}
    }
}

/// The batch of the connection in a pooled one.
#[derive(Debug)]
pub struct PooledBatch<B>(pub(crate) B);

impl<M, B> Batch<PooledConnection<M>> for PooledBatch<B>
where
    M: ManageConnection,
    M::Connection: BackendConnection<Batch = B> + R2D2Connection + Send,
    B: Batch<M::Connection>,
{
    fn add<T>(&mut self, conn: &mut PooledConnection<M>, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<<PooledConnection<M> as diesel::Connection>::Backend>,
    {
        self.0.add(&mut **conn, statement)
    }

    fn add_rows<T, S>(
        &mut self,
        conn: &mut PooledConnection<M>,
        insert: &T,
        one: &S,
    ) -> QueryResult<()>
    where
        T: QueryFragment<<PooledConnection<M> as diesel::Connection>::Backend>,
        S: QueryFragment<<PooledConnection<M> as diesel::Connection>::Backend>,
    {
        self.0.add_rows(&mut **conn, insert, one)
    }

    fn add_script(&mut self, sql: &str) -> QueryResult<()> {
        self.0.add_script(sql)
    }

    fn add_migration(
        &mut self,
        migration: &dyn Migration<<PooledConnection<M> as diesel::Connection>::Backend>,
    ) -> Result<(), Source> {
        self.0.add_migration(migration)
    }

    fn statements(&self) -> usize {
        self.0.statements()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn defer(&mut self, begin: &str, is_violated: &str) -> QueryResult<()> {
        self.0.defer(begin, is_violated)
    }

    fn try_send(&self, conn: &mut PooledConnection<M>) -> QueryResult<Vec<usize>> {
        self.0.try_send(&mut **conn)
    }

    fn take_apart(&mut self, groups: &[(usize, usize)]) -> bool {
        self.0.take_apart(groups)
    }

    fn join(&mut self, begin: &str, groups: &[Vec<usize>]) -> QueryResult<bool> {
        self.0.join(begin, groups)
    }

    fn row_with(&self, at: usize, rows: usize, columns: &[usize], details: &str) -> Option<usize> {
        self.0.row_with(at, rows, columns, details)
    }

    fn first(&self, conn: &mut PooledConnection<M>, probe: Probe<'_>) -> Option<usize> {
        self.0.first(&mut **conn, probe)
    }

    fn first_row(
        &self,
        conn: &mut PooledConnection<M>,
        at: usize,
        rows: usize,
        probe: Probe<'_>,
    ) -> Option<usize> {
        self.0.first_row(&mut **conn, at, rows, probe)
    }

    fn answer(&self, conn: &mut PooledConnection<M>, expression: &str) -> Option<String> {
        self.0.answer(&mut **conn, expression)
    }
}
