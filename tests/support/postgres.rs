//! PostgreSQL databases on the server named by `COVARA_TEST_POSTGRES_URL`.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// URL of a database whose user may create others. A missing server is a failure, never a
/// reason to skip.
pub fn server_url() -> String {
    std::env::var("COVARA_TEST_POSTGRES_URL")
        .expect("COVARA_TEST_POSTGRES_URL must name a PostgreSQL server; tests/run starts one")
}

/// A database of its own on the server; dropped when dropped.
pub struct TestDb {
    name: String,
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("covara_test_{}_{number}", std::process::id());
        admin(&format!("CREATE DATABASE {name}"));
        Self { name }
    }

    pub fn url(&self) -> String {
        let server = server_url();
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        format!("{base}/{}", self.name)
    }

    /// A plain connection with Diesel's defaults.
    pub fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url()).expect("a database just made")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn admin(sql: &str) {
    PgConnection::establish(&server_url())
        .expect("the test server")
        .batch_execute(sql)
        .expect("the test server's administrator may create and drop databases");
}
