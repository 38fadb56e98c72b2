//! PostgreSQL databases on the server named by `COVARA_TEST_POSTGRES_URL`, or what
//! `COVARA_TEST_ROW` puts in its place or before it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use covara_diesel::pool::PoolDriver;
use diesel::connection::{CacheSize, SimpleConnection};
use diesel::prelude::*;

use crate::pgbouncer::PgBouncer;
use crate::pglite;

/// URL of a database whose user may create others. A missing server is a failure, never a
/// reason to skip.
pub fn server_url() -> String {
    std::env::var("COVARA_TEST_POSTGRES_URL")
        .expect("COVARA_TEST_POSTGRES_URL must name a PostgreSQL server; tests/run starts one")
}

/// What the shared tests run on, as `tests/run` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Server,
    /// The server behind a PgBouncer that lends sessions by transaction.
    Pooler,
    Pglite,
}

fn row() -> Row {
    match std::env::var("COVARA_TEST_ROW").as_deref() {
        Err(_) => Row::Server,
        Ok("pgbouncer") => Row::Pooler,
        Ok("pglite") => Row::Pglite,
        Ok(other) => panic!("COVARA_TEST_ROW={other} is no row of PostgreSQL's"),
    }
}

/// The driver of a test database's URL.
pub fn driver() -> PoolDriver {
    match row() {
        Row::Server => PoolDriver::Postgres,
        Row::Pooler => PoolDriver::Hyperdrive,
        Row::Pglite => PoolDriver::Pglite,
    }
}

/// A plain connection with Diesel's defaults, but for the statement cache where none may be.
pub fn connect(url: &str) -> ConnectionResult<PgConnection> {
    let mut conn = PgConnection::establish(url)?;
    if row() != Row::Server {
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    }
    Ok(conn)
}

/// A database of its own; gone when dropped.
pub struct TestDb(Place);

enum Place {
    /// On the server, by its name; perhaps behind a pooler.
    Server(String),
    /// Given back when dropped.
    Pglite(Option<pglite::TestDb>),
}

/// Servers that wait for their next test: to start one takes two seconds.
static IDLE: Mutex<Vec<pglite::TestDb>> = Mutex::new(Vec::new());

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        if row() == Row::Pglite {
            let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let db = idle.unwrap_or_else(|| pglite::TestDb::with_max_connections(50));
            return Self(Place::Pglite(Some(db)));
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("covara_test_{}_{number}", std::process::id());
        admin(&format!("CREATE DATABASE {name}"));
        Self(Place::Server(name))
    }

    pub fn url(&self) -> String {
        let name = match &self.0 {
            Place::Server(name) => name,
            Place::Pglite(db) => return db.as_ref().expect("until dropped").url(),
        };
        if row() == Row::Pooler {
            static POOLER: OnceLock<PgBouncer> = OnceLock::new();
            let pooler = POOLER.get_or_init(|| PgBouncer::untracking(3));
            pooler.url(&on_server(name))
        } else {
            on_server(name)
        }
    }

    /// A plain connection that no pooler is in the way of.
    pub fn connect_directly(&self) -> PgConnection {
        match &self.0 {
            Place::Server(name) => {
                PgConnection::establish(&on_server(name)).expect("a database just made")
            }
            Place::Pglite(_) => self.connect(),
        }
    }

    /// A plain connection with Diesel's defaults, but for the statement cache where none may
    /// be.
    pub fn connect(&self) -> PgConnection {
        connect(&self.url()).expect("a database just made")
    }
}

fn on_server(name: &str) -> String {
    let server = server_url();
    let (base, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{base}/{name}")
}

impl Drop for TestDb {
    fn drop(&mut self) {
        match &mut self.0 {
            Place::Server(name) => admin(&format!("DROP DATABASE {name} WITH (FORCE)")),
            Place::Pglite(db) => {
                // A test that failed may have left its server in any state.
                if let Some(db) = db
                    .take()
                    .filter(|db| !std::thread::panicking() && empty(db))
                {
                    IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(db);
                }
            }
        }
    }
}

/// Makes the database as it was: the tables, and the session that all clients share.
fn empty(db: &pglite::TestDb) -> bool {
    connect(&db.url()).is_ok_and(|mut conn| {
        conn.batch_execute("DISCARD ALL").is_ok()
            && conn
                .batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                .is_ok()
    })
}

fn admin(sql: &str) {
    PgConnection::establish(&server_url())
        .expect("the test server")
        .batch_execute(sql)
        .expect("the test server's administrator may create and drop databases");
}
