//! Servers that are stopped while the system goes on taking what is sent to them: whatever waits
//! for an answer ends in time with an error, and the pool is healthy afterwards.

use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::pool::{self, PoolConfig, PoolDriver, recommended_pool_config};
use covara_diesel::search::{Field, IndexDefinition, PostgresFts, SearchAdapter, SearchQuery};
use covara_diesel::{Seed, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PooledConnection};
use diesel::sql_types::Integer;
use support::bounded::within;
use support::numbers;
use support::own_postgres::{PASSWORD_IN_URL, PostgresServer};
use support::pgbouncer::PgBouncer;
use support::pglite;
use support::server::signal;

use super::tls::encrypted_server;

type PgPool = Pool<ConnectionManager<PgConnection>>;
type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// Time-outs that a test can wait for.
fn hasty(driver: PoolDriver) -> PoolConfig {
    let mut config = recommended_pool_config(driver);
    config.connection_timeout = Some(Duration::from_secs(4));
    config.silence_timeout = Some(Duration::from_secs(1));
    config
}

/// Asked for an answer after a second, given another; the rest is for a busy machine. The next
/// limit, `statement_timeout`, is an hour.
const IN_TIME: Duration = Duration::from_secs(12);

/// A function that returns whether its work has failed.
type Job = fn(&mut Pooled) -> bool;

const JOBS: [(&str, Job); 5] = [
    ("a store", |conn| {
        SessionStore::new()
            .create(conn, NewSession::new("ada"))
            .is_err()
    }),
    ("a seed", |conn| {
        Seed::new().rows(numbers::up_to(100_000)).run(conn).is_err()
    }),
    ("a search", |conn| {
        PostgresFts
            .search(conn, "docs", &SearchQuery::new("x"))
            .is_err()
    }),
    ("a migration", |conn| auto_migrate(conn).is_err()),
    ("a transaction", |conn| {
        conn.transaction(|conn| conn.batch_execute("SELECT 1"))
            .is_err()
    }),
];

/// On a connection without time-outs, which a busy machine could meet.
fn prepare(url: &str) {
    let mut conn = PgConnection::establish(url).unwrap();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(numbers::CREATE).unwrap();
    let definition = IndexDefinition::new().field("title", Field::text());
    PostgresFts
        .create_index(&mut conn, "docs", &definition)
        .unwrap();
}

/// A connection, however long a busy machine needs to make one.
fn got(pool: &PgPool) -> Pooled {
    pool.get_timeout(Duration::from_secs(60)).unwrap()
}

/// Every connection that the pool hands out answers.
fn assert_healthy(pool: &PgPool) {
    let healthy = pool.clone();
    within(Duration::from_secs(70), "the pool's recovery", move || {
        let end = Instant::now() + Duration::from_secs(60);
        let mut held = Vec::new();
        while held.len() < healthy.max_size() as usize {
            match healthy.get() {
                Ok(conn) => held.push(conn),
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
        }
        for conn in &mut held {
            conn.batch_execute("SELECT 1").unwrap();
            SessionStore::new()
                .create(conn, NewSession::new("ada"))
                .unwrap();
        }
    });
}

/// Jobs that run on connections which were checked out before, each at the same time.
fn jobs_end(pool: &PgPool, freeze: impl FnOnce(), thaw: impl FnOnce()) {
    let held: Vec<_> = JOBS.iter().map(|_| got(pool)).collect();
    freeze();
    let jobs: Vec<_> = JOBS
        .iter()
        .zip(held)
        .map(|(&(what, job), mut conn)| {
            thread::spawn(move || (what, within(IN_TIME, what, move || job(&mut conn))))
        })
        .collect();
    for job in jobs {
        let (what, failed) = job.join().unwrap();
        assert!(failed, "{what}");
    }
    thaw();
    assert_healthy(pool);
}

/// A full pool of idle connections, and nobody who answers.
fn checking_out_ends(pool: &PgPool, freeze: impl FnOnce(), thaw: impl FnOnce()) {
    let held: Vec<_> = (0..pool.max_size()).map(|_| got(pool)).collect();
    drop(held);
    freeze();
    for _ in 0..2 {
        let pool = pool.clone();
        let got = within(pool.connection_timeout(), "get()", move || {
            pool.get().map(drop)
        });
        let error = got.unwrap_err().to_string();
        assert!(error.contains("timed out"), "{error}");
    }
    thaw();
    assert_healthy(pool);
}

#[test]
fn checking_out_from_a_stopped_server_ends_in_time() {
    let server = PostgresServer::start(&[], |_| ());
    // Without asking after a second: the check-out test has a limit of its own.
    let mut config = hasty(PoolDriver::Postgres);
    config.silence_timeout = None;
    let pool = pool::postgres_with(server.url(), PoolDriver::Postgres, &config).unwrap();
    prepare(&server.url());
    checking_out_ends(&pool, || server.freeze(), || server.thaw());
}

#[test]
fn everything_on_a_stopped_server_ends_in_time() {
    let server = PostgresServer::start(&[], |_| ());
    let config = hasty(PoolDriver::Postgres);
    let pool = pool::postgres_with(server.url(), PoolDriver::Postgres, &config).unwrap();
    prepare(&server.url());
    jobs_end(&pool, || server.freeze(), || server.thaw());
}

#[test]
fn everything_on_a_stopped_server_behind_tls_ends_in_time() {
    let server = encrypted_server();
    let url = format!("{}?sslmode=require", server.url());
    let config = hasty(PoolDriver::Postgres);
    let pool = pool::postgres_with(&url, PoolDriver::Postgres, &config).unwrap();
    prepare(&url);
    jobs_end(&pool, || server.freeze(), || server.thaw());
    checking_out_ends(&pool, || server.freeze(), || server.thaw());
}

#[test]
fn everything_through_a_stopped_pooler_ends_in_time() {
    let server = PostgresServer::start(&[], |_| ());
    let pooler = PgBouncer::in_front_of(&server, "transaction", 10);
    let config = hasty(PoolDriver::Hyperdrive);
    let url = pooler.url(&server.url());
    let pool = pool::postgres_with(&url, PoolDriver::Hyperdrive, &config).unwrap();
    prepare(&url);
    jobs_end(&pool, || pooler.freeze(), || pooler.thaw());
    checking_out_ends(&pool, || pooler.freeze(), || pooler.thaw());
}

/// The pooler goes on taking statements and connections, so that only time-outs end the wait.
#[test]
fn everything_on_a_stopped_server_behind_a_pooler_ends_in_time() {
    let server = PostgresServer::start(&[], |_| ());
    let pooler = PgBouncer::in_front_of(&server, "transaction", 10);
    let mut config = hasty(PoolDriver::Hyperdrive);
    config.statement_timeout = Some(Duration::from_secs(2));
    let url = pooler.url(&server.url());
    let pool = pool::postgres_with(&url, PoolDriver::Hyperdrive, &config).unwrap();
    prepare(&url);
    jobs_end(&pool, || server.freeze(), || server.thaw());
    checking_out_ends(&pool, || server.freeze(), || server.thaw());
}

/// Beside connections of others, which look the same from outside and stay as they are.
#[test]
fn everything_over_a_socket_of_the_file_system_ends_in_time() {
    let server = PostgresServer::start(&[], |_| ());
    let directory = server.directory().display();
    let port = server.port();
    let url = format!("postgres://covara:{PASSWORD_IN_URL}@/postgres?host={directory}&port={port}");
    let mut plain: Vec<_> = (0..3)
        .map(|_| PgConnection::establish(&url).unwrap())
        .collect();
    let config = hasty(PoolDriver::Postgres);
    let pool = pool::postgres_with(&url, PoolDriver::Postgres, &config).unwrap();
    prepare(&url);
    // Many are made at once.
    thread::scope(|scope| {
        let held: Vec<_> = (0..pool.max_size())
            .map(|_| scope.spawn(|| got(&pool)))
            .collect();
        let held: Vec<_> = held.into_iter().map(|got| got.join().unwrap()).collect();
        drop(held);
    });
    jobs_end(&pool, || server.freeze(), || server.thaw());
    checking_out_ends(&pool, || server.freeze(), || server.thaw());
    for conn in &mut plain {
        conn.batch_execute("SELECT 1").unwrap();
    }
}

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = Integer)]
    id: i32,
}

/// The server answers, but the process behind the connection does not, nor does it see its own
/// time-out.
#[test]
fn a_stopped_process_of_the_server_ends_its_statement() {
    let server = PostgresServer::start(&[], |_| ());
    let mut config = hasty(PoolDriver::Postgres);
    config.statement_timeout = Some(Duration::from_secs(1));
    config.check_out_timeout = Some(Duration::from_millis(500));
    let pool = pool::postgres_with(server.url(), PoolDriver::Postgres, &config).unwrap();
    prepare(&server.url());
    let mut held = got(&pool);
    let process = diesel::sql_query("SELECT pg_backend_pid() AS id");
    let id = process
        .get_result::<Process>(&mut held)
        .unwrap()
        .id
        .to_string();
    signal("STOP", std::slice::from_ref(&id));
    let result = within(Duration::from_secs(6), "the statement", move || {
        held.batch_execute("SELECT 1")
    });
    result.unwrap_err();
    signal("CONT", &[id]);
    assert_healthy(&pool);
}

/// Neither the server nor the process is gone, so nobody interferes.
#[test]
fn a_long_statement_of_a_server_that_answers_goes_on() {
    let server = PostgresServer::start(&[], |_| ());
    let mut config = hasty(PoolDriver::Postgres);
    config.silence_timeout = Some(Duration::from_secs(1));
    let pool = pool::postgres_with(server.url(), PoolDriver::Postgres, &config).unwrap();
    let mut conn = got(&pool);
    conn.batch_execute("SELECT pg_sleep(4)").unwrap();
    conn.transaction(|conn| conn.batch_execute("SELECT pg_sleep(2)"))
        .unwrap();
    // The server's own time-out has the first word.
    config.statement_timeout = Some(Duration::from_millis(300));
    let pool = pool::postgres_with(server.url(), PoolDriver::Postgres, &config).unwrap();
    let mut conn = got(&pool);
    let error = conn
        .batch_execute("SELECT pg_sleep(60)")
        .unwrap_err()
        .to_string();
    assert!(error.contains("statement timeout"), "{error}");
    conn.batch_execute("SELECT 1").unwrap();
}

#[test]
fn everything_on_a_stopped_pglite_ends_in_time() {
    let server = pglite::TestDb::with_max_connections(4);
    let mut config = hasty(PoolDriver::Pglite);
    config.check_out_timeout = None;
    let pool = pool::postgres_with(server.url(), PoolDriver::Pglite, &config).unwrap();
    prepare(&server.url());
    for (what, job) in JOBS {
        let mut conn = got(&pool);
        server.freeze();
        let failed = within(IN_TIME, what, move || job(&mut conn));
        server.thaw();
        assert!(failed, "{what}");
        let pool = pool.clone();
        within(Duration::from_secs(20), "the recovery", move || {
            while pool.get().is_err() {}
        });
    }
    checking_out_ends(&pool, || server.freeze(), || server.thaw());
}
