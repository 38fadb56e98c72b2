//! PostgreSQL databases on the server named by `COVARA_TEST_POSTGRES_URL`, or what
//! `COVARA_TEST_ROW` puts in its place or before it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

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

/// Databases that wait for their next test: to create and drop one costs half a second of CPU,
/// to empty one a few milliseconds.
static EMPTIED: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        if row() == Row::Pglite {
            let idle = lock(&IDLE).pop();
            let db = idle.unwrap_or_else(|| pglite::TestDb::with_max_connections(50));
            return Self(Place::Pglite(Some(db)));
        }
        let idle = lock(&EMPTIED).pop();
        Self(Place::Server(idle.unwrap_or_else(create)))
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
            Place::Server(name) => {
                // A pooler may hold sessions on it, and a test that failed may have left anything.
                if row() == Row::Server && !std::thread::panicking() && restore(name) {
                    lock(&EMPTIED).push(std::mem::take(name));
                } else {
                    admin(&format!("DROP DATABASE {name} WITH (FORCE)"));
                }
            }
            Place::Pglite(db) => {
                // A test that failed may have left its server in any state.
                if let Some(db) = db
                    .take()
                    .filter(|db| !std::thread::panicking() && empty(db))
                {
                    lock(&IDLE).push(db);
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

/// A new database. The first one of a process drops those that were left by processes that are
/// gone.
fn create() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{PREFIX}{}_{number}", std::process::id());
    admin(&format!("CREATE DATABASE {name}"));
    name
}

const PREFIX: &str = "covara_test_";

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

fn sweep() {
    let mut conn = PgConnection::establish(&server_url()).expect("the test server");
    let names: Vec<Name> = diesel::sql_query("SELECT datname::text AS name FROM pg_database")
        .load(&mut conn)
        .expect("the server's catalogue");
    for Name { name } in names {
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'));
        let gone = owner.is_some_and(|(id, _)| !Path::new("/proc").join(id).exists());
        if gone {
            // Another process may sweep at the same moment.
            let _ = conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Makes the database as `CREATE DATABASE` does. False if it holds, or is set to, anything that
/// this does not take back.
fn restore(name: &str) -> bool {
    let Ok(mut conn) = PgConnection::establish(&on_server(name)) else {
        return false;
    };
    conn.batch_execute(EMPTY).is_ok()
}

/// Ends all other sessions, drops all schemas, and fails where anything else is left.
const EMPTY: &str = "
DO $$
DECLARE
    schema text;
BEGIN
    PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    PERFORM pg_advisory_unlock_all();
    FOR schema IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', schema);
    END LOOP;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
    IF EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
        OR EXISTS (SELECT FROM pg_event_trigger)
        OR EXISTS (SELECT FROM pg_publication)
        OR EXISTS (SELECT FROM pg_foreign_data_wrapper)
        OR EXISTS (SELECT FROM pg_default_acl)
        OR EXISTS (SELECT FROM pg_largeobject_metadata)
        OR EXISTS (SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
                   WHERE d.datname = current_database())
        OR EXISTS (SELECT FROM pg_database WHERE datname = current_database()
                   AND (datacl IS NOT NULL OR datconnlimit <> -1 OR datdba <> current_user::regrole))
    THEN
        RAISE 'something is left';
    END IF;
END $$";

fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

fn admin(sql: &str) {
    PgConnection::establish(&server_url())
        .expect("the test server")
        .batch_execute(sql)
        .expect("the test server's administrator may create and drop databases");
}
