use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Bool, Text};

use super::unknown;
use crate::connection::{Begun, DatabaseConnection, SessionLock};
use crate::transaction::{Transaction, begin_in_unknown, transaction_depth};

/// Key of the advisory lock: the bytes of `covaradb` as a big-endian integer. It must never
/// change, or two versions of this library would migrate at once.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"covaradb");

impl DatabaseConnection for PgConnection {
    /// Beginning takes no lock on PostgreSQL, so there is nothing to wait for.
    fn begin_write(&mut self, _: Duration) -> QueryResult<Begun> {
        if transaction_depth(self)? == 0 && unknown::is_open(self)? {
            return begin_in_unknown(self);
        }
        AnsiTransactionManager::begin_transaction(self)?;
        Ok(Begun::default())
    }

    /// Everything set here ends with the transaction, as a pooler between us and the
    /// server needs it.
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<Begun> {
        let is_nested = transaction_depth(self)? > 0;
        if is_nested || unknown::is_open(self)? {
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
        AnsiTransactionManager::begin_transaction_sql(
            self,
            "BEGIN ISOLATION LEVEL READ COMMITTED",
        )?;
        let mut transaction = Transaction::resume(self, Begun::default())?;
        take_lock(transaction.conn(), wait)?;
        Ok(transaction.leave_open())
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

    fn restore_lock_wait(&mut self, begun: Begun) -> QueryResult<()> {
        match begun.lock_wait {
            Some(previous) => set_lock_timeout(self, &previous),
            None => Ok(()),
        }
    }
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

/// Asks a function about the lock of migrations that run outside of transactions. Another one
/// than that of the others, so that nobody waits for it in a transaction.
fn ask(conn: &mut PgConnection, function: &str) -> QueryResult<bool> {
    let key = MIGRATION_LOCK + 1;
    let row = diesel::sql_query(format!("SELECT {function}({key}) AS answer"))
        .get_result::<Answer>(conn)?;
    Ok(row.answer)
}

#[derive(QueryableByName)]
struct LockTimeout {
    #[diesel(sql_type = Text)]
    previous: String,
}

fn lock_timeout(conn: &mut PgConnection) -> QueryResult<String> {
    let row = diesel::sql_query("SELECT current_setting('lock_timeout') AS previous")
        .get_result::<LockTimeout>(conn)?;
    Ok(row.previous)
}

fn set_lock_timeout(conn: &mut PgConnection, value: &str) -> QueryResult<()> {
    diesel::sql_query("SELECT set_config('lock_timeout', $1, true)")
        .bind::<Text, _>(value)
        .execute(conn)
        .map(drop)
}

/// Takes the migration lock in the open transaction.
fn take_lock(conn: &mut PgConnection, wait: Duration) -> QueryResult<()> {
    // PostgreSQL takes a C int of milliseconds, and 0 would mean for ever.
    let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).max(1);
    set_lock_timeout(conn, &wait.to_string())?;
    conn.batch_execute(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
}
