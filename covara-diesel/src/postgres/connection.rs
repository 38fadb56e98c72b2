use std::time::Duration;

use diesel::connection::{
    AnsiTransactionManager, SimpleConnection, TransactionDepthChange, TransactionManager,
};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::Text;

use super::unknown;
use crate::backend::answer::holds;
use crate::backend::batch::NoBatch;
use crate::backend::connection::{BRIEF_WAIT, BackendConnection, Begun, SessionLock};
use crate::backend::sealed::Sealed;
use crate::backend::transaction::{
    Transaction, begin_in_unknown, begin_outermost, change_depth, count_nothing, transaction_depth,
};

/// Key of the advisory lock: the bytes of `covaradb` as a big-endian integer. It must never
/// change, or two versions of this library would migrate at once.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"covaradb");

const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const READ_ONE_STATE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Sealed for PgConnection {}

impl BackendConnection for PgConnection {
    type Batch = NoBatch;

    /// Includes a transaction that the caller has begun with SQL.
    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        Ok(transaction_depth(self)? > 0 || unknown::is_open(self)?)
    }

    /// Beginning takes no lock on PostgreSQL, so there is nothing to wait for. With a stricter
    /// default isolation, statements would see the database as it was before waiting for others.
    fn begin_write(&mut self, _: Duration) -> QueryResult<Begun> {
        begin(self, READ_COMMITTED)
    }

    /// The transaction is the caller's, and so has the caller's default isolation.
    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        begin(self, "BEGIN")
    }

    fn begin_read(&mut self) -> QueryResult<Begun> {
        begin(self, READ_ONE_STATE)
    }

    /// Every setting made here ends with the transaction, as a pooler in between requires.
    fn begin_migration(&mut self, wait: Duration, named: Option<fn(String)>) -> QueryResult<Begun> {
        if self.is_in_transaction()? {
            let previous = lock_timeout(self)?;
            let begun = self.begin_write(Duration::ZERO)?;
            let mut savepoint = Transaction::resume(self, begun)?;
            take_lock(savepoint.conn(), wait)?;
            return Ok(Begun {
                lock_wait: Some(previous),
                ..savepoint.leave_open()
            });
        }
        // A stricter default isolation would read the history as it was before the lock.
        let begun = begin_outermost(self, READ_COMMITTED)?;
        let mut transaction = Transaction::resume(self, begun)?;
        let conn = transaction.conn();
        if let Some(named) = named
            && let Some(name) = conn.transaction_name()?
        {
            named(name);
        }
        take_lock(conn, wait)?;
        Ok(transaction.leave_open())
    }

    /// Runs in a transaction or savepoint of its own: a failing statement aborts the one it is in,
    /// and only there can a lock time-out be set that ends with it.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        let mut transaction = Transaction::begin(self, |conn| conn.begin_write(Duration::ZERO))?;
        let is_nested = transaction.is_savepoint();
        let conn = transaction.conn();
        let previous = limit_lock_timeout(conn)?;
        let written = conn.execute_returning_count(statement)?;
        if is_nested {
            // Releasing a savepoint keeps the settings made in it.
            set_lock_timeout(conn, &previous)?;
        }
        transaction.commit()?;
        Ok(written)
    }

    fn transaction_name(&mut self) -> QueryResult<Option<String>> {
        let name = transaction_name("pg_catalog.pg_backend_pid()", "pg_catalog.now()");
        diesel::select(sql::<Text>(&name))
            .get_result(self)
            .map(Some)
    }

    fn has_session_locks(&self) -> bool {
        true
    }

    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        let got = ask(self, "pg_try_advisory_lock")?;
        Ok(got.then_some(SessionLock::Session))
    }

    fn unlock_session(&mut self, _: SessionLock, _: bool) -> QueryResult<()> {
        if ask(self, "pg_advisory_unlock")? {
            return Ok(());
        }
        Err(Error::QueryBuilderError(
            "the session changed during a migration that runs outside of a transaction: a \
             transaction pooler is in between; run such migrations over a direct connection"
                .into(),
        ))
    }

    fn is_aborted(&mut self) -> QueryResult<bool> {
        unknown::is_aborted(self)
    }

    /// Rolling back to a savepoint that no longer exists would abort the transaction around it.
    fn count_released(&mut self, in_unknown: bool) -> bool {
        // The savepoint has not been released then, and has to be rolled back to.
        if unknown::is_known_aborted(self) {
            return false;
        }
        if in_unknown {
            count_nothing(self);
            return true;
        }
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        change_depth(status, TransactionDepthChange::DecreaseDepth).is_ok()
    }

    fn restore_lock_wait(&mut self, begun: &Begun) -> QueryResult<()> {
        match &begun.lock_wait {
            Some(previous) => set_lock_timeout(self, previous),
            None => Ok(()),
        }
    }
}

/// Begins a transaction with `sql`, or a savepoint inside an open transaction.
fn begin(conn: &mut PgConnection, sql: &str) -> QueryResult<Begun> {
    if transaction_depth(conn)? > 0 {
        AnsiTransactionManager::begin_transaction(conn)?;
        return Ok(Begun::default());
    }
    match unknown::is_open(conn)? {
        true => begin_in_unknown(conn),
        false => begin_outermost(conn, sql),
    }
}

/// Calls a function with the key of the lock for migrations that run outside of transactions. It is
/// a key of its own, so that nobody waits for this lock in a transaction.
fn ask(conn: &mut PgConnection, function: &str) -> QueryResult<bool> {
    let key = MIGRATION_LOCK + 1;
    holds(conn, &format!("pg_catalog.{function}({key})"))
}

#[derive(QueryableByName)]
struct LockTimeout {
    #[diesel(sql_type = Text)]
    previous: String,
}

fn lock_timeout(conn: &mut PgConnection) -> QueryResult<String> {
    let row = diesel::sql_query("SELECT pg_catalog.current_setting('lock_timeout') AS previous")
        .get_result::<LockTimeout>(conn)?;
    Ok(row.previous)
}

/// Shortens the time-out for the rest of the transaction, and returns its previous value.
fn limit_lock_timeout(conn: &mut PgConnection) -> QueryResult<String> {
    let brief = BRIEF_WAIT.as_millis();
    // The list is evaluated from left to right.
    let row = diesel::sql_query(format!(
        "SELECT pg_catalog.current_setting('lock_timeout') AS previous, \
         pg_catalog.set_config('lock_timeout', '{brief}', true)"
    ))
    .get_result::<LockTimeout>(conn)?;
    Ok(row.previous)
}

fn set_lock_timeout(conn: &mut PgConnection, value: &str) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_catalog.set_config('lock_timeout', $1, true)")
        .bind::<Text, _>(value)
        .execute(conn)
        .map(drop)
}

/// Converts to milliseconds. PostgreSQL takes a C int, and 0 would mean forever.
fn milliseconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// Takes the migration lock in the open transaction.
fn take_lock(conn: &mut PgConnection, wait: Duration) -> QueryResult<()> {
    set_lock_timeout(conn, &milliseconds(wait).to_string())?;
    conn.batch_execute(&format!(
        "SELECT pg_catalog.pg_advisory_xact_lock({MIGRATION_LOCK})"
    ))
}

/// Returns SQL for a name of a transaction, which no other one of the server has, whatever the
/// settings of the session.
pub(crate) fn transaction_name(process: &str, begun: &str) -> String {
    format!(
        "{process} OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) \
         pg_catalog.to_char(pg_catalog.timezone('UTC', {begun}), 'YYYYMMDDHH24MISSUS')"
    )
}
