//! SQLite databases in temporary directories, or in memory where `COVARA_TEST_ROW` says so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::temporary::TempDir;
use diesel::prelude::*;

/// A database of its own; gone when dropped.
pub struct TestDb(Place);

enum Place {
    File(TempDir),
    /// In memory, shared by the connections of this process for as long as there is one.
    Memory(
        String,
        #[expect(dead_code, reason = "that one")] Mutex<SqliteConnection>,
    ),
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        match std::env::var("COVARA_TEST_ROW").as_deref() {
            Err(_) => Self(Place::File(
                crate::temporary::tempdir().expect("a temporary directory"),
            )),
            Ok("memory") => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let url = format!("file:covara_test_{number}?mode=memory&cache=shared");
                let first = SqliteConnection::establish(&url).expect("a database in memory");
                Self(Place::Memory(url, Mutex::new(first)))
            }
            Ok(other) => panic!("COVARA_TEST_ROW={other} is no row of SQLite's"),
        }
    }

    pub fn url(&self) -> String {
        match &self.0 {
            Place::File(directory) => directory.path().join("test.db").display().to_string(),
            Place::Memory(url, _) => url.clone(),
        }
    }

    /// A plain connection with Diesel's defaults.
    pub fn connect(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.url()).expect("a new SQLite database")
    }
}
