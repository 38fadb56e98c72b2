use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use crate::connection::{BRIEF_WAIT, DatabaseConnection, LockWait, transaction_depth};

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

    fn restore_lock_wait(&mut self, wait: LockWait) -> QueryResult<()> {
        match wait.0 {
            Some(previous) => set_busy_timeout(self, &previous),
            None => Ok(()),
        }
    }
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

/// In milliseconds.
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
