//! A connection that writes down the scripts that it is told to execute.

use diesel::connection::{
    Connection, ConnectionSealed, DynInstrumentation, Instrumentation, SimpleConnection,
    TransactionManagerStatus,
};
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{ConnectionResult, QueryResult};

use super::transactions::NeonTransactions;
use crate::backend::error::Source;
use crate::remote::error::unsupported;

/// Returns the scripts of a migration.
pub(super) fn scripts_of(migration: &dyn Migration<Pg>) -> Result<Vec<String>, Source> {
    // Observers hear of the statements when they are sent.
    let mut recorder = Recorder {
        scripts: Vec::new(),
        transactions: TransactionManagerStatus::default(),
        instrumentation: DynInstrumentation::none(),
    };
    migration.run(&mut recorder)?;
    Ok(recorder.scripts)
}

struct Recorder {
    scripts: Vec<String>,
    transactions: TransactionManagerStatus,
    instrumentation: DynInstrumentation,
}

const ONLY_SCRIPTS: &str = "a migration here is one batch of SQL, which neither binds nor reads";

impl ConnectionSealed for Recorder {}

impl SimpleConnection for Recorder {
    fn batch_execute(&mut self, script: &str) -> QueryResult<()> {
        self.scripts.push(script.to_owned());
        Ok(())
    }
}

impl Connection for Recorder {
    type Backend = Pg;
    type TransactionManager = NeonTransactions;

    fn establish(_: &str) -> ConnectionResult<Self> {
        Err(crate::remote::error::bad_url(ONLY_SCRIPTS))
    }

    fn execute_returning_count<T>(&mut self, _: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        Err(unsupported(ONLY_SCRIPTS))
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

    fn set_prepared_statement_cache_size(&mut self, _: diesel::connection::CacheSize) {}
}
