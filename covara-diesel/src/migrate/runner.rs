use std::error::Error as StdError;

use diesel::QueryResult;
use diesel::connection::BoxableConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::result::Error;

use super::engine::{Inspection, MigrateDatabase, MigrateEngine};
use super::error::MigrateError;
use super::layout::ColumnMismatch;
use super::neighbours::{ATTEMPTS, was_made_meanwhile};
use super::obstacle::InTheWay;
use super::{MigrateOptions, MigrationSummary};
use crate::backend::batch::{Batch, BatchError};
use crate::backend::connection::BackendConnection;
use crate::backend::engine::Engine;
use crate::backend::error::{DatabaseError, ErrorKind, Source};
use crate::backend::transaction::Transaction;
use crate::backend::typed::with_typed;
use crate::internal_tables::HISTORY;

/// The same text is valid in both dialects. Diesel keeps PostgreSQL sessions in UTC.
const CREATE_HISTORY: &str = "CREATE TABLE IF NOT EXISTS __covara_migrations (
    version TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)";

/// Brings the internal tables up to date and checks their columns.
///
/// [`auto_migrate`](crate::auto_migrate) calls this with default options. Inside a transaction of
/// the caller's, everything becomes part of it, including the lock.
///
/// # Errors
///
/// See [`MigrateError`]. After an error the database is as it was.
///
/// # Example
///
/// ```
/// use covara_diesel::{MigrateOptions, migrate_internal, pool};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = pool::sqlite(":memory:")?;
/// let options = MigrateOptions::default().lock_timeout(Duration::from_secs(5));
/// let summary = migrate_internal(&mut pool.get()?, &options)?;
/// assert!(summary.tables.contains(&"auth_sessions"));
/// # Ok(())
/// # }
/// ```
pub fn migrate_internal<C: MigrateDatabase>(
    conn: &mut C,
    options: &MigrateOptions,
) -> Result<MigrationSummary, MigrateError> {
    with_typed!(conn, |conn| migrate(conn, options))
}

pub(super) fn migrate<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    options: &MigrateOptions,
) -> Result<MigrationSummary, MigrateError> {
    let migrations = embedded::<C::Backend>()?;
    let dialect = C::Backend::DIALECT;

    // No lock: reading committed history is enough to see that nothing is pending.
    match C::Backend::inspect(conn, &options.trusted_owners) {
        Ok(state) => {
            let pending = pending(&migrations, &state);
            check_names(&state, &pending)?;
            C::Backend::mend_outdated(conn, &state.outdated);
            if pending.is_empty() {
                check_tables::<C::Backend>(&state)?;
                return Ok(MigrationSummary::new(dialect, Vec::new()));
            }
        }
        // Another process is writing, perhaps migrating: wait for it below.
        Err(error) if ErrorKind::of(&error) == ErrorKind::Locked => {}
        Err(error) => return Err(failure(error, options)),
    }

    if let Some(batch) = conn.new_batch() {
        let applied = try_as_batch(conn, batch, &migrations, options)?;
        return Ok(MigrationSummary::new(dialect, applied));
    }
    let applied = try_to_run(conn, &migrations, options, true)?;
    Ok(MigrationSummary::new(dialect, applied))
}

/// Runs the pending migrations in a transaction, which is committed if `keep` says so.
pub(super) fn try_to_run<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migrations: &[Box<dyn Migration<C::Backend>>],
    options: &MigrateOptions,
    keep: bool,
) -> Result<Vec<String>, MigrateError> {
    let mut attempts = 1;
    loop {
        match run_in_transaction(conn, migrations, options, keep) {
            Err(error) if attempts < ATTEMPTS && was_made_meanwhile(&error) => attempts += 1,
            outcome => return outcome,
        }
    }
}

fn run_in_transaction<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migrations: &[Box<dyn Migration<C::Backend>>],
    options: &MigrateOptions,
    keep: bool,
) -> Result<Vec<String>, MigrateError> {
    let begin = |conn: &mut C| conn.begin_migration(options.lock_timeout, options.named);
    let mut transaction =
        Transaction::begin(conn, begin).map_err(|error| failure(error, options))?;
    let applied = run_pending(transaction.conn(), migrations, options)?;
    if keep {
        check_may_keep(options)?;
        transaction
            .commit()
            .map_err(|error| failure(error, options))?;
    }
    Ok(applied)
}

fn run_pending<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migrations: &[Box<dyn Migration<C::Backend>>],
    options: &MigrateOptions,
) -> Result<Vec<String>, MigrateError> {
    let mut applied = Vec::new();
    conn.batch_execute(CREATE_HISTORY)
        .map_err(|error| failure(error, options))?;
    let state = C::Backend::inspect(conn, &options.trusted_owners)
        .map_err(|error| failure(error, options))?;
    let pending = pending(migrations, &state);
    check_names(&state, &pending)?;
    check_history(&state)?;
    let covered = C::Backend::covered_indexes(conn).map_err(|error| failure(error, options))?;
    for migration in &pending {
        let migration = *migration;
        let version = version(migration);
        let name = migration.name().to_string();
        if let Err(error) = run_and_record(conn, migration) {
            return Err(migration_failure(&*error, version, name, options));
        }
        applied.push(version);
    }
    drop_indexes(conn, &covered).map_err(|error| failure(error, options))?;
    check(conn, &pending, options)?;
    Ok(applied)
}

/// Drops indexes that the migrations have just created although another one serves as well.
fn drop_indexes<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    names: &[String],
) -> QueryResult<()> {
    names
        .iter()
        .try_for_each(|name| conn.batch_execute(&drop_index(name)))
}

fn drop_index(name: &str) -> String {
    format!("DROP INDEX IF EXISTS {name}")
}

/// Returns an error if the migrations may not be kept.
fn check_may_keep(options: &MigrateOptions) -> Result<(), MigrateError> {
    match options.may_keep {
        Some(may_keep) if !may_keep() => Err(failure(Error::RollbackTransaction, options)),
        _ => Ok(()),
    }
}

/// Runs the migrations as one batch, and again if another process has created something meanwhile.
fn try_as_batch<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    batch: C::Batch,
    migrations: &[Box<dyn Migration<C::Backend>>],
    options: &MigrateOptions,
) -> Result<Vec<String>, MigrateError> {
    let mut next = Some(batch);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let Some(batch) = next.take().or_else(|| conn.new_batch()) else {
            return Ok(Vec::new());
        };
        match run_as_batch(conn, batch, migrations, options) {
            Err(error) if attempts < ATTEMPTS && was_made_meanwhile(&error) => {}
            outcome => return outcome,
        }
    }
}

/// Runs the migrations as one batch, on a connection without transactions. No lock is needed: of
/// several processes at once the first applies the batch, and for the others its statements do
/// nothing, because every statement tolerates that.
fn run_as_batch<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    mut batch: C::Batch,
    migrations: &[Box<dyn Migration<C::Backend>>],
    options: &MigrateOptions,
) -> Result<Vec<String>, MigrateError> {
    let state = C::Backend::inspect(conn, &options.trusted_owners)
        .map_err(|error| failure(error, options))?;
    // Everything is checked before, because a batch that was sent cannot be rolled back.
    let pending = pending(migrations, &state);
    check_names(&state, &pending)?;
    check_present_tables::<C::Backend>(&state)?;
    let covered = C::Backend::covered_indexes(conn).map_err(|error| failure(error, options))?;
    // The number of statements up to the end of each migration.
    let mut ends = Vec::new();
    let blame = |migration: &dyn Migration<C::Backend>,
                 error: &(dyn StdError + Send + Sync + 'static)| {
        let name = migration.name().to_string();
        migration_failure(error, version(migration), name, options)
    };
    for migration in &pending {
        add_and_record::<C>(&mut batch, *migration).map_err(|error| blame(*migration, &*error))?;
        ends.push(batch.statements());
    }
    for name in &covered {
        let added = batch.add_script(&drop_index(name));
        added.map_err(|error| failure(error, options))?;
    }
    check_may_keep(options)?;
    let changed = batch.send(conn).map_err(|BatchError { at, source }| {
        let at = at.map(|statement| ends.partition_point(|end| *end <= statement));
        match at.and_then(|position| pending.get(position)) {
            Some(migration) => blame(*migration, &source),
            None => failure(source, options),
        }
    })?;
    // Its last statement records a migration in the history, unless another process has.
    let is_ours = |end: &usize| end.checked_sub(1).and_then(|last| changed.get(last)) != Some(&0);
    let applied = pending.iter().zip(&ends);
    let applied = applied.filter(|(_, end)| is_ours(end));
    let applied = applied.map(|(migration, _)| version(*migration)).collect();
    check(conn, &pending, options)?;
    Ok(applied)
}

/// Runs one migration and records it in the history, which is created if needed.
pub(crate) fn run_and_record<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    migration: &dyn Migration<C::Backend>,
) -> Result<(), Source> {
    conn.batch_execute(CREATE_HISTORY)?;
    let boxable: &mut dyn BoxableConnection<C::Backend> = conn;
    migration.run(boxable)?;
    conn.batch_execute(&record(migration))?;
    Ok(())
}

/// Adds one migration and its entry in the history to a batch.
fn add_and_record<C: BackendConnection<Backend: MigrateEngine>>(
    batch: &mut C::Batch,
    migration: &dyn Migration<C::Backend>,
) -> Result<(), Source> {
    batch.add_script(CREATE_HISTORY)?;
    batch.add_migration(migration)?;
    batch.add_script(&record(migration))?;
    Ok(())
}

fn record<DB: MigrateEngine>(migration: &dyn Migration<DB>) -> String {
    let (version, name) = (version(migration), migration.name());
    // Names are part of this crate and contain only digits, lower-case letters, `-` and `_`.
    format!(
        "INSERT INTO __covara_migrations (version, name) VALUES ('{version}', '{name}') \
         ON CONFLICT DO NOTHING"
    )
}

/// Checks names, owners and columns after the migrations `run` have run.
fn check<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
    run: &[&dyn Migration<C::Backend>],
    options: &MigrateOptions,
) -> Result<(), MigrateError> {
    let state = C::Backend::inspect(conn, &options.trusted_owners)
        .map_err(|error| failure(error, options))?;
    check_names(&state, run)?;
    check_tables::<C::Backend>(&state)
}

pub(crate) fn embedded<DB: MigrateEngine>() -> Result<Vec<Box<dyn Migration<DB>>>, MigrateError> {
    DB::migrations()
        .migrations()
        .map_err(|source| DatabaseError::from_source(source).into())
}

pub(crate) fn version<DB: MigrateEngine>(migration: &dyn Migration<DB>) -> String {
    migration.name().version().to_string()
}

fn pending<'m, DB: MigrateEngine>(
    migrations: &'m [Box<dyn Migration<DB>>],
    state: &Inspection,
) -> Vec<&'m dyn Migration<DB>> {
    migrations
        .iter()
        .map(AsRef::as_ref)
        .filter(|migration| !is_applied(*migration, state))
        .collect()
}

pub(super) fn is_applied<DB: MigrateEngine>(
    migration: &dyn Migration<DB>,
    state: &Inspection,
) -> bool {
    let done = state.history.as_deref().unwrap_or_default();
    done.contains(&version(migration))
}

fn check_tables<DB: MigrateEngine>(state: &Inspection) -> Result<(), MigrateError> {
    check_present_tables::<DB>(state)?;
    for expected in DB::expected_tables() {
        if !state.tables.iter().any(|real| real.name == expected.name) {
            return Err(MigrateError::MissingTable {
                table: expected.name,
            });
        }
    }
    Ok(())
}

/// Rejects what an untrusted role owns or what stands in the way of the migrations `to_run`, before
/// anything is read from it or written to it.
fn check_names<DB: MigrateEngine>(
    state: &Inspection,
    to_run: &[&dyn Migration<DB>],
) -> Result<(), MigrateError> {
    let mut strangers = state.strangers.iter();
    if let Some(stranger) = strangers.find(|stranger| !stranger.is_applications()) {
        return Err(InTheWay::Stranger(stranger.clone()).into());
    }
    let is_pending = |table: &str| {
        let mut names = to_run.iter().map(|migration| migration.name().to_string());
        names.any(|name| creates(&name, table))
    };
    let mut obstacles = state.obstacles.iter();
    match obstacles.find(|obstacle| obstacle.blocks(is_pending)) {
        Some(obstacle) => Err(InTheWay::Obstacle(obstacle.clone()).into()),
        None => Ok(()),
    }
}

/// Returns whether the migration of this name creates the table and its indexes.
pub(super) fn creates(migration: &str, table: &str) -> bool {
    migration
        .strip_suffix(table)
        .is_some_and(|name| name.ends_with("_create_"))
}

/// Checks the columns of the internal tables that exist, and of the history. Missing tables are
/// ignored.
fn check_present_tables<DB: MigrateEngine>(state: &Inspection) -> Result<(), MigrateError> {
    check_history(state)?;
    for expected in DB::expected_tables() {
        let table = expected.name.clone();
        let Some(real) = state.tables.iter().find(|real| real.name == table) else {
            continue;
        };
        if let Some(first) = expected.mismatches(real).into_iter().next() {
            return Err(mismatch(table, first));
        }
    }
    Ok(())
}

fn check_history(state: &Inspection) -> Result<(), MigrateError> {
    match state.history_mismatches.first().cloned() {
        Some(first) => Err(mismatch(HISTORY.to_owned(), first)),
        None => Ok(()),
    }
}

fn mismatch(table: String, column: ColumnMismatch) -> MigrateError {
    MigrateError::ColumnMismatch {
        table,
        column: column.column,
        expected: column.expected,
        found: column.found,
    }
}

/// Returns the failure of the migration `name`; Diesel wraps it in a text that repeats the name.
pub(super) fn migration_failure(
    source: &(dyn StdError + Send + Sync + 'static),
    version: String,
    name: String,
    options: &MigrateOptions,
) -> MigrateError {
    let words = words_of(source, &name);
    let error = match source.downcast_ref::<Error>() {
        Some(error) => DatabaseError::from_kind(ErrorKind::of(error), words.into()),
        None => DatabaseError::from_words(&words),
    };
    match error.kind() {
        ErrorKind::Locked
        | ErrorKind::ReadOnly
        | ErrorKind::DiskFull
        | ErrorKind::SharedSession
        | ErrorKind::SystemSchema
        | ErrorKind::ConnectionLost => outside(error, options),
        _ => MigrateError::Migration {
            version,
            name,
            source: error.into_source(),
        },
    }
}

/// Returns the database's words for the failure of the migration `name`.
pub(super) fn words_of(source: &(dyn StdError + Send + Sync + 'static), name: &str) -> String {
    let text = source.to_string();
    match text.strip_prefix(&format!("Failed to run {name} with: ")) {
        Some(words) => words.to_owned(),
        None => text,
    }
}

/// Returns the failure of what is no migration.
pub(super) fn failure(error: Error, options: &MigrateOptions) -> MigrateError {
    outside(error.into(), options)
}

fn outside(error: DatabaseError, options: &MigrateOptions) -> MigrateError {
    match error.kind() {
        ErrorKind::Locked => MigrateError::LockTimeout {
            waited: options.lock_timeout,
            source: error.into_source(),
        },
        _ => error.into(),
    }
}
