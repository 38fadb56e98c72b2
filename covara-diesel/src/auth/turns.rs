//! Changes of one owner's rows that take turns.

use diesel::QueryResult;
use diesel::query_builder::QueryFragment;
use sha2::{Digest, Sha256};

use super::engine::AuthEngine;
use super::statement::{Bind, Bound, StatementSql, execute, statements};
use crate::backend::connection::BackendConnection;

statements! {
    Lock = [lock::<DB>().0] [lock::<DB>().1];
}

const fn lock<DB: AuthEngine>() -> (&'static str, &'static str) {
    match DB::LOCK {
        Some(lock) => lock,
        None => ("", ""),
    }
}

/// Executes statements on an owner's rows of a table as one, and returns how many rows each
/// changed. A lock keeps concurrent calls from missing each other's rows where the database has no
/// single writer.
pub(super) fn in_turn<C: BackendConnection<Backend: AuthEngine>>(
    conn: &mut C,
    table: &str,
    owner: &str,
    statements: &[&dyn QueryFragment<C::Backend>],
) -> QueryResult<Vec<usize>> {
    if C::Backend::LOCK.is_none() {
        return conn.atomically(statements);
    }
    let number = Bind::Number(lock_of(table, owner));
    let lock = Bound::<C::Backend, _, _>::new(Lock, [number]);
    let mut locked: Vec<&dyn QueryFragment<C::Backend>> = vec![&lock];
    locked.extend(statements);
    let mut changed = conn.atomically(&locked)?;
    changed.remove(0);
    Ok(changed)
}

/// Deletes all of an owner's rows, including those that a call of [`in_turn`] writes meanwhile, and
/// returns how many there were. `delete` binds the owner.
pub(super) fn delete_in_turn<C, S>(
    conn: &mut C,
    table: &str,
    owner: &str,
    delete: S,
) -> QueryResult<usize>
where
    C: BackendConnection<Backend: AuthEngine>,
    S: StatementSql<C::Backend>,
{
    let values = [Bind::key(owner)];
    // Where there is a single writer, the statement alone sees all rows.
    if C::Backend::LOCK.is_none() || !C::Backend::holds(owner) {
        return execute(conn, delete, values);
    }
    let deleted = in_turn(conn, table, owner, &[&Bound::new(delete, values)])?;
    Ok(deleted.into_iter().sum())
}

/// Returns the number of an owner's advisory lock. Advisory locks share one space of 64 bits with
/// the application's own. Two owners with the same number only wait for each other.
fn lock_of(table: &str, owner: &str) -> i64 {
    let digest = Sha256::new()
        .chain_update(table)
        .chain_update("\0")
        .chain_update(owner)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}
