use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::connection::{DatabaseConnection, LockWait, transaction_depth};

/// Key of the advisory lock: the bytes of `covaradb` as a big-endian integer. It must never
/// change, or two versions of this library would migrate at once.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"covaradb");

impl DatabaseConnection for PgConnection {
    /// Beginning takes no lock on PostgreSQL, so there is nothing to wait for.
    fn begin_write(&mut self, _: Duration) -> QueryResult<LockWait> {
        AnsiTransactionManager::begin_transaction(self)?;
        Ok(LockWait(None))
    }

    /// Everything set here ends with the transaction, as a pooler between us and the
    /// server needs it.
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<LockWait> {
        if transaction_depth(self)? > 0 {
            let previous = lock_timeout(self)?;
            AnsiTransactionManager::begin_transaction(self)?;
            return take_lock(self, wait).map(|()| LockWait(Some(previous)));
        }
        // A stricter default isolation would read the history as it was before the lock.
        AnsiTransactionManager::begin_transaction_sql(
            self,
            "BEGIN ISOLATION LEVEL READ COMMITTED",
        )?;
        take_lock(self, wait).map(|()| LockWait(None))
    }

    fn restore_lock_wait(&mut self, wait: LockWait) -> QueryResult<()> {
        match wait.0 {
            Some(previous) => set_lock_timeout(self, &previous),
            None => Ok(()),
        }
    }

    /// One statement that catches its own failure, so that it does not matter which
    /// transaction is open, by whom. The server undoes what is set here when it fails, and ends
    /// it with the statement where no transaction is open.
    fn attempt(&mut self, wait: Duration, sql: &str) -> QueryResult<()> {
        let wait = milliseconds(wait);
        self.batch_execute(&format!(
            "DO $covara$ DECLARE previous text := current_setting('lock_timeout'); BEGIN
             PERFORM set_config('lock_timeout', '{wait}', true);
             {sql};
             PERFORM set_config('lock_timeout', previous, true);
             EXCEPTION WHEN OTHERS THEN NULL; END $covara$"
        ))
    }
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

/// PostgreSQL takes a C int of milliseconds, and 0 would mean for ever.
fn milliseconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// Leaves no transaction behind when the lock cannot be had.
fn take_lock(conn: &mut PgConnection, wait: Duration) -> QueryResult<()> {
    let wait = milliseconds(wait).to_string();
    let locked = set_lock_timeout(conn, &wait).and_then(|()| {
        conn.batch_execute(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    });
    if locked.is_err() {
        AnsiTransactionManager::rollback_transaction(conn)?;
    }
    locked
}
