//! A connection that writes down what it is told to execute.

use std::time::Duration;

use diesel::connection::{DynInstrumentation, TransactionManagerStatus};
use diesel::migration::Migration;
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sqlite::Sqlite;

use super::private::Private;
use super::{Driver, RemoteConnection};
use crate::backend::error::Source;
use crate::backend::sealed::Sealed;
use crate::remote::error::unsupported;
use crate::remote::http::TokenSource;
use crate::remote::value::{ResultRows, Statement};

/// Returns the statements of a migration.
pub(super) fn statements_of(migration: &dyn Migration<Sqlite>) -> Result<Vec<Statement>, Source> {
    // Observers hear of the statements when they are sent.
    let mut conn = RemoteConnection {
        driver: Box::new(Recorder::open("")?),
        private: Private::open()?,
        transactions: TransactionManagerStatus::default(),
        instrumentation: DynInstrumentation::none(),
    };
    migration.run(&mut conn)?;
    Ok(conn.driver.statements)
}

struct Recorder {
    statements: Vec<Statement>,
    lock_wait: Duration,
}

impl Sealed for Recorder {}

impl Driver for Recorder {
    const BIND_LIMIT: usize = 0;
    const CHUNK_ROWS: usize = 0;
    const NO_TRANSACTIONS: Option<&'static str> = Some("a migration here is one batch");

    fn open(_: &str) -> ConnectionResult<Self> {
        Ok(Self {
            statements: Vec::new(),
            lock_wait: Duration::ZERO,
        })
    }

    fn ask_for_tokens(&mut self, _: TokenSource) {}

    fn query(&mut self, _: &Statement, _: &[bool]) -> QueryResult<ResultRows> {
        Err(unsupported(
            "a migration here is one batch, which reads nothing",
        ))
    }

    fn execute(&mut self, statement: &Statement) -> QueryResult<usize> {
        self.statements.push(statement.clone());
        Ok(0)
    }

    fn atomically(&mut self, statements: &[Statement]) -> QueryResult<Vec<usize>> {
        self.statements.extend_from_slice(statements);
        Ok(vec![0; statements.len()])
    }

    fn script(&mut self, sql: &str) -> QueryResult<()> {
        self.statements.extend(Statement::all_of(sql)?);
        Ok(())
    }

    fn begin(&mut self, _: &str) -> QueryResult<()> {
        Ok(())
    }

    fn has_lock(&self) -> bool {
        true
    }

    fn commit(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn rollback(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn abandon(&mut self) {}

    fn limit(&mut self, _: Option<Duration>) {}

    fn lock_wait(&mut self) -> &mut Duration {
        &mut self.lock_wait
    }
}
