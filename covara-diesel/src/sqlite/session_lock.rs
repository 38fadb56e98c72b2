//! A lock for operations that cannot run in a transaction: a file beside the database.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
// From Rust 1.89 on, the standard library has its own.
use fs4::{FileExt, TryLockError};

use super::private_file;
use crate::backend::connection::SessionLock;

#[derive(QueryableByName)]
struct MainFile {
    #[diesel(sql_type = Text)]
    file: String,
}

const FILE: &str =
    "SELECT coalesce(file, '') AS file FROM pragma_database_list WHERE name = 'main'";

/// Acquires the lock, unless another process holds it. The operating system releases it when the
/// process ends.
pub(super) fn try_lock(conn: &mut SqliteConnection) -> QueryResult<Option<SessionLock>> {
    let MainFile { file } = diesel::sql_query(FILE).get_result(conn)?;
    if file.is_empty() {
        // The database is in memory.
        return Ok(Some(SessionLock::Nothing));
    }
    let path = PathBuf::from(format!("{file}-migration-lock"));
    private_file::make(&path);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(cannot_lock)?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(Some(SessionLock::File { file, path })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(cannot_lock(error)),
    }
}

fn cannot_lock(error: std::io::Error) -> Error {
    Error::QueryBuilderError(
        format!("the file that keeps other migrators out cannot be locked: {error}").into(),
    )
}

/// Removes the file only if the migration is recorded: another process may have opened the file
/// meanwhile and lock it after its removal, but it then finds that the migration is done.
pub(super) fn unlock(file: File, path: PathBuf, is_recorded: bool) {
    if is_recorded {
        let _ = std::fs::remove_file(path);
    }
    drop(file);
}
