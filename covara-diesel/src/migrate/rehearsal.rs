//! Runs the pending migrations without keeping them.

use super::MigrateOptions;
use super::engine::{MigrateDatabase, MigrateEngine};
use super::error::MigrateError;
use super::runner::{embedded, try_to_run};
use crate::backend::connection::BackendConnection;
use crate::backend::typed::with_typed;

/// Runs what [`auto_migrate`](crate::auto_migrate) would run, under the same lock and waiting as
/// long for it, and rolls back. Does nothing on a connection without transactions.
pub(crate) fn rehearse<C: MigrateDatabase>(conn: &mut C) -> Result<(), MigrateError> {
    with_typed!(conn, |conn| rehearse_on(conn))
}

fn rehearse_on<C: BackendConnection<Backend: MigrateEngine>>(
    conn: &mut C,
) -> Result<(), MigrateError> {
    if !conn.is_transactional() {
        return Ok(());
    }
    let migrations = embedded::<C::Backend>()?;
    try_to_run(conn, &migrations, &MigrateOptions::default(), false)?;
    Ok(())
}
