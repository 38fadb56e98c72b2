//! Tries what opening a pool does to a file, without changing it.

use std::path::Path;

use diesel::SqliteConnection;

use super::pool::{existing, explain, journal_mode, open_with, try_to_write};
use super::url::is_private;
use crate::pool::PoolError;

/// Opens an existing database for writing, as a pool would, without creating the file or changing
/// its journal mode. If a pool would have to change that, tries to write and rolls back.
pub(crate) fn open_to_rehearse(given: &Path) -> Result<SqliteConnection, PoolError> {
    let (url, path) = existing(given)?;
    let mut conn = open_with(&url, &path, "")?;
    let is_file = !is_private(&url);
    journal_mode(&mut conn)
        .and_then(|mode| match mode.as_str() {
            mode if is_file && mode != "wal" => try_to_write(&mut conn),
            _ => Ok(()),
        })
        .map_err(|error| explain(error, path))?;
    Ok(conn)
}
