//! Work and statements in savepoints.

use diesel::QueryResult;
use diesel::connection::TransactionManager;

use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::engine::Engine;
use crate::backend::row::SeedRow;
use crate::backend::transaction::Transaction;
use crate::seed::engine::SeedEngine;
use crate::seed::insert::{Conflicts, Insert};
use crate::seed::target::SeedTarget;

/// Runs `work` in a savepoint.
pub(super) fn nested<C: BackendConnection<Backend: SeedEngine>, R>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> QueryResult<R>,
) -> QueryResult<R> {
    // If rolling back to the savepoint fails, the transaction manager is left broken, which the end
    // of the outer transaction detects. The first failure is the one to report.
    let mut savepoint = Transaction::begin(conn, |conn| {
        C::TransactionManager::begin_transaction(conn).map(|()| Begun::default())
    })?;
    let value = work(savepoint.conn())?;
    savepoint.commit()?;
    Ok(value)
}

/// Executes one statement, in a savepoint if its failure would end the transaction.
pub(super) fn execute<'r, C, T, M, const N: usize>(
    conn: &mut C,
    target: &SeedTarget,
    rows: &[T::Row<'r>],
) -> QueryResult<usize>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend> + 'r,
    M: Conflicts,
{
    let insert = Insert::<T, M, N>::new(target, rows);
    if C::Backend::ERROR_ENDS_TRANSACTION {
        nested(conn, |conn| conn.execute_returning_count(&insert))
    } else {
        conn.execute_returning_count(&insert)
    }
}
