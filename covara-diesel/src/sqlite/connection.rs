use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::connection::{DatabaseConnection, LockWait, transaction_depth};

impl DatabaseConnection for SqliteConnection {
    fn is_remote(&self) -> bool {
        false
    }

    /// `BEGIN IMMEDIATE`: with a deferred BEGIN two readers that go on to write fail each
    /// other at once, whatever the busy timeout.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<LockWait> {
        if transaction_depth(self)? > 0 {
            AnsiTransactionManager::begin_transaction(self)?;
            return Ok(LockWait(None));
        }
        let lock_wait = extend_busy_timeout(self, wait)?;
        match AnsiTransactionManager::begin_transaction_sql(self, "BEGIN IMMEDIATE") {
            Ok(()) => Ok(lock_wait),
            Err(error) => {
                self.restore_lock_wait(lock_wait)?;
                Err(error)
            }
        }
    }

    /// The write lock of `BEGIN IMMEDIATE` keeps other migrators out as well.
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<LockWait> {
        self.begin_write(wait)
    }

    fn restore_lock_wait(&mut self, wait: LockWait) -> QueryResult<()> {
        match wait.0 {
            Some(previous) => set_busy_timeout(self, &previous),
            None => Ok(()),
        }
    }

    fn attempt(&mut self, wait: Duration, sql: &str) -> QueryResult<()> {
        let lock_wait = shorten_busy_timeout(self, wait)?;
        let done = self.batch_execute(sql);
        self.restore_lock_wait(lock_wait)?;
        done
    }
}

#[derive(QueryableByName)]
struct BusyTimeout {
    #[diesel(sql_type = BigInt)]
    timeout: i64,
}

fn busy_timeout(conn: &mut SqliteConnection) -> QueryResult<i64> {
    // The bare PRAGMA: selecting from pragma_busy_timeout would read the schema, and that
    // can find the database locked.
    let row = diesel::sql_query("PRAGMA busy_timeout").get_result::<BusyTimeout>(conn)?;
    Ok(row.timeout)
}

/// In whole milliseconds, of which SQLite takes a C int.
fn milliseconds(wait: Duration) -> i64 {
    i64::from(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
}

fn shorten_busy_timeout(conn: &mut SqliteConnection, wait: Duration) -> QueryResult<LockWait> {
    let (previous, wait) = (busy_timeout(conn)?, milliseconds(wait));
    if previous <= wait {
        return Ok(LockWait(None));
    }
    set_busy_timeout(conn, &wait.to_string())?;
    Ok(LockWait(Some(previous.to_string())))
}

/// Kept until the end of the transaction: outside WAL mode COMMIT waits for readers.
fn extend_busy_timeout(conn: &mut SqliteConnection, wait: Duration) -> QueryResult<LockWait> {
    let (previous, wait) = (busy_timeout(conn)?, milliseconds(wait));
    if previous >= wait {
        return Ok(LockWait(None));
    }
    set_busy_timeout(conn, &wait.to_string())?;
    Ok(LockWait(Some(previous.to_string())))
}

fn set_busy_timeout(conn: &mut SqliteConnection, milliseconds: &str) -> QueryResult<()> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))
}
