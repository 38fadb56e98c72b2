//! Runs the application's own migrations, each once, in Diesel's history table.

use diesel::connection::BoxableConnection;
use diesel::migration::{CREATE_MIGRATIONS_TABLE, Migration, MigrationSource};
use diesel::result::Error;
use diesel_migrations::EmbeddedMigrations;

use super::MigrateOptions;
use super::engine::MigrateEngine;
use super::error::MigrateError;
use super::neighbours::{ATTEMPTS, was_made_meanwhile};
use super::outside::run_outside_transaction;
use super::runner::{failure, migration_failure, version};
use crate::backend::batch::{Batch, BatchError};
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::error::{DatabaseError, Source};
use crate::backend::transaction::{Transaction, insist};
use crate::internal_tables::DIESELS_HISTORY as HISTORY;

type Migrations<DB> = Vec<Box<dyn Migration<DB>>>;

pub(super) fn run<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    sources: &[EmbeddedMigrations],
    options: &MigrateOptions,
) -> Result<Vec<String>, MigrateError> {
    let migrations = in_order::<C::Backend>(sources)?;
    if migrations.is_empty() {
        return Ok(Vec::new());
    }
    // Outside of WAL mode, readers wait for locks as well.
    let waiting = conn.set_lock_wait(options.lock_timeout);
    let waiting = waiting.map_err(|error| failure(error, options))?;
    let patient = Patient(conn, Some(waiting));
    run_all(patient.0, &migrations, options)
}

/// A connection with a changed lock wait, which is restored on drop.
struct Patient<'c, C: BackendConnection<Backend: MigrateEngine>>(&'c mut C, Option<Begun>);

impl<C: BackendConnection<Backend: MigrateEngine>> Drop for Patient<'_, C> {
    fn drop(&mut self) {
        if let Some(waiting) = self.1.take() {
            // A lost connection has no lock wait to restore.
            insist(self.0, |conn| conn.restore_lock_wait(&waiting));
        }
    }
}

fn run_all<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migrations: &Migrations<C::Backend>,
    options: &MigrateOptions,
) -> Result<Vec<String>, MigrateError> {
    let mut applied = Vec::new();
    loop {
        // No lock: reading committed history is enough to see that nothing is pending.
        let done = history(conn, options)?;
        let is_pending = |migration: &&dyn Migration<C::Backend>| {
            let version = version(*migration);
            !done.contains(&version) && !applied.contains(&version)
        };
        let Some(next) = migrations.iter().map(AsRef::as_ref).find(is_pending) else {
            return Ok(applied);
        };
        let is_ours = if !next.metadata().run_in_transaction() {
            run_outside_transaction(conn, next, options)?
        } else if C::Backend::loses_rows(conn, next).map_err(|error| failure(error, options))? {
            return Err(MigrateError::ForeignKeysStayOn {
                version: version(next),
                name: next.name().to_string(),
                remedy: remedy(conn),
            });
        } else if let Some(batch) = conn.new_batch() {
            run_as_batch(conn, batch, next, options, 1)?
        } else {
            run_in_transaction(conn, next, options)?
        };
        if is_ours {
            applied.push(version(next));
        }
    }
}

/// Returns what to do about a migration that turns foreign keys off.
fn remedy<C: BackendConnection>(conn: &C) -> &'static str {
    if conn.has_session_locks() {
        "write run_in_transaction = false into the metadata.toml beside it"
    } else {
        "over this connection all migrations run in transactions: change the table by ALTER \
         TABLE, or keep the rows that refer to it in another table meanwhile"
    }
}

fn in_order<DB: MigrateEngine>(
    sources: &[EmbeddedMigrations],
) -> Result<Migrations<DB>, MigrateError> {
    let mut migrations: Migrations<DB> = Vec::new();
    for source in sources {
        let source = MigrationSource::<DB>::migrations(source);
        migrations.extend(source.map_err(DatabaseError::from_source)?);
    }
    migrations.sort_by_key(|migration| version(migration.as_ref()));
    let versions: Vec<String> = migrations.iter().map(|one| version(one.as_ref())).collect();
    match versions.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(MigrateError::VersionTwice {
            version: pair[0].clone(),
        }),
        None => Ok(migrations),
    }
}

/// Returns the versions in Diesel's history.
pub(super) fn history<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    options: &MigrateOptions,
) -> Result<Vec<String>, MigrateError> {
    let found = C::Backend::application_history(conn, &options.trusted_owners);
    let versions = found.map_err(|error| failure(error, options))?;
    Ok(versions?)
}

/// Runs a migration in a transaction of its own, and returns `false` if another process already
/// has.
fn run_in_transaction<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migration: &dyn Migration<C::Backend>,
    options: &MigrateOptions,
) -> Result<bool, MigrateError> {
    let failed = |error: Error| failure(error, options);
    let begin = |conn: &mut C| conn.begin_migration(options.lock_timeout, None);
    let mut transaction = Transaction::begin(conn, begin).map_err(failed)?;
    let conn = transaction.conn();
    conn.batch_execute(CREATE_MIGRATIONS_TABLE)
        .map_err(failed)?;
    let version = version(migration);
    if history(conn, options)?.contains(&version) {
        return Ok(false);
    }
    run_and_record(conn, migration).map_err(|error| {
        let name = migration.name().to_string();
        migration_failure(&*error, version, name, options)
    })?;
    transaction.commit().map_err(failed)?;
    Ok(true)
}

pub(super) fn run_and_record<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migration: &dyn Migration<C::Backend>,
) -> Result<(), Source> {
    let boxable: &mut dyn BoxableConnection<C::Backend> = conn;
    migration.run(boxable)?;
    conn.batch_execute(&record(migration))?;
    Ok(())
}

fn record<DB: MigrateEngine>(migration: &dyn Migration<DB>) -> String {
    let version = version(migration).replace('\'', "''");
    format!("INSERT INTO {HISTORY} (version) VALUES ('{version}')")
}

/// Runs a migration as one batch, on a connection without transactions. The batch begins with the
/// migration's entry in the history. If another process was faster, that entry fails, and the whole
/// batch with it.
fn run_as_batch<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    mut batch: C::Batch,
    migration: &dyn Migration<C::Backend>,
    options: &MigrateOptions,
    attempt: usize,
) -> Result<bool, MigrateError> {
    let version = version(migration);
    let name = migration.name().to_string();
    let added = batch
        .add_script(CREATE_MIGRATIONS_TABLE)
        .and_then(|()| batch.add_script(&record(migration)))
        .map_err(Source::from)
        .and_then(|()| batch.add_migration(migration));
    if let Err(error) = added {
        return Err(migration_failure(&*error, version, name, options));
    }
    let Err(BatchError { at, source }) = batch.send(conn) else {
        return Ok(true);
    };
    if history(conn, options)?.contains(&version) {
        return Ok(false);
    }
    let error = migration_failure(&source, version, name, options);
    match (
        at == Some(0) && was_made_meanwhile(&error),
        conn.new_batch(),
    ) {
        // The table of the history was created by another process that has not recorded this one.
        (true, Some(batch)) if attempt < ATTEMPTS => {
            run_as_batch(conn, batch, migration, options, attempt + 1)
        }
        _ => Err(error),
    }
}
