//! Transactions that end with the function that began them, in a panic too.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
#[cfg(any(feature = "postgres", feature = "_remote-sqlite"))]
use diesel::connection::{TransactionDepthChange, TransactionManagerStatus};
use diesel::result::Error;

use crate::backend::connection::{Begun, DatabaseConnection};
use crate::backend::typed::AnyDatabase;
use crate::with_typed;

/// How often is tried what a panic of an observer interrupts.
const TRIES: usize = 3;

/// Runs `work` in a transaction that may read and then write, on any kind of connection.
///
/// On SQLite and libSQL it begins with `BEGIN IMMEDIATE`: two of Diesel's deferred transactions
/// that read and go on to write fail each other at once with `database is locked`, whatever the
/// busy timeout. These wait for each other, as long as the connection's busy timeout says, 5 s
/// where it is 0.
///
/// On PostgreSQL it begins with `BEGIN`, and reading takes no lock: of two that read a value and
/// write back what they made of it, one undoes the other's work without an error. Change the value
/// in one statement, as in the example, which is right on every engine; or lock the row that is
/// read with Diesel's `for_update()`, for PostgreSQL only; or use Diesel's
/// `build_transaction().serializable()`, and run it again after a serialization failure.
///
/// Inside an open transaction it is a savepoint of it, also when that was begun by hand, with
/// `batch_execute("BEGIN")`: what the caller began, the caller ends.
///
/// An error of `work` rolls back, and so does a panic, which goes on afterwards. So does `work`
/// that leaves a transaction of its own open. `work` that ends the transaction it runs in is an
/// error; what it committed by hand is kept.
///
/// PostgreSQL rolls back a whole transaction in which one statement has failed, even if `work`
/// goes on after the failure. What may fail belongs in a transaction of its own inside `work`:
/// only that part is rolled back then, on every database.
///
/// # Errors
///
/// Those of `work`, and the database's own in beginning and committing. On PostgreSQL, that a
/// statement failed whose error `work` did not return; nothing is kept then. On D1, which has no
/// transactions, the error names [`batch`](crate::remote::RemoteConnection::batch).
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
    C: AnyDatabase,
    E: From<Error>,
{
    let mut transaction =
        Transaction::begin(conn, |conn| with_typed!(conn, |conn| conn.begin_waiting()))?;
    let value = work(transaction.conn())?;
    transaction.commit()?;
    Ok(value)
}

/// How deep in transactions a connection is; 0 outside of any.
pub(crate) fn transaction_depth<C: DatabaseConnection>(conn: &mut C) -> QueryResult<u32> {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    Ok(status
        .transaction_depth()?
        .map_or(0, std::num::NonZero::get))
}

/// An open transaction that rolls back when dropped without [`commit`](Self::commit), so
/// that neither an early return nor a panic in a caller's code leaves it behind.
pub(crate) struct Transaction<'c, C: AnyDatabase> {
    conn: &'c mut C,
    /// How deep in transactions the connection was before.
    outer: u32,
    /// `None` when it has ended.
    begun: Option<Begun>,
}

impl<'c, C: AnyDatabase> Transaction<'c, C> {
    pub(crate) fn begin(
        conn: &'c mut C,
        begin: impl FnOnce(&mut C) -> QueryResult<Begun>,
    ) -> QueryResult<Self> {
        let outer = with_typed!(&mut *conn, |conn| transaction_depth(conn))?;
        // What a panic of an observer interrupts in there, those undo who know what they began.
        let begun = Some(begin(conn)?);
        Ok(Self { conn, outer, begun })
    }

    /// Takes care of the transaction that has just been begun.
    #[cfg(feature = "postgres")]
    pub(crate) fn resume(conn: &'c mut C, begun: Begun) -> QueryResult<Self> {
        let depth = with_typed!(&mut *conn, |conn| transaction_depth(conn))?;
        Ok(Self {
            outer: depth.saturating_sub(1),
            begun: Some(begun),
            conn,
        })
    }

    /// Leaves the transaction for another to end.
    #[cfg(feature = "postgres")]
    pub(crate) fn leave_open(mut self) -> Begun {
        self.begun.take().unwrap_or_default()
    }

    pub(crate) fn conn(&mut self) -> &mut C {
        self.conn
    }

    /// Whether it is inside another transaction, also one that Diesel does not count.
    pub(crate) fn is_savepoint(&self) -> bool {
        self.outer > 0 || self.begun.as_ref().is_some_and(|begun| begun.in_unknown)
    }

    /// Diesel rolls back by itself when a top-level commit fails.
    pub(crate) fn commit(mut self) -> QueryResult<()> {
        let Some(Begun { in_unknown, .. }) = self.begun else {
            return Err(Error::NotInTransaction);
        };
        let outer = self.outer;
        let is_savepoint = self.is_savepoint();
        // Until it has succeeded, an error or a panic rolls back.
        let committed = with_typed!(&mut *self.conn, |conn| {
            match catch_unwind(AssertUnwindSafe(|| commit(conn, outer, in_unknown))) {
                Ok(committed) => committed,
                Err(panic) => {
                    // Nothing tells whether the savepoint has been released. To roll back to one
                    // that has been would spoil the transaction around it, so it is kept.
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

impl<C: AnyDatabase> Drop for Transaction<'_, C> {
    fn drop(&mut self) {
        let Some(begun) = self.begun.take() else {
            return;
        };
        let (outer, in_unknown) = (self.outer, begun.in_unknown);
        with_typed!(&mut *self.conn, |conn| {
            undo(conn, |conn| roll_back_to(conn, outer, in_unknown));
            // Whatever made this necessary is being reported.
            insist(conn, |conn| conn.restore_lock_wait(&begun));
        });
    }
}

fn commit<C: DatabaseConnection>(conn: &mut C, outer: u32, in_unknown: bool) -> QueryResult<()> {
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
            // The `COMMIT` of such a transaction succeeds and keeps nothing.
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

/// Takes back what was done since the connection was `outer` deep in transactions. Where that
/// fails, the transaction manager is left broken, which every later use reports.
fn roll_back_to<C: DatabaseConnection>(conn: &mut C, outer: u32, in_unknown: bool) {
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

/// Runs `work` until no observer of the connection panics in it, a few times at most.
pub(crate) fn undo<C: DatabaseConnection>(conn: &mut C, work: impl Fn(&mut C)) {
    if !insist(conn, work) {
        break_transactions(conn);
    }
}

/// Runs `work` until no panic of an observer interrupts it, a few times at most, and returns
/// whether it got through.
pub(crate) fn insist<C, T>(conn: &mut C, work: impl Fn(&mut C) -> T) -> bool {
    (0..TRIES).any(|_| catch_unwind(AssertUnwindSafe(|| work(conn))).is_ok())
}

fn break_transactions<C: DatabaseConnection>(conn: &mut C) {
    C::TransactionManager::transaction_manager_status_mut(conn).set_in_error();
}

/// The name of the savepoint in a transaction that Diesel does not know of.
const SAVEPOINT: &str = "covara_savepoint";

/// Begins a transaction by `sql` where none is open, not even one that Diesel does not know of.
pub(crate) fn begin_outermost<C>(conn: &mut C, sql: &str) -> QueryResult<Begun>
where
    C: DatabaseConnection<TransactionManager = AnsiTransactionManager>,
{
    let begin = || AnsiTransactionManager::begin_transaction_sql(conn, sql);
    match catch_unwind(AssertUnwindSafe(begin)) {
        Ok(begun) => begun.map(|()| Begun::default()),
        Err(panic) => {
            // It may be open and not counted. Without one, this fails and changes nothing.
            undo(conn, |conn| {
                let _ = conn.batch_execute("ROLLBACK");
            });
            resume_unwind(panic)
        }
    }
}

/// Begins a savepoint in a transaction that was begun by SQL of the caller's. Diesel counts it
/// as a transaction, so that what is nested in it becomes savepoints too.
///
/// A savepoint that a panic of an observer leaves behind does no harm: it ends with the
/// transaction. Nothing can be rolled back to it without knowing that it is there.
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

/// Counts a transaction more or less, without telling the database.
#[cfg(any(feature = "postgres", feature = "_remote-sqlite"))]
pub(crate) fn change_depth(
    status: &mut TransactionManagerStatus,
    by: TransactionDepthChange,
) -> QueryResult<()> {
    match status {
        TransactionManagerStatus::Valid(status) => status.change_transaction_depth(by),
        TransactionManagerStatus::InError => Err(Error::BrokenTransactionManager),
    }
}

/// Diesel itself would count down by a `COMMIT` or `ROLLBACK` only.
pub(crate) fn count_nothing<C: Connection>(conn: &mut C) {
    *C::TransactionManager::transaction_manager_status_mut(conn) = Default::default();
}
