//! Recommended settings and opening.

use std::time::Duration;

use covara_diesel::DatabaseConnection;
use covara_diesel::pool::{PoolDriver, PoolError, recommended_pool_config};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::backend::{Conn, TestDb};

#[test]
fn the_recommended_settings_are_covaras() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let table = [
        (PoolDriver::Postgres, 10, seconds(20), seconds(10)),
        (PoolDriver::Neon, 1, None, seconds(10)),
        (PoolDriver::NeonHttp, 1, None, seconds(10)),
        (PoolDriver::Pglite, 1, None, None),
        (PoolDriver::Libsql, 1, None, seconds(10)),
        (PoolDriver::D1, 1, None, None),
        (PoolDriver::Hyperdrive, 5, seconds(10), seconds(10)),
    ];
    for (driver, max_size, idle, connect) in table {
        let config = recommended_pool_config(driver);
        assert_eq!(config.max_size, max_size, "{driver}");
        assert_eq!(config.idle_timeout, idle, "{driver}");
        assert_eq!(config.connection_timeout, connect, "{driver}");
        assert!(!config.notes.is_empty(), "{driver}");
    }
    let sqlite = recommended_pool_config(PoolDriver::Sqlite);
    assert!(sqlite.max_size >= 1 && !sqlite.notes.is_empty());
}

#[test]
fn drivers_parse_by_their_own_and_by_covaras_names() {
    let names = [
        ("sqlite", PoolDriver::Sqlite),
        ("better-sqlite3", PoolDriver::Sqlite),
        ("libsql", PoolDriver::Libsql),
        ("d1", PoolDriver::D1),
        ("postgres", PoolDriver::Postgres),
        ("postgres-js", PoolDriver::Postgres),
        ("neon", PoolDriver::Neon),
        ("neon-http", PoolDriver::NeonHttp),
        ("hyperdrive", PoolDriver::Hyperdrive),
        ("pglite", PoolDriver::Pglite),
    ];
    for (name, driver) in names {
        assert_eq!(name.parse(), Ok(driver));
        assert_eq!(driver.to_string().parse(), Ok(driver));
    }
    let error = "oracle".parse::<PoolDriver>().unwrap_err().to_string();
    assert!(error.contains("oracle"), "{error}");
    for (name, _) in names {
        assert!(error.contains(name), "{error} should list {name}");
    }
}

#[test]
fn impossible_settings_are_errors() {
    let recommended = recommended_pool_config(PoolDriver::Sqlite);
    let mut cases = vec![recommended.clone(); 5];
    cases[0].max_size = 0;
    cases[1].min_idle = cases[1].max_size + 1;
    cases[2].idle_timeout = Some(Duration::ZERO);
    cases[3].connection_timeout = Some(Duration::ZERO);
    cases[4].max_lifetime = Some(Duration::ZERO);
    for config in cases {
        let error = covara_diesel::pool::sqlite_with(":memory:", &config).unwrap_err();
        assert!(
            matches!(error, PoolError::InvalidConfig { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn from_url_returns_the_driver_of_a_url() {
    for (url, driver) in [
        ("app.db", PoolDriver::Sqlite),
        (":memory:", PoolDriver::Sqlite),
        ("./with:colon@and.db", PoolDriver::Sqlite),
        ("/var/lib/a:b@c.db", PoolDriver::Sqlite),
        ("C:\\data\\app.db", PoolDriver::Sqlite),
        ("sqlite::memory:", PoolDriver::Sqlite),
        ("sqlite:///var/lib/app.db", PoolDriver::Sqlite),
        ("file:app.db?mode=ro", PoolDriver::Sqlite),
        ("postgres://ada:secret@localhost/app", PoolDriver::Postgres),
        (
            "postgresql:///app?host=/run/postgresql",
            PoolDriver::Postgres,
        ),
        ("host=localhost dbname=app", PoolDriver::Postgres),
        ("dbname = app password = x", PoolDriver::Postgres),
        (
            "application_name=x host=h password=secret",
            PoolDriver::Postgres,
        ),
        (
            "target_session_attrs=any host=h driver=pglite",
            PoolDriver::Pglite,
        ),
        ("sslrootcert = ca.pem host=h", PoolDriver::Postgres),
        (
            "postgres://ada:secret@EP-A-POOLER.us-east-2.aws.Neon.tech/app",
            PoolDriver::Neon,
        ),
        (
            "postgres://h/app?driver=pglite&driver=hyperdrive",
            PoolDriver::Hyperdrive,
        ),
        (
            "postgres://ada:secret@ep-cool-dawn-123456-pooler.us-east-2.aws.neon.tech/app",
            PoolDriver::Neon,
        ),
        (
            "host=ep-cool-dawn-123456-pooler.us-east-2.aws.neon.tech dbname=app",
            PoolDriver::Neon,
        ),
        // Its direct endpoint gives each connection a session.
        (
            "postgres://ada:secret@ep-cool-dawn-123456.us-east-2.aws.neon.tech:5432/app",
            PoolDriver::Postgres,
        ),
        (
            "postgres://localhost/x-pooler.a.neon.tech",
            PoolDriver::Postgres,
        ),
        (
            "postgres://ada:secret@0123abcd.hyperdrive.local:5432/app",
            PoolDriver::Hyperdrive,
        ),
        (
            "postgres://ada:secret@db-pooler.internal/app",
            PoolDriver::Neon,
        ),
        ("postgres://db-pooler/app", PoolDriver::Postgres),
        ("postgres://a:5432,b-pooler.x.y:5432/app", PoolDriver::Neon),
        ("postgres://[::1]:5432/app", PoolDriver::Postgres),
        ("postgres://%2Frun%2Fpostgresql/app", PoolDriver::Postgres),
        (
            "postgres:///app?host=a-pooler.x.neon.tech",
            PoolDriver::Neon,
        ),
        ("postgres://h/app?driver=hyperdrive", PoolDriver::Hyperdrive),
        (
            "postgres://h/app?sslmode=require&driver=pglite&x",
            PoolDriver::Pglite,
        ),
        (
            "postgres://a-pooler.x.neon.tech/app?driver=postgres",
            PoolDriver::Postgres,
        ),
        ("postgres://u:driver=pglite@h/app", PoolDriver::Postgres),
        ("host=h driver=neon", PoolDriver::Neon),
        (
            "postgres://ada:x@a-pooler.x.neon.tech/app?driver=neon-http",
            PoolDriver::NeonHttp,
        ),
        ("driver = 'pglite' host=h", PoolDriver::Pglite),
        ("host=h password='x driver=neon'", PoolDriver::Postgres),
        ("host=h password=x\\ driver=neon", PoolDriver::Postgres),
        ("host = 'a-pooler.x.neon.tech' dbname=app", PoolDriver::Neon),
        ("libsql://app.turso.io?authToken=secret", PoolDriver::Libsql),
        ("d1://account/database?token=secret", PoolDriver::D1),
    ] {
        assert_eq!(PoolDriver::from_url(url), Ok(driver), "{url}");
    }
    for url in [
        "",
        "mysql://ada:hunter2@localhost/app",
        "postgres://ada:hunter2@localhost/app?driver=hunter2",
        "https://localhost",
        "postgres:ada:hunter2@localhost",
        "ada:hunter2@localhost/app",
        "//ada:hunter2@localhost/app",
    ] {
        let error = PoolDriver::from_url(url).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("postgres://"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Returns the number of values of a statement that the database counted.
fn bound(conn: &mut Conn, values: usize) -> QueryResult<i64> {
    let places: Vec<String> = (1..=values).map(|n| format!("({})", place(n))).collect();
    let sql = format!(
        "SELECT count(*) AS n FROM (VALUES {}) AS v",
        places.join(",")
    );
    let mut query = diesel::sql_query(sql).into_boxed();
    for n in 0..values {
        query = query.bind::<BigInt, _>(i64::try_from(n).unwrap());
    }
    Ok(query.get_result::<Count>(conn)?.n)
}

fn place(n: usize) -> String {
    match crate::backend::DIALECT {
        covara_diesel::Dialect::Sqlite => format!("?{n}"),
        covara_diesel::Dialect::Postgres => format!("${n}"),
    }
}

#[test]
fn a_statement_takes_as_many_values_as_bind_limit() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let limit = conn.bind_limit();
    assert_eq!(bound(&mut conn, limit), Ok(i64::try_from(limit).unwrap()));
    bound(&mut conn, limit + 1).unwrap_err();
    assert_eq!(bound(&mut conn, 1), Ok(1));
}
