//! The connection as the areas of this library use it.

use std::time::Duration;

use diesel::connection::Connection;
use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::NeonHttpConnection;
use super::batch::{NeonBatch, scripted};
use super::options::NeonBatchOptions;
use super::transactions::NO_TRANSACTIONS;
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::sealed::Sealed;
use crate::remote::error::unsupported;
use crate::remote::limited::{BRIEF_ANSWER, Limit, Limited};

impl Sealed for NeonHttpConnection {}

impl BackendConnection for NeonHttpConnection {
    type Batch = NeonBatch;

    /// As many as fill a request, and no more.
    fn chunk_rows(&self) -> Option<usize> {
        Some(1024)
    }

    fn new_batch(&self) -> Option<NeonBatch> {
        Some(NeonBatch::default())
    }

    fn begin_write(&mut self, _: Duration) -> QueryResult<Begun> {
        Err(unsupported(NO_TRANSACTIONS))
    }

    fn begin_read(&mut self) -> QueryResult<Begun> {
        Err(unsupported(NO_TRANSACTIONS))
    }

    fn begin_migration(&mut self, _: Duration, _: Option<fn(String)>) -> QueryResult<Begun> {
        Err(unsupported(NO_TRANSACTIONS))
    }

    fn apply_settings(&mut self, settings: &str) -> QueryResult<()> {
        self.link.set(scripted(settings)?);
        Ok(())
    }

    fn clear_settings(&mut self) {
        self.link.set(Vec::new());
    }

    /// Does not wait long for the answer. What the server does after that, it does completely.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        let limited = Limited::new(self, BRIEF_ANSWER);
        limited.0.execute_returning_count(statement)
    }

    fn restore_lock_wait(&mut self, _: &Begun) -> QueryResult<()> {
        Ok(())
    }

    fn atomically(&mut self, statements: &[&dyn QueryFragment<Pg>]) -> QueryResult<Vec<usize>> {
        let statements = self.statements_of_batch(statements)?;
        self.run_batch(&NeonBatch::of(statements), NeonBatchOptions::new())
    }

    fn try_atomically(&mut self, statements: &[&dyn QueryFragment<Pg>]) -> QueryResult<Vec<usize>> {
        let limited = Limited::new(self, BRIEF_ANSWER);
        limited.0.atomically(statements)
    }
}

impl Limit for NeonHttpConnection {
    fn limit(&mut self, limit: Option<Duration>) {
        self.link.limit(limit);
    }
}
