//! Transactions and savepoints of remote connections.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use diesel::connection::{
    InstrumentationEvent, TransactionDepthChange, TransactionManager, TransactionManagerStatus,
};
use diesel::query_builder::QueryFragment;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::Sqlite;

use super::{Driver, RemoteConnection};
use crate::backend::connection::BackendConnection;
use crate::backend::transaction::{Transaction, change_depth};
use crate::remote::error::unsupported;
use crate::remote::value::Statement;

/// A transaction manager that counts transactions and savepoints, named as Diesel names them.
#[derive(Debug)]
pub struct RemoteTransactions;

/// Returns the name that Diesel gives a savepoint at a depth.
fn savepoint(depth: NonZeroU32) -> String {
    format!("diesel_savepoint_{depth}")
}

/// Returns the depth of the innermost transaction or savepoint; an error outside of any
/// transaction.
fn inside(status: &TransactionManagerStatus) -> QueryResult<NonZeroU32> {
    status.transaction_depth()?.ok_or(Error::NotInTransaction)
}

impl<D: Driver> RemoteConnection<D> {
    /// Begins a transaction with `sql` if none is open, else a savepoint.
    pub(in crate::remote) fn begin_by(&mut self, sql: &str) -> QueryResult<()> {
        if let Some(reason) = D::NO_TRANSACTIONS {
            return Err(unsupported(reason));
        }
        let depth = self.transactions.transaction_depth()?;
        let inner = depth.map_or(NonZeroU32::MIN, |depth| depth.saturating_add(1));
        self.instrumentation
            .on_connection_event(InstrumentationEvent::begin_transaction(inner));
        match depth {
            None => {
                let begin = |conn: &mut Self| conn.driver.begin(sql);
                // If an observer panics afterwards, the transaction must not stay open without
                // being counted.
                match catch_unwind(AssertUnwindSafe(|| self.observed_sql(sql, begin))) {
                    Ok(begun) => begun?,
                    Err(panic) => {
                        // Nothing was done in the transaction.
                        let _ = self.driver.rollback();
                        resume_unwind(panic);
                    }
                }
            }
            Some(depth) => {
                let script = format!("SAVEPOINT {}", savepoint(depth));
                self.observed_sql(&script, |conn| conn.driver.script(&script))?;
            }
        }
        change_depth(
            &mut self.transactions,
            TransactionDepthChange::IncreaseDepth,
        )
    }

    /// Runs statements in a savepoint of the open transaction. Observers are shown `sources` for
    /// them.
    pub(super) fn in_savepoint(
        &mut self,
        statements: &[Statement],
        sources: &[&dyn QueryFragment<Sqlite>],
    ) -> QueryResult<Vec<usize>> {
        let mut savepoint = Transaction::begin(self, |conn| conn.begin_write(Duration::ZERO))?;
        let conn = savepoint.conn();
        let changed = statements
            .iter()
            .zip(sources)
            .map(|(statement, source)| conn.observed(source, |conn| conn.driver.execute(statement)))
            .collect::<QueryResult<_>>()?;
        savepoint.commit()?;
        Ok(changed)
    }
}

impl<D: Driver> TransactionManager<RemoteConnection<D>> for RemoteTransactions {
    type TransactionStateData = TransactionManagerStatus;

    /// Takes the write lock at once: of several transactions that begin reading and then write,
    /// SQLite fails all but one, however long they would wait.
    fn begin_transaction(conn: &mut RemoteConnection<D>) -> QueryResult<()> {
        conn.begin_by("BEGIN IMMEDIATE")
    }

    fn rollback_transaction(conn: &mut RemoteConnection<D>) -> QueryResult<()> {
        let depth = inside(&conn.transactions)?;
        conn.instrumentation
            .on_connection_event(InstrumentationEvent::rollback_transaction(depth));
        match NonZeroU32::new(depth.get() - 1) {
            None => {
                let rolled_back = conn.observed_sql("ROLLBACK", |conn| conn.driver.rollback());
                change_depth(
                    &mut conn.transactions,
                    TransactionDepthChange::DecreaseDepth,
                )?;
                return rolled_back;
            }
            Some(outer) => {
                let name = savepoint(outer);
                let script = format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}");
                let undone = conn.observed_sql(&script, |conn| conn.driver.script(&script));
                if undone.is_err() {
                    // Changes that should be undone must not be committed: every further statement
                    // in the transaction reports that it has ended.
                    conn.driver.abandon();
                }
            }
        }
        change_depth(
            &mut conn.transactions,
            TransactionDepthChange::DecreaseDepth,
        )
    }

    fn commit_transaction(conn: &mut RemoteConnection<D>) -> QueryResult<()> {
        let depth = inside(&conn.transactions)?;
        conn.instrumentation
            .on_connection_event(InstrumentationEvent::commit_transaction(depth));
        match NonZeroU32::new(depth.get() - 1) {
            None => {
                let committed = conn.observed_sql("COMMIT", |conn| conn.driver.commit());
                change_depth(
                    &mut conn.transactions,
                    TransactionDepthChange::DecreaseDepth,
                )?;
                committed
            }
            Some(outer) => {
                let script = format!("RELEASE SAVEPOINT {}", savepoint(outer));
                let released = conn.observed_sql(&script, |conn| conn.driver.script(&script));
                if let Err(error) = released {
                    // The caller considers the savepoint ended, so it must be ended.
                    Self::rollback_transaction(conn)?;
                    return Err(error);
                }
                change_depth(
                    &mut conn.transactions,
                    TransactionDepthChange::DecreaseDepth,
                )
            }
        }
    }

    fn transaction_manager_status_mut(
        conn: &mut RemoteConnection<D>,
    ) -> &mut TransactionManagerStatus {
        &mut conn.transactions
    }
}
