//! SQLite databases in temporary directories.

use diesel::prelude::*;
use tempfile::TempDir;

/// A database file of its own; gone when dropped.
pub struct TestDb {
    directory: TempDir,
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory }
    }

    pub fn url(&self) -> String {
        self.directory.path().join("test.db").display().to_string()
    }

    /// A plain connection with Diesel's defaults.
    pub fn connect(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.url()).expect("a new SQLite file")
    }
}
