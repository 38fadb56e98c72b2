use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::BigInt;

use super::session_lock;
use crate::connection::{Begun, DatabaseConnection, SessionLock, message};
use crate::transaction::{BUSY_TIMEOUT, begin_in_unknown, transaction_depth};

impl DatabaseConnection for SqliteConnection {
    fn is_remote(&self) -> bool {
        false
    }

    /// `BEGIN IMMEDIATE`: with a deferred BEGIN two readers that go on to write fail each
    /// other at once, whatever the busy timeout.
    fn begin_write(&mut self, wait: Duration) -> QueryResult<Begun> {
        if transaction_depth(self)? > 0 {
            AnsiTransactionManager::begin_transaction(self)?;
            return Ok(Begun::default());
        }
        let lock_wait = if wait.is_zero() {
            None
        } else {
            extend_busy_timeout(self, wait)?
        };
        begin(self, lock_wait)
    }

    fn begin_waiting(&mut self) -> QueryResult<Begun> {
        if transaction_depth(self)? > 0 {
            return self.begin_write(Duration::ZERO);
        }
        let lock_wait = match busy_timeout(self)? {
            0 => extend_busy_timeout(self, BUSY_TIMEOUT)?,
            _ => None,
        };
        begin(self, lock_wait)
    }

    /// The write lock of `BEGIN IMMEDIATE` keeps other migrators out as well.
    fn begin_migration(&mut self, wait: Duration) -> QueryResult<Begun> {
        self.begin_write(wait)
    }

    fn has_session_locks(&self) -> bool {
        true
    }

    fn try_lock_session(&mut self) -> QueryResult<Option<SessionLock>> {
        session_lock::try_lock(self)
    }

    fn unlock_session(&mut self, lock: SessionLock, is_recorded: bool) -> QueryResult<()> {
        if let SessionLock::File { file, path } = lock {
            session_lock::unlock(file, path, is_recorded);
        }
        Ok(())
    }

    fn extend_lock_wait(&mut self, wait: Duration) -> QueryResult<Begun> {
        Ok(Begun {
            lock_wait: extend_busy_timeout(self, wait)?,
            in_unknown: false,
        })
    }

    fn restore_lock_wait(&mut self, begun: Begun) -> QueryResult<()> {
        match begun.lock_wait {
            Some(previous) => set_busy_timeout(self, &previous),
            None => Ok(()),
        }
    }
}

/// Begins a transaction where Diesel counts none, and restores the busy timeout if it cannot.
fn begin(conn: &mut SqliteConnection, lock_wait: Option<String>) -> QueryResult<Begun> {
    let begun = match AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE") {
        Ok(()) => Ok(Begun::default()),
        Err(error) if is_inside_another(&error) => begin_in_unknown(conn),
        Err(error) => Err(error),
    };
    match begun {
        Ok(begun) => Ok(Begun { lock_wait, ..begun }),
        Err(error) => {
            conn.restore_lock_wait(Begun {
                lock_wait,
                in_unknown: false,
            })?;
            Err(error)
        }
    }
}

/// Whether SQLite refused to begin a transaction because the caller has begun one by SQL.
fn is_inside_another(error: &Error) -> bool {
    message(error).contains("cannot start a transaction within a transaction")
}

#[derive(QueryableByName)]
struct BusyTimeout {
    #[diesel(sql_type = BigInt)]
    timeout: i64,
}

/// By the bare PRAGMA: selecting from pragma_busy_timeout would read the schema, and that can
/// find the database locked.
fn busy_timeout(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let row = diesel::sql_query("PRAGMA busy_timeout").get_result::<BusyTimeout>(conn)?;
    Ok(row.timeout)
}

/// Raises the busy timeout to `wait` and returns the one that was less. Kept until the end of
/// the transaction: outside WAL mode COMMIT waits for readers.
fn extend_busy_timeout(conn: &mut SqliteConnection, wait: Duration) -> QueryResult<Option<String>> {
    let previous = busy_timeout(conn)?;
    // SQLite takes a C int.
    let wait = i64::from(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX));
    if previous >= wait {
        return Ok(None);
    }
    set_busy_timeout(conn, &wait.to_string())?;
    Ok(Some(previous.to_string()))
}

fn set_busy_timeout(conn: &mut SqliteConnection, milliseconds: &str) -> QueryResult<()> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))
}
