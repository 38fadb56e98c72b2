use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sql_types::Text;

use crate::connection::{BRIEF_WAIT, DatabaseConnection, LockWait, Transaction, transaction_depth};

/// Key of the advisory lock: the bytes of `covaradb` as a big-endian integer. It must never
/// change, or two versions of this library would migrate at once.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"covaradb");

impl DatabaseConnection for PgConnection {
    /// Beginning takes no lock on PostgreSQL, so there is nothing to wait for.
    fn begin_write(&mut self, _: Duration) -> QueryResult<LockWait> {
        AnsiTransactionManager::begin_transaction(self)?;
        Ok(LockWait(None))
    }

    /// A stricter default isolation would see the database as it was before others were waited
    /// for.
    fn begin_read_committed(&mut self) -> QueryResult<LockWait> {
        if transaction_depth(self)? > 0 {
            AnsiTransactionManager::begin_transaction(self)?;
        } else {
            AnsiTransactionManager::begin_transaction_sql(
                self,
                "BEGIN ISOLATION LEVEL READ COMMITTED",
            )?;
        }
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

    /// In a transaction or savepoint of its own: a statement that fails spoils the one it is
    /// in, and only there a lock's time-out can be set that ends with it.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        let mut transaction = Transaction::begin(self, |conn| conn.begin_write(Duration::ZERO))?;
        let conn = transaction.conn();
        let is_nested = transaction_depth(conn)? > 1;
        let previous = limit_lock_timeout(conn)?;
        let written = conn.execute_returning_count(statement)?;
        if is_nested {
            // Releasing a savepoint keeps what was set in it.
            set_lock_timeout(conn, &previous)?;
        }
        transaction.commit()?;
        Ok(written)
    }

    fn restore_lock_wait(&mut self, wait: LockWait) -> QueryResult<()> {
        match wait.0 {
            Some(previous) => set_lock_timeout(self, &previous),
            None => Ok(()),
        }
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

/// Makes the time-out short for the rest of the transaction, and returns what it was.
fn limit_lock_timeout(conn: &mut PgConnection) -> QueryResult<String> {
    let brief = BRIEF_WAIT.as_millis();
    // The list is evaluated from left to right.
    let row = diesel::sql_query(format!(
        "SELECT current_setting('lock_timeout') AS previous, \
         set_config('lock_timeout', '{brief}', true)"
    ))
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
