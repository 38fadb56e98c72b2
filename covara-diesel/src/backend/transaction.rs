//! Transactions that end with the function that began them, in a panic too.

#[cfg(any(feature = "postgres", feature = "_remote-http"))]
mod depth;
#[cfg(feature = "postgres")]
mod resume;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::result::Error;

use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::typed::{AsTyped, with_typed};
#[cfg(any(feature = "postgres", feature = "_remote-http"))]
pub(crate) use depth::change_depth;

/// Number of attempts at an operation that a panicking observer interrupts.
const TRIES: usize = 3;

/// Runs `work` in a transaction that may read and then write, on any kind of connection.
///
/// On SQLite and libSQL it begins with `BEGIN IMMEDIATE`. Of two deferred transactions, Diesel's
/// default, that read and then write, one fails at once with `database is locked`, whatever the
/// busy timeout. Immediate transactions wait for each other, as long as the connection's busy
/// timeout says, or 5 s if that is 0.
///
/// On PostgreSQL it begins with `BEGIN`, and reading takes no lock. When two transactions read a
/// value and each writes back a value computed from it, one overwrites the other's change without
/// an error. Change the value in one statement, as in the example, which is right on every engine.
/// Or lock the row that is read with Diesel's `for_update()`, for PostgreSQL only. Or use Diesel's
/// `build_transaction().serializable()`, and run it again after a serialization failure.
///
/// Inside an open transaction it is a savepoint, even if that transaction was begun by hand with
/// `batch_execute("BEGIN")`. A transaction that the caller began is left for the caller to end.
///
/// An error of `work` rolls back. So does a panic, which is resumed afterwards, and so does `work`
/// that leaves a transaction of its own open. If `work` ends the transaction it runs in, that is an
/// error, and what it committed by hand is kept. On SQLite and PostgreSQL it is not noticed if `work`
/// also begins another one, as `batch_execute("COMMIT; BEGIN")` does: that one is then committed, or
/// on an error rolled back, and what came before is not undone. Leave `COMMIT`, `ROLLBACK` and
/// `BEGIN` to this function.
///
/// PostgreSQL rolls back a whole transaction in which one statement has failed, even if `work`
/// continues after the failure. Run a statement that may fail in a nested transaction inside
/// `work`: then only that part is rolled back, on every database.
///
/// The [guide](crate::guide) has an example with store calls and writes of your own.
///
/// # Errors
///
/// Those of `work`, and the database's own in beginning and committing. On PostgreSQL, that a
/// statement failed whose error `work` did not return; nothing is kept then. On D1 and on Neon over
/// HTTP, which have no transactions, the error names their `batch`.
///
/// # Example
///
/// ```
/// use covara_diesel::{pool, write_transaction};
/// use diesel::prelude::*;
/// # use diesel::connection::SimpleConnection;
///
/// diesel::table! {
///     accounts (id) { id -> BigInt, cents -> BigInt, }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let mut conn = pool.get()?;
/// # conn.batch_execute("CREATE TABLE accounts (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL);
/// #     INSERT INTO accounts VALUES (1, 500)")?;
/// let paid = write_transaction(&mut conn, |conn| {
///     let enough = accounts::table.find(1).filter(accounts::cents.ge(200));
///     diesel::update(enough).set(accounts::cents.eq(accounts::cents - 200)).execute(conn)
/// })?;
/// assert_eq!(paid, 1);
/// # Ok(())
/// # }
/// ```
pub fn write_transaction<C, T, E>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, E>,
) -> Result<T, E>
where
    C: AsTyped,
    E: From<Error>,
{
    let mut transaction =
        Transaction::begin(conn, |conn| with_typed!(conn, |conn| conn.begin_waiting()))?;
    let value = work(transaction.conn())?;
    transaction.commit()?;
    Ok(value)
}

/// Returns how deeply the connection is nested in transactions; 0 outside of any.
pub(crate) fn transaction_depth<C: BackendConnection>(conn: &mut C) -> QueryResult<u32> {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    Ok(status
        .transaction_depth()?
        .map_or(0, std::num::NonZero::get))
}

/// An open transaction that rolls back when dropped without [`commit`](Self::commit), so that
/// neither an early return nor a panic in a caller's code leaves it open.
pub(crate) struct Transaction<'c, C: AsTyped> {
    conn: &'c mut C,
    /// The transaction depth of the connection before.
    outer: u32,
    /// `None` once the transaction has ended.
    begun: Option<Begun>,
}

impl<'c, C: AsTyped> Transaction<'c, C> {
    pub(crate) fn begin(
        conn: &'c mut C,
        begin: impl FnOnce(&mut C) -> QueryResult<Begun>,
    ) -> QueryResult<Self> {
        let outer = with_typed!(&mut *conn, |conn| transaction_depth(conn))?;
        // If a panic of an observer interrupts `begin`, `begin` itself undoes what it began.
        let begun = Some(begin(conn)?);
        Ok(Self { conn, outer, begun })
    }

    pub(crate) fn conn(&mut self) -> &mut C {
        self.conn
    }

    /// Returns whether it is inside another transaction, including one that Diesel does not count.
    pub(crate) fn is_savepoint(&self) -> bool {
        self.outer > 0 || self.begun.as_ref().is_some_and(|begun| begun.in_unknown)
    }

    /// Commits the transaction. Diesel rolls back by itself when a top-level commit fails.
    pub(crate) fn commit(mut self) -> QueryResult<()> {
        let Some(Begun { in_unknown, .. }) = self.begun else {
            return Err(Error::NotInTransaction);
        };
        let outer = self.outer;
        let is_savepoint = self.is_savepoint();
        // Until the commit has succeeded, an error or a panic rolls back.
        let committed = with_typed!(&mut *self.conn, |conn| {
            match catch_unwind(AssertUnwindSafe(|| commit(conn, outer, in_unknown))) {
                Ok(committed) => committed,
                Err(panic) => {
                    // It is unknown whether the savepoint has been released. Rolling back to a
                    // released savepoint would abort the transaction around it, so it is kept.
                    if is_savepoint && conn.count_released(in_unknown) {
                        let begun = self.begun.take().unwrap_or_default();
                        insist(conn, |conn| conn.restore_lock_wait(&begun));
                    }
                    resume_unwind(panic)
                }
            }
        });
        committed?;
        let begun = self.begun.take().unwrap_or_default();
        with_typed!(&mut *self.conn, |conn| {
            match catch_unwind(AssertUnwindSafe(|| conn.restore_lock_wait(&begun))) {
                Ok(restored) => restored,
                Err(panic) => {
                    insist(conn, |conn| conn.restore_lock_wait(&begun));
                    resume_unwind(panic)
                }
            }
        })
    }
}

impl<C: AsTyped> Drop for Transaction<'_, C> {
    fn drop(&mut self) {
        let Some(begun) = self.begun.take() else {
            return;
        };
        let (outer, in_unknown) = (self.outer, begun.in_unknown);
        with_typed!(&mut *self.conn, |conn| {
            undo(conn, |conn| roll_back_to(conn, outer, in_unknown));
            // The error or panic that led here is already being reported.
            insist(conn, |conn| conn.restore_lock_wait(&begun));
        });
    }
}

fn commit<C: BackendConnection>(conn: &mut C, outer: u32, in_unknown: bool) -> QueryResult<()> {
    match transaction_depth(conn)? {
        depth if depth <= outer => Err(Error::QueryBuilderError(
            "the transaction was ended inside its own closure".into(),
        )),
        depth if depth > outer + 1 => Err(Error::QueryBuilderError(
            "a transaction that was begun inside another is still open, so that neither was kept"
                .into(),
        )),
        _ if in_unknown => {
            conn.batch_execute(&format!("RELEASE SAVEPOINT {SAVEPOINT}"))?;
            count_nothing(conn);
            Ok(())
        }
        depth => {
            // The `COMMIT` of an aborted transaction succeeds and keeps nothing.
            if depth == 1 && conn.is_aborted()? {
                return Err(Error::QueryBuilderError(ABORTED.into()));
            }
            C::TransactionManager::commit_transaction(conn)
        }
    }
}

const ABORTED: &str = "a statement of the transaction failed, and its error was not returned: \
     the transaction is aborted, and all of it is rolled back; run what may fail in a \
     transaction of its own inside";

/// Rolls back everything since the connection had the transaction depth `outer`. If that fails, the
/// transaction manager is left broken, which every later use reports.
fn roll_back_to<C: BackendConnection>(conn: &mut C, outer: u32, in_unknown: bool) {
    while let Ok(depth) = transaction_depth(conn)
        && depth > outer
    {
        if in_unknown && depth == outer + 1 {
            let back = format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}");
            if conn.batch_execute(&back).is_ok() {
                return count_nothing(conn);
            }
        } else {
            let _ = C::TransactionManager::rollback_transaction(conn);
        }
        if transaction_depth(conn).is_ok_and(|now| now >= depth) {
            break_transactions(conn);
        }
    }
}

/// Runs `work`, retrying if an observer panics, and marks the connection as broken if every try
/// fails.
pub(crate) fn undo<C: BackendConnection>(conn: &mut C, work: impl Fn(&mut C)) {
    if !insist(conn, work) {
        break_transactions(conn);
    }
}

/// Runs `work` until no panic of an observer interrupts it, at most [`TRIES`] times, and returns
/// whether it completed.
pub(crate) fn insist<C, T>(conn: &mut C, work: impl Fn(&mut C) -> T) -> bool {
    (0..TRIES).any(|_| catch_unwind(AssertUnwindSafe(|| work(conn))).is_ok())
}

/// Rolls back the transactions that Diesel counts, however deep, and repairs a transaction manager
/// that is broken, for example because the transaction was ended by SQL. If a transaction stays
/// open, the transaction manager stays or becomes broken. For SQLite, where `BEGIN` tells that.
pub(crate) fn end_all<C: Connection>(conn: &mut C) {
    let depth = |conn: &mut C| {
        let status = C::TransactionManager::transaction_manager_status_mut(conn);
        status.transaction_depth()
    };
    if matches!(depth(conn), Ok(None)) {
        return;
    }
    log::warn!("a connection came back to its pool with a transaction open, which is rolled back");
    let end = |conn: &mut C| {
        while let Ok(Some(_)) = depth(conn) {
            if C::TransactionManager::rollback_transaction(conn).is_err() {
                break;
            }
        }
        if !matches!(depth(conn), Ok(None)) {
            // Fails if none is open.
            let _ = conn.batch_execute("ROLLBACK");
            if conn.batch_execute("BEGIN").is_ok() && conn.batch_execute("ROLLBACK").is_ok() {
                count_nothing(conn);
            }
        }
    };
    insist(conn, end);
}

fn break_transactions<C: BackendConnection>(conn: &mut C) {
    C::TransactionManager::transaction_manager_status_mut(conn).set_in_error();
}

/// Name of the savepoint in a transaction that Diesel does not know of.
const SAVEPOINT: &str = "covara_savepoint";

/// Begins a transaction with `sql` if none is open, including one that Diesel does not know of.
pub(crate) fn begin_outermost<C>(conn: &mut C, sql: &str) -> QueryResult<Begun>
where
    C: BackendConnection<TransactionManager = AnsiTransactionManager>,
{
    let begin = || AnsiTransactionManager::begin_transaction_sql(conn, sql);
    match catch_unwind(AssertUnwindSafe(begin)) {
        Ok(begun) => begun.map(|()| Begun::default()),
        Err(panic) => {
            // The transaction may be open but not counted. If it is not, this fails and changes
            // nothing.
            undo(conn, |conn| {
                let _ = conn.batch_execute("ROLLBACK");
            });
            resume_unwind(panic)
        }
    }
}

/// Begins a savepoint in a transaction that the caller began with SQL. Diesel counts it as a
/// transaction, so that nested transactions become savepoints too.
///
/// A savepoint that a panic of an observer leaves behind is harmless: it ends with the transaction,
/// and nothing rolls back to it by accident.
pub(crate) fn begin_in_unknown<C>(conn: &mut C) -> QueryResult<Begun>
where
    C: Connection<TransactionManager = AnsiTransactionManager>,
{
    AnsiTransactionManager::begin_transaction_sql(conn, &format!("SAVEPOINT {SAVEPOINT}"))?;
    Ok(Begun {
        lock_wait: None,
        in_unknown: true,
    })
}

/// Resets the transaction depth to 0. Diesel itself decrements it only with a `COMMIT` or
/// `ROLLBACK`.
pub(crate) fn count_nothing<C: Connection>(conn: &mut C) {
    *C::TransactionManager::transaction_manager_status_mut(conn) = Default::default();
}
