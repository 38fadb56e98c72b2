use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use super::session_lock;
use crate::connection::{BRIEF_WAIT, Begun, DatabaseConnection, SessionLock, message};
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

    fn try_atomically(
        &mut self,
        statements: &[&dyn QueryFragment<Sqlite>],
    ) -> QueryResult<Vec<usize>> {
        let previous = busy_timeout(self)?;
        set_busy_timeout(self, "0")?;
        let changed = self.execute_atomically(statements);
        set_busy_timeout(self, &previous.to_string())?;
        changed
    }

    /// In a transaction that has read, SQLite waits for no other writer by itself.
    fn execute_briefly<T>(&mut self, statement: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        if transaction_depth(self)? > 0 {
            return self.execute_returning_count(statement);
        }
        let waiting = Waiting::briefly(self)?;
        waiting.conn.execute_returning_count(statement)
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

/// Waits for locks only briefly until it is dropped.
struct Waiting<'c> {
    conn: &'c mut SqliteConnection,
    previous: Option<i64>,
}

impl<'c> Waiting<'c> {
    fn briefly(conn: &'c mut SqliteConnection) -> QueryResult<Self> {
        let previous = busy_timeout(conn)?;
        let brief = i64::try_from(BRIEF_WAIT.as_millis()).unwrap_or(i64::MAX);
        let mut waiting = Self {
            conn,
            previous: None,
        };
        if previous > brief {
            set_busy_timeout(waiting.conn, &brief.to_string())?;
            waiting.previous = Some(previous);
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(previous) = self.previous {
            // It needs no lock, so there is nothing that it could fail at.
            let _ = set_busy_timeout(self.conn, &previous.to_string());
        }
    }
}

/// In milliseconds, by the bare PRAGMA: selecting from pragma_busy_timeout would read the schema, and that can
/// find the database locked.
fn busy_timeout(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let row = diesel::sql_query("PRAGMA busy_timeout").get_result::<BusyTimeout>(conn)?;
    Ok(row.timeout)
}

/// In whole milliseconds, of which SQLite takes a C int.
fn milliseconds(wait: Duration) -> i64 {
    i64::from(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
}

/// Raises the busy timeout to `wait` and returns the one that was less. Kept until the end of
/// the transaction: outside WAL mode COMMIT waits for readers.
fn extend_busy_timeout(conn: &mut SqliteConnection, wait: Duration) -> QueryResult<Option<String>> {
    let (previous, wait) = (busy_timeout(conn)?, milliseconds(wait));
    if previous >= wait {
        return Ok(None);
    }
    set_busy_timeout(conn, &wait.to_string())?;
    Ok(Some(previous.to_string()))
}

fn set_busy_timeout(conn: &mut SqliteConnection, milliseconds: &str) -> QueryResult<()> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {milliseconds}"))
}
