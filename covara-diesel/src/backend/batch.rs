//! Statements for a connection without transactions.

use diesel::QueryResult;
use diesel::migration::Migration;
use diesel::query_builder::QueryFragment;
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use r2d2::{ManageConnection, PooledConnection};

use crate::backend::connection::BackendConnection;
use crate::backend::error::Source;

/// Statements that a connection `C` without transactions executes together, all or none of them.
pub trait Batch<C: BackendConnection>: Sized {
    /// Adds a statement.
    fn add<T>(&mut self, conn: &mut C, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<C::Backend>;

    /// Adds an insert of `rows` rows. `one` inserts the first of them alone: by its SQL a refused
    /// row is found.
    fn add_rows<T, S>(&mut self, conn: &mut C, insert: &T, one: &S, rows: usize) -> QueryResult<()>
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
    /// The database's own, with the statement and the row that it is about, as far as that can
    /// be found out; then nothing has changed.
    fn send(self, conn: &mut C) -> Result<Vec<usize>, BatchError>;
}

/// The error of a batch.
#[derive(Debug)]
pub struct BatchError {
    /// Position of the statement in the batch and, if it is known, of the row in the statement,
    /// from 0.
    pub at: Option<(usize, Option<usize>)>,
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

    fn add_rows<T, S>(&mut self, _: &mut C, _: &T, _: &S, _: usize) -> QueryResult<()>
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

    fn send(self, _: &mut C) -> Result<Vec<usize>, BatchError> {
        match self {}
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
        rows: usize,
    ) -> QueryResult<()>
    where
        T: QueryFragment<<PooledConnection<M> as diesel::Connection>::Backend>,
        S: QueryFragment<<PooledConnection<M> as diesel::Connection>::Backend>,
    {
        self.0.add_rows(&mut **conn, insert, one, rows)
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

    fn send(self, conn: &mut PooledConnection<M>) -> Result<Vec<usize>, BatchError> {
        self.0.send(&mut **conn)
    }
}
