//! Every form a URL can have, how long one is tried, and how many connections it becomes.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::pool::{self, PoolDriver, PoolError, recommended_pool_config};
use covara_diesel::{any, auto_migrate, open, with_typed};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::Text;
use socket2::{Domain, Socket, Type};
use support::logged::logged;
use support::own_postgres::{PASSWORD_IN_URL, PostgresServer};
use support::pgbouncer::PgBouncer;
use support::pglite;
use support::postgres::{TestDb, server_url};
use support::server::free_port;

use crate::suite::number;

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

fn value(conn: &mut PgConnection, sql: &str) -> String {
    diesel::sql_query(sql)
        .get_result::<Value>(conn)
        .unwrap()
        .value
}

#[test]
fn every_form_of_url_reaches_its_server() {
    let server = PostgresServer::start(&[], |_| ());
    let port = server.port();
    let unused = free_port();
    let socket = server.directory().display().to_string();
    let encoded_socket = socket.replace('/', "%2F");
    let password = PASSWORD_IN_URL;
    let mut direct = PgConnection::establish(&server.url()).unwrap();
    let odd = "größe 東京/100%";
    diesel::sql_query(format!("CREATE DATABASE \"{odd}\""))
        .execute(&mut direct)
        .unwrap();
    let odd_encoded = "gr%C3%B6%C3%9Fe%20%E6%9D%B1%E4%BA%AC%2F100%25";
    for (url, database, setting) in [
        (
            format!("postgres://covara:{password}@127.0.0.1:{port}/postgres"),
            "postgres",
            "",
        ),
        (
            format!("postgresql://covara:{password}@localhost:{port}/postgres"),
            "postgres",
            "",
        ),
        (
            format!("postgres://covara:{password}@[::1]:{port}/postgres"),
            "postgres",
            "",
        ),
        (
            format!("postgres://covara:{password}@{encoded_socket}:{port}/postgres"),
            "postgres",
            "",
        ),
        (
            format!("postgres://covara:{password}@/postgres?host={socket}&port={port}"),
            "postgres",
            "",
        ),
        (
            format!("postgres://covara:{password}@127.0.0.1:{unused},[::1]:{port}/postgres"),
            "postgres",
            "",
        ),
        (
            format!("postgres://127.0.0.1:{port}/postgres?user=covara&password={password}"),
            "postgres",
            "",
        ),
        (
            format!("postgres://covara:{password}@127.0.0.1:{port}/{odd_encoded}"),
            odd,
            "",
        ),
        (
            format!(
                "postgres://covara:{password}@127.0.0.1:{port}/postgres\
                 ?driver=postgres&options=-c%20application_name%3Dset%5C%20by%5C%20options"
            ),
            "postgres",
            "set by options",
        ),
        (
            format!(
                "postgres://covara:{password}@127.0.0.1:{port}/postgres\
                 ?dr%69ver=postgres&opt%69ons=-c%20application_name%3Dencoded"
            ),
            "postgres",
            "encoded",
        ),
        (
            format!(
                "postgres://covara:{password}@127.0.0.1:{port}/postgres\
                 ?application_name=named&driver=hyperdrive"
            ),
            "postgres",
            "named",
        ),
        (
            format!(
                "host=127.0.0.1 port={port} user=covara dbname='{odd}' driver=neon \
                 password='p@ss/w?rd:100%' application_name='two words'"
            ),
            odd,
            "two words",
        ),
        (
            format!(
                "host='{socket}' port={port} user=covara dbname=postgres \
                 password=p@ss/w?rd:100%"
            ),
            "postgres",
            "",
        ),
        (
            format!(
                "host=ep-x-pooler.a.neon.tech hostaddr=127.0.0.1 port={port} user=covara \
                 dbname=postgres password=p@ss/w?rd:100%"
            ),
            "postgres",
            "",
        ),
    ] {
        let pool = open(&url).unwrap_or_else(|error| panic!("{url}: {error:?}"));
        assert_eq!(Ok(pool.driver()), PoolDriver::from_url(&url), "{url}");
        let mut conn = pool.get().unwrap();
        let ask = |conn: &mut any::AnyConnection, sql: &str| match conn {
            any::AnyConnection::Postgres(conn) => value(conn, sql),
            other => panic!("{other:?}"),
        };
        let found = ask(&mut conn, "SELECT current_database()::text AS value");
        assert_eq!(found, database, "{url}");
        let found = ask(
            &mut conn,
            "SELECT current_setting('application_name') AS value",
        );
        assert_eq!(found, setting, "{url}");
        auto_migrate(&mut conn).unwrap();
        with_typed!(&mut conn, |conn| diesel::sql_query("SELECT 1")
            .execute(conn))
        .unwrap();
    }
}

/// Lets clients through to the test server from `delay` on; before that nobody listens, or
/// with `accepting` nobody answers.
fn asleep(delay: Duration, accepting: bool) -> u16 {
    let server = server_url();
    let (_, address) = server.split_once('@').unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let address = address.to_owned();
    // Its port is nobody else's before somebody listens at it.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    if accepting {
        socket.listen(128).unwrap();
    }
    thread::spawn(move || {
        thread::sleep(delay);
        socket.listen(128).unwrap();
        for client in TcpListener::from(socket).incoming().flatten() {
            let server = TcpStream::connect(&address).unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
    port
}

#[test]
fn a_server_that_wakes_up_is_waited_for_within_the_connection_time_out() {
    let db = TestDb::new();
    let (user, rest) = db
        .url()
        .split_once('@')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    let url = |port: u16| format!("{user}@127.0.0.1:{port}/{database}");
    let delay = Duration::from_millis(1500);
    for accepting in [false, true] {
        for driver in [PoolDriver::Neon, PoolDriver::Hyperdrive] {
            let begun = Instant::now();
            let pool = pool::postgres(url(asleep(delay, accepting)), driver).unwrap();
            auto_migrate(&mut pool.get().unwrap()).unwrap();
            let waited = begun.elapsed();
            assert!(waited >= delay, "{driver}: {waited:?}");
        }
    }
    let mut config = recommended_pool_config(PoolDriver::Neon);
    config.connection_timeout = Some(Duration::from_secs(1));
    let begun = Instant::now();
    let port = asleep(Duration::from_secs(600), false);
    let error = pool::postgres_with(url(port), PoolDriver::Neon, &config).unwrap_err();
    assert!(matches!(error, PoolError::Unreachable { .. }), "{error:?}");
    // Until its time-out, and long before it wakes up.
    assert!((1.0..60.0).contains(&begun.elapsed().as_secs_f64()));
    // A server that does not sleep is not there: more likely the URL is wrong, which is told at
    // once, before the time that a sleeping one is given.
    let begun = Instant::now();
    config.connection_timeout = Some(Duration::from_secs(600));
    let error = pool::postgres_with(url(port), PoolDriver::Postgres, &config).unwrap_err();
    assert!(matches!(error, PoolError::Unreachable { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_server_that_accepts_and_never_answers_is_an_error_in_time() {
    let db = TestDb::new();
    let (user, rest) = db
        .url()
        .split_once('@')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let silent = asleep(Duration::from_secs(600), true);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The next host is tried in time, when opening and later.
            let url = format!("{user}@127.0.0.1:{silent},{rest}");
            let begun = Instant::now();
            let pool = pool::postgres(&url, PoolDriver::Postgres).unwrap();
            let first = pool.get().unwrap();
            let second = pool.get().unwrap();
            assert!(begun.elapsed() < Duration::from_secs(90));
            drop((first, second));
        });
        let (_, database) = rest.split_once('/').unwrap();
        let url = format!("{user}@127.0.0.1:{silent}/{database}");
        let mut short = recommended_pool_config(PoolDriver::Neon);
        short.connection_timeout = Some(Duration::from_secs(2));
        for (driver, config, most) in [
            (PoolDriver::Neon, short, 40),
            // It has no time-out; see `PoolDriver::Pglite`.
            (
                PoolDriver::Pglite,
                recommended_pool_config(PoolDriver::Pglite),
                90,
            ),
        ] {
            let begun = Instant::now();
            let error = pool::postgres_with(&url, driver, &config).unwrap_err();
            assert!(matches!(error, PoolError::Unreachable { .. }), "{error:?}");
            assert!(begun.elapsed() < Duration::from_secs(most), "{driver}");
        }
    });
}

/// The recommended sizes, and that idle connections go: r2d2 looks for them twice a minute.
#[test]
fn pools_have_their_sizes_and_idle_connections_go() {
    let db = TestDb::new();
    let mut direct = db.connect();
    let mut clients = |name: &str| {
        number(
            &mut direct,
            &format!(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = '{name}'"
            ),
        )
    };
    let mut pools = Vec::new();
    for (driver, size) in [
        (PoolDriver::Postgres, 10),
        (PoolDriver::Neon, 1),
        (PoolDriver::Hyperdrive, 5),
        (PoolDriver::Pglite, 1),
    ] {
        let name = format!("{}_{driver}", db.url().rsplit_once('/').unwrap().1);
        let url = format!("{}?application_name={name}&driver={driver}", db.url());
        let pool = any::open_with(url, |config| {
            config.connection_timeout = Some(Duration::from_secs(5));
            config.idle_timeout = Some(Duration::from_secs(1));
        })
        .unwrap();
        assert_eq!(pool.driver(), driver);
        let held: Vec<_> = (0..size).map(|_| pool.get().unwrap()).collect();
        assert_eq!(clients(&name), size, "{driver}");
        pools.push((name, pool, held));
    }
    thread::scope(|scope| {
        for (_, pool, _) in &pools {
            scope.spawn(move || {
                let error = pool.get().unwrap_err();
                assert!(matches!(error, PoolError::Exhausted { .. }), "{error:?}");
            });
        }
    });
    for (name, _, held) in &mut pools {
        assert_eq!(clients(name), held.len() as i64);
        held.clear();
    }
    let end = Instant::now() + Duration::from_secs(120);
    for (name, pool, _) in &pools {
        while clients(name) > 0 {
            assert!(
                Instant::now() < end,
                "{name}: {} are still there",
                clients(name)
            );
            thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(pool.state().connections, 0);
        pool.get().unwrap();
    }
}

#[test]
fn a_connection_that_is_ended_in_a_transaction_is_not_handed_out_again() {
    let db = TestDb::new();
    let mut direct = db.connect();
    let mut config = recommended_pool_config(PoolDriver::Postgres);
    config.max_size = 1;
    for tested in [true, false] {
        config.test_on_check_out = tested;
        let pool = pool::postgres_with(db.url(), PoolDriver::Postgres, &config).unwrap();
        let mut conn = pool.get().unwrap();
        let pid = "SELECT pg_backend_pid()::text AS value";
        let ended = value(&mut conn, pid);
        let outcome: QueryResult<()> = conn.transaction(|conn| {
            diesel::sql_query("CREATE TABLE never (id INT)").execute(conn)?;
            let end = format!("SELECT pg_terminate_backend({ended})");
            diesel::sql_query(end).execute(&mut direct)?;
            diesel::sql_query("SELECT 1").execute(conn).map(drop)
        });
        outcome.unwrap_err();
        drop(conn);
        let mut conn = pool.get().unwrap();
        assert_ne!(value(&mut conn, pid), ended);
        auto_migrate(&mut conn).unwrap();
        let never = "SELECT count(*) AS n FROM pg_class WHERE relname = 'never'";
        assert_eq!(number(&mut conn, never), 0);
    }
}

fn prepared(conn: &mut PgConnection) -> i64 {
    for _ in 0..3 {
        diesel::select(1.into_sql::<diesel::sql_types::Integer>())
            .get_result::<i32>(conn)
            .unwrap();
    }
    number(conn, "SELECT count(*) AS n FROM pg_prepared_statements")
}

/// A plain pool, and what was told when it was opened.
fn plain(url: &str) -> (Pool<ConnectionManager<PgConnection>>, String) {
    logged(log::LevelFilter::Warn, || {
        pool::postgres(url, PoolDriver::Postgres).unwrap()
    })
}

#[test]
fn a_plain_pool_detects_poolers_and_caches_statements_on_a_server_only() {
    let db = TestDb::new();
    let (pool, warning) = plain(&db.url());
    assert!(prepared(&mut pool.get().unwrap()) > 0);
    assert_eq!(warning, "");

    let pooler = PgBouncer::untracking(3);
    let (pool, warning) = plain(&pooler.url(&db.url()));
    assert_eq!(prepared(&mut pool.get().unwrap()), 0);
    assert!(
        warning.starts_with("a transaction pooler is in between"),
        "{warning}"
    );

    let pglite = pglite::TestDb::new();
    let (pool, warning) = plain(&pglite.url());
    assert_eq!(pool.max_size(), 1);
    assert_eq!(prepared(&mut pool.get().unwrap()), 0);
    assert!(warning.starts_with("PGlite answers"), "{warning}");
}
