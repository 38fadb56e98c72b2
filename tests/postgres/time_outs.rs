//! The time-outs that servers are told, and the effect of the environment on them.

use std::time::Duration;

use covara_diesel::auto_migrate;
use covara_diesel::pool::{self, PoolConfig, PoolDriver, PoolError, recommended_pool_config};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::Text;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::pgbouncer::PgBouncer;
use support::postgres::{TestDb, server_url};
use support::workers::{go, start_with, wait_until_ready};

#[derive(QueryableByName)]
struct TextValue {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The three time-outs.
fn time_outs(conn: &mut PgConnection) -> String {
    let sql = "SELECT concat_ws(' ', current_setting('statement_timeout'),
        current_setting('lock_timeout'),
        current_setting('idle_in_transaction_session_timeout')) AS value";
    diesel::sql_query(sql)
        .get_result::<TextValue>(conn)
        .unwrap()
        .value
}

fn open(url: &str, config: &PoolConfig) -> Pool<ConnectionManager<PgConnection>> {
    pool::postgres_with(url, PoolDriver::Postgres, config).unwrap()
}

fn with_options(url: &str, options: &str) -> String {
    format!("{url}?options={options}")
}

/// The form with `key=value`.
fn pairs(url: &str) -> String {
    let rest = url.strip_prefix("postgres://").unwrap();
    let (user, rest) = rest.split_once('@').unwrap();
    let (name, password) = user.split_once(':').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    format!("host={host} port={port} user={name} password={password} dbname={database}")
}

#[test]
fn a_server_gets_the_time_outs_that_nobody_else_has_set() {
    let db = TestDb::new();
    let recommended = recommended_pool_config(PoolDriver::Postgres);
    let mut config = recommended.clone();
    config.statement_timeout = Some(Duration::from_millis(1_500));
    config.lock_timeout = None;
    config.idle_in_transaction_timeout = Some(Duration::MAX);
    let url = db.url();
    for (url, config, expected) in [
        (url.clone(), &recommended, "1h 10min 1h"),
        (pairs(&url), &recommended, "1h 10min 1h"),
        (url.clone(), &config, "1500ms 0 2147483647ms"),
        (
            with_options(&url, "-c%20statement_timeout%3D5s"),
            &recommended,
            "5s 10min 1h",
        ),
        (
            format!(
                "{} options='-c lock_timeout=3s -c statement_timeout=4s'",
                pairs(&url)
            ),
            &recommended,
            "4s 3s 1h",
        ),
    ] {
        let pool = open(&url, config);
        let (mut one, mut other) = (pool.get().unwrap(), pool.get().unwrap());
        assert_eq!(time_outs(&mut one), expected, "{url}");
        assert_eq!(time_outs(&mut other), expected, "{url}");
    }
    // A setting of the database's, of somebody who had a reason.
    let name = url.rsplit('/').next().unwrap();
    let alter = format!("ALTER DATABASE {name} SET statement_timeout = '20s'");
    db.connect().batch_execute(&alter).unwrap();
    assert_eq!(
        time_outs(&mut open(&url, &recommended).get().unwrap()),
        "20s 10min 1h"
    );
    // Only for a transaction, as a seed or a migration may.
    let pool = open(&url, &recommended);
    let mut conn = pool.get().unwrap();
    conn.transaction(|conn| {
        conn.batch_execute("SET LOCAL statement_timeout = 0")?;
        assert_eq!(time_outs(conn), "0 10min 1h");
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(time_outs(&mut conn), "20s 10min 1h");
}

/// Poolers refuse options, or drop them; nothing is set in a session that others get.
#[test]
fn a_pooler_gets_no_time_outs() {
    let db = TestDb::new();
    let recommended = recommended_pool_config(PoolDriver::Postgres);
    for (mode, more) in [
        ("transaction", ""),
        ("transaction", "ignore_startup_parameters = options"),
        ("session", ""),
    ] {
        let pooler = PgBouncer::start(mode, 3, more);
        let url = pooler.url(&db.url());
        let pool = open(&url, &recommended);
        let mut conn = pool.get().unwrap();
        conn.batch_execute("SELECT 1").unwrap();
        assert_eq!(time_outs(&mut conn), "0 0 0", "{mode} {more}");
        for driver in [PoolDriver::Hyperdrive, PoolDriver::Neon] {
            let pool = pool::postgres(&url, driver).unwrap();
            assert_eq!(time_outs(&mut pool.get().unwrap()), "0 0 0", "{driver}");
        }
    }
}

#[test]
fn each_new_connection_executes_what_the_settings_say() {
    let db = TestDb::new();
    let mut config = recommended_pool_config(PoolDriver::Postgres);
    config.on_connect =
        Some("SET application_name = 'of the hook'; SET lock_timeout = 77".to_owned());
    let pool = open(&db.url(), &config);
    let mut held: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
    for conn in &mut held {
        assert_eq!(time_outs(conn), "1h 77ms 1h");
    }
    assert!(!format!("{pool:?}").contains("of the hook"), "{pool:?}");
    // Where sessions are shared it would reach others.
    for driver in [PoolDriver::Hyperdrive, PoolDriver::Neon] {
        let error = pool::postgres_with(db.url(), driver, &config).unwrap_err();
        assert!(
            matches!(error, PoolError::InvalidConfig { .. }),
            "{error:?}"
        );
    }
    let pooler = PgBouncer::untracking(3);
    let url = pooler.url(&db.url());
    let error = pool::postgres_with(url, PoolDriver::Postgres, &config).unwrap_err();
    assert!(
        matches!(error, PoolError::InvalidConfig { .. }),
        "{error:?}"
    );
    for refused in ["SELECT nonsense", "BEGIN"] {
        config.on_connect = Some(refused.to_owned());
        let error = pool::postgres_with(db.url(), PoolDriver::Postgres, &config).unwrap_err();
        assert!(matches!(error, PoolError::Setup { .. }), "{error:?}");
    }
}

fn limit() -> impl Strategy<Value = Option<Duration>> {
    let time = prop_oneof![
        Just(Duration::from_nanos(1)),
        any::<u64>().prop_map(|seconds| Duration::from_secs(seconds.max(1))),
        Just(Duration::MAX),
    ];
    proptest::option::of(time)
}

/// A time-out that ends a statement or a test within a moment is what was asked for; so those
/// that the statements here are subject to are long.
fn long() -> impl Strategy<Value = Option<Duration>> {
    limit().prop_map(|time| time.map(|time| time.max(Duration::from_secs(10))))
}

#[test]
fn a_pool_of_any_settings_works() {
    let db = TestDb::new();
    let url = db.url();
    let settings = (
        long(),
        long(),
        long(),
        long(),
        limit(),
        long(),
        limit(),
        long(),
        limit(),
    );
    let checked = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(16)
    })
    .run(&settings, |settings| {
        let mut config = recommended_pool_config(PoolDriver::Postgres);
        (
            config.connection_timeout,
            config.check_out_timeout,
            config.statement_timeout,
            config.lock_timeout,
            config.silence_timeout,
            config.idle_in_transaction_timeout,
            config.keepalive,
            config.tcp_user_timeout,
            config.idle_timeout,
        ) = settings;
        let pool = open(&url, &config);
        let mut conn = pool.get().unwrap();
        conn.transaction(|conn| conn.batch_execute("SELECT 1"))
            .unwrap();
        Ok(())
    });
    checked.unwrap();
}

const VARIABLES: [&str; 9] = [
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGDATABASE",
    "PGOPTIONS",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGCONNECT_TIMEOUT",
];

/// A process migrates what these variables, and no others of libpq's, and the URL name.
fn migrate(url: &str, set: &[(&str, &str)]) {
    let value = |name: &str| set.iter().find(|(set, _)| *set == name).map(|set| set.1);
    let environment = VARIABLES.map(|name| (name, value(name)));
    let mut child = start_with(
        env!("CARGO_BIN_EXE_worker"),
        url,
        "migrate-pooled",
        &environment,
    );
    wait_until_ready(&mut child);
    go(&mut child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url} {set:?}: {said}");
}

#[test]
fn the_environment_counts_as_libpq_has_it() {
    let server = server_url();
    let (name, password) = server
        .strip_prefix("postgres://")
        .and_then(|rest| rest.split_once('@')?.0.split_once(':'))
        .unwrap();
    let address = |db: &TestDb| {
        let url = db.url();
        let (_, rest) = url.split_once('@').unwrap();
        let (address, database) = rest.split_once('/').unwrap();
        let (host, port) = address.split_once(':').unwrap();
        [host.to_owned(), port.to_owned(), database.to_owned()]
    };
    let schemas = |db: &TestDb| {
        let sql = "SELECT string_agg(schemaname, ' ') AS value FROM pg_tables
            WHERE tablename = 'auth_sessions'";
        let found = diesel::sql_query(sql).get_result::<TextValue>(&mut db.connect());
        found.map(|found| found.value).unwrap_or_default()
    };

    // Everything by variables, and the first of two hosts is nobody's.
    let db = TestDb::new();
    let [host, port, database] = address(&db);
    let (hosts, ports) = (format!("{host},{host}"), format!("1,{port}"));
    let all = [
        ("PGHOST", hosts.as_str()),
        ("PGPORT", &ports),
        ("PGUSER", name),
        ("PGPASSWORD", password),
        ("PGDATABASE", &database),
        ("PGCONNECT_TIMEOUT", "7"),
    ];
    migrate("postgres://", &all);
    assert_eq!(schemas(&db), "public");

    // Options of the environment are not lost beside the pool's own.
    let db = TestDb::new();
    db.connect().batch_execute("CREATE SCHEMA aside").unwrap();
    let options = ("PGOPTIONS", "-c search_path=aside -c lock_timeout=1234");
    migrate(&db.url(), &[options]);
    let pool = open(
        &pairs(&db.url()),
        &recommended_pool_config(PoolDriver::Postgres),
    );
    assert_eq!(time_outs(&mut pool.get().unwrap()), "1h 10min 1h");
    assert_eq!(schemas(&db), "aside");

    // Nor are those of a service.
    let db = TestDb::new();
    db.connect().batch_execute("CREATE SCHEMA aside").unwrap();
    let [host, port, database] = address(&db);
    let directory = support::temporary::tempdir().unwrap();
    let file = directory.path().join("services");
    let service = format!(
        "[app]\nhost={host}\nport={port}\nuser={name}\npassword={password}\n\
         dbname={database}\noptions=-c search_path=aside\n"
    );
    std::fs::write(&file, service).unwrap();
    let file = file.to_str().unwrap();
    migrate(
        "postgres://",
        &[("PGSERVICE", "app"), ("PGSERVICEFILE", file)],
    );
    assert_eq!(schemas(&db), "aside");
    migrate("postgres:///?service=app", &[("PGSERVICEFILE", file)]);
    let mut conn = db.connect();
    conn.batch_execute("SET search_path = aside").unwrap();
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
}
