//! Migrations that cannot run in a transaction.

use std::time::{Duration, Instant};

use diesel::migration::{CREATE_MIGRATIONS_TABLE, Migration};
use diesel::result::Error;

use super::MigrateOptions;
use super::application::{history, run_and_record};
use super::engine::MigrateEngine;
use super::error::MigrateError;
use super::runner::{failure, version, words_of};
use crate::backend::connection::{BackendConnection, SessionLock};
use crate::backend::transaction::undo;

/// Pause before a lock is tried again. No transaction is open meanwhile, because building an index
/// concurrently waits for all open ones.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs a migration, and returns `false` if another process already has.
pub(super) fn run_outside_transaction<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migration: &dyn Migration<C::Backend>,
    options: &MigrateOptions,
) -> Result<bool, MigrateError> {
    let failed = |error: Error| failure(error, options);
    let version = version(migration);
    let name = migration.name().to_string();
    if conn.is_in_transaction().map_err(failed)? {
        return Err(MigrateError::OutsideTransaction {
            version,
            name,
            reason: "this boot is inside a transaction of the caller's",
        });
    }
    if !conn.has_session_locks() {
        return Err(MigrateError::OutsideTransaction {
            version,
            name,
            reason: "over this connection nothing could keep two processes from running it at \
                     once; run it by another tool, which notes it in __diesel_schema_migrations",
        });
    }
    let locked = Locked::wait(conn, options)?;
    let conn = &mut *locked.conn;
    conn.batch_execute(CREATE_MIGRATIONS_TABLE)
        .map_err(failed)?;
    if history(conn, options)?.contains(&version) {
        return Ok(false);
    }
    let run = run_and_record(conn, migration);
    run.map_err(|source| MigrateError::Unprotected {
        source: words_of(&*source, &name).into(),
        version,
        name,
    })?;
    locked.unlock().map_err(failed)?;
    Ok(true)
}

/// A connection whose session lock keeps others out until it is dropped.
struct Locked<'c, C: BackendConnection<Backend: MigrateEngine>> {
    conn: &'c mut C,
    lock: Option<SessionLock>,
}

impl<'c, C: BackendConnection<Backend: MigrateEngine>> Locked<'c, C> {
    fn wait(conn: &'c mut C, options: &MigrateOptions) -> Result<Self, MigrateError> {
        let begun = Instant::now();
        loop {
            let lock = conn.try_lock_session();
            if let Some(lock) = lock.map_err(|error| failure(error, options))? {
                return Ok(Self {
                    conn,
                    lock: Some(lock),
                });
            }
            if begun.elapsed() >= options.lock_timeout {
                return Err(MigrateError::LockTimeout {
                    waited: options.lock_timeout,
                    source: "another process runs a migration outside of a transaction".into(),
                });
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Releases the lock after the migration was recorded.
    fn unlock(mut self) -> diesel::QueryResult<()> {
        match self.lock.take() {
            Some(SessionLock::Session) => {
                // Until the unlocking has succeeded, dropping tries again.
                self.lock = Some(SessionLock::Session);
                let unlocked = self.conn.unlock_session(SessionLock::Session, true);
                self.lock = None;
                unlocked
            }
            Some(lock) => self.conn.unlock_session(lock, true),
            None => Ok(()),
        }
    }
}

impl<C: BackendConnection<Backend: MigrateEngine>> Drop for Locked<'_, C> {
    fn drop(&mut self) {
        // The error or panic that led here is already being reported.
        match self.lock.take() {
            // An observer may panic at the statement. A lock that remained would keep out every
            // boot of every process until the session ends.
            Some(SessionLock::Session) => undo(self.conn, |conn| {
                let _ = conn.unlock_session(SessionLock::Session, false);
            }),
            Some(lock) => {
                let _ = self.conn.unlock_session(lock, false);
            }
            None => {}
        }
    }
}
